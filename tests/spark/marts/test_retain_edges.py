"""Retention of frames that people bring: what is refused, rates over all cohorts, accounts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.retention import account_events, pool, retain
from tests.frames import assert_rows

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
EVENTS = "entity_id string, event_time timestamp, event string"


def day(number: int, hour: int = 12) -> datetime:
    return MONDAY + timedelta(days=number, hours=hour)


@pytest.mark.parametrize(
    ("schema", "asked", "said"),
    [
        ("entiy_id string, event_time timestamp", {}, "no column entity_id; did you mean entiy_id?"),
        ("entity_id string, event_time timestamp", {"start": "A"}, "there is no column event"),
        (EVENTS, {"return_where": {"plan": "pro"}}, "there is no column properties"),
        (EVENTS, {"breakdown": "plan"}, "there is no column properties"),
        (f"{EVENTS}, properties string", {"breakdown": "plan"}, "properties is string, expected map<string,string>"),
        ("entity_id string, event_time string", {}, "event_time is string, expected timestamp"),
        ("entity_id string, event_time timestamp_ntz", {}, "event_time is timestamp_ntz, expected timestamp"),
        (EVENTS, {"watermark": datetime(2026, 3, 1)}, "write for example datetime(2026, 3, 1, tzinfo=UTC)"),  # noqa: DTZ001
        (EVENTS, {"watermark": None}, "watermark: expected a time with its zone"),
        (EVENTS, {"mode": "on_and_after"}, "did you mean on_or_after?"),
    ],
)
def test_what_is_missing_is_named(spark: SparkSession, schema: str, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        retain(spark.createDataFrame([], schema), **{"unit": "day", "watermark": MONDAY} | asked)

    assert said in str(caught.value)


def test_without_events_there_are_no_cohorts(spark: SparkSession) -> None:
    cells = retain(spark.createDataFrame([], EVENTS), unit="day", watermark=MONDAY)

    assert cells.columns == [
        "cohort", "offset", "cohort_size", "returned_same_interval", "retained", "retained_eligible", "eligible",
        "is_observed", "rate", "rate_low", "rate_high",
    ]  # fmt: skip
    assert cells.collect() == []


def test_a_return_after_the_watermark_counts_nowhere(spark: SparkSession) -> None:
    # back on the second day before the watermark, on the third after it
    events = spark.createDataFrame(
        [("a", day(0), "A"), ("b", day(0), "A"), ("a", day(1), "A"), ("b", day(2), "A")], EVENTS
    )

    cells = retain(events, unit="day", mode="on_or_after", watermark=day(2, 0))

    # the third day has begun, and nobody can have come back in it
    assert_rows(
        cells.select("offset", "retained", "retained_eligible", "eligible", "is_observed", "rate"),
        "offset int, retained bigint, retained_eligible bigint, eligible bigint, is_observed boolean, rate double",
        (0, 2, 2, 2, True, 1.0),
        (1, 1, 1, 2, True, 0.5),
        (2, 0, 0, 0, False, None),
    )


def test_one_rate_over_all_cohorts_weighs_people_and_a_mean_weighs_cohorts(spark: SparkSession) -> None:
    schema = "offset int, retained bigint, retained_eligible bigint, eligible bigint, is_observed boolean, rate double"
    cells = spark.createDataFrame(
        [
            (1, 9, 9, 10, True, 0.9), (1, 0, 0, 30, True, 0.0), (2, 5, 5, 10, True, 0.5), (2, 7, 0, 0, False, None),
            (3, 1, 0, 0, False, None),
        ],
        schema,
    )  # fmt: skip

    assert_rows(pool(cells), "offset int, rate double", (1, 9 / 40), (2, 0.5), (3, None))
    # rule sets of the table are not mixed
    named = cells.withColumn("name", F.lit("one")).unionByName(
        cells.withColumns({"name": F.lit("other"), "retained_eligible": F.lit(0).cast("bigint")})
    )
    pooled = {(row["name"], row["offset"]): row["rate"] for row in pool(named).collect()}
    assert (pooled["one", 1], pooled["other", 1]) == (9 / 40, 0)
    assert_rows(pool(cells, mean="simple"), "offset int, rate double", (1, 0.45), (2, 0.5), (3, None))
    # the same however rows are divided, and in whatever order
    chance = Random(3)
    rates = [(1, 1, 1, 1, True, chance.random()) for _ in range(300)]
    of_parts = [
        spark.createDataFrame(rows, schema).repartition(n) for rows, n in [(rates, 1), (rates[::-1], 1), (rates, 5)]
    ]
    assert len({pool(rows, mean="simple").collect()[0].rate for rows in of_parts}) == 1
    with pytest.raises(ConfigError, match=r"pooled, simple, found 'poled'; did you mean pooled\?"):
        pool(cells, mean="poled")
    with pytest.raises(ConfigError, match="missing are eligible"):
        pool(cells.drop("eligible"))


def test_an_account_is_active_from_the_member_on_who_makes_enough(spark: SparkSession) -> None:
    events = spark.createDataFrame(
        [
            # two members on the first day, from the second one's first event on
            ("a", day(0, 1), "A"), ("a", day(0, 2), "B"), ("b", day(0, 3), "A"), ("a", day(0, 4), "C"),
            # one on the second, however often
            ("a", day(1, 1), "A"), ("a", day(1, 2), "A"),
            # two on the third, but one has left; nobody knows a stranger
            ("a", day(2, 1), "A"), ("b", day(2, 2), "A"), ("x", day(2, 3), "A"),
        ],
        EVENTS,
    )  # fmt: skip
    # stretches that meet give no event twice
    members = spark.createDataFrame(
        [("a", "acme", None, day(0, 4)), ("a", "acme", day(0, 4), None), ("b", "acme", None, day(2, 0))],
        "entity_id string, account_id string, valid_from timestamp, valid_to timestamp",
    )

    two = account_events(events, members, min_members=2, unit="day")
    one = account_events(events, members.select("entity_id", "account_id").distinct())

    assert_rows(two, EVENTS, ("acme", day(0, 3), "A"), ("acme", day(0, 4), "C"))
    assert one.count() == 8
    with pytest.raises(ConfigError, match="column account_id is missing; there are entity_id"):
        account_events(events, members.select("entity_id"))
    # a membership may begin with a day of the zone, and be without an end by a column of nulls
    from_second_day = members.select("entity_id", "account_id").distinct().where("entity_id = 'a'")
    dated = from_second_day.select("*", F.lit(day(1, 0).date()).alias("valid_from"), F.lit(None).alias("valid_to"))
    assert account_events(events, dated).count() == 3
    assert account_events(events, dated, zone="America/New_York").count() == 1
    # and it came back on the third day with anybody
    back = retain(one, unit="day", watermark=day(3, 0)).where(F.col("retained") > 0)
    assert [row["offset"] for row in back.orderBy("offset").collect()] == [0, 1, 2]
