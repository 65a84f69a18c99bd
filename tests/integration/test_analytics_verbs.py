"""Analytics with parameters of one's own, read off a small warehouse, by Python and by the verbs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from oneuser import open_warehouse
from oneuser.api import OpenWarehouse
from oneuser.cli.main import main
from oneuser.contracts.graph import FILES
from oneuser.contracts.identity import ACCOUNT_MEMBERSHIPS, EVENTS_RESOLVED
from oneuser.contracts.marts import ATTRIBUTION_SPEND, ATTRIBUTION_SUMMARY, CONVERSIONS, RETENTION, TOUCHES
from oneuser.contracts.reference import OPPORTUNITIES, SPEND
from oneuser.core.errors import ConfigError
from oneuser.marts.ordered_journeys import build_journey
from tests.integration import small_warehouse as small
from tests.integration.small_warehouse import ANN, BOB, CARLA, MONDAY, OLD_BOB

MADE = {"params_id": "p", "identity_run": 1}
DAY = timedelta(days=1)


def event(number: int, user: str, name: str, days: float, account: str | None = None) -> dict[str, Any]:
    return {
        "message_key": number.to_bytes(16), "event_time": MONDAY + days * DAY, "received_at": None, "type": "track",
        "event": name, "user_id": user, "account_id": account, "source": "web", "group_id": None, "unowned": None,
    }  # fmt: skip


def touch(number: int, user: str, channel: str, days: float, account: str | None = None) -> dict[str, Any]:
    return {
        "touch_id": number.to_bytes(16), "user_id": user, "account_id": account, "touched_at": MONDAY + days * DAY,
        "kind": "session", "channel": channel, "channel_rule": "rule", "campaign_source": None, "campaign_medium": None,
        "campaign_name": None, "campaign_content": None, "source": "web",
    } | MADE  # fmt: skip


def order(number: int, user: str, value: int, days: float, account: str | None = None) -> dict[str, Any]:
    return {
        "conversion_id": number.to_bytes(16), "conversion": "order", "message_key": number.to_bytes(16),
        "user_id": user, "account_id": account, "converted_at": MONDAY + days * DAY, "value_minor": value,
        "currency": "EUR", "is_value_invalid": False,
    } | MADE  # fmt: skip


ROWS = {
    FILES: [
        {
            "source": "web", "file": "a", "n_bytes": 1, "modified_at": MONDAY, "n_lines": 1, "digest": 1,
            "last_received_at": MONDAY + 30 * DAY, "last_event_at": MONDAY, "state": "ingested", "run_seq": 1,
        }
    ],
    EVENTS_RESOLVED: [
        event(1, ANN, "Signed Up", 0, "acme"), event(2, ANN, "Order Completed", 3, "acme"),
        event(3, BOB, "Signed Up", 1), event(4, CARLA, "Signed Up", 0, "acme"), event(5, CARLA, "Order Completed", 9),
    ],
    TOUCHES: [
        touch(1, ANN, "Email", 0, "acme"), touch(2, ANN, "Direct", 2, "acme"), touch(3, CARLA, "Display", 1, "acme"),
        touch(4, BOB, "Direct", 1),
    ],
    CONVERSIONS: [order(1, ANN, 1000, 3, "acme"), order(2, BOB, 500, 20)],
    ACCOUNT_MEMBERSHIPS: [
        {"user_id": user, "account_id": "acme", "source": "group", "is_primary": True, "valid_from": None,
         "valid_to": MONDAY + 4 * DAY}
        for user in (ANN, CARLA)
    ],
    OPPORTUNITIES: [
        {"source": "deal", "opportunity_id": "o1", "account_id": "acme", "lead_at": None, "opened_at": None,
         "closed_at": MONDAY + 5 * DAY, "is_won": True, "value_minor": 10, "currency": "EUR"}
    ],
    SPEND: [
        {"source": "ads", "spend_date": MONDAY.date(), "channel": channel, "campaign_source": None,
         "campaign_name": None, "currency": "EUR", "spend_minor": 300, "n_records": 1}
        for channel in ("Email", None)
    ],
    ATTRIBUTION_SUMMARY: [],
    ATTRIBUTION_SPEND: [],
    RETENTION: [],
}  # fmt: skip


@pytest.fixture(scope="module")
def root(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("analytics") / "warehouse"
    small.publish(small.build(spark, folder), 2, ROWS)
    return folder


@pytest.fixture(scope="module")
def warehouse(root: Path, spark: SparkSession) -> OpenWarehouse:
    return open_warehouse(root, spark=spark)


def credited(warehouse: OpenWarehouse, **asked: Any) -> dict[str, int]:
    rows = warehouse.attribution(**asked).collect()
    return {row["channel"]: int(row["credit_minor"]) for row in rows if row["credit_minor"] is not None}


def test_attribution_is_computed_for_people_and_for_accounts(warehouse: OpenWarehouse) -> None:
    assert credited(warehouse, model="linear", lookback_days=30) == {"Email": 500, "Direct": 1000}
    # what is not within two days of Bob's order, and what is not of it at all
    assert credited(warehouse, model="linear", lookback_days=2) == {"Direct": 1000, "(unattributed)": 500}
    # Carla's touch is one of her account's, whose conversion is Ann's; Bob has no account
    of_accounts = warehouse.attribution("linear", level="account")
    pooled = {(row["conversion"], row["channel"]): int(row["credit_minor"]) for row in of_accounts.collect()}
    assert pooled == {
        ("order", "Email"): 334, ("order", "Display"): 333, ("order", "Direct"): 333, ("order", "(unattributed)"): 500,
        ("deal", "Email"): 4, ("deal", "Display"): 3, ("deal", "Direct"): 3,
    }  # fmt: skip
    excluded = credited(warehouse, model="last", exclude_channels=["direct"])
    assert excluded == {"Email": 1000, "(unattributed)": 500}
    cost = {row["channel"]: row for row in warehouse.attribution("linear", lookback_days=30, spend=True).collect()}
    assert (cost["Email"]["spend_minor"], cost["Email"]["cpa_minor"]) == (300, 600.0)
    assert cost["Email"]["roas"] == pytest.approx(5 / 3)
    assert (cost["(unallocated)"]["conversions"], cost["Direct"]["spend_minor"]) == (0, 0)


def test_retention_funnel_and_lifecycle_are_read_off_events(warehouse: OpenWarehouse) -> None:
    assert warehouse.watermark() == MONDAY + 30 * DAY
    weekly = warehouse.retention(unit="week", return_event="Order Completed").where("offset = 1").collect()
    assert [(row["cohort_size"], row["retained"], row["rate"]) for row in weekly] == [(3, 1, pytest.approx(1 / 3))]

    steps = warehouse.funnel(["Signed Up", "Order Completed"], window_days=7).orderBy("step").collect()
    assert [row["n_entities"] for row in steps] == [3, 1]
    # both members of the account signed up, and one of them ordered while the account's
    of_accounts = warehouse.funnel(["Signed Up", "Order Completed"], window_days=7, level="account").orderBy("step")
    assert [row["n_entities"] for row in of_accounts.collect()] == [1, 1]

    growth = warehouse.lifecycle(unit="week").orderBy("interval").collect()
    assert [(row["new"], row["returning"], row["dormant"]) for row in growth[:3]] == [(3, 0, 0), (0, 1, 2), (0, 0, 1)]


def test_a_journey_is_in_order_and_has_what_became_of_the_user_id(warehouse: OpenWarehouse) -> None:
    ann = warehouse.journey(ANN).collect()
    assert [(row["kind"], row["what"]) for row in ann] == [
        ("touch", "Email"), ("touch", "Direct"), ("conversion", "order")
    ]  # fmt: skip
    # by a retired ID, the person of now
    assert [row["kind"] for row in warehouse.journey(OLD_BOB).collect()] == ["touch", "conversion"]
    assert warehouse.journey("acme", level="account").count() == 4


def test_a_merge_is_in_the_journeys_of_both(spark: SparkSession) -> None:
    merged = [("merged", OLD_BOB, BOB, 1, MONDAY)]
    changes = spark.createDataFrame(
        merged, "change string, user_id string, other_user_id string, run_seq bigint, changed_at timestamp"
    )
    rows = build_journey(TOUCHES.empty(spark), CONVERSIONS.empty(spark), changes).collect()
    assert {(row["entity_id"], row["what"], row["other_user_id"]) for row in rows} == {
        (OLD_BOB, "merged", BOB), (BOB, "merged", OLD_BOB)
    }  # fmt: skip


def test_the_verbs_answer_what_python_does(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(*arguments: str) -> Any:
        assert main([*arguments, "--warehouse", str(root), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    rows = answer("attribute", "--model", '{"model": "position", "first": 1, "middle": 0, "last": 0}')["rows"]
    assert {row["channel"]: row["credit_minor"] for row in rows} == {"Email": "1000", "Direct": "500"}
    rows = answer("retain", "--unit", "week", "--return", "Order Completed", "--pool")["rows"]
    assert [row["rate"] for row in rows][:2] == [1.0, pytest.approx(1 / 3)]
    rows = answer("funnel", "Signed Up", "Order Completed", "--window-days", "7")["rows"]
    assert [row["n_entities"] for row in rows] == [3, 1]
    rows = answer("attribute", "--model", "first", "--spend", "--lookback-days", "30")["rows"]
    assert {row["channel"]: row["spend_minor"] for row in rows} == {
        "Direct": "0",
        "Email": "300",
        "(unallocated)": "300",
    }
    rows = answer("attribute", "--model", "linear", "--by-lookback", "2", "--by-lookback", "30")["rows"]
    found = {(row["lookback_days"], row["channel"]): row["credit_minor"] for row in rows}
    assert found == {
        (2.0, "Direct"): "1000", (2.0, "(unattributed)"): "500", (30.0, "Direct"): "1000", (30.0, "Email"): "500",
    }  # fmt: skip
    rows = answer("attribute", "--intervals")["rows"]
    assert {row["channel"] for row in rows} == {"Direct", "Email", "Display"}
    assert all(row["share_low"] <= row["share"] <= row["share_high"] for row in rows)
    to = tmp_path / "credits.csv"
    assert answer("attribute", "--model", "last", "--to", str(to))["rows"] == len(to.read_text().splitlines()) - 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["attribute", "--model", "markof_path"], "did you mean markov_path?"),
        (["attribute", "--model", '{"model": '], "this begins like JSON and is none"),
        (["retain", "--unit", "fortnight"], "fortnight"),
        (["retain", "--mode", "on"], "a definition of your own needs a unit"),
        (["retain", "--unit", "day", "--start-where", "plan"], "expected PROPERTY=VALUE"),
        (["funnel", "Signed Up", "--watermark", "2026-03-01"], "this time names no zone"),
    ],
)
def test_what_cannot_be_computed_is_told(
    root: Path, capsys: pytest.CaptureFixture[str], asked: list[str], said: str
) -> None:
    assert main([*asked, "--warehouse", str(root)]) == 2
    shown = capsys.readouterr()
    assert said in " ".join((shown.out + shown.err).split())


def test_a_level_that_there_is_not_is_refused(warehouse: OpenWarehouse) -> None:
    with pytest.raises(ConfigError, match="person"):
        warehouse.attribution(model="last", level="household")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="zone"):
        warehouse.retention(unit="week", watermark=datetime(2026, 3, 1))  # noqa: DTZ001 - without one, on purpose
    assert warehouse.retention(unit="week", watermark=datetime(2026, 3, 1, tzinfo=UTC)).count() >= 0
