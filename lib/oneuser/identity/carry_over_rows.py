"""Shapes of the rows that go to the carry-over and come back, and how Python objects become such rows.

Rows to decide: users and identifiers of a carry-over group, told apart by `row_kind`. They share columns:

* of a User ID: the row of `user_ids`; `id_key`, `first_seen_at` and `first_event_order` are those of its anchor when
  minted;
* of an identifier: its component; `user_id` is its user in the last `identifier_map`, `owners` are the
  components that own its intervals, in order, where it is contested.

Decided rows: `kind` says what a row is; its other columns are those of the table of that kind, null otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

    from oneuser.identity.ledger import LineageRow, UserId

USER_ROW, MEMBER_ROW = 0, 1
USER, OWNER, LINEAGE = "user", "owner", "lineage"

_ANCHORS = "array<struct<identifier_id:bigint,run_seq:bigint>>"

ROWS = RowShape(
    {
        "group_id": "bigint",
        "row_kind": "int",
        "user_id": "string",
        "status": "string",
        "redirect_to": "string",
        "anchor_identifier_id": "bigint",
        "last_anchor_identifier_id": "bigint",
        "anchors": _ANCHORS,
        "minted_run": "bigint",
        "status_run": "bigint",
        "component_id": "bigint",
        "identifier_id": "bigint",
        "is_known": "boolean",
        "priority": "int",
        "first_seen_at": "timestamp",
        "first_event_order": "binary",
        "id_key": "binary",
        "owners": "array<bigint>",
    }
)
DECISIONS = RowShape(
    {
        "kind": "string",
        "user_id": "string",
        "component_id": "bigint",
        "status": "string",
        "redirect_to": "string",
        "anchor_identifier_id": "bigint",
        "last_anchor_identifier_id": "bigint",
        "anchors": _ANCHORS,
        "minted_run": "bigint",
        "minted_first_seen_at": "timestamp",
        "minted_first_event_order": "binary",
        "minted_key": "binary",
        "status_run": "bigint",
        "run_seq": "bigint",
        "change": "string",
        "other_user_id": "string",
        "identifier_id": "bigint",
    }
)


def decided_batch(kind: str, n_rows: int, columns: Mapping[str, Any]) -> pa.RecordBatch:
    """Decided rows of one kind. Columns are Arrow arrays or lists; those that are not given are null."""
    return DECISIONS.batch(n_rows, {**columns, "kind": kind})


def user_rows(users: Iterable[UserId]) -> pa.RecordBatch:
    """Rows of the ledger."""
    users = list(users)
    columns = {
        "user_id": [user.user_id for user in users],
        "status": [user.status for user in users],
        "redirect_to": [user.redirect_to for user in users],
        "anchor_identifier_id": [user.anchor for user in users],
        "last_anchor_identifier_id": [user.last_anchor for user in users],
        "anchors": [[{"identifier_id": number, "run_seq": run} for number, run in user.anchors] for user in users],
        "minted_run": [user.published[0] for user in users],
        "minted_first_seen_at": [user.published[1] for user in users],
        "minted_first_event_order": [user.published[2] for user in users],
        "minted_key": [user.published[3] for user in users],
        "status_run": [user.status_run for user in users],
    }
    return decided_batch(USER, len(users), columns)


def owner_rows(owners: Mapping[int, str]) -> pa.RecordBatch:
    """The live User ID of each component."""
    return decided_batch(OWNER, len(owners), {"component_id": list(owners), "user_id": list(owners.values())})


def lineage_rows(rows: Iterable[LineageRow]) -> pa.RecordBatch:
    """What happened to User IDs."""
    rows = list(rows)
    columns = {
        "user_id": [row.user_id for row in rows],
        "run_seq": [row.run_seq for row in rows],
        "change": [row.change for row in rows],
        "other_user_id": [row.other_user_id for row in rows],
        "identifier_id": [row.identifier_id for row in rows],
    }
    return decided_batch(LINEAGE, len(rows), columns)
