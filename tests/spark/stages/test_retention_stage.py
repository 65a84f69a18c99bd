"""Retentions of people and of accounts side by side through the stage itself, on tables written by the test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from pyspark.sql import SparkSession

from oneuser import open_warehouse
from oneuser.config import LeaseRules, make_config
from oneuser.contracts.graph import FILES
from oneuser.contracts.identity import EVENTS_RESOLVED
from oneuser.contracts.marts import RETENTION
from oneuser.contracts.raw import EVENTS
from oneuser.core.errors import ConfigError
from oneuser.runs.lease import Lease
from oneuser.runs.publication import write_published
from oneuser.spark.small_data import planned_for_small_data
from oneuser.stages.context import RunContext
from oneuser.stages.retention.stage import RETENTION_STAGE
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.warehouse import Warehouse

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
WEEK, MINUTE = timedelta(weeks=1), timedelta(minutes=1)
# person, account at that time, event, when
HAPPENED: list[tuple[str | None, str | None, str, timedelta]] = [
    ("ann", "acme", "Start", 0 * WEEK), ("bob", "acme", "Start", 0 * WEEK), ("bob", "mill", "Start", 0 * WEEK + MINUTE),
    ("carla", None, "Start", 0 * WEEK), (None, "zoo", "Start", WEEK),
    # of the account, whoever it is that comes back: another one, one who has left since, nobody known
    ("dora", "acme", "Order", WEEK), ("bob", "mill", "Order", 2 * WEEK), ("bob", None, "Order", WEEK),
    (None, "zoo", "Order", 2 * WEEK), ("carla", None, "Order", 2 * WEEK),
]  # fmt: skip
# members of the cohort of each week, and who is back how many weeks later
EXPECTED = {
    "people": {(0, 0): {"ann", "bob", "carla"}, (0, 1): {"bob"}, (0, 2): {"bob", "carla"}},
    "accounts": {
        (0, 0): {"acme", "mill"}, (0, 1): {"acme"}, (0, 2): {"mill"}, (1, 0): {"zoo"}, (1, 1): {"zoo"},
    },
    # ann and bob start together; nobody of another account has company, and nobody of acme again
    "by_two": {(0, 0): {"acme"}},
}  # fmt: skip
RULES = {"unit": "week", "start": "Start", "return": "Order"}


def rows() -> dict[Any, list[dict[str, Any]]]:
    keys = [number.to_bytes(16, "big") for number in range(len(HAPPENED))]
    return {
        EVENTS_RESOLVED: [
            {"message_key": key, "event_time": MONDAY + when, "type": "track", "event": name, "user_id": person,
             "account_id": account, "source": "web"}
            for key, (person, account, name, when) in zip(keys, HAPPENED, strict=True)
        ],
        EVENTS: [],
        FILES: [
            {"source": "web", "file": "f", "n_bytes": 1, "modified_at": MONDAY, "n_lines": 1, "digest": 1,
             "last_received_at": MONDAY + 4 * WEEK, "last_event_at": MONDAY, "state": "ingested", "run_seq": 1}
        ],
    }  # fmt: skip


def test_accounts_come_back_when_any_of_their_members_does(spark: SparkSession, tmp_path: Path) -> None:
    warehouse = Warehouse(spark, str(tmp_path))
    warehouse.create("retention")
    config = make_config(
        {
            "deployment": "retention", "warehouse": str(tmp_path),
            "sources": {"web": {"path": "/nowhere", "format": "jsonl", "preset": "segment"}},
            "retention": {
                "people": RULES, "accounts": RULES | {"level": "account"},
                "by_two": RULES | {"level": "account", "min_members": 2},
            },
        }
    )  # fmt: skip

    def context(**more: Any) -> RunContext:
        return RunContext(
            spark=spark, config=config, warehouse=warehouse, keys=None, tag=CommitTag(1, 1, 1), as_of=MONDAY, inputs=[],
            log=structlog.get_logger("test"), is_small=True, **more,
        )  # fmt: skip

    with planned_for_small_data(spark):
        upstream = context(tables={})
        for contract, records in rows().items():
            upstream.replace(contract, contract.frame(spark, records))
        ctx = context(
            tables=upstream.tables, stage="retention", may_read=RETENTION_STAGE.may_read,
            may_write=RETENTION_STAGE.may_write, takes=frozenset(RETENTION_STAGE.takes), gives=frozenset(),
        )  # fmt: skip
        RETENTION_STAGE.run(ctx)
        ctx.release()
        written = warehouse.read(RETENTION, ctx.tables[RETENTION.name]).collect()
        lease = Lease.acquire(warehouse, LeaseRules())
        lease.publish(1, dict(ctx.tables))
        write_published(warehouse, 1, dict(ctx.tables))
        opened = open_warehouse(tmp_path, config=config, spark=spark)

        found = {
            (row.name, row.cohort, row.offset): row.retained for row in written if row.is_observed and row.retained
        }
        assert found == {
            (name, (MONDAY + week * WEEK).date(), offset): len(who)
            for name, cells in EXPECTED.items()
            for (week, offset), who in cells.items()
        }
        assert {row.name: row.entity_level for row in written} == {
            "people": "person", "accounts": "account", "by_two": "account",
        }  # fmt: skip
        assert {row.name: row.min_members for row in written} == {"people": 1, "accounts": 1, "by_two": 2}
        # as it was published, and by a definition of one's own; and who it is
        of_accounts = opened.retention(level="account")
        assert {row.name for row in of_accounts.collect()} == {"accounts", "by_two"}
        for name, of_members in (("accounts", {}), ("by_two", {"min_members": 2})):
            asked = opened.retention(level="account", unit="week", start="Start", return_event="Order", **of_members)
            assert {(row.cohort, row.offset): row.retained for row in asked.collect()} == {
                (row.cohort, row.offset): row.retained for row in written if row.name == name
            }
        for wrong, said in (({"level": "person"}, "level 'account'"), ({"min_members": 0}, "from 1 on, found 0")):
            with pytest.raises(ConfigError, match=said):
                opened.retention(**{"unit": "week", "level": "account", "min_members": 2} | wrong)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="needs a unit"):
            opened.retention(level="account", min_members=2)
        start = {"name": "by_two", "cohort": MONDAY.date(), "offset": 0}
        assert {row.entity_id for row in opened.members("retention", start).collect()} == {"acme"}
        for name in ("people", "accounts"):
            cell = {"name": name, "cohort": MONDAY.date(), "offset": 1}
            assert {row.entity_id for row in opened.members("retention", cell).collect()} == EXPECTED[name][0, 1]
        assert ctx.metrics["people_in_cohorts"] == len(EXPECTED["people"][0, 0])
