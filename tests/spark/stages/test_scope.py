"""What a run decides again about people: whole carry-over groups, against a plain search through the same links."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
import structlog
from pyspark.sql import SparkSession

from oneuser.contracts.changes import CHANGES, JUDGED_IDENTIFIERS, LINKED_IDENTIFIERS
from oneuser.contracts.graph import COMPONENTS, EVENT_IDENTIFIERS, REFUSED_EDGES
from oneuser.contracts.identity import IDENTIFIER_MAP, USER_IDS
from oneuser.contracts.raw import EVENTS
from oneuser.contracts.table import TableContract
from oneuser.stages.context import RunContext
from oneuser.stages.identity.resolve_messages import find_gone, find_messages
from oneuser.stages.identity.scope import Scope, find_scope
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.warehouse import Warehouse

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
KEY = b"k"
Rows = Sequence[Mapping[str, Any]]


class Deployment:
    """A warehouse of a few rows, and the stage of a second run on it."""

    def __init__(self, spark: SparkSession, path: Path) -> None:
        self.spark = spark
        nothing: dict[str, Any] = dict.fromkeys(("config", "keys"))
        self.stage = RunContext(
            spark=spark, warehouse=Warehouse(spark, str(path)), tag=CommitTag(2, 1, 2), as_of=MONDAY, inputs=[],
            tables={}, log=structlog.get_logger("test"), is_incremental=True, **nothing,
        )  # fmt: skip

    def has(self, contract: TableContract, rows: Rows) -> None:
        self.stage.append(contract, contract.frame(self.spark, rows), n_rows=len(rows))

    def told(self, **reasons: Collection[int]) -> None:
        rows = [(number, reason) for reason, numbers in reasons.items() for number in numbers]
        self.stage.tell(LINKED_IDENTIFIERS, self.spark.createDataFrame(rows, "identifier_id bigint, reason string"))

    def scope(self) -> tuple[set[int], set[str], Scope]:
        scope = find_scope(self.stage)
        numbers = [row["identifier_id"] for row in scope.identifiers.rows.collect()]
        users = [row["user_id"] for row in scope.user_ids.rows.collect()]
        # each once, or a join with them would double rows
        assert (len(set(numbers)), len(set(users))) == (scope.identifiers.n_rows, scope.user_ids.n_rows)
        assert (len(numbers), len(users)) == (scope.identifiers.n_rows, scope.user_ids.n_rows)
        return set(numbers), set(users), scope


def member(number: int, candidate: int) -> dict[str, Any]:
    return {
        "identifier_id": number, "component_id": candidate, "candidate_id": candidate, "id_type": "email",
        "id_key": KEY, "priority": 1, "is_known": True, "is_contested": False, "is_cut_off": False, "n_events": 1,
    }  # fmt: skip


def mapped(number: int, user: str) -> dict[str, Any]:
    return {
        "identifier_id": number, "id_type": "email", "user_id": user, "strength": 1, "is_known": True,
        "is_contested": False, "is_cut_off": False, "n_events": 1,
    }  # fmt: skip


def user_id(user: str, anchors: Collection[int], target: str | None = None) -> dict[str, Any]:
    return {
        "user_id": user, "status": "live" if target is None else "retired", "redirect_to": target,
        "anchors": [{"identifier_id": number, "run_seq": 1} for number in anchors], "minted_run": 1,
        "minted_first_seen_at": MONDAY, "minted_first_event_order": KEY, "minted_key": KEY, "status_run": 1,
    }  # fmt: skip


def carried(message: bytes, number: int, link: str = "event", run_seq: int = 1) -> dict[str, Any]:
    return {
        "message_key": message, "identifier_id": number, "id_type": "email", "type_rank": 0, "event_time": MONDAY,
        "link": link, "n_links": 1, "run_seq": run_seq,
    }  # fmt: skip


def reached(start: Collection[Any], links: Collection[tuple[Any, Any]]) -> set[Any]:
    """Everything that links lead to, both ways."""
    found, last = set(start), set(start)
    while last:
        last = {b for pair in links for a, b in (pair, pair[::-1]) if a in last} - found
        found |= last
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whole_carry_over_groups_are_found(spark: SparkSession, warehouse_path: Path, seed: int) -> None:
    chance = Random(seed)
    numbers, users = range(1, 61), [f"u{n}" for n in range(30)]
    candidates = {n: chance.randrange(1, 45) for n in numbers if chance.random() < 0.9}
    owners = {n: chance.choice(users) for n in numbers if chance.random() < 0.5}
    anchors = {user: [chance.choice(numbers) for _ in range(chance.randint(0, 2))] for user in users}
    targets = {user: users[0] for user in users if user != users[0] and chance.random() < 0.1}
    apart = [(2, 7), (3, 11)]
    deployment = Deployment(spark, warehouse_path)
    deployment.has(COMPONENTS, [member(n, candidate) for n, candidate in candidates.items()])
    deployment.has(IDENTIFIER_MAP, [mapped(n, user) for n, user in owners.items()])
    deployment.has(USER_IDS, [user_id(user, anchors[user], targets.get(user)) for user in users])
    deployment.has(REFUSED_EDGES, [{"rule": "exclude", "src": a, "dst": b, "opened_run": 1} for a, b in apart])
    deployment.told(touched=[1, 2])

    found, found_users, scope = deployment.scope()

    links: list[tuple[Any, Any]] = [(n, ("candidate", candidate)) for n, candidate in candidates.items()]
    links += owners.items()
    links += [(user, n) for user in users for n in anchors[user]]
    links += [*targets.items(), *apart]
    wanted = reached([1, 2], links)
    assert found == {one for one in wanted if isinstance(one, int)}
    assert found_users == {one for one in wanted if isinstance(one, str)}
    assert 2 < len(found) < len(numbers)
    n_links = sum(n in owners for n in found) + sum(len(anchors[u]) + (u in targets) for u in found_users)
    assert scope.n_links >= n_links


def test_judged_identifiers_and_nothing_else_that_was_told(spark: SparkSession, warehouse_path: Path) -> None:
    deployment = Deployment(spark, warehouse_path)
    deployment.has(COMPONENTS, [member(1, 1), member(2, 2)])
    numbers = spark.createDataFrame([(9,)], "identifier_id bigint").selectExpr("identifier_id", "'touched' AS reason")
    deployment.stage.tell(JUDGED_IDENTIFIERS, numbers)

    # over-shared by now, in no component and nobody's
    assert deployment.scope()[:2] == ({9}, set())
    assert deployment.stage.read(CHANGES).count() == 1


def test_an_alias_message_leads_to_what_else_it_carries_and_to_the_other_reading(
    spark: SparkSession, warehouse_path: Path
) -> None:
    deployment = Deployment(spark, warehouse_path)
    # 1 is over-shared: nothing joins 2 with 3 any longer; 4 and 5 are the readings of one previousId
    deployment.has(COMPONENTS, [member(2, 2), member(3, 3), member(5, 5)])
    deployment.has(
        EVENT_IDENTIFIERS,
        [carried(b"a", 1, "alias"), carried(b"a", 2), carried(b"a", 3, "previous"), carried(b"b", 4, "previous_user"),
         carried(b"b", 5, "previous_anonymous"), carried(b"c", 5), carried(b"d", 2), carried(b"e", 5, run_seq=2)],
    )  # fmt: skip
    deployment.told(touched=[2, 5])

    found, _, scope = deployment.scope()

    assert found == {2, 3, 4, 5}
    # what carries an identifier that moved, and what may be read otherwise now; new messages are resolved anyway
    moved = spark.createDataFrame([(2,)], "identifier_id bigint")
    again = find_messages(deployment.stage, scope, moved)
    assert {bytes(row["message_key"]) for row in again.rows.collect()} == {b"a", b"b", b"d"}


def test_messages_that_are_gone_are_found_by_what_they_carried(spark: SparkSession, warehouse_path: Path) -> None:
    deployment = Deployment(spark, warehouse_path)
    deployment.has(EVENT_IDENTIFIERS, [carried(b"a", 1), carried(b"b", 1), carried(b"c", 2)])
    stage = deployment.stage
    stage.base = dict(stage.tables)
    message = {
        "event_time": MONDAY, "type": "track", "source": "web", "identifiers": [], "dropped": [], "raw": "{}",
        "content_hash": 1, "file": "f", "run_seq": 1,
    }  # fmt: skip
    deployment.has(EVENTS, [message | {"message_key": b"b"}])
    deployment.told(touched=[2], gone=[1])

    assert [bytes(row["message_key"]) for row in find_gone(stage).rows.collect()] == [b"a"]
