"""The text of a simulation: one event or rule per line, `---` between runs.

    # a comment
    user_id: 1, anonymous_id: a             an event; it happens a minute after the latest one above it
    @5 anonymous_id: a                      five minutes after the beginning; or @2026-01-01T10:00
    user_id: 1, email: x@y.z, consent ads=yes
    @5 user_id: 1, received @7              its message arrived seven minutes after the beginning
    alias: OLD -> NEW                       user_id NEW was OLD before
    ---                                     what follows belongs to the next run

Of two events at one time the one received later counts as later, and one without `received` as later still; where that
decides nothing, the one further down.
The other lines are rules, which `directives` reads. A value with a comma, `|` or `#` stands in double quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from oneuser.core.errors import ConfigError, ConfigProblem
from oneuser.core.identifier_text import Misread, NamedIdentifier, read_identifier, split_outside, unquoted
from oneuser.core.suggestions import did_you_mean
from oneuser.simulation.directives import DIRECTIVES
from oneuser.simulation.line_statements import Event, Rollback, Statement

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
NEW_ID_TYPE = "user_id"
_MINUTE = 60_000_000
_MAX_LINES = 100_000
_NEXT_RUN = re.compile(r"-{3,}\s*")
_TIMED = re.compile(r"@(\S*)\s*(.*)")
_MINUTES = re.compile(r"[+-]?\d{1,9}")
_EVENT = re.compile(r"[A-Za-z_]\w*\s*:")
_ALIAS = re.compile(r"alias\s*:\s*(.*)")
_CONSENT = re.compile(r"consent\s+(.*)")
_RECEIVED = re.compile(r"received\s+@(\S*)")
_SIGNAL = re.compile(r"([^\s=]+)=(yes|no)")
_EXPECTED = "expected an event such as `user_id: 1, email: ann@example.com`, `alias: OLD -> NEW`, `---`, or one of"
_NEXT_STEP = "`oneuser simulate --help` shows what lines may say"


def read_text(text: str, *, file: str | None = None) -> list[list[Statement]]:
    """The statements of each run, in the order of the text.

    Raises:
        ConfigError: naming every line that cannot be read, with what was found and what is expected. Values are not
            repeated.
    """
    runs: list[list[Statement]] = [[]]
    problems: list[ConfigProblem] = []
    latest = _microseconds(BEGINNING)
    lines = text.splitlines()
    if len(lines) > _MAX_LINES:
        problems.append(ConfigProblem("", f"has {len(lines):,} lines; a simulation may have {_MAX_LINES:,}", file=file))
        lines = []
    for number, written in enumerate(lines, start=1):
        line = _without_comment(written).strip()
        if _NEXT_RUN.fullmatch(line):
            runs.append([])
        elif line:
            try:
                statement = _read_line(line, number, latest)
            except Misread as misread:
                problems.append(ConfigProblem("", str(misread), file=file, line=number))
                continue
            runs[-1].append(statement)
            if isinstance(statement, Event):
                latest = max(latest, statement.at)
    problems += _rollbacks_with_company(runs, file)
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: problem.line or 0), next_step=_NEXT_STEP)
    return runs


def written_time(at: int) -> str:
    """A time as the text may write it: `@5`, or with its date where it is no whole number of near minutes."""
    minutes, rest = divmod(at - _microseconds(BEGINNING), _MINUTE)
    is_near = rest == 0 and abs(minutes) < 60 * 24
    return f"@{minutes}" if is_near else f"@{_instant(at):%Y-%m-%dT%H:%M:%S}"


def _read_line(line: str, number: int, latest: int) -> Statement:
    at: int | None = None
    timed = _TIMED.fullmatch(line)
    if timed:
        at, line = _time(timed[1]), timed[2]
    word = line.split(maxsplit=1)[0] if line else ""
    if word in DIRECTIVES:
        if at is not None:
            raise Misread("a rule holds for a whole run and has no time: expected no @ before it")
        return DIRECTIVES[word](line[len(word) :].strip(), number)
    if not _EVENT.match(line):
        raise Misread(f"{_EXPECTED} {', '.join(DIRECTIVES)}{did_you_mean(word, [*DIRECTIVES, 'alias'])}")
    when = latest + _MINUTE if at is None else at
    alias = _ALIAS.fullmatch(line)
    return _alias(alias[1], number, when) if alias else _event(line, number, when)


def _event(line: str, number: int, at: int) -> Event:
    identifiers, consent, received_at = _items(split_outside(line, ","))
    return Event(number, at, identifiers, consent, received_at)


def _alias(line: str, number: int, at: int) -> Event:
    pair, *items = split_outside(line, ",")
    ends = [unquoted(end) for end in split_outside(pair, "->")]
    if len(ends) != 2 or not all(ends):  # noqa: PLR2004 - old and new
        raise Misread("expected `alias: OLD -> NEW`, the value before and the user_id after")
    others, consent, received_at = _items(items)
    return Event(number, at, (NamedIdentifier(NEW_ID_TYPE, ends[1]), *others), consent, received_at, previous=ends[0])


def _items(items: list[str]) -> tuple[tuple[NamedIdentifier, ...], dict[str, bool] | None, int | None]:
    """Identifiers, consent and receipt of a line."""
    identifiers: list[NamedIdentifier] = []
    consent: dict[str, bool] | None = None
    received_at: int | None = None
    for item in items:
        signals, received = _CONSENT.fullmatch(item), _RECEIVED.fullmatch(item)
        if signals:
            consent = (consent or {}) | dict(_signals(signals[1]))
        elif received:
            received_at = _time(received[1])
        else:
            identifiers.append(read_identifier(item, where="between commas"))
    return tuple(identifiers), consent, received_at


def _signals(text: str) -> Iterator[tuple[str, bool]]:
    for signal in text.split():
        found = _SIGNAL.fullmatch(signal)
        if not found:
            raise Misread("expected `consent PURPOSE=yes` or `consent PURPOSE=no`")
        yield found[1], found[2] == "yes"


def _time(text: str) -> int:
    if _MINUTES.fullmatch(text):
        return _microseconds(BEGINNING) + int(text) * _MINUTE
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Misread(
            "not a time: expected minutes from the beginning such as @3, or @2026-01-01T10:00, before a space"
        ) from None
    return _microseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _instant(at: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)


def _without_comment(line: str) -> str:
    """The line up to a # at its beginning or after white space, outside quotes."""
    is_quoted = False
    for index, char in enumerate(line):
        if char == '"':
            is_quoted = not is_quoted
        elif char == "#" and not is_quoted and (index == 0 or line[index - 1].isspace()):
            return line[:index]
    return line


def _rollbacks_with_company(runs: list[list[Statement]], file: str | None) -> Iterator[ConfigProblem]:
    for run in runs:
        for statement in run:
            if isinstance(statement, Rollback) and len(run) > 1:
                yield ConfigProblem(
                    "",
                    "a rollback is no run: expected it alone between two `---`",
                    file=file,
                    line=statement.line,
                )
