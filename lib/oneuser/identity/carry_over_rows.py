"""Shapes of the rows that go to the carry-over and come back, and how Python objects become such rows.

Rows to decide: users and identifiers of a carry-over group, told apart by `row_kind`. They share columns:

* of a User ID: the row of `user_ids`; `id_key`, `first_seen_at` and `first_message_key` are those of its anchor when
  minted;
* of an identifier: its component; `user_id` is its user in the last `identifier_map`, `owners` are the
  components that own its intervals, in order, where it is contested.

Decided rows: `kind` says what a row is; its other columns are those of the table of that kind, null otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from oneuser.spark.arrow_batches import filled_batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oneuser.identity.ledger import LineageRow, UserId

USER_ROW, MEMBER_ROW = 0, 1
USER, OWNER, LINEAGE = "user", "owner", "lineage"

ANCHOR_FIELDS = [pa.field("identifier_id", pa.int64()), pa.field("run_seq", pa.int64())]
ANCHORS: pa.DataType = pa.list_(pa.struct(ANCHOR_FIELDS))
INSTANT: pa.DataType = pa.timestamp("us", tz="UTC")

_ROW_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("group_id", pa.int64()),
    ("row_kind", pa.int32()),
    ("user_id", pa.string()),
    ("status", pa.string()),
    ("redirect_to", pa.string()),
    ("anchor_identifier_id", pa.int64()),
    ("anchors", ANCHORS),
    ("minted_run", pa.int64()),
    ("status_run", pa.int64()),
    ("component_id", pa.int64()),
    ("identifier_id", pa.int64()),
    ("is_known", pa.bool_()),
    ("priority", pa.int32()),
    ("first_seen_at", INSTANT),
    ("first_message_key", pa.binary()),
    ("id_key", pa.binary()),
    ("owners", pa.list_(pa.int64())),
]
ROWS = pa.schema(_ROW_COLUMNS)
ROW_TYPES = {
    "group_id": "bigint",
    "row_kind": "int",
    "user_id": "string",
    "status": "string",
    "redirect_to": "string",
    "anchor_identifier_id": "bigint",
    "anchors": "array<struct<identifier_id:bigint,run_seq:bigint>>",
    "minted_run": "bigint",
    "status_run": "bigint",
    "component_id": "bigint",
    "identifier_id": "bigint",
    "is_known": "boolean",
    "priority": "int",
    "first_seen_at": "timestamp",
    "first_message_key": "binary",
    "id_key": "binary",
    "owners": "array<bigint>",
}

_DECISION_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("kind", pa.string()),
    ("user_id", pa.string()),
    ("component_id", pa.int64()),
    ("status", pa.string()),
    ("redirect_to", pa.string()),
    ("anchor_identifier_id", pa.int64()),
    ("anchors", ANCHORS),
    ("minted_run", pa.int64()),
    ("minted_first_seen_at", INSTANT),
    ("minted_first_message_key", pa.binary()),
    ("minted_key", pa.binary()),
    ("status_run", pa.int64()),
    ("run_seq", pa.int64()),
    ("change", pa.string()),
    ("other_user_id", pa.string()),
    ("identifier_id", pa.int64()),
]
DECISIONS = pa.schema(_DECISION_COLUMNS)
DECISIONS_DDL = (
    "kind string, user_id string, component_id bigint, status string, redirect_to string, "
    "anchor_identifier_id bigint, anchors array<struct<identifier_id:bigint,run_seq:bigint>>, minted_run bigint, "
    "minted_first_seen_at timestamp, minted_first_message_key binary, minted_key binary, status_run bigint, "
    "run_seq bigint, change string, other_user_id string, identifier_id bigint"
)


def decided_batch(kind: str, n_rows: int, columns: Mapping[str, Any]) -> pa.RecordBatch:
    """Decided rows of one kind. Columns are Arrow arrays or lists; those that are not given are null."""
    return filled_batch(DECISIONS, n_rows, {**columns, "kind": kind})


def user_rows(users: Iterable[UserId]) -> pa.RecordBatch:
    """Rows of the ledger."""
    users = list(users)
    columns = {
        "user_id": [user.user_id for user in users],
        "status": [user.status for user in users],
        "redirect_to": [user.redirect_to for user in users],
        "anchor_identifier_id": [user.anchor for user in users],
        "anchors": [[{"identifier_id": number, "run_seq": run} for number, run in user.anchors] for user in users],
        "minted_run": [user.published[0] for user in users],
        "minted_first_seen_at": [user.published[1] for user in users],
        "minted_first_message_key": [user.published[2] for user in users],
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
