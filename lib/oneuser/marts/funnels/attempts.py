"""Attempts at a funnel: the one of each entity that gets farthest. Python on executors, over Arrow batches.

The events of an entity pass once, the latest first. What is kept meanwhile is, for each step, the times at which an
entity that does this step next does it and those after it, as a list whose rest is shared with the lists of later
steps: a new event puts one time before the list of the step after its own. So the work grows with events times the
steps that each of them is, and the memory with the number of steps, however many attempts there are.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

Mode = Literal["ordered", "strict", "any_order"]
# a time, and what comes after it
_Chain = tuple[int, Any] | None
_ROWS_PER_BATCH = 50_000


def step_events_of(entity_type: str) -> RowShape:
    """Shape of the events that go in: `place` is the order within an instant, bit k of `steps` is step k from 0 on."""
    return RowShape(
        {"entity_id": entity_type, "at": "bigint", "place": "binary", "steps": "bigint", "by_value": "string"}
    )


def attempts_of(entity_type: str) -> RowShape:
    """Shape of the attempts that come out: times of the steps in order, in microseconds."""
    return RowShape({"entity_id": entity_type, "times": "array<bigint>", "by_value": "string"})


def find_attempts(
    batches: Iterable[pa.RecordBatch], *, n_steps: int, window: int | None, mode: Mode, entity_type: str
) -> Iterator[pa.RecordBatch]:
    """Find the farthest attempt of each entity of one partition, which holds all of its step events.

    Args:
        batches: Rows of the shape `step_events_of`, ordered by entity, and then from the latest to the earliest.
        n_steps: Steps that there are.
        window: Length of the window in microseconds, closed on both sides; None for one without an end.
        mode: `ordered`, `strict` or `any_order`.
        entity_type: Spark's type of an entity.

    Yields:
        Rows of the shape `attempts_of`. An entity that opens no attempt has none.
    """
    shape = attempts_of(entity_type)
    found: list[tuple[Any, ...]] = []
    for entity, rows in groupby(_rows(batches), key=itemgetter(0)):
        best = best_attempt(((row[1:] for row in rows)), n_steps=n_steps, window=window, mode=mode)
        if best is not None:
            found.append((entity, *best))
        if len(found) >= _ROWS_PER_BATCH:
            yield shape.batch_of(found)
            found = []
    yield shape.batch_of(found)


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[Any, ...]]:
    for batch in batches:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def best_attempt(
    events: Iterable[tuple[int, bytes | None, int, str | None]], *, n_steps: int, window: int | None, mode: Mode
) -> tuple[list[int], str | None] | None:
    """The attempt of one entity that gets farthest, of equals the earliest; null where none is opened.

    Events of one time and place are one: which of them came first is not known, so none is after another.

    Args:
        events: Time, place within the instant, steps as bits, and the value that attempts are told apart by; from the
            latest to the earliest.
        n_steps: Steps that there are.
        window: Length of the window in microseconds; None for one without an end.
        mode: `ordered`, `strict` or `any_order`.

    Returns:
        Times of its steps, and the smallest value of the events that open it; null where none has one.
    """
    best: tuple[list[int], str | None] | None = None
    chains: list[_Chain] = [None] * (n_steps + 1)
    for (at, _), instant in groupby(events, key=itemgetter(0, 1)):
        rows = list(instant)
        steps = 0
        for row in rows:
            steps |= row[2]
        if mode == "any_order":
            chains = [(at, None) if steps >> step & 1 else chain for step, chain in enumerate(chains)]
            opening = -1
        else:
            chains = _chains_from(at, steps, chains, is_strict=mode == "strict")
            opening = 1
        if not steps & opening:
            continue
        end = None if window is None else at + window
        times = _nearest(chains, end) if mode == "any_order" else _along(chains[0], end)
        # an earlier attempt than all before it: of equals it is the one
        if best is None or len(times) >= len(best[0]):
            values = [row[3] for row in rows if row[2] & opening and row[3] is not None]
            best = (times, min(values, default=None))
    return best


def _chains_from(at: int, steps: int, later: list[_Chain], *, is_strict: bool) -> list[_Chain]:
    """For each step what is done from it on at this time or later; where strict, at this time or not at all."""
    found: list[_Chain] = [None] * len(later) if is_strict else list(later)
    for step in range(len(later) - 1):
        if steps >> step & 1:
            found[step] = (at, later[step + 1])
    return found


def _along(chain: _Chain, end: int | None) -> list[int]:
    times = []
    while chain is not None and (end is None or chain[0] <= end):
        times.append(chain[0])
        chain = chain[1]
    return times


def _nearest(chains: list[_Chain], end: int | None) -> list[int]:
    return sorted(chain[0] for chain in chains if chain is not None and (end is None or chain[0] <= end))
