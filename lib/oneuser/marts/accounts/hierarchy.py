"""Accounts above accounts: which of the declared parents can hold, and who is above whom when. Plain Python.

Time is in microseconds since 1970 UTC; a period is from its start, inclusive, to its end, exclusive.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from oneuser.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

BEGINNING = -(2**63)
END = 2**63 - 1
# a longer chain is a mistake, and one of n accounts would roll up into n² rows
MAX_LEVELS = 100


class Parent(NamedTuple):
    """A parent of an account, for a period."""

    account_id: str
    parent_account_id: str
    valid_from: int
    valid_to: int


class Ancestor(NamedTuple):
    """An account above another, or itself (depth 0), for a period. `is_top` says that it has no parent then."""

    account_id: str
    ancestor_id: str
    depth: int
    is_top: bool
    valid_from: int
    valid_to: int


Hierarchy = dict[str, list[tuple[int, int, str]]]


def judge_parents(declared: Iterable[Parent]) -> tuple[list[Parent], dict[Parent, Reason]]:
    """Tell declared parents that can hold from those that contradict each other.

    The order of the declared does not matter, and nobody is preferred: of rows that contradict each other every one is
    refused, whole. Refused are, in this order: an account that is its own parent; rows that give an account two parents
    at the same time; rows by which an account would at some time be above itself; rows above which there would at some
    time be more than `MAX_LEVELS` accounts.

    Returns:
        The parents that hold, periods of the same parent that touch or overlap made one, and the code of each row that
        is refused.
    """
    rows = sorted(set(declared))
    refused = {row: Reason.ACCOUNT_OWN_PARENT for row in rows if row.account_id == row.parent_account_id}
    for account_rows in _by_account(row for row in rows if row not in refused):
        refused |= dict.fromkeys(_with_two_parents(account_rows), Reason.ACCOUNT_TWO_PARENTS)
    for code in (Reason.ACCOUNT_CYCLE, Reason.ACCOUNT_TOO_DEEP):
        held = [row for row in rows if row not in refused]
        declared_so_far = _merged(held)
        if _is_ordered(declared_so_far):
            break
        bad = _bad_periods(declared_so_far, code)
        refused |= {row: code for row in held if _overlaps_any(row, bad.get(row.account_id, ()))}
    accepted = [row for row in rows if row not in refused]
    hierarchy = _merged(accepted)
    return [Parent(account, up, start, end) for account, periods in hierarchy.items() for start, end, up in periods], (
        refused
    )


def roll_up(parents: Iterable[Parent]) -> Iterator[Ancestor]:
    """Everybody above each account that has or is a parent, itself included, for every period.

    Args:
        parents: Parents that hold, as `judge_parents` returns them.

    Yields:
        At any time, one row for an account and each account above it, and one of them is the top.
    """
    hierarchy = _merged(sorted(parents))
    everyone = sorted({*hierarchy, *(up for periods in hierarchy.values() for _, _, up in periods)})
    for account in everyone:
        pieces: list[tuple[str, int, bool, int, int]] = []
        pending = [(account, 0, BEGINNING, END)]
        while pending:
            current, depth, start, end = pending.pop()
            reached = start
            for begin, stop, up in _within(hierarchy.get(current, ()), start, end):
                if reached < begin:
                    pieces.append((current, depth, True, reached, begin))
                pieces.append((current, depth, False, begin, stop))
                pending.append((up, depth + 1, begin, stop))
                reached = stop
            if reached < end:
                pieces.append((current, depth, True, reached, end))
        yield from _joined(account, pieces)


def _joined(account: str, pieces: list[tuple[str, int, bool, int, int]]) -> Iterator[Ancestor]:
    """The pieces of an account in order, those that touch and say the same made one."""
    for (ancestor, depth, is_top), same in groupby(sorted(pieces), key=itemgetter(0, 1, 2)):
        periods = [(start, end) for *_, start, end in same]
        start, reached = periods[0]
        for begin, stop in periods[1:]:
            if begin > reached:
                yield Ancestor(account, ancestor, depth, is_top, start, reached)
                start = begin
            reached = stop
        yield Ancestor(account, ancestor, depth, is_top, start, reached)


def _by_account(rows: Iterable[Parent]) -> Iterator[list[Parent]]:
    for _, same in groupby(rows, key=itemgetter(0)):
        yield list(same)


def _with_two_parents(rows: list[Parent]) -> set[Parent]:
    """Of the rows of one account, those that hold while another parent does."""
    # an end comes before a start of the same instant: the two do not meet
    changes = [(row.valid_from, 1, row) for row in rows] + [(row.valid_to, 0, row) for row in rows]
    active: Counter[str] = Counter()
    unmarked: set[Parent] = set()
    found: set[Parent] = set()
    for _, is_start, row in sorted(changes):
        if not is_start:
            active[row.parent_account_id] -= 1
            if not active[row.parent_account_id]:
                del active[row.parent_account_id]
            unmarked.discard(row)
            continue
        active[row.parent_account_id] += 1
        unmarked.add(row)
        if len(active) > 1:
            found |= unmarked
            unmarked.clear()
    return found


def _merged(rows: Iterable[Parent]) -> Hierarchy:
    """Periods and parents of each account, in order; those of the same parent that touch or overlap made one."""
    hierarchy: Hierarchy = {}
    for (account, up), same in groupby(rows, key=itemgetter(0, 1)):
        periods = hierarchy.setdefault(account, [])
        first = len(periods)
        for _, _, start, end in same:
            if len(periods) > first and start <= periods[-1][1]:
                periods[-1] = (periods[-1][0], max(end, periods[-1][1]), up)
            else:
                periods.append((start, end, up))
    for periods in hierarchy.values():
        periods.sort()
    return hierarchy


def _is_ordered(hierarchy: Hierarchy) -> bool:
    """Whether no way up, even through parents of different times, comes round or has more than `MAX_LEVELS` levels.

    The usual case, told in one pass over the parents instead of a walk through time from each account.
    """
    ups = {account: {up for *_, up in periods} for account, periods in hierarchy.items()}
    below: dict[str, list[str]] = {}
    for account, parents in ups.items():
        for up in parents:
            below.setdefault(up, []).append(account)
    n_waiting = {account: len(parents) for account, parents in ups.items()}
    level = [up for up in below if up not in ups]
    n_levels = 0
    while level and n_levels <= MAX_LEVELS:
        following: list[str] = []
        for up in level:
            for account in below.get(up, ()):
                n_waiting[account] -= 1
                if not n_waiting[account]:
                    following.append(account)
        n_levels += bool(following)
        level = following
    return n_levels <= MAX_LEVELS and not any(n_waiting.values())


def _within(periods: Collection[tuple[int, int, str]], start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """What periods have in common with one."""
    for begin, stop, up in periods:
        if begin < end and start < stop:
            yield max(begin, start), min(stop, end), up


def _bad_periods(hierarchy: Hierarchy, code: str) -> Mapping[str, list[tuple[int, int]]]:
    """When each account would be above itself, or have too many accounts above it.

    At any time there is one way up at most, so that the walks of an account cover each instant once.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for account in hierarchy:
        pending = [(account, 0, BEGINNING, END)]
        while pending:
            current, depth, start, end = pending.pop()
            is_cycle = depth > 0 and current == account
            if is_cycle or depth > MAX_LEVELS:
                if is_cycle or code == Reason.ACCOUNT_TOO_DEEP:
                    found.setdefault(account, []).append((start, end))
                continue
            pending += [
                (up, depth + 1, begin, stop) for begin, stop, up in _within(hierarchy.get(current, ()), start, end)
            ]
    return found


def _overlaps_any(row: Parent, periods: Iterable[tuple[int, int]]) -> bool:
    return any(start < row.valid_to and row.valid_from < end for start, end in periods)
