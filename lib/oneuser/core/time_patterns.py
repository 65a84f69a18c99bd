"""Time patterns in Java's letters, as configurations write them, and the parts of a written time put together."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
# an offset may follow the word; words that stand for more than one zone, such as CST, are no words here
ZONE = r"(?:UTC?|GMT)?[+-]\d\d(?::?[0-5]\d)?|UTC?|GMT|Z"
_OFFSET = r"[+-]\d\d(?::?[0-5]\d)?|Z"
_LONG_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_DAYS = "mon|tue|wed|thu|fri|sat|sun"
_LONG_DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"

# group of each field, by its letters; those of digits are two long where nothing divides them from other digits
_DIGITS = {
    "yyyy": ("year", 4), "uuuu": ("year", 4), "yy": ("short_year", 2), "uu": ("short_year", 2), "MM": ("month", 2),
    "M": ("month", 0), "dd": ("day", 2), "d": ("day", 0), "HH": ("hour", 2), "H": ("hour", 0), "hh": ("half_hour", 2),
    "h": ("half_hour", 0), "mm": ("minute", 2), "m": ("minute", 0), "ss": ("second", 2), "s": ("second", 0),
    **{"S" * n: ("fraction", n) for n in range(1, 10)},
}  # fmt: skip
_WORDS = {
    "MMM": f"(?P<month_name>{MONTHS})", "MMMM": f"(?P<month_name>{_LONG_MONTHS})", "E": f"(?:{_DAYS})",
    "EEE": f"(?:{_DAYS})", "EEEE": f"(?:{_LONG_DAYS})", "a": "(?P<half>am|pm)",
    **dict.fromkeys(("X", "XX", "XXX", "x", "xx", "xxx", "Z"), f"(?P<zone>{_OFFSET})"),
}  # fmt: skip
_NAMES = {
    "y": "year", "M": "month", "d": "day", "H": "hour", "m": "minute", "s": "second", "S": "fraction", "a": "am or pm",
    "E": "weekday", "X": "zone",
}  # fmt: skip
_SAME = {"u": "y", "Y": "y", "D": "d", "h": "H", "k": "H", "K": "H", "A": "a", "x": "X", "Z": "X"}
_HINTS = {
    "y": "write yyyy", "u": "write yyyy", "M": "write MM", "d": "write dd", "H": "write HH", "h": "write hh",
    "m": "write mm", "s": "write ss", "S": "a fraction has nine letters at most", "a": "write a", "E": "write EEE",
    "X": "write XXX", "x": "write xxx", "Z": "write XXX", "L": "write MM", "k": "write HH", "K": "write hh and a",
    "n": "write SSS",
    "z": "write XXX for an offset; UTC and GMT are read where no format is given",
    "V": "write XXX for an offset, and declare `zone` for a place",
}  # fmt: skip
_TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|(.)", re.DOTALL)
_MOST_OPTIONAL = 5
# two digits up to here are of this century, as POSIX has it
_LAST_SHORT_YEAR = 68
_NOON = 12
_MIDNIGHT = 24
_LEAP_SECOND = 60


class _Token(NamedTuple):
    """A piece of a pattern as it is written: a field, or a `literal`, or a bracket, which is neither."""

    text: str
    letter: str | None = None
    literal: str = ""

    @property
    def kind(self) -> str | None:
        """The letter of what the field is a part of, whichever way it is written."""
        return _SAME.get(self.letter, self.letter) if self.letter else None


def compile_time_pattern(java_pattern: str) -> re.Pattern[str]:
    """A pattern in Java's letters (`yyyy-MM-dd HH:mm:ss[.SSS]`) as an expression whose matches `moment_of` takes.

    Where something divides a field of two digits from its neighbours, one digit does. A fraction after a point or comma
    may have up to nine.

    Raises:
        ValueError: for a pattern that cannot be meant: what is wrong with it, and what to write instead.
    """
    tokens = _tokens(java_pattern)
    mistakes, meant = _as_meant(tokens)
    if mistakes:
        is_whole = next(_problems(meant), None) is None
        instead = f": write {''.join(token.text for token in meant)}" if is_whole else ""
        raise ValueError(" and ".join(dict.fromkeys(mistakes)) + instead)
    for problem in _problems(tokens):
        raise ValueError(problem)
    return re.compile("".join(_expressions(tokens)), re.ASCII | re.IGNORECASE)


def moment_of(found: re.Match[str]) -> datetime:
    """The time that a match holds in its named groups; without a zone where it names none.

    `24:00:00` is the next day's midnight, and a leap second the first one of the next minute, as clocks of computers
    have it. A fraction is cut to microseconds.

    Raises:
        ValueError: where there is no such day or time of day.
        OverflowError: where it is beyond the year 9999.
    """
    parts = found.groupdict()
    hour, second = _hour(parts), int(parts.get("second") or 0)
    minute, micro = int(parts.get("minute") or 0), int((parts.get("fraction") or "0")[:6].ljust(6, "0"))
    later = timedelta()
    if hour == _MIDNIGHT and minute == second == micro == 0:
        hour, later = 0, timedelta(days=1)
    if second == _LEAP_SECOND:
        second, later = second - 1, timedelta(seconds=1)
    moment = datetime(_year(parts), _month(parts), int(parts["day"]), hour, minute, second, micro, _zone(parts))
    return moment + later if later else moment


def _year(parts: dict[str, str | None]) -> int:
    short = parts.get("short_year")
    if short is None:
        return int(parts["year"] or 0)
    return int(short) + (2000 if int(short) <= _LAST_SHORT_YEAR else 1900)


def _month(parts: dict[str, str | None]) -> int:
    name = parts.get("month_name")
    return int(parts["month"] or 0) if name is None else MONTHS.split("|").index(name[:3].lower()) + 1


def _hour(parts: dict[str, str | None]) -> int:
    half_hour = parts.get("half_hour")
    if half_hour is None:
        return int(parts.get("hour") or 0)
    hour = int(half_hour)
    if not 1 <= hour <= _NOON:
        raise ValueError("no hour of half a day")
    return hour % _NOON + (_NOON if (parts.get("half") or "").lower() == "pm" else 0)


def _zone(parts: dict[str, str | None]) -> timezone | None:
    text = parts.get("zone")
    if text is None:
        return None
    text = text.lstrip("UTCGMZutcgmz")
    if not text:
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _tokens(pattern: str) -> list[_Token]:
    """The pieces of a pattern.

    Raises:
        ValueError: for signs that stand for nothing, or alone.
    """
    tokens: list[_Token] = []
    depth = 0
    for found in _TOKEN.finditer(pattern):
        quoted, letter, other = found.groups()
        if quoted is not None:
            tokens.append(_Token(found[0], None, quoted.replace("''", "'") or "'"))
            continue
        if letter and pattern[: found.start()].endswith("%"):
            raise ValueError(f"{letter!r} after %: a format is in Java's letters, such as yyyy-MM-dd HH:mm:ss")
        if other == "'":
            raise ValueError("a quote is not closed; write '' for a quote itself")
        if other and other in "{}#":
            raise ValueError(f"{other} is reserved in Java's patterns; write '{other}' in quotes for the sign itself")
        depth += {"[": 1, "]": -1}.get(other or "", 0)
        if depth < 0:
            break  # said below
        tokens.append(_Token(found[0], letter, "" if letter or other in {"[", "]"} else other))
    if depth:
        raise ValueError("a bracket has no other; what stands in [ ] may be missing")
    if sum(token.text == "[" for token in tokens) > _MOST_OPTIONAL:
        raise ValueError(f"{_MOST_OPTIONAL} parts in [ ] at most")
    return tokens


def _as_meant(tokens: Sequence[_Token]) -> tuple[list[str], list[_Token]]:
    """The mistakes that everybody makes once, and the pattern without them."""
    places = [place for place, token in enumerate(tokens) if token.letter]
    fields = [tokens[place] for place in places]
    kinds = [None, *(token.kind for token in fields), None]
    has_half = "a" in kinds
    follows_hour = [before == "H" for before in kinds[:-2]]
    strays = {n for n, token in enumerate(fields) if token.letter == "m" and not follows_hour[n]}
    months = [n for n, token in enumerate(fields) if token.text in {"M", "MM"}]
    as_minutes = {n for n in months if follows_hour[n] and (strays or kinds.count("M") > 1)}
    # a clock that is written backwards may be meant: ss:mm:HH
    as_months = {n for n in strays if as_minutes or kinds[n + 2] != "H"}
    mistakes: list[str] = []
    meant = list(tokens)
    for n, (place, token) in enumerate(zip(places, fields, strict=True)):
        text, letter = token.text, token.letter
        if letter in {"Y", "D"}:
            what = "the year of a week" if letter == "Y" else "the day of the year"
            instead, mistake = text.lower(), f"{text!r} is {what}"
        elif letter == "A":
            instead, mistake = "a", f"{text!r} is a count of milliseconds"
        elif letter == "T":
            instead, mistake = f"'{text}'", f"{text!r} is no known part of a time pattern and needs quotes"
        elif n in as_minutes:
            instead, mistake = text.lower(), f"{text!r} is the month"
        elif n in as_months:
            instead, mistake = text.upper(), f"{text!r} is the minute"
        elif letter == "S" and kinds[n] in {"m", "M"} and "s" not in kinds:
            instead, mistake = "ss", f"{text!r} is a fraction of a second"
        elif letter == "h" and not has_half:
            instead, mistake = text.upper(), f"{text!r} is an hour of half a day and goes with a, for am or pm"
        elif letter == "H" and has_half:
            instead, mistake = text.lower(), f"{text!r} is an hour of the whole day and goes without a"
        else:
            continue
        mistakes.append(mistake)
        meant[place] = _Token(instead, instead[0] if instead[0].isalpha() else None, text)
    return mistakes, meant


def _problems(tokens: Sequence[_Token]) -> Iterator[str]:
    """Why a pattern reads no time, or several."""
    for token in tokens:
        if token.letter and token.text not in _DIGITS and token.text not in _WORDS:
            hint = _HINTS.get(token.letter)
            yield f"{token.text!r} is no known part of a time pattern" + (f": {hint}" if hint else "")
    for is_shortened, variant in _variants(tokens):
        yield from _gaps([token for token in variant if token.letter], is_shortened=is_shortened)


def _gaps(fields: Sequence[_Token], *, is_shortened: bool) -> Iterator[str]:
    """What some fields lack to be one time."""
    kinds, letters = [field.kind for field in fields], {field.letter for field in fields}
    if missing := [name for kind, name in _NAMES.items() if kind in "yMd" and kind not in kinds]:
        yield f"a time needs a {', a '.join(missing)}" + (", which [ ] leaves out" if is_shortened else "")
    for kind, name in _NAMES.items():
        if kinds.count(kind) > 1:
            yield f"the {name} stands there twice"
    if ("h" in letters) != ("a" in letters):
        yield "h and a go together: the hour of half a day, and which half"
    for kind, above in (("m", "H"), ("s", "m"), ("S", "s")):
        if kind in kinds and above not in kinds:
            yield f"a {_NAMES[kind]} without the {_NAMES[above]}"
    if "S" in kinds and kinds[kinds.index("S") - 1] != "s":
        yield "a fraction stands after its second"


def _variants(tokens: Sequence[_Token]) -> Iterator[tuple[bool, list[_Token]]]:
    """Whether something is left out, and what is there then: all of the pattern first."""
    n_optional = sum(token.text == "[" for token in tokens)
    for chosen in product((True, False), repeat=n_optional):
        are_there, found, waiting = [True], [], iter(chosen)
        for token in tokens:
            if token.text == "[":
                are_there.append(next(waiting) and are_there[-1])
            elif token.text == "]":
                are_there.pop()
            elif are_there[-1]:
                found.append(token)
        yield not all(chosen), found


def _expressions(tokens: Sequence[_Token]) -> Iterator[str]:
    """What each piece of a pattern matches."""
    shown = [token for token in tokens if token.text not in {"[", "]"}]
    place = -1
    for token in tokens:
        if token.text in {"[", "]"}:
            yield "(?:" if token.text == "[" else ")?"
            continue
        place += 1
        if token.text in _DIGITS:
            name, width = _DIGITS[token.text]
            neighbours = [shown[n].text for n in (place - 1, place + 1) if 0 <= n < len(shown)]
            yield f"(?P<{name}>{_digits(name, width, is_alone=not any(text in _DIGITS for text in neighbours))})"
        elif token.letter:
            yield _WORDS[token.text]
        else:
            yield re.sub(r"(?:\\?\s)+", r"\\s+", re.escape(token.literal))


def _digits(name: str, width: int, *, is_alone: bool) -> str:
    if name in {"year", "short_year"} or (width and not is_alone):
        return rf"\d{{{width}}}"
    return r"\d{1,9}" if name == "fraction" else r"\d{1,2}"
