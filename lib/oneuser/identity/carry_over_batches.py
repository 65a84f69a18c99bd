"""The carry-over of many groups at once, over Arrow batches: one call per partition.

Rows come clustered by `group_id` and sorted by `SORTED_BY`, so that the users of a group come before its members and
the best member of each component is its first row. Most groups need no thought, and are decided by columns:

* fresh: one component and no User ID, so that one is minted (rule 5);
* kept: one component and one live ID, on an anchor that nothing in the component outranks.

All others are decided by `succession.decide`. The three ways agree by test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oneuser.identity.carry_over_rows import (
    DECISIONS,
    LINEAGE,
    OWNER,
    USER,
    USER_ROW,
    decided_batch,
    lineage_rows,
    owner_rows,
    user_rows,
)
from oneuser.identity.ledger import ANONYMOUS_STRENGTH, LineageRow, Member, UserId
from oneuser.identity.minting import USER_ID_LENGTH, Mint, encode_user_ids, number_hasher
from oneuser.identity.succession import Rules, decide
from oneuser.spark.arrow_batches import plain_values, whole_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

# Column and whether it ascends. Nulls are where one kind of row lacks a column; they never decide.
SORTED_BY = (
    ("group_id", True),
    ("row_kind", True),
    ("component_id", True),
    ("is_known", False),
    ("priority", True),
    ("first_seen_at", True),
    ("first_event_order", True),
    ("id_key", True),
)
_NO_STRENGTH = ANONYMOUS_STRENGTH + 1
_TWO_ANCHORS = 2
_NOWHERE = -1  # identifiers are numbered from 0


def decide_batches(batches: Iterable[pa.RecordBatch], rules: Rules) -> Iterator[pa.RecordBatch]:
    """Decide all groups of a partition.

    Args:
        batches: Rows of the shape `carry_over_rows.ROWS`, sorted; a group may span batches.
        rules: Mint and survivor.

    Yields:
        Rows of the shape `carry_over_rows.DECISIONS`: an owner for each component, the changed rows of the ledger, and
        lineage.
    """
    hash_anchor = number_hasher(rules.mint)
    for rows in whole_groups(batches, by="group_id"):
        shape = _look_at(rows)
        is_fresh, is_kept = shape.is_fresh, shape.is_kept(rows)
        if is_fresh.any():
            yield from _mint_all(_rows_at(rows, shape.opening[is_fresh]), rules.mint, hash_anchor)
        if is_kept.any():
            components = _rows_at(rows, shape.opening[is_kept]).column("component_id")
            keepers = _rows_at(rows, shape.starts[is_kept]).column("user_id")
            yield decided_batch(OWNER, len(components), {"component_id": components, "user_id": keepers})
        is_other = ~(is_fresh | is_kept)
        if is_other.any():
            others = rows.filter(pa.array(np.repeat(is_other, shape.sizes)))
            yield from _decide_each(others, rules, hash_anchor)


@dataclass(slots=True)
class _Shape:
    """Where each group of some rows lies: its first row, first member, size, and what it is made of."""

    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    opening: NDArray[np.int64]
    n_users: NDArray[np.int64]
    is_simple: NDArray[np.bool_]  # one component, nothing contested

    @property
    def is_fresh(self) -> NDArray[np.bool_]:
        return np.asarray(self.is_simple & (self.n_users == 0))

    def is_kept(self, rows: pa.RecordBatch) -> NDArray[np.bool_]:
        """Groups of one component and one live ID that stays as it is.

        Its anchor must be as strong as the best member, or it would upgrade; and no other anchor of it in the component
        may come before: the present one is the earliest, or the only other one is weaker or gone.
        """
        is_candidate = np.asarray(self.is_simple & (self.n_users == 1))
        if not is_candidate.any():
            return is_candidate
        status: Any = rows.column("status")
        is_live = pc.equal(status, pa.scalar("live")).fill_null(False).to_numpy(zero_copy_only=False)[self.starts]
        anchor = _numbers(rows, "anchor_identifier_id")[self.starts]
        anchors: Any = rows.column("anchors")
        n_anchors = pc.list_value_length(anchors).fill_null(0).to_numpy()[self.starts]
        numbers = np.append(anchors.values.field("identifier_id").to_numpy(), _NOWHERE)
        earliest = numbers[anchors.offsets.to_numpy()[self.starts]]
        strength = _strengths(rows)
        present_strength = self._strength_of(rows, anchor, strength)
        is_earliest_weaker = self._strength_of(rows, earliest, strength) > present_strength
        is_first_choice = (earliest == anchor) | ((n_anchors <= _TWO_ANCHORS) & is_earliest_weaker)
        is_best = present_strength == strength[self.opening]
        return np.asarray(is_candidate & is_live & is_best & is_first_choice)

    def _strength_of(
        self, rows: pa.RecordBatch, identifier: NDArray[np.int64], strength: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Strength of one identifier of each group, `_NO_STRENGTH` where it is none of its members."""
        members = _numbers(rows, "identifier_id")
        is_it = (members == np.repeat(identifier, self.sizes)) & (members != _NOWHERE)
        return np.asarray(np.minimum.reduceat(np.where(is_it, strength, _NO_STRENGTH), self.starts))


