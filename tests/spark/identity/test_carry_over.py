"""User IDs over runs on Spark, against the rules called directly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from oneuser.contracts.graph import COMPONENTS, EDGES
from oneuser.contracts.identity import IDENTIFIER_MAP, LINEAGE, USER_IDS
from oneuser.core.keyed import Keys
from oneuser.graph.components import connect_in_one_task
from oneuser.graph.contraction import connect_by_contraction
from oneuser.identity.carry_over import (
    carry_over_user_ids,
    decided_lineage,
    decided_owners,
    decided_redirects,
    decided_user_ids,
)
from oneuser.identity.ledger import Member
from tests.frames import assert_rows, assert_same_rows
from tests.unit.identity.worlds import DEPLOYMENT, SECRET, TYPES, World, identifier_id_of

Connect = Callable[[DataFrame], DataFrame]
KEYS = Keys(DEPLOYMENT, "k1", b"i" * 32, b"m" * 32, SECRET)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PRIORITIES = {name: priority for name, (priority, _) in TYPES.items()}
KNOWN = frozenset(name for name, (_, is_known) in TYPES.items() if is_known)


def at(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def component_rows(spark: SparkSession, members: list[Member]) -> DataFrame:
    type_of = {priority: name for name, priority in PRIORITIES.items()}
    rows = [
        (m.identifier_id, m.component_id, m.component_id, type_of[m.priority], m.key, m.priority, m.is_known,
         bool(m.owners), False, at(m.first_seen[0]), m.first_seen[1], at(9), 1)
        for m in members
    ]  # fmt: skip
    return spark.createDataFrame(rows, COMPONENTS.schema)


def map_rows(spark: SparkSession, world: World) -> DataFrame:
    rows = [(number, "u", user, 1, True, False, False, at(0), at(9), 1) for number, user in world.map.items()]
    return spark.createDataFrame(rows, IDENTIFIER_MAP.schema)


def ledger_rows(spark: SparkSession, world: World) -> DataFrame:
    rows = [
        (u.user_id, u.status, u.redirect_to, u.anchor, u.last_anchor, list(u.anchors), u.published[0],
         at(u.published[1]), u.published[2], u.published[3], u.status_run)
        for u in world.users.values()
    ]  # fmt: skip
    return spark.createDataFrame(rows, USER_IDS.schema)


def contract(links: DataFrame) -> DataFrame:
    return connect_by_contraction(links, one_task_max_pairs=1, chunk_pairs=1, keep=lambda rows: rows.localCheckpoint())


def carry_over(
    spark: SparkSession, world: World, members: list[Member], *, connect: Connect = connect_in_one_task, **more: Any
) -> DataFrame:
    return carry_over_user_ids(
        component_rows(spark, members),
        ledger_rows(spark, world),
        map_rows(spark, world),
        rules=world.rules(),
        connect=connect,
        **more,
    )


def members_of(world: World, *components: str) -> list[Member]:
    """Labelled as components are: by the smallest identifier."""
    return [
        world.member(name, min(map(identifier_id_of, text.split()))) for text in components for name in text.split()
    ]  # fmt: skip


@pytest.mark.parametrize("connect", [connect_in_one_task, contract])
def test_runs_on_spark_decide_what_the_rules_decide(spark: SparkSession, connect: Connect) -> None:
    chance = Random(5)
    names = [f"{chance.choice('uepbd')}{n}" for n in range(120)]
    world = World(seen={name: chance.randint(0, 50) for name in names})
    for run in range(3):
        # components of some three, most of them the same in the next run
        labels = {name: n // 3 if chance.random() < 0.8 else chance.randint(0, 40) for n, name in enumerate(names)}
        parts = [[n for n in names if labels[n] == label and chance.random() < 0.95] for label in set(labels.values())]
        members = members_of(world, *(" ".join(part) for part in parts if part))
        world.run_seq += 1

        before, decision = ledger_rows(spark, world), world.decide(members)
        if run == 1:  # a day between, for a longer history
            world.keep(members, decision)
            continue
        decided = carry_over(spark, world, members, is_first_run=run == 0, connect=connect).persist()
        world.keep(members, decision)

        assert_rows(decided_owners(decided), "component_id bigint, user_id string", *decision.owners.items())
        assert_same_rows(decided_user_ids(decided, before), ledger_rows(spark, world))
        decided.unpersist()
    redirects = decided_redirects(ledger_rows(spark, world)).select("user_id", "redirect_to")
    retired = [(user.user_id, user.redirect_to) for user in world.users.values() if user.status == "retired"]
    assert_rows(redirects, "user_id string, redirect_to string", *retired)
    assert {user.status for user in world.users.values()} == {"live", "retired", "vacant"}


@pytest.mark.parametrize("has_few_causes", [True, False])
def test_a_merge_names_the_new_edge_that_caused_it(spark: SparkSession, has_few_causes: bool) -> None:  # noqa: FBT001 - parametrised
    # given two people, whom an edge between two of their weaker identifiers joins in run 2
    world = World()
    before = world.run("u1 b1", "e2 b2")
    world.run_seq += 1
    members = members_of(world, "u1 b1 e2 b2")
    edges = spark.createDataFrame(
        [
            (src, dst, "event", 1, at(time), bytes([time]), at(time), bytes([time]), None, run, run)
            for src, dst, time, run in (
                (identifier_id_of("b1"), identifier_id_of("u1"), 1, 1),
                (identifier_id_of("b2"), identifier_id_of("e2"), 2, 1),
                (identifier_id_of("b1"), identifier_id_of("b2"), 4, 2),
                (identifier_id_of("b1"), identifier_id_of("e2"), 5, 2),
            )
        ],
        EDGES.schema,
    )

    # when
    decided = carry_over(spark, world, members)
    lineage = decided_lineage(decided, edges, map_rows(spark, world), has_few_causes=has_few_causes)

    # then
    merged = (
        2,
        "merged",
        before["e2 b2"],
        before["u1 b1"],
        identifier_id_of("e2"),
        identifier_id_of("b1"),
        identifier_id_of("b2"),
    )
    assert_rows(lineage, LINEAGE, merged)
    of_new_edges = decided_lineage(decided, edges.where("first_run = 2"), map_rows(spark, world))
    assert_rows(of_new_edges, LINEAGE, merged)
    plan = lineage._jdf.queryExecution().optimizedPlan().toString()
    assert ("strategy=broadcast" in plan) == has_few_causes


@pytest.mark.parametrize("is_first_run", [True, False])
def test_nothing_yields_nothing(spark: SparkSession, is_first_run: bool) -> None:  # noqa: FBT001 - parametrised
    assert carry_over(spark, World(run_seq=1), [], is_first_run=is_first_run).collect() == []


def test_the_minting_secret_is_in_no_plan(spark: SparkSession) -> None:
    world = World(run_seq=1)

    plan = carry_over(spark, world, members_of(world, "u1 b1"))._jdf.queryExecution().toString()

    assert SECRET.decode() not in plan
    assert SECRET.hex() not in plan.lower()
