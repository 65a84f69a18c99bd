"""What people and programs see: answers on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog
from rich import box
from rich.console import Console
from rich.table import Table

_log = structlog.get_logger("oneuser.cli")
# a pipe has no width; lines that are cut or folded for one would be of no use to the next program
_WIDTH_OF_A_PIPE = 200


class Output:
    """Where a verb puts its answer. With `as_json` the answer is one JSON document and nothing else is printed."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False, color: bool = True) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.out = _console(sys.stdout, color=color)
        self.err = _console(sys.stderr, color=color)

    def document(self, facts: Any) -> None:
        """The answer as JSON; nothing unless JSON was asked for."""
        if self.as_json:
            sys.stdout.write(as_json(facts) + "\n")

    def text(self, line: str = "", *, style: str | None = None) -> None:
        """A line of the answer for people."""
        if not self.as_json:
            self.out.print(line, style=style, markup=False, highlight=False, soft_wrap=True)

    def note(self, line: str) -> None:
        """Something said on the way, such as what comes next; not part of the answer.

        That nobody listens any more stops nothing.
        """
        if not (self.as_json or self.quiet):
            try:
                self.err.print(line, markup=False, highlight=False, soft_wrap=True)
            except BrokenPipeError:
                self.quiet = True

    def progress(self, line: str) -> None:
        """A note of what begins now; with `as_json` it is logged, as a scheduler's log shows it."""
        if self.as_json:
            _log.info(line)
        else:
            self.note(line)

    def warning(self, line: str) -> None:
        """A note that programs are to hear too: what was asked for is not what was done."""
        if self.as_json:
            _log.warning(line)
        else:
            self.note(line)

    def facts(self, facts: Mapping[str, Any]) -> None:
        """Names and values, one pair per line; pairs without a value are left out."""
        shown = {name: cell(value) for name, value in facts.items() if value is not None}
        width = max(map(len, shown), default=0)
        for name, value in shown.items():
            self.text(f"{name:<{width}}  {value}")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Rows under column names; numbers to the right."""
        if self.as_json:
            return
        listed = [list(row) for row in rows]
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for number, name in enumerate(columns):
            is_number = bool(listed) and all(isinstance(row[number], int | float | Decimal) for row in listed)
            table.add_column(name, justify="right" if is_number else "left", overflow="fold")
        for row in listed:
            table.add_row(*[_escaped(cell(value)) for value in row])
        self.out.print(table, highlight=False)


def cell(value: Any) -> str:
    """A value as people read it: grouped digits, UTC times to the second, `-` for null."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.2f}"
    if isinstance(value, datetime):
        return f"{_utc(value):%Y-%m-%d %H:%M:%S} UTC"
    return str(value)


def as_json(facts: Any) -> str:
    """Facts as an indented JSON document; times in ISO 8601 and UTC."""
    return json.dumps(facts, indent=2, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return _utc(value).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex()
    if isinstance(value, Decimal | Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Raise what happened, where rich would end the process."""
        raise  # noqa: PLE0704 - called while the BrokenPipeError is handled


def _console(stream: Any, *, color: bool) -> Console:
    width = None if stream.isatty() else _WIDTH_OF_A_PIPE
    return _Console(file=stream, no_color=not color, width=width, highlight=False)
