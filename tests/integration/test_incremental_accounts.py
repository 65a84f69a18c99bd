"""Accounts follow what a run touches: all tables as a run of everything leaves them, also where time has passed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pyspark.sql import SparkSession

from oneuser.config import Config, make_config
from oneuser.contracts.changes import CHANGES
from oneuser.runs.fingerprints import IS_INCREMENTAL
from oneuser.runs.run import RunOptions, run_pipeline
from tests.integration.published import contents, published_versions

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
N_PEOPLE, N_DAYS, N_RUNS, N_MESSAGES = 12, 120, 3, 45
ACCOUNTS = ("shop", "mill", "fund")
DOMAINS = ("mill.example", "new.example", "gmail.com")
# of an account that somebody leaves between two runs, though nothing is heard of them
MEMBERS = (
    "user_id,account_id,valid_from,valid_to",
    "p0,fund,,2026-03-20",
    "p1,fund,2026-02-01,",
    "p2,shop,,2026-04-15",
)


def messages_of_runs(seed: int) -> list[list[dict[str, Any]]]:
    """Messages of several runs in order of arrival: late ones, people who log in, devices that change hands."""
    chance = Random(seed)
    runs = []
    for n_run in range(N_RUNS):
        arrived = []
        for n in range(N_MESSAGES):
            person = f"p{chance.randrange(N_PEOPLE)}"
            latest = N_DAYS * (n_run + 1) / N_RUNS
            at = NEW_YEAR + timedelta(days=chance.uniform(0 if chance.random() < 0.2 else latest - 30, latest))
            message: dict[str, Any] = {"messageId": f"r{n_run}m{n}", "timestamp": at.isoformat()}
            message["type"] = chance.choice(("track", "track", "identify", "group"))
            if chance.random() < 0.7:
                message["anonymousId"] = f"d{chance.randrange(2 * N_PEOPLE)}"
            if chance.random() < 0.6 or "anonymousId" not in message:
                message["userId"] = person
            if message["type"] == "group":
                message["groupId"] = chance.choice(ACCOUNTS)
            elif message["type"] == "identify":
                domain = DOMAINS[int(person[1:]) % len(DOMAINS)]
                message["traits"] = {"email": f"{person}@{domain}"} if chance.random() < 0.6 else {}
            else:
                message["event"] = chance.choice(("Look", "Look", "Left"))
                if chance.random() < 0.3:
                    message["context"] = {"groupId": chance.choice(ACCOUNTS)}
            arrived.append(message)
        # one that came before comes again, as of another time
        if runs:
            arrived.append(runs[-1][0] | {"timestamp": (NEW_YEAR + timedelta(days=1)).isoformat()})
        runs.append(arrived)
    return runs


def config(folder: Path, warehouse: str, accounts: dict[str, Any]) -> Config:
    return make_config(
        {
            "deployment": "accounts",
            "warehouse": str(folder / warehouse),
            "keys": {"identifiers": f"file:{folder}/key"},
            "sources": {"web": {"path": f"{folder}/events-*.jsonl", "format": "jsonl", "preset": "segment"}},
            "identity": {
                "id_types": {
                    "user_id": {"priority": 1, "known": True, "unique": True},
                    "email": {"priority": 2, "known": True, "normaliser": "email"},
                    "anonymous_id": {"priority": 9, "known": False},
                }
            },
            "accounts": accounts,
            "gates": {"max_merged_ids_share": None},
            # however short the history is
            "incremental": {"above_mb": 0},
        }
    )


def everything(folder: Path) -> dict[str, Any]:
    for name, rows in (
        ("members", MEMBERS),
        ("accounts", ("account_id,name,domains", "mill,The Mill,mill.example", "trust,The Trust,")),
        ("parents", ("account_id,parent_account_id", "mill,trust")),
    ):
        (folder / f"{name}.csv").write_text("".join(f"{row}\n" for row in rows))
    file = {name: {"path": f"{folder}/{name}.csv", "format": "csv"} for name in ("members", "accounts", "parents")}
    return {
        "membership": "multiple",
        "leave_events": ["Left"],
        "primary": "most_events",
        "files": file | {"members": file["members"] | {"id_type": "user_id", "columns": {"id_value": "user_id"}}},
        "domains": {"unmapped": "keyed"},
    }


def check_equality(spark: SparkSession, folder: Path, seed: int, accounts: dict[str, Any]) -> int:
    """Runs of what was touched beside runs of everything; returns how many of the former the identity stage did."""
    n_incremental = 0
    for n_run, messages in enumerate(messages_of_runs(seed), start=1):
        (folder / f"events-{n_run}.jsonl").write_text("".join(f"{json.dumps(message)}\n" for message in messages))
        as_of = NEW_YEAR + timedelta(days=N_DAYS * n_run / N_RUNS)
        touched = run_pipeline(spark, config(folder, "touched", accounts), RunOptions(as_of=as_of))
        whole = run_pipeline(spark, config(folder, "whole", accounts), RunOptions(as_of=as_of, is_full=True))
        people, wanted = touched.stages["identity"], whole.stages["identity"]
        n_incremental += bool(people.details[IS_INCREMENTAL])
        for table in sorted(published_versions(folder / "whole").keys() - {CHANGES.name}):
            assert contents(folder / "touched", table) == contents(folder / "whole", table), (seed, n_run, table)
        for metrics in (people.metrics, wanted.metrics):
            metrics.pop("rows_written|identity")
        assert people.metrics == wanted.metrics
    return n_incremental


@pytest.mark.soak
def test_memberships_and_accounts_follow_what_was_touched(spark: SparkSession, tmp_path: Path) -> None:
    assert check_equality(spark, tmp_path, 1, everything(tmp_path)) == N_RUNS - 1


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 6))
@pytest.mark.parametrize("is_plain", [True, False])
def test_whatever_says_who_belongs_where(spark: SparkSession, tmp_path: Path, seed: int, *, is_plain: bool) -> None:
    accounts = {} if is_plain else everything(tmp_path)
    assert check_equality(spark, tmp_path, seed, accounts) == N_RUNS - 1
