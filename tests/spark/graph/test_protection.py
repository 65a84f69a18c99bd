"""Which candidate components are replayed on Spark, with all that is known of each pair, and what comes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession

from oneuser.contracts.graph import EDGES
from oneuser.graph.bounded_sets import Bounds
from oneuser.graph.protection import Candidates, find_broken, judged_components, refused_pairs, replay_components
from oneuser.graph.replay_rows import replay_batches
from tests.frames import assert_rows

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
TYPES = {"user_id": 1, "email": 2, "anonymous_id": 9}
KNOWN = {"user_id", "email"}
# number, candidate component, type: two logins on a browser; a login and a browser that a rule keeps apart with an
# e-mail between them; a renamed login; a browser alone
PLACES = [
    (1, 1, "user_id"), (2, 1, "user_id"), (3, 1, "anonymous_id"),
    (4, 4, "user_id"), (5, 4, "anonymous_id"), (6, 4, "email"),
    (7, 7, "user_id"), (8, 7, "user_id"), (9, 7, "anonymous_id"),
    (10, 10, "anonymous_id"),
]  # fmt: skip
# ends, source, hours of first and last event; the pair of 1 and 3 is asserted twice
ASSERTED: list[tuple[int, int, str, int | None, int | None]] = [
    (1, 3, "event", 2, 3), (1, 3, "alias", 0, 1), (2, 3, "event", 1, 4),
    (4, 6, "event", 1, 1), (5, 6, "crm", None, None),
    (7, 8, "alias", 1, 1), (7, 9, "event", 2, 2),
]  # fmt: skip
VERTICES = "identifier_id bigint, component_id bigint, id_type string, id_key binary, priority int, is_known boolean"


def candidates(spark: SparkSession) -> Candidates:
    def moment(hour: int | None) -> tuple[datetime | None, bytes | None]:
        return (None, None) if hour is None else (MONDAY + timedelta(hours=hour), b"m")

    vertices = [(n, component, t, bytes([n]), TYPES[t], t in KNOWN) for n, component, t in PLACES]
    edges = [
        (src, dst, source, 1, *moment(first), *moment(last), None, 1, 1) for src, dst, source, first, last in ASSERTED
    ]
    return Candidates(
        spark.createDataFrame(
            vertices,
            "identifier_id bigint, component_id bigint, id_type string, id_key binary, priority int, is_known boolean",
        ),
        spark.createDataFrame(edges, EDGES.schema),
        spark.createDataFrame([(7, 7), (8, 7)], "identifier_id bigint, value_class bigint"),
        spark.createDataFrame([(4, 5), (5, 9)], "src bigint, dst bigint"),
    )


def replayed(given: Candidates, limits: Bounds) -> DataFrame:
    broken = find_broken(given, limits)
    return replay_components(given, broken, limits, replay=replay_batches)


def test_components_that_cannot_be_one_person_are_broken(spark: SparkSession) -> None:
    given = candidates(spark)

    def assert_broken(limits: Bounds, *components: int) -> None:
        assert_rows(find_broken(given, limits), "component_id bigint", *((component,) for component in components))

    # then one value with another name is one value, and an exclude matters inside one component alone
    assert_broken(Bounds(frozenset({"user_id"}), {}, 1000), 1, 4)
    assert_broken(Bounds(frozenset(), {"user_id": 1}, 1000), 1, 4)
    assert_broken(Bounds(frozenset(), {}, 2), 1, 4, 7)


@pytest.mark.parametrize(("conflict", "owner", "refused"), [("latest", 2, 1), ("earliest", 1, 2)])
def test_a_shared_browser_goes_with_the_latest_or_the_earliest_login_over_all_sources(
    spark: SparkSession, conflict: str, owner: int, refused: int
) -> None:
    given = candidates(spark)
    limits = Bounds(frozenset({"user_id"}), {}, 1000, "earliest" if conflict == "earliest" else "latest")

    decided = replayed(given, limits)

    components = {1: 1, 2: 2, 3: owner, 4: 4, 5: 5, 6: 4, 7: 7, 8: 7, 9: 7, 10: 10}
    assert_rows(
        judged_components(given.vertices, decided).select(
            "identifier_id", "component_id", "is_contested", "is_cut_off"
        ),
        "identifier_id bigint, component_id bigint, is_contested boolean, is_cut_off boolean",
        *((number, component, number == 3, False) for number, component in components.items()),
    )
    pairs = [(refused, 3, "unique"), (5, 6, "exclude")]
    assert_rows(refused_pairs(decided), "src bigint, dst bigint, rule string", *pairs)
