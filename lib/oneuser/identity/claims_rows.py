"""Contested identifiers over Arrow batches, one call per partition, and the shapes of the rows that go there and back.

Claims: one row per contested identifier, message and other identifier that the message carries. An identifier that no
linking message carries has one row, null in all columns of message and other.

Intervals: one row per contested identifier and interval, from the instant `valid_from`, inclusive, until the instant
`valid_to`, exclusive, each with the place of its claim among the events of that instant. Null is the beginning, and the
end, of time. Interval 0 has in `owners_over_time` the components that own the identifier over time, whatever the
policy.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from oneuser.identity.claims import ClaimEvent, Companion, Contested, apply_policy, divide
from oneuser.spark.arrow_batches import plain_values, whole_groups
from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from oneuser.identity.claims import Interval, Policy

ROWS = RowShape(
    {
        "identifier_id": "bigint",
        "component_id": "bigint",
        "priority": "int",
        "is_known": "boolean",
        "event_time": "timestamp",
        "event_order": "binary",
        "other_id": "bigint",
        "other_component": "bigint",
        "other_priority": "int",
        "other_rank": "int",
        "other_is_known": "boolean",
    }
)
INTERVALS = RowShape(
    {
        "identifier_id": "bigint",
        "interval": "int",
        "owner_component": "bigint",
        "valid_from": "timestamp",
        "valid_from_event_order": "binary",
        "valid_to": "timestamp",
        "valid_to_event_order": "binary",
        "owners_over_time": "array<bigint>",
    }
)

_CONTESTED = itemgetter(slice(0, 4))
_MOMENT = itemgetter(slice(4, 6))
_OTHER = itemgetter(slice(6, 11))

_Row = tuple[Any, ...]


def divide_batches(batches: Iterable[pa.RecordBatch], policy: Policy) -> Iterator[pa.RecordBatch]:
    """Divide the time of all contested identifiers of a partition.

    Args:
        batches: Rows of the shape `ROWS`, clustered by `identifier_id` and sorted by (`event_time`, `event_order`); the
            rows of an identifier may span batches.
        policy: What a shared identifier does with its time.

    Yields:
        Rows of the shape `INTERVALS`.
    """
    for rows in whole_groups(batches, by="identifier_id"):
        columns = [plain_values(rows.column(name)) for name in ROWS.columns]
        found: list[_Row] = []
        for identity, group in groupby(zip(*columns, strict=True), key=_CONTESTED):
            contested = Contested(*identity)
            intervals = divide(contested, _events(group))
            owners = [interval.owner for interval in intervals]
            found += _interval_rows(contested, apply_policy(intervals, policy), owners)
        yield INTERVALS.batch_of(found)


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
