"""Attempts at a funnel by trying every one, in plain Python."""

from __future__ import annotations

from itertools import groupby
from typing import Any

# time, place within the instant, steps that the event is, value
StepEvent = tuple[int, bytes | None, frozenset[int], str | None]


def farthest_attempt(
    events: list[StepEvent], *, n_steps: int, window: int | None, mode: str
) -> tuple[list[int], str | None] | None:
    """Times of the steps of the farthest attempt, of equals the earliest, and the smallest value that opens it."""
    moments = []
    for (at, _), instant in groupby(sorted(events, key=lambda e: (e[0], e[1] or b"")), key=lambda e: e[:2]):
        rows = list(instant)
        moments.append((at, frozenset().union(*(row[2] for row in rows)), rows))
    attempts: list[tuple[list[int], Any]] = []
    for n, (at, steps, rows) in enumerate(moments):
        opening = set(range(n_steps)) if mode == "any_order" else {0}
        if not steps & opening:
            continue
        value = min((row[3] for row in rows if row[2] & opening and row[3] is not None), default=None)
        end = float("inf") if window is None else at + window
        inside = [(t, done) for t, done, _ in moments[n:] if t <= end]
        attempts.append((_times(inside, n_steps, mode), value))
    # the first of the longest
    return max(attempts, key=lambda attempt: len(attempt[0])) if attempts else None


def _times(inside: list[tuple[int, frozenset[int]]], n_steps: int, mode: str) -> list[int]:
    if mode == "any_order":
        firsts = [[t for t, done in inside if step in done] for step in range(n_steps)]
        return sorted(times[0] for times in firsts if times)
    times = [inside[0][0]]
    later = [moment for moment in inside[1:] if moment[1]]
    for step in range(1, n_steps):
        if mode == "strict":
            if not later or step not in later[0][1]:
                break
            place = 0
        else:
            place = next((n for n, (_, done) in enumerate(later) if step in done), -1)
            if place < 0:
                break
        times.append(later[place][0])
        later = later[place + 1 :]
    return times
