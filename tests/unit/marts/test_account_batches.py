"""The deciding functions over Arrow batches: a person may lie across several; null is where time begins or ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from oneuser.marts.accounts.batches import ancestor_batches, membership_batches, parent_batches
from oneuser.marts.accounts.timeline import MembershipRules

INSTANT = pa.timestamp("us", tz="UTC")
STATEMENT = pa.schema(
    [
        ("user_id", pa.string()), ("kind", pa.string()), ("source", pa.string()), ("account_id", pa.string()),
        ("at", INSTANT), ("until", INSTANT), ("said_at", INSTANT), ("event_order", pa.binary()),
        ("n_events", pa.int64()),
    ]
)  # fmt: skip
PARENT = pa.schema(
    [("account_id", pa.string()), ("parent_account_id", pa.string()), ("valid_from", INSTANT), ("valid_to", INSTANT)]
)


def batches(schema: pa.Schema, rows: list[tuple[Any, ...]], *, size: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(rows), size):
        columns = zip(*rows[start : start + size], strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def rows_of(found: Iterator[pa.RecordBatch]) -> list[tuple[Any, ...]]:
    """Rows with instants as microseconds."""
    rows: list[tuple[Any, ...]] = []
    for batch in found:
        columns = [c.cast(pa.int64()) if pa.types.is_timestamp(c.type) else c for c in batch.columns]
        rows += zip(*(column.to_pylist() for column in columns), strict=True)
    return rows


def test_a_person_across_batches_is_one_person() -> None:
    statements = [
        ("ann", "holds", "file", "x", None, 5, None, None, 0),
        ("ann", "joins", "group", "a", 2, None, None, b"k", 0),
        ("bob", "joins", "group", "a", 1, None, None, b"k", 0),
    ]
    expected = [
        ("ann", "a", "group", False, 2, 5),
        ("ann", "a", "group", True, 5, None),
        ("ann", "x", "file", True, None, 5),
        ("bob", "a", "group", True, 1, None),
    ]

    for size in (1, 2, 3):
        resolve = membership_batches(MembershipRules(is_single=False))
        assert rows_of(resolve(batches(STATEMENT, statements, size=size))) == expected
    assert rows_of(membership_batches(MembershipRules())(batches(STATEMENT, [], size=1))) == []


def test_parents_are_judged_over_all_batches() -> None:
    declared = [("a", "b", None, 5), ("b", "a", 4, None), ("c", "a", None, None)]

    found = rows_of(parent_batches(batches(PARENT, declared, size=1)))

    assert found == [
        ("c", "a", None, None, None),
        ("a", "b", None, 5, "account.cycle"),
        ("b", "a", 4, None, "account.cycle"),
    ]
    assert rows_of(parent_batches(iter(()))) == []


def test_ancestors_come_with_their_periods() -> None:
    found = rows_of(ancestor_batches(batches(PARENT, [("a", "top", 3, None)], size=1)))

    assert found == [
        ("a", "a", 0, False, 3, None),
        ("a", "a", 0, True, None, 3),
        ("a", "top", 1, True, 3, None),
        ("top", "top", 0, True, None, None),
    ]
