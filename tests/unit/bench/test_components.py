from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.bench.components import Labelled, require_agreement, rows_of
from tests.bench.components_job import by_scipy
from tests.bench.made_up_pairs import CHAIN, HUB, PEOPLE, SHAPES, make_pairs, write_pairs
from tests.bench.single_thread import label_components

N_VERTICES, N_EDGES = 1_750, 1_250


def labelled(engine: str, shape: str, seconds: float | None, certificate: float = 0.0, n: int = 5) -> Labelled:
    return Labelled(engine, shape, seconds, seconds or 0.0, certificate, n, 1)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_has_the_vertices_and_edges_asked_for_and_no_cycle(shape: str) -> None:
    src, dst = make_pairs(shape, N_VERTICES, N_EDGES)

    ids, label = label_components(src, dst)

    assert len(src) == len(dst) == N_EDGES
    assert ids.tolist() == list(range(N_VERTICES))
    assert int(label.max()) + 1 == N_VERTICES - N_EDGES
    assert (src < dst).all()


def test_a_hub_has_many_neighbours_and_a_chain_is_long() -> None:
    n_large = N_EDGES // 4
    n_neighbours = {}
    largest = {}
    for shape in SHAPES:
        src, dst = make_pairs(shape, N_VERTICES, N_EDGES)
        n_neighbours[shape] = np.bincount(np.concatenate([src, dst])).max()
        largest[shape] = np.bincount(label_components(src, dst)[1]).max()

    assert n_neighbours[HUB] == n_large
    assert largest[HUB] == largest[CHAIN] == n_large + 1
    assert n_neighbours[CHAIN] < 30 > largest[PEOPLE]


def test_pairs_are_the_same_every_time() -> None:
    assert all(
        (one == other).all() for one, other in zip(make_pairs(HUB, 200, 150), make_pairs(HUB, 200, 150), strict=True)
    )


@pytest.mark.parametrize(("n_vertices", "n_edges"), [(11, 10), (18, 10)])
def test_pairs_without_small_components_are_refused(n_vertices: int, n_edges: int) -> None:
    with pytest.raises(ValueError, match="expected 2 vertices more"):
        make_pairs(PEOPLE, n_vertices, n_edges)


def test_scipy_labels_each_id_with_the_smallest_of_its_component(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", PEOPLE, 9, 7)

    answer = by_scipy(tmp_path / "pairs", tmp_path / "out")

    labels = pq.read_table(tmp_path / "out").to_pydict()
    assert answer["n_components"] == len(set(labels["component_id"])) == 2
    assert labels["identifier_id"] == list(range(9))
    assert all(label <= one for one, label in zip(*labels.values(), strict=True))
    assert all(labels["component_id"][label] == label for label in labels["component_id"])


def test_engines_are_multiples_of_scipy_and_of_themselves_without_the_hub() -> None:
    measured = {
        (one.engine, one.shape): one
        for one in (
            labelled("scipy", PEOPLE, 10.0),
            labelled("one_task", PEOPLE, 15.0, certificate=3.0),
            labelled("scipy", HUB, 8.0),
            labelled("one_task", HUB, 30.0, certificate=3.0),
            labelled("graphframes", HUB, None),
        )
    }

    rows = {(row.name, row.yardstick): row.value for row in rows_of(measured, 12_500_000)}

    name = "components of 12.5 M edges by one_task"
    assert rows[name, "one thread of SciPy, ids numbered first"] == 1.5
    assert rows[f"{name}, certificate", "the components"] == 0.2
    assert rows[f"{name}, with a hub of 1 M", "as many edges without it"] == 2.0
    assert not [name for name, _ in rows if "graphframes" in name]


def test_engines_that_disagree_end_the_benchmark() -> None:
    measured = {("scipy", PEOPLE): labelled("scipy", PEOPLE, 1.0, n=5)}
    require_agreement(measured)
    measured["one_task", PEOPLE] = labelled("one_task", PEOPLE, 1.0, n=6)

    with pytest.raises(SystemExit, match="people: engines do not find the same components"):
        require_agreement(measured)
