"""Tables of product analytics, read off activity, are what the functions say of events; members are who is counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import reduce
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.config import Config, make_config
from oneuser.contracts.graph import IDENTIFIERS
from oneuser.contracts.identity import EVENTS_RESOLVED, IDENTIFIER_MAP
from oneuser.contracts.marts import ACTIVITY, CONVERSIONS
from oneuser.contracts.product import PRODUCT_TABLES
from oneuser.contracts.raw import EVENTS
from oneuser.contracts.reference import SEATS, SUBSCRIPTIONS
from oneuser.contracts.table import TableContract
from oneuser.marts.adoption import adopting_accounts, adoption, count_adopters, feature_usage
from oneuser.marts.funnels import funnel
from oneuser.marts.lifecycle import activation, at_risk, dau_mau, lifecycle, power_curve, power_users
from oneuser.marts.provenance import Provenance
from oneuser.marts.retention.activity import build_activity, with_properties
from oneuser.marts.value import ltv, monthly_revenue, revenue_retention, rfm
from oneuser.spark.event_order import event_order
from oneuser.spark.small_data import planned_for_small_data
from oneuser.stages.parameters import activity_properties
from oneuser.stages.product.counted_entities import NUMBERS, find_counted
from oneuser.stages.product.counted_rows import ProductSources
from oneuser.stages.product.figures import build_figures
from oneuser.stages.product.stage import count_left_out
from tests.oracle.product_events import BERLIN, collect_cases, frame_of, random_events

# neither a quarter of an hour nor the end of a day, in the middle of events of the same instant
WATERMARK = datetime(2026, 4, 19, 22, tzinfo=UTC)
PRO = {"event": ["A", "C"], "where": {"properties.plan": {"equals": "pro"}}}
PRO_STEP = {"event": ["A", "C"], "where": {"plan": "pro"}}
VALUES = {"order": {"event": "A", "value": "properties.n", "currency": {"const": "EUR"}}}
PRODUCT: dict[str, dict[str, dict[str, Any]]] = {
    "lifecycle": {
        "weekly": {"unit": "week", "zone": BERLIN, "week_start": "sunday"},
        "pro": {"unit": "day", "active": PRO, "zone": BERLIN},
        "accounts": {"unit": "week", "level": "account"},
    },
    "stickiness": {"days": {"zone": BERLIN}},
    "active_users": {"site": {"zone": BERLIN, "days": [28, 7]}},
    "power_users": {"some": {"min_days": 6, "zone": BERLIN}},
    "at_risk": {"some": {"min_days": 2, "zone": BERLIN}},
    "activation": {
        "any": {"steps": ["B", PRO], "window_days": 9, "unit": "month", "zone": BERLIN},
        "named": {"start": "D", "steps": ["B", "C"], "window_days": 9.5},
    },
    "feature_usage": {"all": {"features": {"b": "B", "pro": PRO}, "zone": BERLIN, "window_days": 30}},
    "adoption": {
        "pro": {"feature": PRO, "eligible": "D", "min_uses": 2, "min_days": 2, "window_days": 30, "zone": BERLIN},
        "accounts": {
            "feature": PRO,
            "level": "account",
            "seats": ["plan", "more"],
            "min_seats_percent": 50,
            "window_days": 30,
            "zone": BERLIN,
        },
        "any_member": {"feature": PRO, "level": "account", "eligible": "D", "window_days": 30, "zone": BERLIN},
    },
    "funnels": {
        "open": {"steps": ["A", "B"], "level": "account"},
        "by_plan": {"steps": ["A", "B", PRO], "window_days": 5, "by": "properties.plan"},
    },
    "rfm": {"buyers": {"conversions": ["order"], "zone": BERLIN}},
    "lifetime_value": {
        "since_purchase": {"conversions": ["order"]},
        "since_b": {"conversions": ["order"], "start": "B", "zone": BERLIN},
    },
    "revenue_retention": {
        "monthly": {"conversions": ["order"], "offsets": [1, 2]},
        "people": {"subscriptions": ["plan"], "offsets": [1, 2], "zone": BERLIN},
        "accounts": {"subscriptions": ["plan", "more"], "currency": "EUR", "offsets": [1], "level": "account"},
    },
}
FILES = {
    "subscriptions": {
        "plan": {"path": "/plan.csv", "format": "csv", "currency": "EUR"},
        "more": {"path": "/more.csv", "format": "csv"},
    },
    "seats": {name: {"path": "/seats.csv", "format": "csv"} for name in ("plan", "more")},
}
# file, account, identifier, amount, currency, first and last month
SUBSCRIBED = [
    ("plan", "acc1", None, 100, "EUR", 1, 3), ("plan", "acc1", None, 150, "EUR", 3, None),
    ("more", "acc2", None, 500, "EUR", None, None), ("more", "acc3", None, 900, "USD", 1, None),
    ("plan", None, "e1", 20, "EUR", 1, 3), ("plan", None, "e2", 30, "EUR", 2, None),
    ("plan", None, "e2 too", 5, "EUR", 3, None), ("plan", None, "stranger", 7, "EUR", 1, None),
]  # fmt: skip
SEATED = [
    ("plan", "acc1", 2, None, 3), ("plan", "acc1", 6, 3, None), ("more", "acc1", 2, None, None),
    ("plan", "acc2", 1, 1, None), ("plan", "acc3", 0, 1, None), ("plan", "acc9", 4, 1, None),
    ("plan", "acc4", 1, 6, None),
]  # fmt: skip
LISTS = {"power_users", "at_risk", "feature_usage", "rfm"}


@pytest.fixture(scope="module", autouse=True)
def _small(spark: SparkSession) -> Iterator[None]:
    """As runs plan a few rows: many figures of little data are mostly planning."""
    with planned_for_small_data(spark, given=set()):
        yield


@pytest.fixture(scope="module")
def config() -> Config:
    source = {"path": "/nowhere", "format": "jsonl", "preset": "segment"}
    return make_config(
        {
            "deployment": "test", "warehouse": "/nowhere", "sources": {"web": source}, "conversions": VALUES,
            "product": PRODUCT, "retention": {"unit": "week"}, **FILES,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> DataFrame:
    """Events as anybody has them; the same that `sources` has in tables."""
    return frame_of(spark, random_events(seed=15)).where("event_time IS NOT NULL").coalesce(1).localCheckpoint()


@pytest.fixture(scope="module")
def sources(spark: SparkSession, events: DataFrame, config: Config) -> ProductSources:
    keyed = with_keys(events)
    conversions = purchases(events).select(
        F.lit("order").alias("conversion"),
        F.col("entity_id").alias("user_id"),
        F.col("event_time").alias("converted_at"),
        "value_minor",
        F.lit("EUR").alias("currency"),
    )
    tables: dict[TableContract, DataFrame] = {
        EVENTS_RESOLVED: keyed.withColumnRenamed("entity_id", "user_id").drop("properties").localCheckpoint(),
        EVENTS: keyed.select("message_key", "properties").distinct().localCheckpoint(),
        CONVERSIONS: conversions.localCheckpoint(),
    }
    owned = with_properties(tables[EVENTS_RESOLVED], tables[EVENTS], properties=activity_properties(config))
    keys = [F.encode("identifier", "utf-8").alias("id_key"), F.lit("user_id").alias("id_type")]
    of_whom = spark.createDataFrame(
        [(n, name, name.split()[0]) for n, name in enumerate(("e1", "e2", "e2 too"))],
        "identifier_id bigint, identifier string, user_id string",
    )
    tables[IDENTIFIERS] = of_whom.select("identifier_id", *keys).localCheckpoint()
    tables[IDENTIFIER_MAP] = of_whom.select("identifier_id", "user_id").localCheckpoint()
    tables[SUBSCRIPTIONS] = subscribed(spark).select(
        "source", "account_id", keys[0], F.when(F.col("identifier").isNotNull(), keys[1]).alias("id_type"),
        "mrr_minor", "currency", "valid_from", "valid_to",
    ).localCheckpoint()  # fmt: skip
    tables[SEATS] = spark.createDataFrame(
        [(*row[:3], *map(month, row[3:])) for row in SEATED],
        "source string, account_id string, n_seats bigint, valid_from timestamp, valid_to timestamp",
    ).localCheckpoint()
    tables[ACTIVITY] = build_activity(owned, provenance=Provenance("p", 1)).localCheckpoint()
    return ProductSources(tables.__getitem__, config, WATERMARK)


@pytest.fixture(scope="module")
def shown(sources: ProductSources) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Rows of every table, by table and name; all in one job."""
    names = [(table, name) for table, name, _ in sources.config.product.each()]
    found = collect_cases([as_json(figures(sources, table, name)) for table, name in names])
    return {one: [json.loads(row[0]) for row in rows] for one, rows in zip(names, found, strict=True)}


