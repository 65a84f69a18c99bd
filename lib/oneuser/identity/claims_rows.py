"""Contested identifiers over Arrow batches, one call per partition, and the shapes of the rows that go there and back.

Claims: one row per contested identifier, message and other identifier that the message carries. An identifier that no
linking message carries has one row, null in all columns of message and other.

Intervals: one row per contested identifier and interval, from `valid_from` and its message, inclusive, until `valid_to`
and its message, exclusive. Null is the beginning, and the end, of time. Interval 0 has in `owners_over_time` the
components that own the identifier over time, whatever the policy.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from oneuser.identity.claims import ClaimEvent, Companion, Contested, apply_policy, divide
from oneuser.spark.arrow_batches import filled_batch, plain_values, whole_groups

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from oneuser.identity.claims import Interval, Policy

INSTANT: pa.DataType = pa.timestamp("us", tz="UTC")

_ROW_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("identifier_id", pa.int64()),
    ("component_id", pa.int64()),
    ("priority", pa.int32()),
    ("is_known", pa.bool_()),
    ("event_time", INSTANT),
    ("message_key", pa.binary()),
    ("other_id", pa.int64()),
    ("other_component", pa.int64()),
    ("other_priority", pa.int32()),
    ("other_rank", pa.int32()),
    ("other_is_known", pa.bool_()),
]
ROWS = pa.schema(_ROW_COLUMNS)
ROW_TYPES = {
    "identifier_id": "bigint",
    "component_id": "bigint",
    "priority": "int",
    "is_known": "boolean",
    "event_time": "timestamp",
    "message_key": "binary",
    "other_id": "bigint",
    "other_component": "bigint",
    "other_priority": "int",
    "other_rank": "int",
    "other_is_known": "boolean",
}

_INTERVAL_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("identifier_id", pa.int64()),
    ("interval", pa.int32()),
    ("owner_component", pa.int64()),
    ("valid_from", INSTANT),
    ("valid_from_message_key", pa.binary()),
    ("valid_to", INSTANT),
    ("valid_to_message_key", pa.binary()),
    ("owners_over_time", pa.list_(pa.int64())),
]
INTERVALS = pa.schema(_INTERVAL_COLUMNS)
INTERVALS_DDL = (
    "identifier_id bigint, interval int, owner_component bigint, valid_from timestamp, valid_from_message_key binary, "
    "valid_to timestamp, valid_to_message_key binary, owners_over_time array<bigint>"
)

_CONTESTED = itemgetter(slice(0, 4))
_MOMENT = itemgetter(slice(4, 6))
_OTHER = itemgetter(slice(6, 11))

_Row = tuple[Any, ...]


def divide_batches(batches: Iterable[pa.RecordBatch], policy: Policy) -> Iterator[pa.RecordBatch]:
    """Divide the time of all contested identifiers of a partition.

    Args:
        batches: Rows of the shape `ROWS`, clustered by `identifier_id` and sorted by (`event_time`, `message_key`); the
            rows of an identifier may span batches.
        policy: What a shared identifier does with its time.

    Yields:
        Rows of the shape `INTERVALS`.
    """
    for rows in whole_groups(batches, by="identifier_id"):
        columns = [plain_values(rows.column(name)) for name in ROWS.names]
        found: list[_Row] = []
        for identity, group in groupby(zip(*columns, strict=True), key=_CONTESTED):
            contested = Contested(*identity)
            intervals = divide(contested, _events(group))
            owners = [interval.owner for interval in intervals]
            found += _interval_rows(contested, apply_policy(intervals, policy), owners)
        yield filled_batch(
            INTERVALS, len(found), dict(zip(INTERVALS.names, map(list, zip(*found, strict=True)), strict=True))
        )


def _events(rows: Iterable[_Row]) -> Iterator[ClaimEvent]:
    for moment, observed in groupby(rows, key=_MOMENT):
        others = tuple(Companion(*other) for other in map(_OTHER, observed) if other[0] is not None)
        if others:
            yield ClaimEvent(moment, others)


def _interval_rows(contested: Contested, intervals: list[Interval], owners: list[int | None]) -> Iterator[_Row]:
    starts = [interval.start or (None, None) for interval in intervals]
    ends = [*starts[1:], (None, None)]
    for number, (interval, start, end) in enumerate(zip(intervals, starts, ends, strict=True)):
        yield (contested.identifier_id, number, interval.owner, *start, *end, owners if number == 0 else None)
