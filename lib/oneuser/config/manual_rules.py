"""The file of manual rules: pairs of identifiers that somebody includes or excludes by hand, each with a reason."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from oneuser.core.suggestions import did_you_mean

COLUMNS = ("action", "id_type_a", "id_value_a", "id_type_b", "id_value_b", "reason")
ACTIONS = ("include", "exclude")
_REQUIRED = COLUMNS[:-1]
_MOST_PROBLEMS = 50

Action = Literal["include", "exclude"]


@dataclass(frozen=True)
class ManualRule:
    """One line of the file as it is written: values are still to be normalised. `line` counts from 1.

    Values stand in no text of the object: it may end up in a log.
    """

    line: int
    action: Action
    id_type_a: str
    id_value_a: str = field(repr=False)
    id_type_b: str
    id_value_b: str = field(repr=False)
    reason: str = field(repr=False)


@dataclass(frozen=True)
class ManualRules:
    """The rules of a file, in its order, and what is wrong with its lines: line number and text."""

    rules: tuple[ManualRule, ...] = ()
    problems: tuple[tuple[int, str], ...] = ()


def read_manual_rules(path: Path, *, id_types: Collection[str]) -> ManualRules:
    """Read a CSV file with the columns `COLUMNS`, in any order; others are ignored, and so are blank lines.

    Raises:
        OSError: where the file cannot be read.
        UnicodeDecodeError: where it is not UTF-8.
        csv.Error: where it is not CSV.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(_numbered(csv.reader(file, strict=True)))
    if not rows:
        return ManualRules(problems=((1, f"expected the columns {', '.join(COLUMNS)}, found nothing"),))
    first, header = rows[0]
    names = [cell.strip().lower() for cell in header]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        return ManualRules(problems=((first, f"has no column {', '.join(missing)}"),))
    rules: list[ManualRule] = []
    problems: list[tuple[int, str]] = []
    for line, row in rows[1:]:
        cells = dict(zip(names, (cell.strip() for cell in row), strict=False))
        found = [*_wrong_shape(row, names), *_wrong_cells(cells, id_types)]
        problems += [(line, text) for text in found]
        if not found:
            action: Action = "include" if cells["action"].lower() == "include" else "exclude"
            rules.append(ManualRule(line, action, *(cells[name] for name in COLUMNS[1:])))
    return ManualRules(tuple(rules), _bounded(problems))


def _numbered(rows: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, with the line in which each begins."""
    begins = 1
    for row in rows:
        if any(cell.strip() for cell in row):
            yield begins, row
        begins = rows.line_num + 1  # type: ignore[attr-defined]  # a csv.reader, whose type has no public name


def _wrong_shape(row: list[str], names: list[str]) -> Iterator[str]:
    if len(row) != len(names):
        yield f"has {len(row)} cells, the header {len(names)}"


def _wrong_cells(cells: dict[str, str], id_types: Collection[str]) -> Iterator[str]:
    """What is wrong with the cells of one row. No cell is repeated: where columns are mixed up, any may be a value."""
    empty = [name for name in _REQUIRED if not cells.get(name)]
    if empty:
        yield f"{', '.join(empty)} {'is' if len(empty) == 1 else 'are'} empty"
    if cells.get("action") and cells["action"].lower() not in ACTIONS:
        yield f"action is none of {', '.join(ACTIONS)}"
    for name in ("id_type_a", "id_type_b"):
        if cells.get(name) and cells[name] not in id_types:
            hint = did_you_mean(cells[name], id_types)  # a known type: never the cell itself
            yield f"{name} is none of the types in identity.id_types: {', '.join(id_types)}{hint}"


def _bounded(problems: list[tuple[int, str]]) -> tuple[tuple[int, str], ...]:
    """The first problems; a file of another shape has one in every line."""
    n_more = len(problems) - _MOST_PROBLEMS
    if n_more <= 0:
        return tuple(problems)
    last = problems[_MOST_PROBLEMS][0]
    return (*problems[:_MOST_PROBLEMS], (last, f"and {n_more:,} more, from this line on"))
