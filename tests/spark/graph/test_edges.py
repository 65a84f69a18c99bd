"""Edges, readings of previousId, and certification, on literal rows."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.contracts.graph import EVENT_IDENTIFIERS
from oneuser.core.event_order import event_order
from oneuser.graph.blocked import BLOCKED_KEYS_DDL, find_blocked_patterns, find_blocked_values
from oneuser.graph.certification import Certificate, gather_evidence, judge
from oneuser.graph.components import EngineChoice, connect, connect_in_one_task
from oneuser.graph.edges import build_edges, find_pairs
from oneuser.graph.linking_messages import eligible_identifiers, linking_messages
from tests.frames import assert_rows

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
TYPES = {"user_id": 1, "email": 2, "anonymous_id": 9}
Link = tuple[str, int, str, int, str]  # message, identifier, type, rank within the type, link


def links(spark: SparkSession, *rows: Link) -> DataFrame:
    """Rows of `event_identifiers`; the number in a message's name is its day and its run."""
    n_links = Counter(message for message, *_ in rows)
    found = []
    for message, number, id_type, rank, link in rows:
        day = int(message[1:])
        at = MONDAY + timedelta(days=day)
        found.append((message.encode(), number, id_type, rank, at, None, link, n_links[message], day))
    return spark.createDataFrame(found, EVENT_IDENTIFIERS.schema)


def edges_of(rows: DataFrame, blocked: DataFrame | None = None) -> DataFrame:
    eligible = eligible_identifiers(rows, blocked, priorities=TYPES)
    return build_edges(find_pairs(linking_messages(eligible, unique_priorities=())))


def assert_pairs(edges: DataFrame, *pairs: tuple[int, int, str, int]) -> None:
    counted = edges.select("src", "dst", "source", "n_events")
    assert_rows(counted, "src bigint, dst bigint, source string, n_events bigint", *pairs)


def test_a_message_links_its_identifiers_to_the_best_and_repeats_are_counted(spark: SparkSession) -> None:
    # given an e-mail (5) and two cookies (1, 2) in one message, and the e-mail with one of the cookies again
    rows = links(
        spark,
        ("m1", 1, "anonymous_id", 0, "event"),
        ("m1", 2, "anonymous_id", 1, "event"),
        ("m1", 5, "email", 0, "event"),
        ("m2", 5, "email", 0, "event"),
        ("m2", 2, "anonymous_id", 0, "event"),
        ("m3", 7, "anonymous_id", 0, "event"),
    )

    edges = edges_of(rows)

    # then the e-mail is the centre, the cookies are not linked to each other, and a lone identifier has no edge
    assert_pairs(edges, (1, 5, "event", 1), (2, 5, "event", 2))
    counted = edges.where("src = 2").first()
    assert counted is not None
    assert (counted["first_event_order"], counted["last_event_order"]) == (
        event_order(None, b"m1"),
        event_order(None, b"m2"),
    )
    assert (counted["first_run"], counted["last_run"]) == (1, 2)


def test_a_previous_id_is_a_cookie_if_a_message_carries_it_as_one_and_else_a_login(spark: SparkSession) -> None:
    alias = [
        ("m5", 10, "user_id", 0, "alias"),
        ("m5", 1, "anonymous_id", 0, "previous_anonymous"),
        ("m5", 11, "user_id", 1, "previous_user"),
    ]
    observed = [("m1", 1, "anonymous_id", 0, "event")]

    as_cookie = edges_of(links(spark, *alias, *observed))
    as_login = edges_of(links(spark, *alias))

    assert_pairs(as_cookie, (1, 10, "alias", 1))
    assert_pairs(as_login, (10, 11, "alias", 1))


