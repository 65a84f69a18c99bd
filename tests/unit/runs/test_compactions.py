"""Fewer files for the same rows are no change: neither for a stage nor for the run that goes on from them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from oneuser.runs.compactions import Compactions
from oneuser.runs.records import RunRecord, StageRecord

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def claim(run_seq: int, kind: str, state: str = "published", **tables: int) -> dict[str, Any]:
    return {"run_seq": run_seq, "kind": kind, "state": state, "tables": tables or None}


# run 1; maintenance of it; run 2, which goes on from there; a rollback; run 3; maintenance twice
CLAIMS: list[Any] = [
    claim(1, "run", "withdrawn", events=1, edges=5),
    claim(0, "run", "released"),
    claim(1, "maintenance", "withdrawn", events=2, edges=5),
    claim(2, "run", events=3, edges=5),
    claim(1, "rollback", events=2, edges=5),
    claim(3, "run", events=4, edges=5),
    claim(3, "maintenance", events=5, edges=5),
    claim(3, "maintenance", events=6, edges=7),
    claim(4, "run", "leased"),
]


def test_versions_are_followed_to_the_newest_with_their_rows_and_back_to_the_first() -> None:
    found = Compactions.of(CLAIMS)

    assert [found.newest({"events": v})["events"] for v in range(1, 8)] == [2, 2, 3, 6, 6, 6, 7]
    assert [found.originals({"events": v})["events"] for v in range(1, 8)] == [1, 1, 3, 4, 4, 4, 7]
    assert (found.newest({"edges": 5}), found.originals({"edges": 7})) == ({"edges": 7}, {"edges": 5})


def test_a_run_goes_on_from_the_tables_as_they_are_now() -> None:
    stage = StageRecord("ingest", 1, "done", "f", {"events": 4}, {}, {}, 1.0)
    before = RunRecord(3, NOON, "c", "v", [], {"events": 1, "edges": 5}, stages={"ingest": stage})

    after = Compactions.of(CLAIMS).renewed(before)

    assert after.tables == {"events": 6, "edges": 7}
    assert after.base == {"events": 2, "edges": 7}
    # and what is on record is not altered
    assert before.tables == {"events": 4, "edges": 5}


def test_without_maintenance_nothing_is_another_version() -> None:
    found = Compactions.of([claim for claim in CLAIMS if claim["kind"] != "maintenance"])

    assert found.newest({"events": 1}) == found.originals({"events": 1}) == {"events": 1}
