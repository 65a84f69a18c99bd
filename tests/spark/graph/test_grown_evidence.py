"""Evidence that grows by new messages is the evidence of all of them, and nothing near its bound is overlooked."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.contracts.graph import COMPONENTS, EVENT_IDENTIFIERS, REFUSED_EDGES
from oneuser.graph.components import connect_in_one_task
from oneuser.graph.edges import build_edges, find_pairs, find_sightings
from oneuser.graph.grown_evidence import find_uncertain, grow_edges, grow_sightings, kept_refusals, only_beyond
from oneuser.graph.linking_messages import eligible_identifiers, linking_messages
from oneuser.graph.over_shared import count_persons_per_value, find_persons, nearly
from tests.frames import assert_rows, assert_same_rows

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
TYPES = {"user_id": 1, "email": 2, "anonymous_id": 9}
KNOWN, UNIQUE = (1, 2), (1,)
BOUNDS = {2: 2, 9: 3}
N_MESSAGES = 40


def messages(spark: SparkSession, rng: random.Random) -> DataFrame:
    """Eligible rows of messages of a few identifiers; half of the messages are of run 2, some of them older ones."""
    rows = []
    for n in range(N_MESSAGES):
        carried = sorted({(rng.choice(sorted(TYPES)), rng.randrange(4)) for _ in range(rng.randint(1, 3))})
        at, run_seq = MONDAY + timedelta(hours=rng.randrange(20)), rng.randint(1, 2)
        ranks = dict.fromkeys(TYPES, 0)
        for id_type, name in carried:
            number = 100 * TYPES[id_type] + name
            end = ("event", len(carried), run_seq)
            rows.append((f"m{n}".encode(), number, id_type, ranks[id_type], at, None, *end))
            ranks[id_type] += 1
    stored = spark.createDataFrame(rows, EVENT_IDENTIFIERS.schema)
    return eligible_identifiers(stored, None, priorities=TYPES).localCheckpoint()


def linking(rows: DataFrame) -> DataFrame:
    return linking_messages(rows, unique_priorities=UNIQUE)


def edges_of(rows: DataFrame) -> DataFrame:
    return build_edges(find_pairs(linking(rows)))


def components_of(rows: DataFrame) -> DataFrame:
    """The columns of `components` that matter here."""
    labels = connect_in_one_task(edges_of(rows)).withColumnRenamed("component_id", "candidate_id")
    seen = find_sightings(rows).join(
        rows.select("identifier_id", "priority").distinct(), on="identifier_id", how="inner"
    )
    return seen.join(labels, on="identifier_id", how="left").select(
        "identifier_id",
        "priority",
        F.coalesce("candidate_id", "identifier_id").alias("candidate_id"),
        F.col("first.event_time").alias("first_seen_at"),
        F.col("first.event_order").alias("first_event_order"),
        "last_seen_at",
        "n_events",
    )


@pytest.mark.parametrize("seed", range(3))
def test_what_messages_said_grows_by_what_new_ones_say(spark: SparkSession, seed: int) -> None:
    rows = messages(spark, random.Random(seed))
    before, news = rows.where("run_seq = 1"), rows.where("run_seq = 2")

    assert_same_rows(grow_edges(edges_of(before), edges_of(news)), edges_of(rows))
    assert_same_rows(grow_sightings(components_of(before), find_sightings(news)), find_sightings(rows))


@pytest.mark.parametrize("seed", range(3))
def test_every_value_that_new_messages_bring_near_its_bound_is_counted(spark: SparkSession, seed: int) -> None:
    rows = messages(spark, random.Random(100 + seed))
    before, news = rows.where("run_seq = 1"), rows.where("run_seq = 2")
    rules: dict[str, Any] = {"bounds": BOUNDS, "unique_priorities": UNIQUE, "known_priorities": KNOWN}

    def count(some: DataFrame) -> dict[int, int]:
        counted = count_persons_per_value(linking(some), None, **rules)
        return {row["identifier_id"]: row["n_persons"] for row in counted.collect()}

    were, are = count(before), count(rows)
    found = find_uncertain(
        find_persons(linking(news), **rules), components_of(before), least=nearly(BOUNDS), more=0
    ).collect()

    risen = {value for value, n_persons in are.items() if n_persons != were.get(value)}
    assert risen
    assert risen <= {row["identifier_id"] for row in found}


def test_a_value_that_few_can_share_is_not_counted(spark: SparkSession) -> None:
    persons = spark.createDataFrame(
        [(900, 9, 1, 100), (900, 9, 1, 101), (901, 9, 1, 102)],
        "identifier_id bigint, priority int, person_priority int, person_id bigint",
    )
    held = [(900, 100, 9), (103, 100, 1), (104, 100, 1), (901, 901, 9)]
    components = spark.createDataFrame(held, "identifier_id bigint, candidate_id bigint, priority int")

    # 900 may have four people by now, and 901 one
    near = find_uncertain(persons, components, least=nearly({9: 5}), more=0)
    assert_rows(near, "identifier_id bigint", (900,))
    # three more may be kept apart from it
    near = find_uncertain(persons, components, least=nearly({9: 5}), more=3)
    assert_rows(near, "identifier_id bigint", (900,), (901,))


def test_open_refusals_of_a_rule_are_kept_and_pairs_beyond_what_is_read_again(spark: SparkSession) -> None:
    refused = spark.createDataFrame(
        [
            ("over_shared", 1, 2, MONDAY, MONDAY, 1, None),
            ("over_shared", 1, 3, MONDAY, MONDAY, 1, 2),
            ("unique", 4, 5, MONDAY, MONDAY, 1, None),
            ("over_shared", 6, 7, MONDAY, MONDAY, 1, None),
        ],
        REFUSED_EDGES.schema,
    )
    kept = kept_refusals(refused, "over_shared")
    dated = "src bigint, dst bigint, first_event_time timestamp, last_event_time timestamp"
    assert_rows(kept, dated, (1, 2, MONDAY, MONDAY), (6, 7, MONDAY, MONDAY))

    again = spark.createDataFrame([(7,)], "identifier_id bigint")
    assert_rows(only_beyond(kept, again).select(*kept.columns), dated, (1, 2, MONDAY, MONDAY))


def test_what_only_links_name_is_no_sighting(spark: SparkSession) -> None:
    named = (1, 1, 1, "email", b"k", 2, True, False, False, None, None, None, 0)
    components = spark.createDataFrame([named], COMPONENTS.schema)

    assert grow_sightings(components, find_sightings(EVENT_IDENTIFIERS.empty(spark))).isEmpty()