def with_keys(events: DataFrame) -> DataFrame:
    """Events as messages: the smaller the text, the later it was received, where that is known."""
    key = F.sha2(F.to_json(F.struct("*")), 256)
    received = F.timestamp_micros(F.when(key > F.lit("4"), -F.conv(F.substring(key, 1, 6), 16, 10).cast("bigint")))
    return events.withColumns({"message_key": key.cast("binary"), "received_at": received})


def as_json(rows: DataFrame) -> DataFrame:
    """Each row as one text, so that rows of different tables are one frame; what is null is left out."""
    return rows.select(F.to_json(F.struct(*(F.col(name).cast("string").alias(name) for name in rows.columns))))


def month(number: int | None) -> datetime | None:
    return None if number is None else datetime(2026, number, 1, tzinfo=UTC)


def subscribed(spark: SparkSession) -> DataFrame:
    """Records as they are declared, with the identifier as it is written."""
    return spark.createDataFrame(
        [(*row[:5], *map(month, row[5:])) for row in SUBSCRIBED],
        "source string, account_id string, identifier string, mrr_minor bigint, currency string, "
        "valid_from timestamp, valid_to timestamp",
    )


def purchases(events: DataFrame) -> DataFrame:
    """What conversions come of: every A is an order of some value."""
    value = F.when(F.hour("event_time") < 21, F.lit(250)).otherwise(F.lit(1000)).cast("bigint")
    return events.where("event = 'A' AND entity_id IS NOT NULL").select(
        "entity_id", "event_time", value.alias("value_minor")
    )


