"""Suspects without Spark: what `suspects.rank_suspects` ranks, of tables that are small enough to be held.

The search is the same, `suspect_rows.find_in_batches`; only its rows are put together here, by columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import compute as pc

from oneuser.contracts.graph import COMPONENTS, EDGES, EVENT_IDENTIFIERS
from oneuser.contracts.identity import IDENTIFIER_MAP
from oneuser.core.message_identifiers import OBSERVED
from oneuser.inspection import suspect_rows as shape
from oneuser.storage.table_reader import rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneuser.inspection.published_rows import PublishedRows
    from oneuser.storage.table_reader import Row

_Numbers = np.ndarray[Any, Any]
_FEW = 2  # of three identifiers or more, two stay linked when one goes
_SHOWN = ("identifier_id", "id_type", "user_id", "n_people", "n_parts", "n_parted", "part_sizes", "n_events")


def rank_held(rows: PublishedRows, *, limit: int | None = None, largest: int | None = None) -> list[Row]:
    """Rows of `rank_suspects`: the first `limit` of them, from so many of the largest people; null means all.

    Raises:
        UncertainError: where the tables cannot be read without Spark, or are too large to be held.
    """
    members = _members(rows, largest)
    if not len(members["identifier_id"]):
        return []
    parts = [
        _of_kind(shape.MEMBER_ROW, members),
        _of_kind(shape.EDGE_ROW, _edges_inside(rows, members)),
        _of_kind(shape.MESSAGE_ROW, _observed_together(rows, members)),
    ]
    table = pa.Table.from_batches(parts, shape.ROWS.arrow)
    clustered = table.take(pc.sort_indices(table, [(name, "ascending") for name in shape.SORTED_BY])).combine_chunks()
    found = list(rows_of(shape.find_in_batches(clustered.to_batches())))
    described = rows.rows(
        IDENTIFIER_MAP,
        columns=["identifier_id", "id_type", "user_id", "n_events"],
        where={"identifier_id": [row["identifier_id"] for row in found]},
    )
    by_number = {row["identifier_id"]: row for row in described}
    ranked = sorted((row | by_number[row["identifier_id"]] for row in found), key=_effect)
    return [{name: row[name] for name in _SHOWN} for row in ranked[:limit]]


def _effect(row: Row) -> tuple[int, ...]:
    """That with most effect first."""
    return -row["n_people"], -row["n_parted"], -row["n_events"], row["identifier_id"]


def _of_kind(kind: int, columns: Mapping[str, Any]) -> pa.RecordBatch:
    """Rows of one kind; a column that the kind lacks is null."""
    n_rows = len(columns["component_id"])
    own = {name: column for name, column in columns.items() if name in shape.ROWS.columns}
    arrays = {name: column if isinstance(column, pa.Array) else pa.array(column) for name, column in own.items()}
    return shape.ROWS.batch(n_rows, arrays | {"row_kind": pa.array(np.full(n_rows, kind, "int32"))})


def _members(rows: PublishedRows, largest: int | None) -> dict[str, _Numbers]:
    """Identifiers of the components that hold several known ones, by their number."""
    owned = _columns(rows.held(IDENTIFIER_MAP, columns=["identifier_id", "is_known", "strength"]))
    placed = _columns(rows.held(COMPONENTS, columns=["identifier_id", "component_id"]))
    place = _places(placed["identifier_id"], owned["identifier_id"])
    members = _filtered(owned, place >= 0) | {"component_id": placed["component_id"][place[place >= 0]]}
    names, where, n_members = np.unique(members["component_id"], return_inverse=True, return_counts=True)
    n_known = np.bincount(where, weights=members["is_known"], minlength=len(names))
    several = np.flatnonzero(n_known > 1)
    if largest is not None:
        # names are in order, and so are those of as many members
        several = several[np.argsort(-n_members[several], kind="stable")][:largest]
    members = _filtered(members, np.isin(where, several))
    return {name: values[np.argsort(members["identifier_id"])] for name, values in members.items()}


def _edges_inside(rows: PublishedRows, members: Mapping[str, _Numbers]) -> dict[str, _Numbers]:
    """Pairs that edges join inside a component: those between two of them are refused. Some come twice."""
    edges = _columns(rows.held(EDGES, columns=["src", "dst"]))
    ends = [_places(members["identifier_id"], edges[name]) for name in ("src", "dst")]
    component_id = members["component_id"]
    is_inside = (ends[0] >= 0) & (ends[1] >= 0) & (component_id[ends[0]] == component_id[ends[1]])
    return _filtered(edges | {"component_id": component_id[ends[0]]}, is_inside)


def _observed_together(rows: PublishedRows, members: Mapping[str, _Numbers]) -> dict[str, Any]:
    """What messages carry of a component, three identifiers or more, the best one first; each combination once."""
    carried = rows.held(EVENT_IDENTIFIERS, columns=["message_key", "identifier_id", "type_rank", "link"])
    observed = carried.filter(pc.is_in(carried.column("link"), value_set=pa.array(OBSERVED)))
    message = observed.column("message_key").combine_chunks().dictionary_encode().indices.to_numpy()
    numbers = _columns(observed.select(["identifier_id", "type_rank"])) | {"message": message}
    place = _places(members["identifier_id"], numbers["identifier_id"])
    numbers |= {name: members[name][place] for name in ("component_id", "strength")}
    inside = _filtered(numbers, place >= 0)
    # of what a message carries twice, the better one counts
    inside = _sorted(inside, "component_id", "message", "identifier_id", "type_rank")
    inside = _filtered(inside, _begins(inside, "component_id", "message", "identifier_id"))
    inside = _sorted(inside, "component_id", "message", "strength", "type_rank", "identifier_id")
    starts = np.flatnonzero(_begins(inside, "component_id", "message"))
    ends = np.append(starts[1:], len(inside["message"]))
    is_wide = ends - starts > _FEW
    sets = {
        (int(inside["component_id"][start]), tuple(inside["identifier_id"][start:end].tolist()))
        for start, end in zip(starts[is_wide], ends[is_wide], strict=True)
    }
    combinations = sorted(sets)
    observed_type = pa.list_(pa.int64())
    return {
        "component_id": pa.array([component for component, _ in combinations], pa.int64()),
        "observed": pa.array([list(carries) for _, carries in combinations], observed_type),
    }


def _columns(table: pa.Table) -> dict[str, _Numbers]:
    """Columns of numbers without nulls."""
    return {name: table.column(name).combine_chunks().to_numpy(zero_copy_only=False) for name in table.column_names}


def _filtered(columns: Mapping[str, _Numbers], is_kept: _Numbers) -> dict[str, _Numbers]:
    return {name: values[is_kept] for name, values in columns.items()}


def _sorted(columns: Mapping[str, _Numbers], *by: str) -> dict[str, _Numbers]:
    order = np.lexsort([columns[name] for name in reversed(by)])
    return {name: values[order] for name, values in columns.items()}


def _begins(columns: Mapping[str, _Numbers], *by: str) -> _Numbers:
    """Whether a row is the first of its values in some columns, by which rows are sorted."""
    is_first = np.ones(len(columns[by[0]]), dtype=bool)
    is_first[1:] = np.any([columns[name][1:] != columns[name][:-1] for name in by], axis=0)
    return is_first


def _places(keys: _Numbers, wanted: _Numbers) -> _Numbers:
    """Where each wanted number is among keys, of which none comes twice; -1 where it is not."""
    if not len(keys):
        return np.full(len(wanted), -1)
    order = np.argsort(keys)
    at = np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
    return np.where(keys[order[at]] == wanted, order[at], -1)
