"""The figures that run and status end with, as a table that fits on a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneuser.cli.verbs import Call
    from oneuser.inspection.outcome import CodeCount, Outcome

MOST_ROWS = 12


def show_counts(call: Call, outcomes: Mapping[str, Outcome]) -> None:
    """Outcomes by the head of their column; the last one has all codes that the others have, and the largest counts."""
    rows = count_rows(list(outcomes.values()))
    call.output.table(["", *outcomes, "why"], rows)


def count_rows(outcomes: list[Outcome]) -> list[list[Any]]:
    """At most a dozen rows: lines, events, people and identifiers, then the codes with the largest counts."""
    last = outcomes[-1]
    rows: list[list[Any]] = [
        ["lines read", *(one.lines for one in outcomes), ""],
        ["events accepted", *(one.events for one in outcomes), ""],
    ]
    if last.duplicates:
        rows.append(["lines known already", *(one.duplicates for one in outcomes), "duplicates of accepted events"])
    if last.suppressed:
        rows.append(["lines suppressed", *(one.suppressed for one in outcomes), "of people who were erased"])
    rows.append(["lines refused", *(one.lines_refused for one in outcomes), ""])
    if last.columns_left_out:
        why = "of Parquet files: named like values, such as an address"
        rows.append(["columns left out", *(one.columns_left_out for one in outcomes), why])
    codes = sorted([*last.refused, *last.dropped], key=lambda code: -code.count)
    people: list[list[Any]] = []
    if last.people is not None:
        people.append(["people", *(one.people for one in outcomes), ""])
    if last.identifiers is not None:
        people.append(["identifiers", *(one.identifiers for one in outcomes), ""])
    if last.over_shared:
        why = "too many people share them: nobody's; see `oneuser suspects`"
        people.append(["values over-shared", *(one.over_shared for one in outcomes), why])
    room = MOST_ROWS - len(rows) - len(people)
    shown = codes if len(codes) <= room else codes[: room - 1]
    rows += [_code_row(code, outcomes) for code in shown]
    if len(shown) < len(codes):
        rest = codes[len(shown) :]
        counts = (sum(_count(code, one) for code in rest) for one in outcomes)
        rows.append([f"  {len(rest)} more codes", *counts, "`oneuser report` lists all of them"])
    return rows + people


def nothing_new(outcome: Outcome) -> str | None:
    """A sentence where a run accepted no event."""
    if outcome.events:
        return None
    if not outcome.lines:
        return "nothing new: there was no line that an earlier run had not read"
    whys = {
        "known already": outcome.duplicates,
        "refused": outcome.lines_refused,
        "suppressed": outcome.suppressed,
    }
    parts = ", ".join(f"{n:,} {why}" for why, n in whys.items() if n)
    return f"nothing new: none of {outcome.lines:,} lines was accepted ({parts or 'see the codes above'})"


def _code_row(code: CodeCount, outcomes: list[Outcome]) -> list[Any]:
    way = "dropped" if code.what == "values" else "refused"
    why = f"{code.explanation or 'a code of an earlier version'}{' (damage)' if code.is_damage else ''}"
    return [f"  {code.what} {way}: {code.code}", *(_count(code, one) for one in outcomes), why]


def _count(code: CodeCount, outcome: Outcome) -> int:
    listed = (*outcome.refused, *outcome.dropped)
    return next((one.count for one in listed if (one.what, one.code) == (code.what, code.code)), 0)
