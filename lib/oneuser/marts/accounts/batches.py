"""The deciding functions of accounts over Arrow batches, and the shapes of the rows that go there and back.

Null is the beginning of time where something starts, and its end where something ends.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from oneuser.marts.accounts.hierarchy import BEGINNING, END, Parent, judge_parents, roll_up
from oneuser.marts.accounts.timeline import MembershipRules, Statement, resolve_memberships
from oneuser.spark.arrow_batches import plain_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Batches = Iterator[pa.RecordBatch]

_INSTANT = pa.timestamp("us", tz="UTC")
_BATCH_ROWS = 10_000

STRETCHES_DDL = (
    "user_id string, account_id string, source string, is_primary boolean, valid_from timestamp, valid_to timestamp"
)
_STRETCHES: list[tuple[str, pa.DataType]] = [
    ("user_id", pa.string()),
    ("account_id", pa.string()),
    ("source", pa.string()),
    ("is_primary", pa.bool_()),
    ("valid_from", _INSTANT),
    ("valid_to", _INSTANT),
]

# one row per declared parent that is refused, with its code, and per parent that holds, without one
PARENTS_DDL = "account_id string, parent_account_id string, valid_from timestamp, valid_to timestamp, code string"
_PARENTS: list[tuple[str, pa.DataType]] = [
    ("account_id", pa.string()),
    ("parent_account_id", pa.string()),
    ("valid_from", _INSTANT),
    ("valid_to", _INSTANT),
    ("code", pa.string()),
]

ANCESTORS_DDL = (
    "account_id string, ancestor_id string, depth int, is_top boolean, valid_from timestamp, valid_to timestamp"
)
_ANCESTORS: list[tuple[str, pa.DataType]] = [
    ("account_id", pa.string()),
    ("ancestor_id", pa.string()),
    ("depth", pa.int32()),
    ("is_top", pa.bool_()),
    ("valid_from", _INSTANT),
    ("valid_to", _INSTANT),
]


def membership_batches(rules: MembershipRules) -> Callable[[Batches], Batches]:
    """Resolves statements, clustered by `user_id`, into rows of `STRETCHES_DDL`, person by person."""

    def resolve(batches: Batches) -> Batches:
        def stretches() -> Iterator[tuple[Any, ...]]:
            for user_id, rows in groupby(_rows(batches), key=itemgetter(0)):
                statements = (_statement(row) for row in rows)
                for stretch in resolve_memberships(statements, rules):
                    account, source, is_primary, start, end = stretch
                    yield user_id, account, source, is_primary, *_period(start, end)

        yield from _batches(stretches(), _STRETCHES)

    return resolve


def parent_batches(batches: Batches) -> Batches:
    """Judges all declared parents, which must be in one partition; rows of `PARENTS_DDL`."""
    declared = [Parent(account, up, *_instants(start, end)) for account, up, start, end in _rows(batches)]
    held, refused = judge_parents(declared)
    rows = [(row, None) for row in held] + list(refused.items())
    yield from _batches(
        ((row.account_id, row.parent_account_id, *_period(row.valid_from, row.valid_to), code) for row, code in rows),
        _PARENTS,
    )


def ancestor_batches(batches: Batches) -> Batches:
    """Rolls up parents that hold, which must be in one partition; rows of `ANCESTORS_DDL`."""
    parents = [Parent(account, up, *_instants(start, end)) for account, up, start, end in _rows(batches)]
    yield from _batches((_ancestor_row(*row) for row in roll_up(parents)), _ANCESTORS)


def _ancestor_row(account: str, ancestor: str, depth: int, is_top: bool, start: int, end: int) -> tuple[Any, ...]:  # noqa: FBT001 - a row
    return account, ancestor, depth, is_top, *_period(start, end)


def _statement(row: tuple[Any, ...]) -> Statement:
    _, kind, source, account, at, until, said_at, message_key, n_events = row
    start, end = _instants(at, until)
    said = BEGINNING if said_at is None else said_at
    return Statement(kind, source, account, start, end, said, message_key or b"", n_events)


def _instants(start: int | None, end: int | None) -> tuple[int, int]:
    return BEGINNING if start is None else start, END if end is None else end


def _period(start: int, end: int) -> tuple[int | None, int | None]:
    return None if start == BEGINNING else start, None if end == END else end


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[Any, ...]]:
    for batch in batches:
        yield from zip(*(plain_values(column) for column in batch.columns), strict=True)


def _batches(rows: Iterator[tuple[Any, ...]], columns: Sequence[tuple[str, pa.DataType]]) -> Batches:
    schema = pa.schema(columns)
    pending: list[tuple[Any, ...]] = []
    for row in rows:
        pending.append(row)
        if len(pending) == _BATCH_ROWS:
            yield _batch(pending, schema)
            pending = []
    yield _batch(pending, schema)


def _batch(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    values: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) if rows else [() for _ in schema]
    arrays = [pa.array(column, field.type) for column, field in zip(values, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