def test_blocked_values_and_undeclared_types_do_not_link(spark: SparkSession) -> None:
    values = spark.createDataFrame(
        [
            (5, "email", "test@example.com", b"key 5"),
            (6, "email", "noreply@shop.example", b"key 6"),
            (8, "email", "ann@example.com", b"key 8"),
            # the same by another type is not blocked
            (1, "anonymous_id", "noreply@shop.example", b"key 5"),
        ],
        "identifier_id bigint, id_type string, id_value string, id_key binary",
    )
    keys = spark.createDataFrame([("email", bytearray(b"key 5")), ("email", bytearray(b"no key"))], BLOCKED_KEYS_DDL)
    by_value, by_pattern = find_blocked_values(values, keys), find_blocked_patterns(values, {"email": ["^noreply@"]})
    assert [[row["identifier_id"] for row in rows.collect()] for rows in (by_value, by_pattern)] == [[5], [6]]
    blocked = by_value.unionByName(by_pattern)
    rows = links(
        spark,
        *[(f"m{n}", n, "email", 0, "event") for n in (5, 6, 8)],
        *[(f"m{n}", 1, "anonymous_id", 0, "event") for n in (5, 6, 8)],
        ("m8", 9, "advertising_id", 0, "event"),
    )

    edges = edges_of(rows, blocked)

    assert_pairs(edges, (1, 8, "event", 1))


CORRUPTIONS = {
    "none": ("identifier_id", "component_id", ""),
    "a vertex relabelled": ("identifier_id", "if(identifier_id = 3, 4, component_id)", "between two components"),
    "two components merged": ("identifier_id", "if(component_id = 4, 1, component_id)", "lumped"),
    "a vertex lost": ("nullif(identifier_id, 5)", "component_id", "are not the 6 of the graph"),
    "a vertex of another number": ("if(identifier_id = 6, 7, identifier_id)", "component_id", "are not the 6 of"),
}


@pytest.mark.parametrize("in_one_task", [False, True], ids=["by label", "in one task"])
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_corrupted_components_are_found_on_the_cluster(
    spark: SparkSession, corruption: str, *, in_one_task: bool
) -> None:
    # given components {1, 2, 3} and {4, 5} and a lone 6
    edges = spark.createDataFrame([(1, 2), (2, 3), (4, 5)], "src bigint, dst bigint")
    vertices = spark.range(1, 7).withColumnRenamed("id", "identifier_id")
    labels = connect_in_one_task(edges)
    whole = vertices.join(labels, on="identifier_id", how="left").selectExpr(
        "identifier_id", "coalesce(component_id, identifier_id) AS component_id"
    )
    number, label, problem = CORRUPTIONS[corruption]
    written = whole.selectExpr(f"{number} AS identifier_id", f"{label} AS component_id").where(
        "identifier_id IS NOT NULL"
    )

    evidence = gather_evidence(written, edges, vertices, in_one_task=in_one_task).first()

    assert evidence is not None
    found = "; ".join(judge(evidence).problems)
    assert (problem in found) if problem else not found


@pytest.mark.parametrize("in_one_task", [False, True], ids=["by label", "in one task"])
def test_where_there_is_nothing_there_is_nothing_to_find(spark: SparkSession, *, in_one_task: bool) -> None:
    # given that nobody but Spark, halfway, can know how few they are
    none = spark.range(3).where("id > 3").localCheckpoint()
    edges = spark.createDataFrame([(1, 2)], "src bigint, dst bigint")
    touched = edges.join(F.broadcast(none), on=F.col("src") == F.col("id"), how="left_semi")
    labels = touched.selectExpr("src AS identifier_id", "src AS component_id")

    evidence = gather_evidence(labels, touched, labels, in_one_task=in_one_task).first()

    assert evidence is not None
    assert judge(evidence) == Certificate(0, 0, ())


@pytest.mark.graphframes
@pytest.mark.parametrize("is_adaptive", ["true", "false"])
def test_graphframes_gives_the_same_components(spark: SparkSession, tmp_path: Path, is_adaptive: str) -> None:
    edges = spark.createDataFrame([(1, 2), (3, 2), (4, 5), (5, 5), (7, 7)], "src bigint, dst bigint")
    expected = [(1, 1), (2, 1), (3, 1), (4, 4), (5, 4), (7, 7)]
    before = spark.conf.get("spark.sql.adaptive.enabled")
    spark.conf.set("spark.sql.adaptive.enabled", is_adaptive)
    try:
        for engine in ("one_task", "graphframes"):
            connected = connect(
                edges,
                choice=EngineChoice(engine, "asked for"),
                checkpoint_folder=str(tmp_path / "checkpoints"),
                one_task_max_edges=10**6,
                keep=lambda rows: rows.localCheckpoint(),
            )
            assert_rows(connected.labels, "identifier_id bigint, component_id bigint", *expected)
            assert connected.choice.engine == engine
    finally:
        spark.conf.set("spark.sql.adaptive.enabled", before)
    assert not (tmp_path / "checkpoints").exists()
