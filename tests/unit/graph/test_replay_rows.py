"""Whole partitions in Arrow batches, cut anywhere, are replayed as one group after another."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from oneuser.graph import replay_rows as shape
from oneuser.graph.bounded_sets import Bounds
from oneuser.graph.replay import contested, cut_off, replay
from oneuser.graph.replay_rows import replay_batches
from tests.unit.graph.replay_groups import Group, bounds, random_bounds, random_group


def rows_of(group_id: int, group: Group) -> list[dict[str, Any]]:
    vertices = [
        {
            "row_kind": shape.VERTEX_ROW, "identifier_id": vertex.identifier_id, "id_key": vertex.key,
            "id_type": vertex.id_type, "priority": vertex.priority, "is_known": vertex.is_known,
            "value_class": vertex.value_class,
        }
        for vertex in group.vertices
    ]  # fmt: skip
    edges = [
        {
            "row_kind": shape.EDGE_ROW, "src": edge.src, "dst": edge.dst, "priority": edge.priority,
            "first_at": edge.first and edge.first[0], "first_order": edge.first and edge.first[1],
            "last_at": edge.last and edge.last[0], "last_order": edge.last and edge.last[1],
            "is_include": edge.is_include,
        }
        for edge in group.evidence
    ]  # fmt: skip
    excluded = [{"row_kind": shape.EXCLUDE_ROW, "src": one, "dst": other} for one, other in group.excluded]
    return [{"group_id": group_id, **row} for row in [*vertices, *edges, *excluded]]


def as_batches(rows: list[dict[str, Any]], cuts: list[int]) -> Iterator[pa.RecordBatch]:
    columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in shape.ROWS.arrow]
    whole = pa.RecordBatch.from_arrays(columns, schema=shape.ROWS.arrow)
    for start, stop in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        yield whole.slice(start, stop - start)


def decided(rows: list[dict[str, Any]], limits: Bounds, cuts: list[int] | None = None) -> tuple[Any, Any]:
    """Labels with their flags by identifier, and refusals in the order of `src`, `dst`."""
    batches = list(replay_batches(as_batches(rows, cuts or []), limits))
    assert all(batch.schema == shape.DECISIONS.arrow for batch in batches)
    found = [row for batch in batches for row in batch.to_pylist()]
    labels = {
        row["identifier_id"]: (row["component_id"], row["is_contested"], row["is_cut_off"])
        for row in found
        if row["kind"] == shape.LABEL
    }
    refused = sorted((row["src"], row["dst"], row["rule"]) for row in found if row["kind"] == shape.REFUSED)
    assert len(labels) + len(refused) == len(found)
    return labels, refused


def expected(groups: list[Group], limits: Bounds) -> tuple[Any, Any]:
    labels: dict[int, tuple[int, bool, bool]] = {}
    refused = []
    for group in groups:
        vertices = {vertex.identifier_id: vertex for vertex in group.vertices}
        replayed = replay(vertices.values(), group.evidence, group.excluded, limits)
        disputed, cut = contested(replayed, vertices), cut_off(replayed, vertices)
        labels |= {n: (label, n in disputed, n in cut) for n, label in replayed.labels.items()}
        refused += [(refusal.src, refusal.dst, refusal.rule) for refusal in replayed.refused]
    return labels, sorted(refused)


def apart(groups: list[Group]) -> list[Group]:
    """The same groups with numbers of their own."""
    moved = []
    for place, group in enumerate(groups):
        other = group.renumbered(Random(place))
        shift = 1_000 * place
        other.number = {name: number + shift for name, number in other.number.items()}
        other.evidence = [
            type(edge)(edge.src + shift, edge.dst + shift, edge.priority, edge.first, edge.last, edge.is_include)
            for edge in other.evidence
        ]
        other.excluded = [(one + shift, another + shift) for one, another in other.excluded]
        moved.append(other)
    return moved


@pytest.mark.parametrize("block", range(4))
def test_groups_in_batches_cut_anywhere_are_replayed_as_one_by_one(block: int) -> None:
    for seed in range(block * 40, block * 40 + 40):
        chance = Random(seed)
        limits = random_bounds(chance)
        groups = apart([random_group(chance) for _ in range(chance.randint(1, 12))])
        rows = [row for place, group in enumerate(groups) for row in rows_of(place * 7, group)]
        cuts = sorted(chance.randint(0, len(rows)) for _ in range(chance.randint(0, 8)))

        assert decided(rows, limits, cuts) == expected(groups, limits), seed


def test_groups_need_not_come_in_the_order_of_their_numbers() -> None:
    groups = apart([Group.of("u1 u2 d1", ("u1 d1", 5), ("u2 d1", 7)) for _ in range(3)])
    rows = [row for number, group in zip((9, 2, 5), groups, strict=True) for row in rows_of(number, group)]

    for cut in range(len(rows)):
        assert decided(rows, bounds("u"), [cut]) == expected(groups, bounds("u"))


def test_a_time_without_a_message_comes_before_messages_of_the_same_time() -> None:
    group = Group.of("u1 u2 d1", ("u1 d1", 5), ("u2 d1", 5))
    rows = rows_of(1, group)
    edges = [row for row in rows if row["row_kind"] == shape.EDGE_ROW]

    for row in edges:
        row["last_order"], row["first_order"] = (None, None) if row["src"] == 1 else (b"\x00", b"\x00")

    assert decided(rows, bounds("u"))[1] == [(1, 3, "unique")]
    assert decided(rows, bounds("u", conflict="earliest"))[1] == [(2, 3, "unique")]


def test_a_group_without_edges_and_a_partition_without_rows_are_no_special_case() -> None:
    rows = rows_of(1, Group.of("u1 d1"))

    assert decided(rows, bounds("u")) == ({1: (1, False, False), 2: (2, False, False)}, [])
    assert list(replay_batches([], bounds("u"))) == []
    assert list(replay_batches(as_batches([], []), bounds("u"))) == []


def test_an_edge_that_leads_out_of_its_group_is_an_error() -> None:
    one, other = apart([Group.of("u1 d1", ("u1 d1", 5)), Group.of("u1 d1", ("u1 d1", 5))])
    rows = [*rows_of(1, one), *rows_of(2, other)]
    next(row for row in rows if row["row_kind"] == shape.EDGE_ROW)["dst"] = next(iter(other.number.values()))

    with pytest.raises(LookupError):
        decided(rows, bounds("u"))
