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
from tests.integration.identity_only import IDENTITY_STAGES
from tests.integration.published import contents, people, published_versions, read_table

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
N_PEOPLE, N_DAYS, N_RUNS, N_MESSAGES = 12, 120, 3, 45
ACCOUNTS = ("shop", "mill", "fund")
DOMAINS = ("mill.example", "new.example", "gmail.com")
# by run, of people of whom mostly nothing is heard; somebody leaves an account between two runs
NAMED = ("shop,The Shop,", "fund,The Fund,")
FILES = [
    {
        "members": ("p0,fund,,2026-03-20", "p1,fund,2026-02-01,", "p2,shop,,2026-04-15"),
        "accounts": (*NAMED, "mill,The Mill,mill.example", "trust,The Trust,"),
        "parents": ("mill,trust",),
    },
    {
        "members": ("p0,fund,,2026-03-20", "p3,mill,,", "p2,shop,2026-01-20,2026-04-15"),
        "accounts": (*NAMED, "mill,The Mill,mill.example", "trust,The Trust,new.example"),
        "parents": ("mill,trust",),
    },
    {
        "members": ("p3,mill,,", "p2,shop,2026-01-20,2026-04-15"),
        "accounts": (*NAMED, "mill,Mill,", "trust,The Trust,"),
        "parents": (),
    },
]
HEADERS = {
    "members": "user_id,account_id,valid_from,valid_to",
    "accounts": "account_id,name,domains",
    "parents": "account_id,parent_account_id",
}


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


def config(
    folder: Path,
    warehouse: str,
    accounts: dict[str, Any],
    *,
    email: dict[str, Any] | None = None,
    consent: dict[str, Any] | None = None,
) -> Config:
    return make_config(
        {
            "deployment": "accounts",
            "warehouse": str(folder / warehouse),
            "keys": {"identifiers": f"file:{folder}/key"},
            "sources": {"web": {"path": f"{folder}/events-*.jsonl", "format": "jsonl", "preset": "segment"}},
            "identity": {
                "id_types": {
                    "user_id": {"priority": 1, "known": True, "unique": True},
                    "email": email or {"priority": 2, "known": True, "normaliser": "email"},
                    "anonymous_id": {"priority": 9, "known": False},
                }
            },
            "accounts": accounts,
            "consent": consent or {},
            "gates": {"max_merged_ids_share": None},
            # however short the history is
            "incremental": {"above_mb": 0},
        }
    )


def write_files(folder: Path, files: dict[str, tuple[str, ...]]) -> None:
    for name, rows in files.items():
        (folder / f"{name}.csv").write_text("".join(f"{row}\n" for row in (HEADERS[name], *rows)))


def everything(folder: Path) -> dict[str, Any]:
    file = {name: {"path": f"{folder}/{name}.csv", "format": "csv"} for name in ("members", "accounts", "parents")}
    return {
        "membership": "multiple",
        "leave_events": ["Left"],
        "primary": "most_events",
        "files": file | {"members": file["members"] | {"id_type": "user_id", "columns": {"id_value": "user_id"}}},
        "domains": {"unmapped": "keyed"},
    }


class BothWays:
    """Runs of what was touched beside runs of everything, day by day."""

    def __init__(self, spark: SparkSession, folder: Path, accounts: dict[str, Any], **more: Any) -> None:
        self.spark, self.folder = spark, folder
        self.config = {name: config(folder, name, accounts, **more) for name in ("touched", "whole")}
        self.n_runs = self.n_incremental = 0

    def run(self, messages: list[dict[str, Any]], *, as_of: datetime) -> None:
        """Both leave the same; counts those of which the identity stage did what was touched."""
        self.n_runs += 1
        if messages:
            lines = "".join(f"{json.dumps(message)}\n" for message in messages)
            (self.folder / f"events-{self.n_runs}.jsonl").write_text(lines)
        touched = run_pipeline(self.spark, self.config["touched"], RunOptions(as_of=as_of))
        whole = run_pipeline(self.spark, self.config["whole"], RunOptions(as_of=as_of, is_full=True))
        found, wanted = touched.stages["identity"], whole.stages["identity"]
        self.n_incremental += bool(found.details[IS_INCREMENTAL])
        for table in sorted(published_versions(self.folder / "whole").keys() - {CHANGES.name}):
            assert self.contents(table) == contents(self.folder / "whole", table), (self.n_runs, table)
        for metrics in (found.metrics, wanted.metrics):
            metrics.pop("rows_written|identity")
        assert found.metrics == wanted.metrics

    def contents(self, table: str) -> Any:
        return contents(self.folder / "touched", table)


