"""Analytics with parameters of one's own, read off a small warehouse, by Python and by the verbs."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from oneuser import open_warehouse
from oneuser.api import OpenWarehouse
from oneuser.cli.main import main
from oneuser.config import make_config, show_config
from oneuser.contracts.graph import FILES
from oneuser.contracts.identity import ACCOUNT_MEMBERSHIPS, EVENTS_RESOLVED
from oneuser.contracts.marts import (
    ACTIVITY,
    ATTRIBUTION_CREDITS,
    ATTRIBUTION_SPEND,
    ATTRIBUTION_SUMMARY,
    CONVERSIONS,
    RETENTION,
    TOUCHES,
)
from oneuser.contracts.product import FUNNELS, LIFECYCLE, POWER_USERS
from oneuser.contracts.raw import EVENTS
from oneuser.contracts.reference import OPPORTUNITIES, SPEND
from oneuser.core.errors import ConfigError
from oneuser.marts.ordered_journeys import build_journey
from oneuser.marts.provenance import Provenance
from oneuser.spark.small_data import planned_for_small_data
from oneuser.stages.parameters import product_params_id, retention_params_id
from oneuser.stages.product.counted_rows import ProductSources
from oneuser.stages.product.figures import build_figures
from tests.frames import assert_same_rows
from tests.integration import small_warehouse as small
from tests.integration.small_warehouse import ANN, BOB, CARLA, MONDAY, OLD_BOB

MADE = {"params_id": "p", "identity_run": 1}
DAY, WEEK = timedelta(days=1), timedelta(days=7)
MIDNIGHT = MONDAY - timedelta(hours=9)


def event(number: int, user: str, name: str, days: float, account: str | None = None) -> dict[str, Any]:
    return {
        "message_key": number.to_bytes(16), "event_time": MONDAY + days * DAY, "received_at": None, "type": "track",
        "event": name, "user_id": user, "account_id": account, "source": "web", "group_id": None, "unowned": None,
    }  # fmt: skip


def touch_id_of(number: int) -> bytes:
    return hashlib.sha256(b"5:touch" + number.to_bytes(16)).digest()[:16]


def touch(
    number: int, user: str, channel: str, days: float, account: str | None = None, campaign: str | None = None
) -> dict[str, Any]:
    return {
        "touch_id": touch_id_of(number), "user_id": user, "account_id": account, "touched_at": MONDAY + days * DAY,
        "kind": "session", "channel": channel, "channel_rule": "rule", "campaign_source": None, "campaign_medium": None,
        "campaign_name": campaign, "campaign_content": None, "source": "web",
    } | MADE  # fmt: skip


def order(number: int, user: str, value: int, days: float, account: str | None = None) -> dict[str, Any]:
    return {
        "conversion_id": number.to_bytes(16), "conversion": "order", "message_key": number.to_bytes(16),
        "user_id": user, "account_id": account, "converted_at": MONDAY + days * DAY, "value_minor": value,
        "currency": "EUR", "is_value_invalid": False,
    } | MADE  # fmt: skip


def credit(number: int, user: str, channel: str, touch_number: int) -> dict[str, Any]:
    return {
        "conversion_id": number.to_bytes(16), "conversion": "order", "model": "first", "position": 1, "path_length": 1,
        "touch_id": touch_id_of(touch_number), "channel": channel, "user_id": user, "account_id": None,
        "touched_at": MONDAY, "converted_at": MONDAY, "weight": Decimal(1), "credit_minor": 1, "currency": "EUR",
        "is_additive": True, "transforms": "", "entity_level": "person", "lookback_days": 30,
    } | MADE  # fmt: skip


CONFIG = make_config(
    {
        "deployment": "test", "warehouse": "/nowhere",
        "sources": {"web": {"path": "/nowhere", "format": "jsonl", "preset": "segment"}},
        "retention": {"unit": "week", "return": ["Order Completed"]},
        "product": {
            "lifecycle": {"weekly": {"unit": "week"}},
            "funnels": {"shop": {"steps": ["Signed Up", "Order Completed"], "window_days": 7}},
        },
    }
)  # fmt: skip
# what rows of a calendar have in common, and more than each of them has
CALENDAR = {
    "unit": "week", "zone": "UTC", "week_start": "monday", "watermark": MONDAY + 30 * DAY, "entity_level": "person",
    "identity_run": 1,
}  # fmt: skip
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
    EVENTS: [
        {
            "message_key": (1).to_bytes(16), "source": "web", "type": "page", "event_time": MONDAY, "identifiers": [],
            "dropped": [], "content_hash": 1, "file": "a", "run_seq": 1,
            "properties": '{"plan": "pro", "channel": "tv", "Currency": "CHF"}',
        }
    ],
    TOUCHES: [
        touch(1, ANN, "Email", 0, "acme", "spring"), touch(2, ANN, "Direct", 2, "acme"),
        touch(3, CARLA, "Display", 1, "acme"), touch(4, BOB, "Direct", 1),
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
    ATTRIBUTION_SPEND: [],
    ACTIVITY: [
        {
            "user_id": user, "event": name, "quarter": MONDAY + days * DAY, "n_events": 1,
            "first_at": MONDAY + days * DAY, "last_at": MONDAY + days * DAY, "variants": None,
        } | MADE
        for user, name, days in [
            (ANN, "Signed Up", 0), (ANN, "Order Completed", 3), (BOB, "Signed Up", 1), (CARLA, "Signed Up", 0),
            (CARLA, "Order Completed", 9),
        ]
    ],
    ATTRIBUTION_SUMMARY: [
        {
            "model": "first", "conversion": "order", "currency": "EUR", "channel": "Email", "conversions": Decimal(1),
            "credit_minor": Decimal(1000), "n_touches": 1, "is_additive": True, "transforms": "",
            "entity_level": "person",
            "lookback_days": 30, "lookback": "exact", "zone": "UTC",
        } | MADE
    ],
    ATTRIBUTION_CREDITS: [
        credit(1, ANN, "Email", 1), credit(2, BOB, "Direct", 4),
    ],
    RETENTION: [
        {
            "name": "default", "cohort": MONDAY.date(), "cohort_starts_at": MIDNIGHT, "breakdown": None,
            "offset": offset, "offset_until": offset, "cohort_size": 3, "returned_same_interval": 1,
            "retained": retained, "retained_eligible": retained, "eligible": 3, "is_observed": True,
            "rate": retained / 3, "rate_low": 0.1, "rate_high": 0.9, "mode": "on", "membership": "first_ever",
            "basis": "calendar", "min_events": 1, "min_members": 1, **CALENDAR,
            "params_id": retention_params_id(CONFIG, "default"),
        }
        for offset, retained in [(0, 3), (1, 1), (2, 0)]
    ],
    LIFECYCLE: [
        {
            "name": "weekly", "interval": (MONDAY + week * WEEK).date(), "starts_at": MIDNIGHT + week * WEEK,
            "new": new, "returning": returning, "resurrecting": 0, "dormant": dormant, "active": new + returning,
            **CALENDAR, "params_id": product_params_id(CONFIG, "lifecycle", "weekly"),
        }
        for week, new, returning, dormant in [(0, 3, 0, 0), (1, 0, 1, 2), (2, 0, 0, 1)]
    ],
    FUNNELS: [
        {
            "name": "shop", "step": step, "step_name": name, "by_value": None, "n_entities": n, "n_eligible": n,
            "is_final": True, "mode": "ordered", "window_days": 7.0, **CALENDAR,
            "params_id": product_params_id(CONFIG, "funnels", "shop"),
        }
        for step, name, n in [(1, "Signed Up", 3), (2, "Order Completed", 1)]
    ],
    POWER_USERS: [
        {
            "name": name, "entity_id": user, "n_days": 2, "rule": "min_days", "min_days": 2, "days": 28, **CALENDAR,
            "params_id": "p",
        }
        for name, user in [("some", ANN), ("some", CARLA), ("few", BOB)]
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def root(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("analytics") / "warehouse"
    whole = {
        contract: [{name: row.get(name) for name in contract.columns} for row in rows]
        for contract, rows in ROWS.items()
    }
    small.publish(small.build(spark, folder), 2, whole)
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
    # Bob's touch is nineteen days before his order
    assert credited(warehouse, model="linear", lookback_days="none") == {"Email": 500, "Direct": 1000}
    with pytest.raises(ConfigError, match=r"'Drect'; did you mean Direct\?"):
        warehouse.attribution("last", exclude_channels=["Drect"])
    excluded = credited(warehouse, model="last", exclude_channels=["direct"])
    assert excluded == {"Email": 1000, "(unattributed)": 500}
    cost = {row["channel"]: row for row in warehouse.attribution("linear", lookback_days=30, spend=True).collect()}
    assert (cost["Email"]["spend_minor"], cost["Email"]["cpa_minor"]) == (300, 600.0)
    assert cost["Email"]["roas"] == pytest.approx(5 / 3)
    assert (cost["(unallocated)"]["conversions"], cost["Direct"]["spend_minor"]) == (0, 0)


def test_spend_of_the_report_range_is_set_against_its_conversions(warehouse: OpenWarehouse) -> None:
    def cost(**asked: Any) -> dict[str, tuple[int, Decimal, float | None]]:
        rows = warehouse.attribution("linear", spend=True, **asked).collect()
        return {row["channel"]: (int(row["spend_minor"]), row["conversions"], row["cpa_minor"]) for row in rows}

    # all was spent on Monday, and both orders came later
    half = Decimal("0.5")
    assert cost(converted_from="2026-03-03") == {"Email": (0, half, 0.0), "Direct": (0, half + 1, 0.0)}
    assert cost(converted_until="2026-03-03") == {"Email": (300, 0, None), "(unallocated)": (300, 0, None)}
    # a day is where it begins: in Auckland eleven hours before it begins in Greenwich
    assert not cost(converted_from="2026-03-02T00:00:00Z", converted_until="2026-03-03", zone="Pacific/Auckland")
    # accounts have won an opportunity too, which nothing was spent for until then
    rows = warehouse.attribution("linear", level="account", spend=True, converted_until="2026-03-03").collect()
    assert {(row["conversion"], row["channel"]): int(row["spend_minor"]) for row in rows} == {
        (kind, channel): 300 for kind in ("order", "deal") for channel in ("Email", "(unallocated)")
    }


def test_credit_is_told_apart_by_what_touches_and_their_events_say(
    warehouse: OpenWarehouse, spark: SparkSession
) -> None:
    def credit_of(by: str, **asked: Any) -> dict[str, tuple[int, int]]:
        rows = warehouse.attribution("linear", by=by, **asked).collect()
        column = by.replace(".", "_")
        return {row[column]: (int(row["credit_minor"]), row["n_touches"]) for row in rows}

    # Carla's touch for the account says nothing of a campaign
    assert credit_of("campaign_name") == {"spring": (500, 1), "(not set)": (1000, 2)}
    assert credit_of("campaign_name", lookback_days=2) == {"(not set)": (1000, 1), "(unattributed)": (500, 0)}
    # properties that are called as columns of credits are none of these
    for name, value in (("plan", "pro"), ("channel", "tv"), ("Currency", "CHF")):
        assert credit_of(f"properties.{name}") == {value: (500, 1), "(not set)": (1000, 2)}
    of_accounts = warehouse.attribution("linear", by=["channel", "campaign_name"], level="account").collect()
    assert {(row["channel"], row["campaign_name"]) for row in of_accounts if row["conversion"] == "deal"} == {
        ("Email", "spring"), ("Direct", "(not set)"), ("Display", "(not set)")
    }  # fmt: skip
    # kept credits say how they were made, as the summary does
    (kept,) = warehouse.attribution("first", by="campaign_name").where("campaign_name = 'spring'").collect()
    assert (kept["credit_minor"], kept["lookback"], kept["transforms"]) == (1, "exact", "")
    for asked in ({"spend": True}, {"model": "rate_shapley"}):
        with pytest.raises(ConfigError, match=r"spend is set against channels|rate_shapley credit channels"):
            warehouse.attribution(by="campaign_name", **asked)  # type: ignore[arg-type]


def test_fitted_models_whose_credits_are_not_kept_are_computed(spark: SparkSession, tmp_path: Path) -> None:
    (first,) = ROWS[ATTRIBUTION_SUMMARY]
    rows = {
        contract: [{name: row.get(name) for name in contract.columns} for row in ROWS[contract]]
        for contract in (FILES, EVENTS_RESOLVED, TOUCHES, CONVERSIONS, ATTRIBUTION_CREDITS)
    }
    # the two together are more than 64 bits hold
    most = 9 * 10**18
    rows[CONVERSIONS] = [row | {"value_minor": most} for row in rows[CONVERSIONS]]
    fitted = [first, first | {"model": "markov_path"}, first | {"model": "rate_shapley", "n_touches": 0}]
    told = [{name: row.get(name) for name in ATTRIBUTION_SUMMARY.columns} for row in fitted]
    small.publish(small.build(spark, tmp_path), 2, {**rows, ATTRIBUTION_SUMMARY: told})
    attribution = CONFIG.attribution.model_copy(update={"models": ("first", "markov_path", "rate_shapley")})
    opened = open_warehouse(tmp_path, spark=spark, config=CONFIG.model_copy(update={"attribution": attribution}))

    found = {
        row["model"]: row["n"]
        for row in opened.attribution(by="campaign_name")
        .groupBy("model")
        .agg(F.sum("credit_minor").alias("n"))
        .collect()
    }
    assert found == {"first": 2 * most, "markov_path": 2 * most}
    # both conversions would be lost without Direct, and one without Email
    shared = {row["channel"]: int(row["credit_minor"]) for row in opened.attribution("markov_global").collect()}
    assert sum(shared.values()) == 2 * most
    assert shared["Direct"] > 1 << 63
    # what is kept of those that are named
    assert {row["credit_minor"] for row in opened.attribution("first", by="campaign_name").collect()} == {1}
    with pytest.raises(ConfigError, match="of markov_path no credits by touch are kept"):
        open_warehouse(tmp_path, spark=spark).attribution(by="campaign_name")


def test_rows_say_how_they_were_made(warehouse: OpenWarehouse) -> None:
    rows = warehouse.attribution(
        ["last", "markov_global"], lookback="calendar_days", zone="Europe/Berlin", transforms=["exposure"]
    ).collect()
    assert {(row["lookback"], row["zone"], row["transforms"]) for row in rows} == {
        ("calendar_days", "Europe/Berlin", "exposure")
    }
    # only of journeys that did not convert
    watermarks = {row["model"]: row["watermark"] and row["watermark"].astimezone(UTC) for row in rows}
    assert watermarks == {"last": None, "markov_global": MONDAY + 30 * DAY}
    told = {row["channel"]: (row["is_sampled"], row["is_negative"]) for row in rows if row["channel_value"] is not None}
    assert told == dict.fromkeys(("Email", "Direct", "Display"), (False, False))
    made = ("entity_level", "lookback", "zone", "transforms")
    others = {"lookback": "calendar_days", "zone": "Europe/Berlin", "transforms": ["exposure"]}
    answers = [
        warehouse.attribution_by_lookback([7], model="last", level="account", **others),
        warehouse.attribution("last", level="account", spend=True, **others),
    ]
    for answer in answers:
        (of_last,) = answer.select("model", "is_additive", "watermark", *made).distinct().collect()
        assert tuple(of_last) == ("last", True, None, "account", "calendar_days", "Europe/Berlin", "exposure")
    drawn = warehouse.attribution_intervals(level="account", samples=2, seed=5, confidence=0.5)
    (told,) = drawn.select("model", "seed", "confidence", "entity_level", "lookback_days").distinct().collect()
    assert tuple(told) == ("markov_global", 5, 0.5, "account", 30.0)


def test_conversions_are_divided_by_age_and_by_length_of_path(warehouse: OpenWarehouse) -> None:
    def found(model: str, **asked: Any) -> dict[tuple[str, int | None], Decimal]:
        rows = warehouse.lags_and_lengths(model, **asked).collect()
        return {(row["measure"], row["bucket"]): row["conversions"] for row in rows}

    one, half = Decimal(1), Decimal("0.5")
    # Ann came three days and one day before she ordered, Bob nineteen days
    assert found("linear") == {
        ("time_lag_days", 3): half, ("time_lag_days", 1): half, ("time_lag_days", 19): one,
        ("path_length", 2): one, ("path_length", 1): one,
    }  # fmt: skip
    assert found("linear", lookback_days=2)["time_lag_days", None] == one
    assert found("linear", lookback_days=2)["path_length", 0] == one
    # kept credits say of themselves that they are of the instant of their conversion
    assert found("first") == {("time_lag_days", 0): 2 * one, ("path_length", 1): 2 * one}
    with pytest.raises(ConfigError, match="fitted on all paths"):
        warehouse.lags_and_lengths("markov_path")
    # kept ones, and computed ones
    for asked, told in (
        ({}, ("person", 30, "exact", "UTC", "", True)),
        (
            {"lookback_days": 2, "lookback": "calendar_days", "zone": "Europe/Berlin", "transforms": ["exposure"]},
            ("person", 2, "calendar_days", "Europe/Berlin", "exposure", True),
        ),
    ):
        rows = warehouse.lags_and_lengths("first", **asked).collect()
        made = ("entity_level", "lookback_days", "lookback", "zone", "transforms", "is_additive")
        assert {tuple(row[name] for name in made) for row in rows} == {told}


def test_models_of_accounts_that_the_job_does_not_credit_are_compared(warehouse: OpenWarehouse) -> None:
    rows = warehouse.model_agreement(level="account").collect()
    # each pair of the five default models
    assert len(rows) == 10
    assert {row["entity_level"] for row in rows} == {"account"}
    several = warehouse.attribution(["first", {"model": "participation", "name": "any"}], lookback_days=5)
    assert {(row["model"], row["is_additive"]) for row in several.collect()} == {("first", True), ("any", False)}


def test_retention_funnel_and_lifecycle_are_read_off_events(warehouse: OpenWarehouse) -> None:
    assert warehouse.watermark() == MONDAY + 30 * DAY
    weekly = warehouse.retention(unit="week", return_event="Order Completed").where("offset = 1").collect()
    assert [(row["cohort_size"], row["retained"], row["rate"]) for row in weekly] == [(3, 1, pytest.approx(1 / 3))]
    made = {name: weekly[0][name] for name in RETENTION.columns[RETENTION.columns.index("mode") : -2]}
    assert made == {
        "mode": "on", "membership": "first_ever", "basis": "calendar", "min_events": 1, "unit": "week", "zone": "UTC",
        "week_start": "monday", "watermark": made["watermark"], "entity_level": "person", "min_members": 1,
        "breakdown_property": None, "breakdown_at": None,
    }  # fmt: skip
    assert made["watermark"].astimezone(UTC) == MONDAY + 30 * DAY
    assert (weekly[0]["start_events"], weekly[0]["return_events"]) == ("any event", "Order Completed")
    divided = warehouse.retention(unit="week", breakdown="plan", breakdown_at="start_and_return", level="account")
    told = divided.select("breakdown_property", "breakdown_at", "entity_level").distinct().collect()
    assert [tuple(row) for row in told] == [("plan", "start_and_return", "account")]

    steps = warehouse.funnel(["Signed Up", "Order Completed"], window_days=7).orderBy("step").collect()
    assert [row["n_entities"] for row in steps] == [3, 1]
    # both members of the account signed up, and one of them ordered while the account's
    of_accounts = warehouse.funnel(["Signed Up", "Order Completed"], window_days=7, level="account").orderBy("step")
    found = of_accounts.collect()
    assert [(row["n_entities"], row["entity_level"], row["breakdown"]) for row in found] == [(1, "account", None)] * 2

    # of one instant, the one whose key is smaller comes before the other
    twice = warehouse.funnel(["Signed Up", "Signed Up"], window_days=7, level="account").orderBy("step")
    assert [row["n_entities"] for row in twice.collect()] == [1, 1]

    growth = warehouse.lifecycle(unit="week").orderBy("interval").collect()
    assert [(row["new"], row["returning"], row["dormant"]) for row in growth[:3]] == [(3, 0, 0), (0, 1, 2), (0, 0, 1)]
    assert {row["entity_level"] for row in growth} == {"person"}


@pytest.mark.parametrize(
    "active",
    [
        "Order Completed",
        {"event": "Signed Up", "where": {"properties.plan": {"equals": "pro"}}},
        ["Order Completed", "Signed Up"],
    ],
)
def test_a_lifecycle_is_of_the_events_that_make_somebody_active(warehouse: OpenWarehouse, active: Any) -> None:
    source = {"path": "/nowhere", "format": "jsonl", "preset": "segment"}
    rules = {"unit": "week", "active": active, "level": "account"}
    config = make_config(
        {
            "deployment": "test", "warehouse": "/nowhere", "sources": {"web": source},
            "product": {"lifecycle": {"buyers": rules}},
        }
    )  # fmt: skip
    published = build_figures(
        "lifecycle",
        "buyers",
        config.product.lifecycle["buyers"],
        ProductSources(warehouse.published.read, config, warehouse.watermark()),
        provenance=Provenance(params_id="", identity_run=0),
    )

    told = warehouse.lifecycle(unit="week", level="account", active=active)

    assert {row["active_events"] for row in told.collect()} <= {
        "Order Completed", "Signed Up (properties.plan = pro)", "Order Completed or Signed Up"
    }  # fmt: skip
    computed = told.drop("active_events")
    assert_same_rows(computed, published.select(*computed.columns))
    assert computed.count() > 0


def test_a_journey_is_in_order_and_has_what_became_of_the_user_id(warehouse: OpenWarehouse) -> None:
    ann = warehouse.journey(ANN).collect()
    assert [(row["kind"], row["what"]) for row in ann] == [
        ("touch", "Email"), ("touch", "Direct"), ("conversion", "order")
    ]  # fmt: skip
    # by a retired ID, the person of now
    assert [row["kind"] for row in warehouse.journey(OLD_BOB).collect()] == ["touch", "conversion"]
    # the touches of all members, and the won opportunity
    of_account = [(row["kind"], row["what"]) for row in warehouse.journey("acme", level="account").collect()]
    assert of_account == [
        ("touch", "Email"), ("touch", "Display"), ("touch", "Direct"), ("conversion", "order"), ("conversion", "deal")
    ]  # fmt: skip


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
    assert [(row["n_entities"], row["step_name"], row["n_eligible"], row["is_final"]) for row in rows] == [
        (3, "Signed Up", 3, True), (1, "Order Completed", 1, True)
    ]  # fmt: skip
    # programs are told all columns, people those that say what a number is of
    assert (rows[1]["median_seconds"], rows[1]["watermark"]) == (3 * 86_400, "2026-04-01T09:00:00Z")
    assert main(["funnel", "Signed Up", "--warehouse", str(root)]) == 0
    assert {"step_name", "n_eligible", "is_final"} <= set(capsys.readouterr().out.split())
    rows = answer("retain", "--unit", "week", "--return", "Order Completed", "--max-offset", "1")["rows"]
    told = [(row["offset"], row["returned_same_interval"], row["retained_eligible"]) for row in rows]
    assert told == [(0, 1, 3), (1, 1, 1)]
    rows = answer("attribute", "--model", "first", "--model", "last", "--lookback-days", "none")["rows"]
    assert {(row["model"], row["lookback_days"], row["is_additive"]) for row in rows} == {
        ("first", None, True), ("last", None, True),
    }  # fmt: skip
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
        (["attribute", "--model", "last", "--exclude-channel", "Drect"], "'Drect'; did you mean Direct?"),
        (["attribute", "--model", '{"model": '], "this begins like JSON and is none"),
        (["retain", "--unit", "fortnight"], "fortnight"),
        (["retain", "--mode", "on"], "a definition of your own needs a unit"),
        (["retain", "--unit", "day", "--start-where", "plan"], "expected PROPERTY=VALUE"),
        (["funnel", "Signed Up", "--watermark", "2026-03-01"], "--watermark: 2026-03-01 00:00:00 has no time zone"),
        (["retain", "--unit", "day", "--watermark", "2026-03-01T06:00"], "2026-03-01 06:00:00 has no time zone"),
        (["attribute", "--since", "2026-03-01T06:00"], "--since: 2026-03-01 06:00:00 has no time zone"),
        (["attribute", "--until", "March"], "--until: expected a day, such as 2026-03-01, or a time with its zone"),
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
    with pytest.raises(ConfigError, match="has no time zone"):
        warehouse.retention(unit="week", watermark=datetime(2026, 3, 1))  # noqa: DTZ001 - without one, on purpose
    assert warehouse.retention(unit="week", watermark=datetime(2026, 3, 1, tzinfo=UTC)).count() >= 0


@pytest.mark.parametrize(
    ("table", "cell", "who"),
    [
        ("retention", {"offset": 1}, {CARLA}),
        ("retention", {"offset": 0}, {ANN, BOB, CARLA}),
        ("retention", {"offset": 1, "number": "returned_same_interval"}, {ANN}),
        ("retention", {"cohort": "2026-03-02", "offset": 2}, set()),
        ("lifecycle", {"interval": MONDAY.date()}, {ANN, BOB, CARLA}),
        ("lifecycle", {"name": "weekly", "interval": "2026-03-09", "number": "dormant"}, {ANN, BOB}),
        ("lifecycle", {"starts_at": "2026-03-09T01:00+01:00", "number": "returning"}, {CARLA}),
        ("funnels", {"name": "shop", "step": 2}, {ANN}),
        ("funnels", {"step": "1", "by_value": None, "number": "n_eligible"}, {ANN, BOB, CARLA}),
        ("attribution_summary", {"channel": "Email"}, {ANN}),
        ("power_users", {"name": "some"}, {ANN, CARLA}),
    ],
)
def test_who_is_in_a_number_are_as_many_as_it_says(
    root: Path, spark: SparkSession, table: str, cell: dict[str, Any], who: set[str]
) -> None:
    with planned_for_small_data(spark):
        opened = open_warehouse(root, spark=spark, config=CONFIG)
        found = [row["entity_id"] for row in opened.members(table, cell).collect()]
        assert sorted(found) == sorted(who)
        if table != "power_users":
            asked = {name: value for name, value in cell.items() if name in {"offset", "step", "interval"}}
            numbers = {"retention": "retained", "lifecycle": "active", "funnels": "n_entities"}
            number = cell.get("number", numbers.get(table, "n_touches"))
            rows = [row.asDict() for row in opened.table(table).collect()]
            said = {row[number] for row in rows if all(str(row[name]) == str(asked[name]) for name in asked)}
            assert len(found) in said


@pytest.mark.parametrize(
    ("table", "cell", "said"),
    [
        ("retentions", {}, "did you mean retention?"),
        ("retention", {}, "several rows of retention have these values"),
        ("retention", {"offset": 9}, "no row of retention has these values"),
        ("retention", {"ofset": 1}, "did you mean offset?"),
        ("lifecycle", {"interval": "March"}, "interval is 'March', expected date"),
        ("lifecycle", {"starts_at": "2026-03-02"}, "starts_at names no zone"),
        ("lifecycle", {"interval": "2026-03-02", "number": "news"}, "did you mean new?"),
        ("power_users", {"number": "n_days"}, "rows of power_users are people: they have no number"),
    ],
)
def test_a_cell_that_there_is_not_is_refused(
    root: Path, spark: SparkSession, table: str, cell: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        open_warehouse(root, spark=spark, config=CONFIG).members(table, cell)
    assert said in str(refused.value)


def test_no_value_of_a_cell_stands_in_a_plan(root: Path, spark: SparkSession) -> None:
    rows = open_warehouse(root, spark=spark).members("power_users", {"entity_id": ANN, "min_days": 2})
    assert [row["name"] for row in rows.collect()] == ["some"]
    assert ANN not in str(rows._jdf.queryExecution().toString())  # as the event log has it


def test_members_are_found_by_the_rules_that_were_published(root: Path, spark: SparkSession, tmp_path: Path) -> None:
    cell = {"interval": "2026-03-09", "number": "dormant"}
    with pytest.raises(ConfigError, match="open it with `config=`"):
        open_warehouse(root, spark=spark).members("lifecycle", cell)
    file = tmp_path / "other.yaml"
    file.write_text(show_config(CONFIG).replace("unit: week", "unit: day"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"lifecycle\.weekly: is not what it was when this was published"):
        open_warehouse(root, spark=spark, config=file).members("lifecycle", cell)


def test_the_verb_members_shows_them(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "oneuser.yaml"
    file.write_text(show_config(CONFIG), encoding="utf-8")
    asked = ["members", "lifecycle", "interval=2026-03-09", "number=dormant", "resurrecting=0"]
    assert main([*asked, "--config", str(file), "--warehouse", str(root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == [{"entity_id": ANN}, {"entity_id": BOB}]
    assert main(["members", "lifecycle", "dormant", "--config", str(file), "--warehouse", str(root)]) == 2
    shown = capsys.readouterr()
    assert "expected COLUMN=VALUE" in " ".join((shown.out + shown.err).split())
    asked = ["members", "funnels", "step=2", "by_value=", "--config", str(file), "--warehouse", str(root), "--json"]
    assert main(asked) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == [{"entity_id": ANN}]
    assert main(["members", "retention", "is_observed=maybe", "--config", str(file), "--warehouse", str(root)]) == 2
    assert "is_observed is 'maybe', expected boolean" in " ".join(capsys.readouterr().err.split())


def test_the_verb_members_starts_spark_by_itself(root: Path, tmp_path: Path) -> None:
    # the tests above have a session before they ask
    file = tmp_path / "oneuser.yaml"
    file.write_text(show_config(CONFIG), encoding="utf-8")
    asked = ["members", "retention", "offset=1", "--config", str(file), "--warehouse", str(root), "--json"]

    ended = subprocess.run(
        [sys.executable, "-m", "oneuser.cli.main", *asked], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["rows"] == [{"entity_id": CARLA}]
