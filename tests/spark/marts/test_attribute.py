"""Attribution of anybody's frames against every conversion with every touch, by the definitions."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from oneuser.core.errors import ConfigError
from oneuser.marts.attribution import add_spend, attribute, compare_credits, count_paths, transitions
from tests.oracle.attribution import (
    DAY,
    UNITS,
    Rules,
    path_of,
    paths_of,
    weights_of,
)
from tests.oracle.attribution import attribute as by_definition
from tests.spark.marts.histories import IDS, History, as_time, rows_of

# as the real thing takes them, by the names of the oracle
MODELS: dict[str, Any] = {
    "first": "first",
    "last": "last",
    "linear": "linear",
    "position": "position",
    "j_shaped": {"model": "J", "name": "j_shaped"},
    "inverse_j": "inverse_j",
    "mostly last": {"model": "position", "name": "mostly last", "first": 0.1, "last": 0.9},
    "last_non_direct": {"model": "last_non_x", "name": "last_non_direct", "channels": ["direct "]},
    "first_non_direct": "first_non_direct",
    "w_shaped": "w_shaped",
    "full_path": "full_path",
    "lead_u": "lead_u",
    "participation": "participation",
}
CASES: dict[str, tuple[str, Rules, dict[str, Any]]] = {
    "as it is": ("text", Rules(), {}),
    "without direct and unassigned": (
        "binary",
        Rules(lookback=7 * DAY, exclude=(" DIRECT", "unassigned")),
        {"lookback_days": 7, "exclude_channels": [" DIRECT", "unassigned"]},
    ),
    "a range, and only new touches": (
        "whole",
        Rules(reset=True, start=20 * DAY, end=50 * DAY, transform="exposure"),
        {
            "reset_at_conversion": True, "transforms": ["exposure"], "converted_from": as_time(20 * DAY),
            "converted_until": as_time(50 * DAY).isoformat(),
        },
    ),
    "the first conversion": (
        "text",
        Rules(lookback=1000 * DAY, first_per_entity=True, start=1 * DAY, transform="no_direct"),
        {
            "lookback_days": None, "conversion_scope": "first_per_entity", "converted_from": as_time(DAY),
            "transforms": {"transform": "remove_if_not_all", "channel": "Direct"},
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_credits_are_those_of_the_definition(spark: SparkSession, case: str) -> None:
    kind, rules, parameters = CASES[case]
    dtype, ids = IDS[kind]
    history = History(sum(map(ord, case)), ids)
    # the oracle tells channels apart by their case, as transforms do
    if rules.transform == "no_direct":
        history.touches = [replace(one, channel=one.channel and one.channel.title()) for one in history.touches]
    touches, conversions, milestones = history.frames(spark, dtype)
    models = [name for name in MODELS if "non_direct" not in name or rules.transform == "no_direct"]

    credited = attribute(
        touches.repartition(3), conversions, milestones=milestones,
        models=[MODELS[name] for name in models], **parameters,
    )  # fmt: skip

    assert credited.columns == [
        "conversion_id", "model", "touch_id", "position", "channel", "weight", "credit_minor", "currency", "conversion",
    ]  # fmt: skip
    assert [credited.schema[name].dataType for name in ("conversion_id", "touch_id", "weight", "credit_minor")] == [
        dtype, dtype, T.DecimalType(20, 12), T.LongType(),
    ]  # fmt: skip
    assert credited.schema["model"].metadata == {"does_not_add_up": ["participation"]}
    expected = by_definition(history.touches, history.conversions, history.milestones, models, rules)
    assert rows_of(credited) == expected
    # the history holds what it is meant to hold
    assert {row[1] for row in expected} == set(models)
    assert max(row[3] for row in expected) > 2


def test_time_decay_is_close_and_adds_up(spark: SparkSession) -> None:
    history = History(7, str)
    touches, conversions, _ = history.frames(spark, T.StringType())

    found = rows_of(attribute(touches, conversions, models=["time_decay"]))

    for one in history.conversions:
        path = path_of(one, history.touches, history.conversions, Rules())
        mine = sorted((row for row in found if row[0] == one.id), key=lambda row: row[3])
        assert sum(row[5] for row in mine) == UNITS
        assert one.value is None or sum(row[6] for row in mine) == one.value
        weights = weights_of("time_decay", path, one.at, [], None) if path else []
        got = {row[3]: row for row in mine}
        for place, weight in enumerate(weights, start=1):
            units, credit = (got[place][5], got[place][6]) if place in got else (0, 0)
            assert abs(units - weight * UNITS) <= 1
            assert one.value is None or abs(credit - weight * one.value) <= 1 + abs(one.value) / Fraction(UNITS)


def test_paths_are_counted_over_everybody(spark: SparkSession) -> None:
    for seed, rules, parameters in (
        (1, Rules(lookback=20 * DAY, transform="first"), {"lookback_days": 20, "transforms": "first"}),
        (
            2,
            Rules(end=40 * DAY, start=30 * DAY, reset=True, exclude=("direct",)),
            {
                "converted_until": as_time(40 * DAY), "converted_from": as_time(30 * DAY), "reset_at_conversion": True,
                "exclude_channels": ["direct"],
            },
        ),
    ):  # fmt: skip
        history = History(seed, str)
        touches, conversions, _ = history.frames(spark, T.StringType())

        counted = count_paths(touches, conversions, **parameters)  # type: ignore[arg-type]

        found = {tuple(row.path): (row.n_conversions, row.n_journeys) for row in counted.collect()}
        assert found == paths_of(history.touches, history.conversions, rules)
        # some paths were taken by people who did not convert
        assert any(not conversions for conversions, _ in found.values())


def test_days_may_be_counted_by_the_calendar_or_in_whole(spark: SparkSession) -> None:
    # two days back in Auckland, where clocks went back one hour on 5 April
    touches = spark.sql(
        "SELECT 'a' entity_id, touch_id, CAST(at || ' Pacific/Auckland' AS timestamp) touched_at, 'Email' channel"
        " FROM VALUES"
        " (1, '2026-04-03 23:59:59'), (2, '2026-04-04 00:00:00'), (3, '2026-04-04 10:30:00'),"
        " (4, '2026-04-04 11:30:00'), (5, '2026-04-03 11:30:01'), (6, '2026-04-03 11:30:00') AS t (touch_id, at)"
    )
    conversions = spark.sql(
        "SELECT 'c' conversion_id, 'a' entity_id, timestamp '2026-04-06 10:30:00 Pacific/Auckland' converted_at,"
        " 5 value_minor, NULL currency"
    )

    def found(**parameters: Any) -> set[int]:
        credited = attribute(touches, conversions, models="linear", zone="Pacific/Auckland", **parameters)
        return {row.touch_id for row in credited.collect()}

    for zone_of_session in ("UTC", "America/New_York"):
        spark.conf.set("spark.sql.session.timeZone", zone_of_session)
        try:
            assert found(lookback_days=2, lookback="calendar_days") == {2, 3, 4}
            assert found(lookback_days=2) == {4}
            # less than three times 24 hours
            assert found(lookback_days=2, lookback="whole_days") == {1, 2, 3, 4, 5}
        finally:
            spark.conf.set("spark.sql.session.timeZone", "UTC")


def test_a_day_begins_where_its_zone_says_so(spark: SparkSession) -> None:
    # of a report of one day in Auckland, 13 hours ahead of UTC
    touches = spark.sql("SELECT 'a' entity_id, 1 touch_id, date '2026-03-02' touched_at, 'Email' channel")
    conversions = spark.sql(
        "SELECT id conversion_id, 'a' entity_id, CAST(at AS timestamp) converted_at, 5 value_minor, NULL currency"
        " FROM VALUES (1, '2026-03-01 10:59:59Z'), (2, '2026-03-01 11:00:00Z'), (3, '2026-03-02 11:00:00Z') t (id, at)"
    )

    credited = attribute(
        touches, conversions, models="last", zone="Pacific/Auckland", converted_from=date(2026, 3, 1),
        converted_until="2026-03-03",
    )  # fmt: skip

    # the touch is at 11:00 in UTC, and so the second conversion is just in time
    assert {row.conversion_id: row.touch_id for row in credited.collect()} == {1: None, 2: 1}


def test_large_values_come_back_whole(spark: SparkSession) -> None:
    touches = spark.sql(
        "SELECT 1L entity_id, id touch_id, timestamp '2026-03-01 00:00:00' touched_at, 'Email' channel FROM range(3)"
    )
    conversions = spark.sql(
        "SELECT 7 conversion_id, 1 entity_id, timestamp '2026-03-01 00:00:00' converted_at,"
        " 10000000000000000000000000000000000000BD value_minor, 'EUR' currency"
    )

    credited = attribute(touches, conversions, models=["linear", "participation"])

    rows = credited.collect()
    assert credited.schema["credit_minor"].dataType == T.DecimalType(38, 0)
    assert sum(int(row.credit_minor) for row in rows if row.model == "linear") == 10**37
    assert [row.credit_minor for row in rows if row.model == "participation"] == [10**37]


def test_everything_that_is_wrong_is_told_at_once(spark: SparkSession) -> None:
    touches = spark.sql("SELECT 'a' entity_id, 1 touchid, 'yesterday' touched_at, 'Email' channel")
    conversions = spark.sql(
        "SELECT 1 conversion_id, 'a' entity_id, current_date() converted_at, 9.99D value_minor, '' currency"
    )

    def told(*frames: DataFrame, **parameters: Any) -> str:
        with pytest.raises(ConfigError) as error:
            attribute(*frames, **parameters)
        return str(error.value)

    text = told(touches, conversions)
    assert "touches.touch_id: is missing" in text
    assert "did you mean touchid?" in text
    assert (
        "touches.touched_at: is string, expected a timestamp or a date; read texts that name their zone by CAST("
        in text
    )
    assert "conversions.value_minor: is double, expected whole numbers" in text
    text = told(
        touches, conversions, lookback_days=-1, lookback="weeks", zone="Mars", conversion_scope="all",
        exclude_channels="Direct", transforms=["frist"],
    )  # fmt: skip
    wrong: dict[str, Any] = {"reset_at_conversion": "no", "exclude_channels": None}
    assert all(f"{key}: expected" in told(touches, conversions, **wrong) for key in wrong)
    for key in ("lookback_days", "lookback", "zone", "conversion_scope", "exclude_channels", "transforms"):
        assert f"{key}: " in text
    assert "converted_until: must be after" in told(
        touches, conversions, converted_from="2026-03-02", converted_until="2026-03-02"
    )
    assert told([], {}) == (  # type: ignore[arg-type]
        "2 problems\n"
        "touches: expected a Spark DataFrame, found list\nconversions: expected a Spark DataFrame, found dict"
    )
    assert "did you mean last?" in told(touches, conversions, models=["lst"])
    assert "w_shaped needs a frame with entity_id, milestone (lead, opportunity)" in told(
        touches, conversions, models=["w_shaped"]
    )
    good = touches.select("entity_id", F.lit(1).alias("touch_id"), F.now().alias("touched_at"), "channel")
    other = conversions.withColumns({"entity_id": F.lit(1), "value_minor": F.lit(1)})
    assert (
        "entity_id: must be of one type for rows to meet, found text in touches, whole numbers in conversions"
        in told(good, other)
    )
    with pytest.raises(ConfigError, match="order: expected a whole number from 1 on, found '1'"):
        transitions(good, other.withColumn("entity_id", F.lit("a")), order="1")  # type: ignore[arg-type]


def credits_of(spark: SparkSession, *rows: tuple[Any, ...]) -> DataFrame:
    return spark.createDataFrame(
        [(channel, model, Decimal(weight), credit, currency) for channel, model, weight, credit, currency in rows],
        "channel string, model string, weight decimal(20,12), credit_minor bigint, currency string",
    )


def test_two_credits_are_compared_by_channel(spark: SparkSession) -> None:
    before = credits_of(
        spark,
        ("Email", "first", "1", 2**62, "EUR"),
        ("Email", "first", "1", 2**62, "EUR"),
        ("Direct", "first", "1", None, "EUR"),
    )
    after = credits_of(spark, ("Paid", "last", "1", 2**63 - 1, "EUR"), ("Email", "last", "1", 1, "EUR"))

    compared = compare_credits(before, after)

    assert compared.columns == ["channel", "delta_minor"]
    assert {row.channel: int(row.delta_minor) for row in compared.collect()} == {
        "Email": 1 - 2**63, "Paid": 2**63 - 1, "Direct": 0,
    }  # fmt: skip
    with pytest.raises(Exception, match="more than one currency; name it in `by`"):
        compare_credits(before, credits_of(spark, ("Email", "last", "1", 1, "USD"))).collect()
    with pytest.raises(Exception, match="more than one model"):
        compare_credits(before.unionByName(credits_of(spark, ("Email", "last", "1", 1, "EUR"))), after).collect()
    by_currency = compare_credits(
        before, credits_of(spark, ("Email", "last", "1", 1, "USD")), by=["channel", "currency"]
    )
    assert {(row.channel, row.currency): int(row.delta_minor) for row in by_currency.collect()} == {
        ("Email", "EUR"): -(2**63), ("Email", "USD"): 1, ("Direct", "EUR"): 0,
    }  # fmt: skip


def test_spend_is_set_against_credit(spark: SparkSession) -> None:
    given = credits_of(
        spark,
        ("Email", "first", "0.5", 300, "EUR"),
        ("Email", "first", "1.5", None, "EUR"),
        ("Direct", "first", "1", 50, "EUR"),
    )
    spend = spark.createDataFrame(
        [("Email", 1, 60), ("Email", 2, 40), ("Display", 1, 7), (None, 1, 5)],
        "channel string, day int, spend_minor int",
    )

    added = add_spend(given, spend)

    assert added.columns == ["channel", "spend_minor", "cpa_minor", "roas"]
    assert {row.channel: (int(row.spend_minor), row.cpa_minor, row.roas) for row in added.collect()} == {
        "Email": (100, 50.0, 3.0), "Direct": (0, 0.0, None), "Display": (7, None, 0.0), "(unallocated)": (5, None, 0.0),
    }  # fmt: skip
    two_models = given.unionByName(credits_of(spark, ("Email", "last", "4", 200, "EUR")))
    with pytest.raises(Exception, match="more than one model"):
        add_spend(two_models, spend).collect()
    by_model = {
        (row.model, row.channel): row.cpa_minor
        for row in add_spend(two_models, spend, by=["model", "channel"]).collect()
    }
    assert by_model["first", "Email"] == 50.0
    assert by_model["last", "Email"] == 25.0
    with pytest.raises(Exception, match="more than one currency"):
        add_spend(given, spend.withColumn("currency", F.lit("USD"))).collect()
    with pytest.raises(ConfigError, match=r"spend\.spend_minor: is missing"):
        add_spend(given, spend.drop("spend_minor"))


def test_spend_and_credit_without_a_key_are_two_rows(spark: SparkSession) -> None:
    rows = [("Email", "Spring", 300), ("Email", " ", 100), ("Display", None, 40), ("(unattributed)", None, 50)]
    given = spark.createDataFrame(
        [(channel, campaign, Decimal(1), credit) for channel, campaign, credit in rows],
        "channel string, campaign string, weight decimal(20,12), credit_minor bigint",
    )
    spend = spark.createDataFrame(
        [(" spring ", 60), ("", 5), (None, 1), (" Autumn", 7), ("Autumn", 1)], "campaign string, spend_minor int"
    )

    added = add_spend(given, spend, by="campaign")

    assert {row.campaign: (int(row.spend_minor), row.cpa_minor, row.roas) for row in added.collect()} == {
        "Spring": (60, 60.0, 5.0), "(not set)": (0, 0.0, None), "(unattributed)": (0, 0.0, None),
        "(unallocated)": (6, None, 0.0), "Autumn": (8, None, 0.0),
    }  # fmt: skip
    # of names that differ in case alone each has its own
    both = given.unionByName(given.where("campaign = 'Spring'").withColumn("campaign", F.lit("spring")))
    told = add_spend(both, spend, by="campaign").where("spend_minor > 10").collect()
    assert [(row.campaign, int(row.spend_minor)) for row in told] == [("spring", 60)]