def figures(sources: ProductSources, table: str, name: str) -> DataFrame:
    rules = getattr(sources.config.product, table)[name]
    return build_figures(table, name, rules, sources, provenance=Provenance("params", 7))


def of_accounts(events: DataFrame) -> DataFrame:
    return events.withColumn("entity_id", F.col("account_id"))


def pro(events: DataFrame) -> DataFrame:
    return events.where("event IN ('A', 'C') AND get_json_object(properties, '$.plan') = 'pro'")


def expected(events: DataFrame) -> dict[tuple[str, str], DataFrame]:
    """What the functions say of the events themselves."""
    at, money = {"watermark": WATERMARK}, purchases(events)
    berlin = {"zone": BERLIN, **at}
    mrr = money.withColumnRenamed("value_minor", "mrr_minor")
    since_b = events.where("event = 'B'").select("entity_id", F.col("event_time").alias("started_at"))
    steps: list[Any] = ["A", "B", PRO_STEP]
    in_order = with_keys(events).withColumn("place", event_order())
    records = subscribed(events.sparkSession)
    of_people = records.where("identifier LIKE 'e%'").withColumn("entity_id", F.split("identifier", " ")[0])
    of_accounts_then = records.where("currency = 'EUR'").withColumn("entity_id", F.col("account_id"))
    seats = events.sparkSession.createDataFrame(
        [("acc1", 8), ("acc2", 1), ("acc3", 0), ("acc9", 4)], "account_id string, n_seats int"
    )
    habit: dict[str, Any] = {"feature": PRO_STEP, "min_uses": 1, "min_days": 1, "window_days": 30, **berlin}
    return {
        ("lifecycle", "weekly"): lifecycle(events, unit="week", week_start="sunday", **berlin),
        ("lifecycle", "pro"): lifecycle(pro(events), unit="day", **berlin),
        ("lifecycle", "accounts"): lifecycle(of_accounts(events), unit="week", **at),
        ("stickiness", "days"): power_curve(events, **berlin).withColumnRenamed("n_days", "n_intervals"),
        ("active_users", "site"): dau_mau(events, **berlin)
        .select(F.lit(28).alias("days"), "n_actives", "mean_daily_actives", F.col("dau_mau").alias("daily_share"))
        .union(dau_mau(events, days=7, **berlin).select(F.lit(7), "n_actives", "mean_daily_actives", "dau_mau")),
        ("power_users", "some"): power_users(events, min_days=6, **berlin),
        ("at_risk", "some"): at_risk(events, min_days=2, **berlin),
        ("activation", "any"): activation(events, steps=["B", PRO_STEP], window_days=9, unit="month", **berlin),
        ("activation", "named"): activation(events, start="D", steps=["B", "C"], window_days=9.5, **at),
        ("feature_usage", "all"): feature_usage(events, features={"b": "B", "pro": PRO_STEP}, window_days=30, **berlin),
        ("adoption", "pro"): adoption(
            events, feature=PRO_STEP, eligible="D", min_uses=2, min_days=2, window_days=30, **berlin
        ),
        ("adoption", "accounts"): count_adopters(
            adopting_accounts(events, **habit, seats=seats, min_seats_percent=50),
            is_eligible_known=True,
            n_without_seats=F.count_if("is_seat_missing"),
        ),
        ("adoption", "any_member"): count_adopters(
            adopting_accounts(events, **habit, eligible="D"), is_eligible_known=True
        ),
        ("funnels", "open"): funnel(of_accounts(in_order), steps=["A", "B"], window_days=None, **at),
        ("funnels", "by_plan"): funnel(in_order, steps=steps, window_days=5, by="plan", **at),
        ("rfm", "buyers"): rfm(money, **berlin).withColumnsRenamed({"recency": "recency_days", "T": "t_days"}),
        ("lifetime_value", "since_purchase"): ltv(money, **at),
        ("lifetime_value", "since_b"): ltv(money, members=since_b, **berlin),
        ("revenue_retention", "monthly"): revenue_retention(mrr, offsets=[1, 2], **at),
        ("revenue_retention", "people"): revenue_retention(
            monthly_revenue(of_people, **berlin), offsets=[1, 2], **berlin
        ),
        ("revenue_retention", "accounts"): revenue_retention(
            monthly_revenue(of_accounts_then, **at), offsets=[1], **at
        ),
    }


