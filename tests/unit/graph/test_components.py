"""Components on arrays, and the check of them: against networkx, and against corruption planted on purpose."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from oneuser.core.errors import EnvironmentProblem
from oneuser.graph.certification import check_components
from oneuser.graph.components import choose_engine
from oneuser.graph.one_task import label_components


def random_edges(seed: int, *, n: int = 200, m: int = 150, spread: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, n, m) * spread, rng.integers(0, n, m) * spread


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("spread", [1, 10**12], ids=["dense ids", "sparse ids"])
def test_labels_are_the_smallest_member_of_networkx_components(seed: int, spread: int) -> None:
    src, dst = random_edges(seed, spread=spread)
    graph = nx.Graph(list(zip(src.tolist(), dst.tolist(), strict=True)))
    expected = {node: min(part) for part in nx.connected_components(graph) for node in part}

    ids, labels = label_components(src, dst)

    assert dict(zip(ids.tolist(), labels.tolist(), strict=True)) == expected


def test_a_long_chain_and_a_big_star_are_one_component_each() -> None:
    chain = np.arange(10_000)
    star = np.arange(20_000, 120_000)

    ids, labels = label_components(
        np.concatenate([chain[:-1], np.full(len(star) - 1, star[0])]), np.concatenate([chain[1:], star[1:]])
    )

    assert set(labels[ids < 10_000].tolist()) == {0}
    assert set(labels[ids >= 20_000].tolist()) == {20_000}


def certified(vertex: np.ndarray, label: np.ndarray, src: np.ndarray, dst: np.ndarray) -> tuple[int, ...]:
    return check_components(label, vertex, src, dst)


@pytest.mark.parametrize("seed", range(10))
def test_true_components_pass(seed: int) -> None:
    src, dst = random_edges(seed)
    vertex, label = label_components(src, dst)

    n_vertices, n_labels, n_pieces, *violations = certified(vertex, label, src, dst)

    assert (n_vertices, n_labels) == (len(vertex), n_pieces)
    assert violations == [0, 0, 0]


@pytest.mark.parametrize("seed", range(10))
def test_a_relabelled_vertex_is_found(seed: int) -> None:
    src, dst = random_edges(seed)
    vertex, label = label_components(src, dst)
    label[np.flatnonzero(label != vertex)[0]] = label.max() + 1_000

    findings = certified(vertex, label, src, dst)

    assert findings[5] > 0 or findings[1] != findings[2] or findings[4] > 0


@pytest.mark.parametrize("seed", range(10))
def test_two_components_under_one_label_are_found(seed: int) -> None:
    src, dst = random_edges(seed)
    vertex, label = label_components(src, dst)
    first, second = np.unique(label)[:2]
    label[label == second] = first

    _, n_labels, n_pieces, *_ = certified(vertex, label, src, dst)

    assert n_pieces == n_labels + 1


def test_a_lost_vertex_with_edges_is_found() -> None:
    vertex, label = np.array([1, 2, 4]), np.array([1, 1, 4])

    findings = certified(vertex, label, np.array([1, 2]), np.array([2, 3]))

    assert findings[5] == 1


def test_a_repeated_vertex_is_found() -> None:
    vertex, label = np.array([1, 2, 2]), np.array([1, 1, 1])

    assert certified(vertex, label, np.array([1]), np.array([2]))[3] == 1


@pytest.mark.parametrize(
    ("n_edges", "has_graphframes", "engine", "reason"),
    [
        (10, True, "one_task", "10 edges fit one task"),
        (11, True, "graphframes", "GraphFrames is on the class path"),
        (11, False, "contraction", "GraphFrames is not on the class path"),
    ],
)
def test_auto_decides_by_size_and_by_what_is_there(
    *, n_edges: int, has_graphframes: bool, engine: str, reason: str
) -> None:
    choice = choose_engine("auto", n_edges=n_edges, one_task_max_edges=10, has_graphframes=has_graphframes)

    assert choice.engine == engine
    assert reason in choice.reason


def test_a_bound_is_not_said_to_be_a_count() -> None:
    choice = choose_engine("auto", n_edges=9, one_task_max_edges=10, has_graphframes=True, is_bound=True)

    assert (choice.engine, choice.reason) == (
        "one_task", "fewer than 10 edges fit one task (graph.one_task_max_edges 10)"
    )  # fmt: skip


@pytest.mark.parametrize("engine", ["one_task", "contraction", "graphframes"])
def test_an_engine_asked_for_is_the_one_that_runs(engine: str) -> None:
    choice = choose_engine(engine, n_edges=11, one_task_max_edges=10, has_graphframes=True)

    assert (choice.engine, choice.reason) == (engine, "asked for by graph.engine")


def test_graphframes_without_its_jar_says_what_to_add_to_spark_submit() -> None:
    with pytest.raises(EnvironmentProblem, match=r"--packages io\.graphframes:graphframes-spark4_2\.13"):
        choose_engine("graphframes", n_edges=1, one_task_max_edges=10, has_graphframes=False)
