"""Consent through the whole job: granted, withdrawn, merged and granted anew; what follows for credits and exports."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

import oneuser
from oneuser.api.answers import submit
from oneuser.config import Config, make_config
from oneuser.core.identifier_text import NamedIdentifier
from oneuser.privacy.requests import Request
from oneuser.runs.fingerprints import IS_INCREMENTAL
from oneuser.runs.result import RunResult
from oneuser.runs.run import RunOptions, run_pipeline
from oneuser.storage.request_files import RequestFiles
from oneuser.storage.warehouse import Warehouse
from tests.integration.published import people, read_table

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
HALS = "hal@example.com"
STATES_PREFERENCES = "Segment Consent Preference Updated"
UNATTRIBUTED, EMAIL = "(unattributed)", "Email"
Messages = Iterable[dict[str, Any]]


def message(hours: int, event: str, *, ads: bool | None = None, gpc: bool = False, **facts: Any) -> dict[str, Any]:
    context: dict[str, Any] = {"campaign": {"source": "mill", "medium": "email"}}
    if ads is not None:
        context["consent"] = {"categoryPreferences": {"ads": ads}}
    if gpc:
        context["gpc"] = 1
    at = (MONDAY + timedelta(hours=hours)).isoformat()
    whose = "-".join(str(value) for value in facts.values())
    message_id = f"{hours} {event} {whose}"
    return {"messageId": message_id, "type": "track", "event": event, "timestamp": at, "context": context, **facts}


# a touch, and a conversion an hour later
def visit(hours: int, *, ads: bool | None = None, gpc: bool = False, **who: str) -> list[dict[str, Any]]:
    return [
        message(hours, "Page Viewed", ads=ads, gpc=gpc, **who),
        message(hours + 1, "Signed Up", ads=ads, gpc=gpc, **who),
    ]


RUNS: dict[str, Messages] = {
    "everybody visits": [
        *visit(1, ads=True, userId="ann", anonymousId="ann's phone"),
        *visit(2, ads=True, gpc=True, userId="gus"),
        *visit(3, userId="dora"),
        # two browsers, of whom nobody knows yet that both are Cole's
        *visit(4, ads=False, anonymousId="cole's laptop"),
        *visit(5, ads=True, anonymousId="cole's phone"),
        *visit(6, ads=True, userId="hal"),
        # erased by the next run
        message(7, "Seen", ads=False, userId="hal", traits={"email": HALS}),
    ],
    "Ann withdraws, and Cole logs in on both": [
        message(30, "Seen", ads=False, anonymousId="ann's phone"),
        message(31, "Seen", userId="cole", anonymousId="cole's laptop"),
        message(32, "Seen", ads=True, userId="cole", anonymousId="cole's phone"),
    ],
    "Cole and Hal grant again": [
        message(50, STATES_PREFERENCES, ads=True, anonymousId="cole's phone"),
        message(51, STATES_PREFERENCES, ads=True, userId="hal"),
    ],
}
# who is credited with the touch of each conversion, by the device or login that it came from
CREDITED = {
    "everybody visits": {
        "ann": True, "gus": False, "dora": False, "cole's laptop": False, "cole's phone": True, "hal": False,
    },
    "Ann withdraws, and Cole logs in on both": dict.fromkeys(
        ("ann", "gus", "dora", "cole's laptop", "cole's phone", "hal"), False
    ),
    "Cole and Hal grant again": {
        "ann": False, "gus": False, "dora": False, "cole's laptop": True, "cole's phone": True, "hal": True,
    },
}  # fmt: skip


class Site:
    """A warehouse, run after run."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        self.spark, self.root = spark, root
        (root / "events").mkdir()
        self.results: dict[str, RunResult] = {}
        self.credited: dict[str, dict[str, bool]] = {}
        self.stood: dict[str, dict[tuple[str, str], tuple[str, int]]] = {}

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse"

    def config(self, **consent: list[str]) -> Config:
        return make_config(
            {
                "deployment": "site",
                "warehouse": str(self.warehouse),
                "sources": {"web": {"path": f"{self.root}/events/*.jsonl", "format": "jsonl", "preset": "segment"}},
                "gates": {"max_merged_ids_share": None},
                "conversions": {"signup": {"event": "Signed Up"}},
                "attribution": {"models": ["last"], "lookback_days": 30},
                "consent": {"required_for_attribution": ["ads"], "opt_out_refuses": ["sale", "ads"]} | consent,
                "incremental": {"above_mb": 0},
                "graph": {"engine": "one_task"},
            }
        )

    def run(self, what: str, messages: Messages) -> None:
        n = len(self.results) + 1
        lines = "".join(f"{json.dumps(one)}\n" for one in messages)
        (self.root / "events" / f"{n}.jsonl").write_text(lines)
        as_of = MONDAY + timedelta(days=n)
        self.results[what] = run_pipeline(self.spark, self.config(), RunOptions(as_of=as_of))
        self.credited[what] = self.credits()
        self.stood[what] = self.consent()

    def ask_to_erase(self, email: str) -> None:
        """Let the next run erase the messages that carry an address."""
        warehouse = Warehouse(self.spark, str(self.warehouse))
        named = (NamedIdentifier("email", email),)
        submit(RequestFiles(warehouse.files, warehouse.layout), Request("ask", "erase", "exact", named))

    def credits(self) -> dict[str, bool]:
        """Whether the conversion of whoever it came from has a touch that is credited."""
        events = {
            row["message_key"]: json.loads(row["raw"]) for row in read_table(self.warehouse, "events").to_pylist()
        }
        raw = {
            row["conversion_id"]: events[row["message_key"]]
            for row in read_table(self.warehouse, "conversions").to_pylist()
        }
        return {
            raw[row["conversion_id"]].get("userId") or raw[row["conversion_id"]]["anonymousId"]: (
                {UNATTRIBUTED: False, EMAIL: True}[row["channel"]]
            )
            for row in read_table(self.warehouse, "attribution_credits").to_pylist()
        }

    def consent(self) -> dict[tuple[str, str], tuple[str, int]]:
        """State, and the hour since which it stands, by login and purpose."""
        named = {user: value for (id_type, value), user in people(self.warehouse).items() if id_type == "user_id"}
        return {
            (named[row["user_id"]], row["purpose"]): (row["state"], (row["since"] - MONDAY) // timedelta(hours=1))
            for row in read_table(self.warehouse, "consent").to_pylist()
            if row["user_id"] in named
        }


@pytest.fixture(scope="module")
def site(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Site:
    runs = Site(spark, tmp_path_factory.mktemp("consent"))
    for what, messages in RUNS.items():
        runs.run(what, messages)
        if len(runs.results) == 1:
            runs.ask_to_erase(HALS)
    return runs


def test_credits_follow_consent_from_run_to_run(site: Site) -> None:
    assert site.credited == CREDITED
    first, *others = site.results.values()
    assert all(one.stages[name].details[IS_INCREMENTAL] for one in others for name in ("consent", "attribution"))
    assert all(one.metrics["checks|attribution_conservation"] == 1.0 for one in (first, *others))


def test_what_stands_and_why_credits_changed_is_published(site: Site) -> None:
    assert site.consent() == {
        ("ann", "ads"): ("refused", 30), ("gus", "ads"): ("refused", 2), ("gus", "sale"): ("refused", 2),
        ("cole", "ads"): ("granted", 50), ("hal", "ads"): ("granted", 51),
    }  # fmt: skip
    changes = read_table(site.warehouse, "attribution_changes").to_pylist()
    # of each, the credit that one touch lost and (unattributed) has, or the other way round
    of_one_owner = [row for row in changes if row["user_id"] == row["user_id_before"]]
    assert Counter((row["run_seq"], row["reason"]) for row in of_one_owner) == {(2, "consent"): 2, (3, "consent"): 6}
    assert {row["reason"] for row in changes} == {"consent", "merged"}


def test_an_erasure_of_a_message_brings_no_consent_back_that_it_refused(site: Site) -> None:
    assert [stood["hal", "ads"] for stood in site.stood.values()] == [("refused", 7), ("refused", 7), ("granted", 51)]


def test_what_is_published_is_what_verify_finds_again(site: Site) -> None:
    found = oneuser.open_warehouse(config=site.config(), spark=site.spark).verify()

    assert found.holds
    assert "consent" in {table.table for table in found.tables}


def test_identities_are_exported_of_those_who_grant_it(site: Site, tmp_path: Path) -> None:
    everything, some = tmp_path / "all.csv", tmp_path / "some.csv"

    oneuser.open_warehouse(config=site.config(), spark=site.spark).export_identities(everything)
    opened = oneuser.open_warehouse(config=site.config(required_for_export=["ads"]), spark=site.spark)
    n_rows = opened.export_identities(some)

    exported = {row["id_value"] for row in csv.DictReader(some.open())}
    assert exported == {"cole", "cole's laptop", "cole's phone", "hal"}
    assert n_rows == 4
    assert opened.count_withheld_identities() == len(list(csv.DictReader(everything.open()))) - 4 == 4


def test_whoever_reads_without_the_configuration_is_held_to_that_of_the_last_run(site: Site) -> None:
    warehouse = oneuser.open_warehouse(str(site.warehouse), spark=site.spark)

    assert (warehouse.required_purposes("attribution"), warehouse.required_purposes("export")) == (("ads",), ())
    own = {row["conversion_id"]: row["channel"] for row in warehouse.attribute("last", lookback_days=30).collect()}
    published = {
        row["conversion_id"]: row["channel"] for row in read_table(site.warehouse, "attribution_credits").to_pylist()
    }
    assert own == published
