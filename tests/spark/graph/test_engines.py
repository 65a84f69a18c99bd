"""Every engine gives the components that are known: of published graphs, of awkward shapes, however the rows lie."""

from __future__ import annotations

import csv
import gzip
import re
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
from pyspark.sql import functions as F
from structlog.testing import capture_logs

from oneuser.graph.components import Connected, EngineChoice, connect
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


def locally_kept(rows: DataFrame) -> DataFrame:
    return rows.localCheckpoint()


def edges_of(spark: SparkSession, pairs: Any) -> DataFrame:
    return spark.createDataFrame(pd.DataFrame(np.array(pairs, dtype=np.int64).reshape(-1, 2), columns=["src", "dst"]))


def labels_of(edges: DataFrame, engine: str, scratch: Path) -> dict[int, int]:
    connected = connect(
        edges,
        choice=EngineChoice(engine, "asked for"),
        checkpoint_folder=str(scratch / "checkpoints"),
        one_task_max_edges=10**6,
        keep=locally_kept,
    )
    assert connected.choice.engine == engine, connected.choice.reason
    labels = connected.labels.toPandas()
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
    [(1, "true"), (1, "false"), (7, "true"), (7, "false"),
     pytest.param(200, "true", marks=pytest.mark.soak), pytest.param(200, "false", marks=pytest.mark.soak)],
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
        labels = connect_by_contraction(edges, one_task_max_pairs=100, chunk_pairs=1, keep=locally_kept)

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

    labels = connect_by_contraction(edges_of(spark, [(1, 2), (2, 3)]), one_task_max_pairs=0, keep=locally_kept)

    assert len(set(kept().keys()) - before) == 1
    assert labels.count() == 3


@every_engine
def test_ids_may_be_any_bigint(spark: SparkSession, tmp_path: Path, engine: str) -> None:
    low, high = -(2**63), 2**63 - 1

    found = labels_of(edges_of(spark, [(high, 0), (0, low), (-5, -7), (3, 3)]), engine, tmp_path)

    assert found == {high: low, 0: low, low: low, -5: -7, -7: -7, 3: 3}


TWO_PIECES = {1: 1, 2: 1, 3: 1, 8: 8, 9: 8}
AQE = "spark.sql.adaptive.enabled"


class Library:
    """A stand-in for GraphFrames of which only some algorithms work; it notes how it was called."""

    def __init__(self, *failing: str) -> None:
        self.failing, self.tried, self.adaptive, self.folder = failing, [], [], ""

    def __call__(self, vertices: DataFrame, pairs: DataFrame) -> Any:
        session = pairs.sparkSession
        self.adaptive.append(session.conf.get(AQE))
        self.folder = str(session.sparkContext.getCheckpointDir())

        def connected_components(*, algorithm: str, **_: Any) -> DataFrame:
            self.tried.append(algorithm)
            if algorithm in self.failing:
                # a failure of Spark's own, as a missing file is one
                session.read.parquet(f"{self.folder}/is-not-there").count()
            labels = list(TWO_PIECES.items())
            return session.createDataFrame(labels, "id bigint, component bigint").join(vertices, "id").persist()

        return type("Graph", (), {"connectedComponents": staticmethod(connected_components)})


def connected_by(library: Library, edges: DataFrame, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Connected:
    monkeypatch.setattr("graphframes.GraphFrame", library)
    return connect(
        edges,
        choice=EngineChoice("graphframes", "asked for"),
        checkpoint_folder=str(scratch / "engine"),
        one_task_max_edges=1,
        keep=locally_kept,
    )


@pytest.mark.parametrize(
    ("failing", "engine", "reason"),
    [
        ([], "graphframes", r"asked for; randomized_contraction of GraphFrames"),
        (["randomized_contraction"], "graphframes",
         r"asked for; randomized_contraction of GraphFrames failed \(.*\); two_phase of GraphFrames"),
        (["randomized_contraction", "two_phase"], "contraction",
         r"asked for; randomized_contraction of GraphFrames failed \(.*\); two_phase of GraphFrames failed \(.*\)"),
    ],
    ids=["nothing fails", "one algorithm fails", "both fail"],
)  # fmt: skip
def test_what_fails_in_graphframes_is_done_otherwise_and_the_reason_says_so(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: list[str], engine: str, reason: str
) -> None:
    library = Library(*failing)

    found = connected_by(library, edges_of(spark, [(2, 1), (3, 2), (8, 9)]), tmp_path, monkeypatch)

    assert {row["identifier_id"]: row["component_id"] for row in found.labels.collect()} == TWO_PIECES
    assert found.choice.engine == engine
    assert re.fullmatch(reason, found.choice.reason)


def test_what_fails_in_the_data_is_not_blamed_on_graphframes(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library()
    broken = spark.range(1).select(F.col("id").alias("src"), F.raise_error(F.lit("torn")).cast("bigint").alias("dst"))

    with pytest.raises(Exception, match="torn"):
        connected_by(library, broken, tmp_path, monkeypatch)

    assert library.tried == []


@pytest.mark.parametrize("asked", ["false", None])
def test_graphframes_finds_what_it_needs_and_leaves_the_session_as_it_was(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str | None
) -> None:
    # given a user's session without adaptive execution, with checkpoints of its own
    before, folder = spark.conf.get(AQE), spark.sparkContext.getCheckpointDir()
    theirs = tmp_path / "theirs"
    spark.sparkContext.setCheckpointDir(str(theirs))
    own = spark.sparkContext.getCheckpointDir()
    kept = spark.range(5).checkpoint()
    spark.conf.unset(AQE) if asked is None else spark.conf.set(AQE, asked)
    library = Library("randomized_contraction")
    try:
        connected_by(library, edges_of(spark, [(2, 1), (3, 2), (8, 9)]), tmp_path, monkeypatch)

        assert library.adaptive == ["true", "true"]
        assert f"{tmp_path}/engine/" in library.folder
        assert not (tmp_path / "engine").exists()
        assert spark.conf.get(AQE, None) == asked
        assert spark.sparkContext.getCheckpointDir() == own
        assert [path.name for path in theirs.iterdir()] == [Path(str(own)).name]
        assert kept.count() == 5
    finally:
        spark.conf.set(AQE, before)
        spark.sparkContext.setCheckpointDir(str(tmp_path / "later") if folder is None else folder)


@pytest.mark.graphframes
@pytest.mark.parametrize("is_adaptive", ["true", "false"])
def test_graphframes_needs_no_second_algorithm(spark: SparkSession, tmp_path: Path, is_adaptive: str) -> None:
    with setting(spark, adaptive_enabled=is_adaptive):
        found = connect(
            edges_of(spark, chain(500)),
            choice=EngineChoice("graphframes", "asked for"),
            checkpoint_folder=str(tmp_path / "engine"),
            one_task_max_edges=1,
            keep=locally_kept,
        )

    assert [tuple(row) for row in found.labels.groupBy("component_id").count().collect()] == [(0, 500)]
    if "must be fully qualified" in found.choice.reason:
        pytest.skip("this build of GraphFrames cannot plan randomized_contraction on this Spark, and did two_phase")
    assert found.choice == EngineChoice("graphframes", "asked for; randomized_contraction of GraphFrames")
