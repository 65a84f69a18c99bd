"""Claims that are cut short, on a warehouse of one table in memory; races of processes are in the integration tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import pytest

from oneuser.config import LeaseRules
from oneuser.contracts.table import TableContract
from oneuser.core.errors import LockedError
from oneuser.core.standing import what_stands
from oneuser.runs import lease as leases
from oneuser.runs.lease import Lease


class OneTable:
    """`publications` as Delta merges into it; fails once, with `before` or `after` what is merged has landed."""

    root = "/warehouse"
    spark = None

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.before: BaseException | None = None
        self.after: BaseException | None = None

    def has_exclusive_commits(self, _zone: str) -> bool:
        return True

    def head(self, _contract: TableContract) -> int:
        return 1

    def merge(
        self, _contract: TableContract, rows: list[dict[str, Any]], *, update_if: str, values: Mapping[str, str],
        tag: object,  # noqa: ARG002 - as Delta's merge is called
    ) -> int:  # fmt: skip
        problem, self.before = self.before, None
        if problem is not None:
            raise problem
        n_changed = sum(self._merge_one(row, update_if, values) for row in rows)
        problem, self.after = self.after, None
        if problem is not None:
            raise problem
        return n_changed

    def _merge_one(self, row: dict[str, Any], update_if: str, values: Mapping[str, str]) -> bool:
        stored = self.rows.get(row["fence"])
        if stored is None:
            self.rows[row["fence"]] = row
            return True
        wanted = update_if.split("incoming.state", 1)[1]
        states = [name for name in ("leased", "published", "released", "abandoned") if f"'{name}'" in wanted]
        is_same = "holder" not in update_if or stored["holder"] == row["holder"]
        if stored["state"] != "leased" or row["state"] not in states or not is_same:
            return False
        self.rows[row["fence"]] = stored | {name: row[name] for name in values}
        return True


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[OneTable]:
    one = OneTable()
    monkeypatch.setattr(TableContract, "frame", lambda _contract, _spark, rows: rows)
    monkeypatch.setattr(leases, "load_claims", lambda _warehouse: list(one.rows.values()))
    monkeypatch.setattr(leases, "jobs_named", lambda _spark, _what, *, group: nullcontext(group))
    yield one
    assert not leases._HELD_HERE  # whatever stays there locks this process out


def acquire(table: OneTable) -> Lease:
    return Lease.acquire(table, LeaseRules())  # type: ignore[arg-type]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_claim_that_is_cut_short_does_not_lock_its_own_process_out(table: OneTable, moment: str) -> None:
    setattr(table, moment, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        acquire(table)

    assert [row["state"] for row in table.rows.values()] == ["released"] * (moment == "after")
    acquire(table).release()


def test_a_race_that_is_lost_leaves_the_claim_of_whoever_was_faster(table: OneTable) -> None:
    theirs = {"fence": 1, "state": "leased", "holder": "elsewhere/1/1.00"}
    table.before = LockedError(holder="another process, which was faster")
    table.rows[1] = theirs
    # as it was when it was read
    with pytest.MonkeyPatch.context() as then:
        then.setattr(leases, "load_claims", lambda _warehouse: [])
        with pytest.raises(LockedError):
            acquire(table)

    assert table.rows == {1: theirs}


def test_of_two_threads_that_claim_the_same_one_loses_and_takes_nothing_from_the_other(table: OneTable) -> None:
    held = acquire(table)
    with pytest.MonkeyPatch.context() as then:
        then.setattr(leases, "load_claims", lambda _warehouse: [])
        with pytest.raises(LockedError):
            acquire(table)

    with pytest.raises(LockedError):
        acquire(table)
    held.release()


def cut_short_after(table: OneTable, *published: int) -> None:
    with acquire(table) as lease:
        for run_seq in published:
            lease.publish(run_seq, {})
        raise KeyboardInterrupt


def test_what_a_lease_has_published_is_carried_by_an_interruption(table: OneTable) -> None:
    with pytest.raises(KeyboardInterrupt) as interrupted:
        cut_short_after(table, 4)
    assert what_stands(interrupted.value) == ["run 4 is published: readers see it"]

    with pytest.raises(KeyboardInterrupt) as interrupted:
        cut_short_after(table)
    assert what_stands(interrupted.value) == []


def publish_and_be_cut_short(table: OneTable, moment: str) -> None:
    with acquire(table) as lease:
        setattr(table, moment, KeyboardInterrupt())
        lease.publish(4, {})


@pytest.mark.parametrize(("moment", "left"), [("before", "released"), ("after", "published")])
def test_of_a_publication_that_is_cut_short_nobody_says_that_it_is_none(
    table: OneTable, moment: str, left: str
) -> None:
    with pytest.raises(KeyboardInterrupt) as interrupted:
        publish_and_be_cut_short(table, moment)

    assert [row["state"] for row in table.rows.values()] == [left]

    assert what_stands(interrupted.value) == ["whether run 4 was published is not known: `oneuser status` says it"]
