"""The chain between two identifiers, searched for in rounds, against the chain in all there is."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import networkx as nx
import pytest
from pyspark.sql import DataFrame, SparkSession

from oneuser.contracts.graph import COMPONENTS, EDGES, REFUSED_EDGES
from oneuser.contracts.table import TableContract
from oneuser.core.errors import OneUserError
from oneuser.graph.chains import find_chain
from oneuser.inspection.chain_search import ChainSearch, as_evidence, as_refusal
from oneuser.inspection.reading import Published
from oneuser.storage.warehouse import Warehouse

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


@dataclass
class Tables:
    """Rows in the place of a publication."""

    warehouse: Warehouse
    rows: dict[str, DataFrame]

    def read(self, contract: TableContract) -> DataFrame:
        return self.rows[contract.name]


def published(spark: SparkSession, root: Path, linked: Collection[tuple[int, int]], refused: dict[Any, str]) -> Tables:
    """Edges as they are given; those refused are in no component, nor is what only refusals name."""
    graph: nx.Graph[int] = nx.Graph()
    graph.add_edges_from(pair for pair in linked if pair not in refused)
    components = [
        (n, min(members), min(members), "email", bytes([n]), 2, True, False, False, MONDAY, b"k", MONDAY, 1)
        for members in nx.connected_components(graph)
        for n in members
    ]
    edges = [(a, b, "event", a + b, MONDAY, b"k", MONDAY, b"k", None, 1, 1) for a, b in linked]
    refusals = [(rule, a, b, MONDAY, MONDAY, 1, None) for (a, b), rule in refused.items()]
    closed = [("unique", 1, 2, MONDAY, MONDAY, 1, 2)]
    rows = {
        COMPONENTS.name: spark.createDataFrame(components, COMPONENTS.schema),
        EDGES.name: spark.createDataFrame(edges, EDGES.schema),
        REFUSED_EDGES.name: spark.createDataFrame(refusals + closed, REFUSED_EDGES.schema),
    }
    return Tables(Warehouse(spark, str(root)), {name: frame.localCheckpoint() for name, frame in rows.items()})


def search(tables: Tables, **limits: int) -> ChainSearch:
    return ChainSearch(cast("Published", tables), **limits)


def test_the_chain_is_that_of_all_edges_and_refusals(spark: SparkSession, tmp_path: Path) -> None:
    # given 20 small people in a row and in a mesh of refusals, with over-shared values between them
    chance = random.Random(5)
    linked = {(4 * n + 1, 4 * n + k) for n in range(20) for k in (2, 3, 4)}
    pairs = [(chance.randrange(1, 80), chance.randrange(1, 80)) for _ in range(22)]
    refused = {(min(pair), max(pair)): "unique" for pair in pairs if pair[0] != pair[1]} | {
        (chance.randrange(1, 80), number): "over_shared" for number in (90, 91) for _ in range(3)
    }
    refused = {pair: rule for pair, rule in refused.items() if pair not in linked}
    tables = published(spark, tmp_path, linked | {pair for pair in refused if pair[1] < 90}, refused)
    edges = [as_evidence(row) for row in tables.read(EDGES).collect()]
    refusals = [as_refusal(row) for row in tables.read(REFUSED_EDGES).where("closed_run IS NULL").collect()]
    asked = [(chance.randrange(1, 80), chance.randrange(1, 80)) for _ in range(8)] + [(90, 2), (91, 90), (1, 4)]

    found = {(a, b): search(tables).find([a], [b]) for a, b in asked}

    assert found == {(a, b): find_chain(edges, refusals, [a], [b]) for a, b in asked}
    assert len({None if chain is None else sum(s.refusal is not None for s in chain) for chain in found.values()}) > 2


def test_more_than_the_limit_is_said_and_not_brought_here(spark: SparkSession, tmp_path: Path) -> None:
    # given two values that ten people each share, and one person between them
    hub, other = 90, 91
    people = {(2 * n + 1, 2 * n + 2) for n in range(20)}
    refused = {(2 * n + 1, hub if n < 10 else other): "over_shared" for n in range(20)} | {(1, other): "over_shared"}
    tables = published(spark, tmp_path, people, refused)

    with pytest.raises(OneUserError, match=r"more than 5 refused edges lead away from both"):
        search(tables, most_rows=5).find([hub], [other])
    chain = search(tables, most_rows=5).find([hub], [2])
    assert chain is not None
    assert [(step.start, step.end) for step in chain] == [(hub, 1), (1, 2)]
    with pytest.raises(OneUserError, match=r"more than 1 identifiers are of the people between the two"):
        search(tables, most_rows=1).find([1], [2])