def _look_at(rows: pa.RecordBatch) -> _Shape:
    group = rows.column("group_id").to_numpy()
    starts = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
    sizes = np.diff(np.append(starts, len(group)))
    n_users = np.add.reduceat((rows.column("row_kind").to_numpy() == USER_ROW).astype(np.int64), starts)
    has_members = n_users < sizes
    opening = starts + np.where(has_members, n_users, 0)
    component = _numbers(rows, "component_id")
    is_contested = np.logical_or.reduceat(rows.column("owners").is_valid().to_numpy(zero_copy_only=False), starts)
    is_single = has_members & (component[opening] == component[starts + sizes - 1])
    return _Shape(starts, sizes, opening, n_users, is_single & ~is_contested)


def _numbers(rows: pa.RecordBatch, column: str) -> NDArray[np.int64]:
    return np.asarray(rows.column(column).fill_null(_NOWHERE).to_numpy())


def _strengths(rows: pa.RecordBatch) -> NDArray[np.int64]:
    is_known = rows.column("is_known").fill_null(False).to_numpy(zero_copy_only=False)
    priority = rows.column("priority").fill_null(0).to_numpy().astype(np.int64)
    return np.where(is_known, priority, ANONYMOUS_STRENGTH)


def _rows_at(rows: pa.RecordBatch, indices: NDArray[np.int64]) -> pa.RecordBatch:
    chosen = np.zeros(rows.num_rows, dtype=bool)
    chosen[indices] = True
    return rows.filter(pa.array(chosen))


def _mint_all(anchors: pa.RecordBatch, mint: Mint, hash_anchor: Callable[[bytes], bytes]) -> Iterator[pa.RecordBatch]:
    """Rule 5 for components without an ID, by columns. Rows are the anchors: the best identifier of each component."""
    n = anchors.num_rows
    keys: list[Any] = anchors.column("id_key").to_pylist()
    text = encode_user_ids([hash_anchor(key) for key in keys])
    ends = pa.py_buffer((np.arange(n + 1, dtype=np.int32) * USER_ID_LENGTH).tobytes())
    user_ids = pa.StringArray.from_buffers(n, ends, pa.py_buffer(text))
    numbers = anchors.column("identifier_id")
    run = pa.repeat(pa.scalar(mint.run_seq, pa.int64()), n)
    anchor_type: Any = DECISIONS.arrow.field("anchors").type
    taken = pa.StructArray.from_arrays([numbers, run], fields=list(anchor_type.value_type))
    ledger_row = {
        "user_id": user_ids,
        "status": "live",
        "anchor_identifier_id": numbers,
        "anchors": pa.ListArray.from_arrays(pa.array(range(n + 1), pa.int32()), taken),
        "minted_run": run,
        "minted_first_seen_at": anchors.column("first_seen_at"),
        "minted_first_event_order": anchors.column("first_event_order"),
        "minted_key": anchors.column("id_key"),
        "status_run": run,
    }
    yield decided_batch(OWNER, n, {"component_id": anchors.column("component_id"), "user_id": user_ids})
    yield decided_batch(USER, n, ledger_row)
    yield decided_batch(LINEAGE, n, {"user_id": user_ids, "run_seq": run, "change": "minted", "identifier_id": numbers})


def _decide_each(rows: pa.RecordBatch, rules: Rules, hash_anchor: Callable[[bytes], bytes]) -> Iterator[pa.RecordBatch]:
    """Groups that need the rules, one after another."""
    owners: dict[int, str] = {}
    changed: list[UserId] = []
    lineage: list[LineageRow] = []
    for members, users in _as_objects(rows):
        decision = decide(members, users, rules, hash_anchor)
        owners |= decision.owners
        changed += decision.changed
        lineage += decision.lineage
    yield from (owner_rows(owners), user_rows(changed), lineage_rows(lineage))


def _as_objects(rows: pa.RecordBatch) -> Iterator[tuple[list[Member], list[UserId]]]:
    """Members and users of each group, in order."""
    columns = {name: plain_values(column) for name, column in zip(rows.schema.names, rows.columns, strict=True)}
    names = list(columns)
    members: list[Member] = []
    users: list[UserId] = []
    group: int | None = None
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(names, values, strict=True))
        if group is not None and row["group_id"] != group:
            yield members, users
            members, users = [], []
        group = row["group_id"]
        if row["row_kind"] == USER_ROW:
            users.append(_user(row))
        else:
            members.append(_member(row))
    if group is not None:
        yield members, users


def _user(row: dict[str, Any]) -> UserId:
    return UserId(
        user_id=row["user_id"],
        status=row["status"],
        redirect_to=row["redirect_to"],
        anchor=row["anchor_identifier_id"],
        anchors=tuple((anchor["identifier_id"], anchor["run_seq"]) for anchor in row["anchors"]),
        published=(row["minted_run"], row["first_seen_at"], row["first_event_order"], row["id_key"]),
        status_run=row["status_run"],
        last_anchor=row["last_anchor_identifier_id"],
    )


def _member(row: dict[str, Any]) -> Member:
    return Member(
        identifier_id=row["identifier_id"],
        component_id=row["component_id"],
        key=row["id_key"],
        priority=row["priority"],
        is_known=row["is_known"],
        first_seen=(row["first_seen_at"], row["first_event_order"]),
        previous_user=row["user_id"],
        owners=tuple(row["owners"] or ()),
    )
