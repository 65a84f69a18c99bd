"""Every engine gives the components that are known: of published graphs, of awkward shapes, however the rows lie."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from structlog.testing import capture_logs

from oneuser.graph.components import connect
from oneuser.graph.contraction import connect_by_contraction

FOLDER = "wcc-sample-graphs"
GRAPHS = ("kuzu-email-Eu-core", "kuzu-lastFM")
# (graph, restriction, smallest id, end of ids) of each line of `expected.csv`
PARTS = [
    ("kuzu-email-Eu-core", "all", 0, 10**9),
    ("kuzu-email-Eu-core", "id < 100", 0, 100),
    ("kuzu-email-Eu-core", "id >= 100", 100, 10**9),
    ("kuzu-lastFM", "all", 0, 10**9),
    ("kuzu-lastFM", "id >= 1000", 1000, 10**9),
    ("kuzu-lastFM", "id < 1000", 0, 1000),
]
ENGINES = ["one_task", "contraction", pytest.param("graphframes", marks=pytest.mark.graphframes)]
every_engine = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    if not (shared_data / FOLDER).is_dir():
        pytest.skip(f"{FOLDER} is not among the sample data")
    return shared_data / FOLDER


def column(folder: Path, name: str, *columns: str) -> list[tuple[int, ...]]:
    with gzip.open(folder / f"{name}.csv.gz", "rt") as file:
        return [tuple(int(row[c]) for c in columns) for row in csv.DictReader(file)]


def edges_of(spark: SparkSession, pairs: Any) -> DataFrame:
    return spark.createDataFrame(pd.DataFrame(np.array(pairs, dtype=np.int64).reshape(-1, 2), columns=["src", "dst"]))


def labels_of(edges: DataFrame, engine: str, scratch: Path) -> dict[int, int]:
    labels = connect(
        edges, engine=engine, checkpoint_folder=str(scratch / "checkpoints"), one_task_max_edges=10**6
    ).toPandas()
    found = dict(zip(labels["identifier_id"].tolist(), labels["component_id"].tolist(), strict=True))
    assert len(found) == len(labels), "an id has two labels"
    return found


@contextmanager
def setting(spark: SparkSession, **values: str) -> Iterator[None]:
    keys = {f"spark.sql.{name.replace('_', '.')}": value for name, value in values.items()}
    before = {key: spark.conf.get(key) for key in keys}
    try:
        for key, value in keys.items():
            spark.conf.set(key, value)
        yield
    finally:
        for key, value in before.items():
            spark.conf.set(key, value)


@every_engine
@pytest.mark.parametrize(("graph", "restriction", "low", "end"), PARTS, ids=[f"{g}, {r}" for g, r, _, _ in PARTS])
def test_published_graphs_have_their_published_components(
    spark: SparkSession, folder: Path, tmp_path: Path, engine: str, graph: str, restriction: str, low: int, end: int
) -> None:
    with (folder / "expected.csv").open() as file:
        expected = next(r for r in csv.DictReader(file) if (r["graph"], r["restriction"]) == (graph, restriction))
    nodes = [node for (node,) in column(folder, f"{graph}.nodes", "id") if low <= node < end]
    pairs = [pair for pair in column(folder, f"{graph}.edges", "src", "dst") if all(low <= e < end for e in pair)]
    assert (len(nodes), len(pairs)) == (int(expected["nodes"]), int(expected["edge_rows"]))

    labels = labels_of(edges_of(spark, pairs), engine, tmp_path)

    # an id without an edge is a component of its own
    component = {node: labels.get(node, node) for node in nodes}
    assert set(labels) <= set(nodes)
    sizes = Counter(component.values())
    assert len(sizes) == int(expected["components"])
    largest = [size for _, size in sizes.most_common(10)]
    assert " ".join(map(str, largest)) == expected["ten_largest_sizes"]
    if restriction == "all":
        assert component == dict(column(folder, f"{graph}.components", "id", "component"))


@every_engine
@pytest.mark.parametrize(
    ("n_partitions", "is_adaptive"),
    [(1, "true"), (1, "false"), (7, "true"), (7, "false"), (200, "true"),
     pytest.param(200, "false", marks=pytest.mark.soak)],
)  # fmt: skip
def test_how_the_rows_lie_does_not_matter(
    spark: SparkSession, folder: Path, tmp_path: Path, engine: str, n_partitions: int, is_adaptive: str
) -> None:
    rng = np.random.default_rng(n_partitions)
    pairs = np.array(column(folder, "kuzu-lastFM.edges", "src", "dst"))
    # given the edges below 1,000, a third of them reversed, all of them twice, with loops, in any order
    pairs = pairs[(pairs < 1_000).all(axis=1)]
    expected = labels_of(edges_of(spark, pairs), "one_task", tmp_path)
    is_turned = rng.random(len(pairs)) < 1 / 3
    turned = np.where(is_turned[:, None], pairs[:, ::-1], pairs)
    loops = np.repeat(pairs[:20, :1], 2, axis=1)
    messy = rng.permutation(np.concatenate([turned, pairs, loops]))

    with setting(spark, adaptive_enabled=is_adaptive, shuffle_partitions=str(n_partitions)):
        found = labels_of(edges_of(spark, messy).repartition(n_partitions), engine, tmp_path)

    assert found == expected


def chain(n: int = 10_000) -> np.ndarray:
    names = np.random.default_rng(1).permutation(n)
    return np.stack([names[:-1], names[1:]], axis=1)


def star(n: int = 100_000) -> np.ndarray:
    return np.stack([np.full(n, n // 2), np.arange(n)], axis=1)


def bridged_cliques(n: int = 1_000, size: int = 6) -> np.ndarray:
    names = np.random.default_rng(2).permutation(n * size)
    inside = [(c * size + a, c * size + b) for c in range(n) for a, b in combinations(range(size), 2)]
    bridges = [(c * size, (c + 1) * size + 1) for c in range(n - 1)]
    return names[np.array(inside + bridges)]


SHAPES = {"a chain": chain, "a star": star, "bridged cliques": bridged_cliques}


@every_engine
@pytest.mark.parametrize("shape", SHAPES)
def test_awkward_shapes_are_one_component_and_without_one_edge_two(
    spark: SparkSession, tmp_path: Path, engine: str, shape: str
) -> None:
    pairs = SHAPES[shape]()
    lonely = 10**6

    found = labels_of(edges_of(spark, np.append(pairs, [[lonely, lonely]], axis=0)), engine, tmp_path)

    assert set(found) == {*pairs.ravel().tolist(), lonely}
    assert set(found.values()) == {0, lonely}


@pytest.mark.soak
@pytest.mark.parametrize(("shape", "most_rounds"), [("a chain", 14), ("a star", 2), ("bridged cliques", 10)])
def test_contraction_needs_few_rounds_of_small_tasks(spark: SparkSession, shape: str, most_rounds: int) -> None:
    # given tasks that take one batch of Arrow's at a time, and a hundred pairs at the end
    edges = edges_of(spark, SHAPES[shape]())

    with capture_logs() as logs, setting(spark, shuffle_partitions="8", adaptive_enabled="false"):
        labels = connect_by_contraction(edges, one_task_max_pairs=100, chunk_pairs=1)

    rounds = [entry["links_left"] for entry in logs if entry["event"] == "round of contraction"]
    assert labels.select("component_id").distinct().count() == 1
    assert labels.count() == len(np.unique(SHAPES[shape]()))
    assert 1 <= len(rounds) <= most_rounds
    # each round leaves at most three quarters of what came in
    assert all(after <= 0.75 * before for before, after in pairwise([edges.count(), *rounds]))


@every_engine
def test_a_graph_without_edges_has_no_labels(spark: SparkSession, tmp_path: Path, engine: str) -> None:
    assert labels_of(spark.createDataFrame([], "src bigint, dst bigint"), engine, tmp_path) == {}


def test_contraction_keeps_nothing_but_its_result(spark: SparkSession) -> None:
    kept = spark.sparkContext._jsc.getPersistentRDDs
    # what earlier tests have left may go at any moment
    before = set(kept().keys())

    labels = connect_by_contraction(edges_of(spark, [(1, 2), (2, 3)]), one_task_max_pairs=0)

    assert len(set(kept().keys()) - before) == 1
    assert labels.count() == 3
