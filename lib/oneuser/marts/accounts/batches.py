"""The deciding functions of accounts over Arrow batches, and the shapes of the rows that go there and back.

Null is the beginning of time where something starts, and its end where something ends.
"""

from __future__ import annotations

from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from oneuser.marts.accounts.hierarchy import BEGINNING, END, Parent, judge_parents, roll_up
from oneuser.marts.accounts.timeline import MembershipRules, Statement, resolve_memberships
from oneuser.spark.arrow_batches import plain_values
from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Batches = Iterator[pa.RecordBatch]

_BATCH_ROWS = 10_000

STRETCHES = RowShape(
    {
        "user_id": "string",
        "account_id": "string",
        "source": "string",
        "is_primary": "boolean",
        "valid_from": "timestamp",
        "valid_to": "timestamp",
    }
)
# one row per declared parent that is refused, with its code, and per parent that holds, without one
PARENTS = RowShape(
    {
        "account_id": "string",
        "parent_account_id": "string",
        "valid_from": "timestamp",
        "valid_to": "timestamp",
        "code": "string",
    }
)
ANCESTORS = RowShape(
    {
        "account_id": "string",
        "ancestor_id": "string",
        "depth": "int",
        "is_top": "boolean",
        "valid_from": "timestamp",
        "valid_to": "timestamp",
    }
)


def membership_batches(rules: MembershipRules) -> Callable[[Batches], Batches]:
    """Resolves statements, clustered by `user_id`, into rows of `STRETCHES`, person by person."""

    def resolve(batches: Batches) -> Batches:
        def stretches() -> Iterator[tuple[Any, ...]]:
            for user_id, rows in groupby(_rows(batches), key=itemgetter(0)):
                statements = (_statement(row) for row in rows)
                for stretch in resolve_memberships(statements, rules):
                    account, source, is_primary, start, end = stretch
                    yield user_id, account, source, is_primary, *_period(start, end)

        yield from _batches(stretches(), STRETCHES)

    return resolve


def parent_batches(batches: Batches) -> Batches:
    """Judges all declared parents, which must be in one partition; rows of `PARENTS`."""
    declared = [Parent(account, up, *_instants(start, end)) for account, up, start, end in _rows(batches)]
    held, refused = judge_parents(declared)
    rows = [(row, None) for row in held] + list(refused.items())
    yield from _batches(
        ((row.account_id, row.parent_account_id, *_period(row.valid_from, row.valid_to), code) for row, code in rows),
        PARENTS,
    )


def ancestor_batches(batches: Batches) -> Batches:
    """Rolls up parents that hold, which must be in one partition; rows of `ANCESTORS`."""
    parents = [Parent(account, up, *_instants(start, end)) for account, up, start, end in _rows(batches)]
    yield from _batches((_ancestor_row(*row) for row in roll_up(parents)), ANCESTORS)


def _ancestor_row(account: str, ancestor: str, depth: int, is_top: bool, start: int, end: int) -> tuple[Any, ...]:  # noqa: FBT001 - a row
    return account, ancestor, depth, is_top, *_period(start, end)


def _statement(row: tuple[Any, ...]) -> Statement:
    _, kind, source, account, at, until, said_at, event_order, n_events = row
    start, end = _instants(at, until)
    said = BEGINNING if said_at is None else said_at
    return Statement(kind, source, account, start, end, said, event_order or b"", n_events)


def _instants(start: int | None, end: int | None) -> tuple[int, int]:
    return BEGINNING if start is None else start, END if end is None else end


def _period(start: int, end: int) -> tuple[int | None, int | None]:
    return None if start == BEGINNING else start, None if end == END else end


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[Any, ...]]:
    for batch in batches:
        yield from zip(*(plain_values(column) for column in batch.columns), strict=True)


def _batches(rows: Iterator[tuple[Any, ...]], shape: RowShape) -> Batches:
    while some := list(islice(rows, _BATCH_ROWS)):
        yield shape.batch_of(some)