def test_each_table_says_what_the_functions_say_of_the_events(
    shown: dict[tuple[str, str], list[dict[str, Any]]], events: DataFrame
) -> None:
    asked = expected(events)
    assert set(asked) == set(shown)
    shared = {
        one: [name for name in rows.columns if name in PRODUCT_TABLES[one[0]].columns] for one, rows in asked.items()
    }
    found = collect_cases([as_json(rows.select(*shared[one])) for one, rows in asked.items()])
    for one, rows in zip(asked, found, strict=True):
        # all but what is said beside the figures
        assert len(shared[one]) >= 4, one
        assert rows, one
        said = [{name: row[name] for name in shared[one] if name in row} for row in shown[one]]
        assert sorted(said, key=str) == sorted((json.loads(row[0]) for row in rows), key=str), one


def test_every_row_carries_its_parameters(shown: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
    for (table, name), rows in shown.items():
        for row in rows:
            assert (row["name"], row["params_id"], row["identity_run"]) == (name, "params", "7"), table
            assert row["watermark"] == shown["adoption", "pro"][0]["watermark"], table
    (row,) = shown["adoption", "pro"]
    assert (row["feature"], row["min_uses"], row["window_days"]) == ("A or C (plan = pro)", "2", "30.0")
    assert {row["entity_level"] for row in shown["lifecycle", "accounts"]} == {"account"}
    (row,) = shown["adoption", "accounts"]
    assert (row["min_seats_percent"], row["entity_level"]) == ("50.0", "account")


def test_subscriptions_and_seats_are_those_of_their_owners_and_times(
    shown: dict[tuple[str, str], list[dict[str, Any]]],
) -> None:
    worth = {
        (name, row["month"], row["offset"]): (row["mrr_minor"], row["later_mrr_minor"], row["n_retained"])
        for name in ("people", "accounts")
        for row in shown["revenue_retention", name]
        if row["is_observed"] == "true"
    }
    # what ends with February is lost in March; two identifiers of one person are one customer; a stranger is none
    assert worth == {
        ("people", "2026-01-01", "1"): ("20", "20", "1"),
        ("people", "2026-01-01", "2"): ("20", "0", "0"),
        ("people", "2026-02-01", "1"): ("50", "35", "1"),
        ("accounts", "2026-01-01", "1"): ("600", "600", "2"),
        ("accounts", "2026-02-01", "1"): ("600", "650", "2"),
    }
    (row,) = shown["adoption", "accounts"]
    # acc1, acc2 and acc9 have seats now; those of acc4 begin later
    assert row["n_eligible"] == "3"
    assert int(row["n_without_seats"]) > 0
    assert 0 < int(row["n_adopted"]) < int(row["n_tried"])


def test_subscriptions_that_are_left_out_are_told(sources: ProductSources) -> None:
    told: dict[tuple[str, str], float] = {}
    context: Any = SimpleNamespace(
        config=sources.config, metric=lambda name, n, key: told.__setitem__((name, key.split(".")[1]), n)
    )

    count_left_out(context, sources)

    assert told == {
        ("subscriptions_in_other_currencies", "people"): 0, ("subscriptions_of_nobody_known", "people"): 1,
        ("subscriptions_in_other_currencies", "accounts"): 1, ("subscriptions_of_nobody_known", "accounts"): 0,
    }  # fmt: skip


def test_members_are_exactly_as_many_as_each_number_says(
    sources: ProductSources, shown: dict[tuple[str, str], list[dict[str, Any]]]
) -> None:
    asked = {(table, name): rules for table, name, rules in sources.config.product.each() if table not in LISTS}
    counted = []
    for (table, _), rules in asked.items():
        key = [one for one in PRODUCT_TABLES[table].key if one != "name"]
        sums = [F.count_if(number).alias(number) for number in NUMBERS[table]]
        repeated = (F.count(F.lit(1)) - F.count_distinct("entity_id")).alias("repeated")
        counted.append(as_json(find_counted(rules, sources).groupBy(*key).agg(*sums, repeated)))
    for one, rows in zip(asked, collect_cases(counted), strict=True):
        numbers, key = NUMBERS[one[0]], [name for name in PRODUCT_TABLES[one[0]].key if name != "name"]
        found = {tuple(row.get(name) for name in key): row for row in (json.loads(text) for (text,) in rows)}
        assert found, one
        assert {row["repeated"] for row in found.values()} == {"0"}, one
        for cell in shown[one]:
            members = found.pop(tuple(cell.get(name) for name in key), {})
            # of a cell without anybody there is nobody
            assert [members.get(name, "0") for name in numbers] == [cell.get(name, "0") for name in numbers], one
        assert not found, one


def test_every_number_that_can_be_asked_for_is_a_column_of_its_table() -> None:
    for table, numbers in NUMBERS.items():
        assert set(numbers) <= set(PRODUCT_TABLES[table].columns), table
    assert {*NUMBERS, *LISTS} == set(PRODUCT_TABLES)


def test_nothing_of_nobody_is_nothing(spark: SparkSession, config: Config) -> None:
    empty = {contract: contract.empty(spark) for contract in (EVENTS_RESOLVED, EVENTS, CONVERSIONS, ACTIVITY)}
    nothing = ProductSources(empty.__getitem__, config, WATERMARK)
    tables = ["lifecycle", "activation", "at_risk", "feature_usage", "rfm", "lifetime_value"]
    rows = [figures(nothing, table, next(iter(PRODUCT[table]))).select("name") for table in tables]
    assert reduce(DataFrame.unionByName, rows).count() == 0
    (row,) = figures(nothing, "adoption", "pro").collect()
    assert (row["n_tried"], row["adoption_of_active"], row["n_eligible"]) == (0, None, 0)