def check_equality(spark: SparkSession, folder: Path, seed: int, accounts: dict[str, Any]) -> None:
    """Days with messages and other files of accounts: each but the first did what was touched."""
    both = BothWays(spark, folder, accounts)
    for messages, files in zip(messages_of_runs(seed), FILES, strict=True):
        write_files(folder, files)
        both.run(messages, as_of=NEW_YEAR + timedelta(days=N_DAYS * (both.n_runs + 1) / N_RUNS))
    assert both.n_incremental == N_RUNS - 1


def test_files_and_messages_that_move_concern_people_whom_nothing_else_touched(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bo's browser sends an address that is nobody's once too many have it. Of p1 and p3 files alone say something."""
    monkeypatch.setattr("oneuser.runs.run.STAGES", IDENTITY_STAGES)
    email = {"priority": 2, "known": True, "normaliser": "email", "max_persons_per_value": 1}
    both = BothWays(
        spark, tmp_path, everything(tmp_path) | {"domains": {}}, email=email, consent={"required_for_linking": ["ads"]}
    )

    def message(number: int, *, ads: bool = True, **more: Any) -> dict[str, Any]:
        consent = {"consent": {"categoryPreferences": {"ads": ads}}}
        at = {"timestamp": (NEW_YEAR + timedelta(days=number)).isoformat()}
        return {"messageId": f"m{number}", "type": "track", "event": "Look", "context": consent} | at | more

    joins = {"type": "group", "groupId": "shop"}
    write_files(tmp_path, FILES[0])
    first = [
        message(1, userId="bo", anonymousId="browser"),
        message(2, ads=False, anonymousId="browser", traits={"email": "all@mill.example"}, **joins),
        message(3, userId="p1"),
        message(4, userId="p3", traits={"email": "p3@new.example"}),
    ]
    both.run(first, as_of=NEW_YEAR + timedelta(days=40))
    assert accounts_of(both, "bo", "p1", "p3") == [[], ["fund"], []]

    second = [message(10 + n, userId=f"u{n}", traits={"email": "all@mill.example"}) for n in range(3)]
    both.run(second, as_of=NEW_YEAR + timedelta(days=45))
    assert accounts_of(both, "bo", "p1", "p3") == [["shop"], ["fund"], []]

    write_files(tmp_path, FILES[1])
    both.run([], as_of=NEW_YEAR + timedelta(days=50))
    assert accounts_of(both, "bo", "p1", "p3") == [["shop"], [], ["mill", "trust"]]
    assert both.n_incremental == both.n_runs - 1


def accounts_of(both: BothWays, *names: str) -> list[list[str]]:
    """Present accounts of people who have a user_id."""
    warehouse = both.folder / "touched"
    owners, present = people(warehouse), read_table(warehouse, "dim_user").to_pylist()
    by_user = {row["user_id"]: row["account_ids"] for row in present}
    return [by_user[owners["user_id", name]] for name in names]


@pytest.mark.soak
def test_memberships_and_accounts_follow_what_was_touched(spark: SparkSession, tmp_path: Path) -> None:
    check_equality(spark, tmp_path, 1, everything(tmp_path))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 6))
@pytest.mark.parametrize("is_plain", [True, False])
def test_whatever_says_who_belongs_where(spark: SparkSession, tmp_path: Path, seed: int, *, is_plain: bool) -> None:
    check_equality(spark, tmp_path, seed, {} if is_plain else everything(tmp_path))
