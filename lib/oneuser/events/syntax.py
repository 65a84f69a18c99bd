"""Bytes of a line to an object, or the reason why not. Python, on executors, inside the parsing pass.

The fast way is a strict parser: a line that is written back as it was holds no key twice, and most lines are. For
others a few counts over the bytes say as much. Lines that fail, or that might hold a key twice, go the slow way, which
says exactly what is wrong.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import orjson

from oneuser.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneuser.events.spec import Limits

# detail of a line that looks like text in another encoding; a file of nothing else is refused whole
FOREIGN = "not UTF-8"
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
# whatever is configured: some of what follows is recursive, two calls for each level
_DEEPEST = 400
_TOO_DEEP = -(2**62)


class RefusedLine(Exception):  # noqa: N818 - an outcome, not a fault of the program
    """A line that cannot be an event; `code` is its class, `detail` says more without any value of the line."""

    def __init__(self, code: Reason, detail: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class LineReader:
    """Reads lines of one source.

    `watched` are the paths of identifiers, times and type, which no line may hold twice.
    """

    def __init__(self, watched: Iterable[tuple[str, ...]], limits: Limits) -> None:
        self._watched = tuple(sorted({path for path in watched if path}))
        self._max_depth = min(limits.max_depth, _DEEPEST)

    def read(self, line: bytes) -> tuple[dict[str, Any], bool]:
        """The object of a line, and whether the line is well-formed JSON as it stands.

        Raises:
            RefusedLine: with a code of the classes `json`, `limit` or `line`.
        """
        found = self.read_plain(line)
        if found is not None:
            return found, True
        line = clean(line)
        is_clean = True
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError:
            found, is_clean = without_surrogates(self._read_slowly(line)), False
        if type(found) is not dict:
            raise RefusedLine(Reason.JSON_SYNTAX, "not an object")
        n_keys = _count_keys(found, self._max_depth)
        if n_keys < 0:
            raise RefusedLine(Reason.LIMIT_DEPTH, f"nested deeper than {self._max_depth}")
        if is_clean and _may_repeat(line, n_keys):
            # of two equal keys the fast parser takes the last in silence
            found = self._read_with_repeats(line.decode())
        return found, is_clean

    def read_plain(self, line: bytes) -> dict[str, Any] | None:
        """The object of a line that is well-formed as it stands and in which no key stands twice; null for others."""
        if line[:1] != b"{":
            return None
        try:
            found: dict[str, Any] = orjson.loads(line)
            is_same = orjson.dumps(found) == line
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):
            return None
        # what is written back byte for byte has lost no key; and no line is deeper than it has brackets
        if is_same and line.count(b"{") + (line.count(b"[") if b"[" in line else 0) <= self._max_depth:
            return found
        n_keys = _count_keys(found, self._max_depth)
        return None if n_keys < 0 or _may_repeat(line, n_keys) else found

    def read_exactly(self, line: bytes) -> dict[str, Any]:
        """The object of a line that `read` took, with integers beyond 64 bits, which the fast parser rounds."""
        found: dict[str, Any] = self._read_with_repeats(clean(line).decode("utf-8", errors="replace"))
        return found

    def _read_slowly(self, line: bytes) -> Any:
        if not line.strip():
            raise RefusedLine(Reason.LINE_BLANK)
        if line[:2] in _UTF16_MARKS or b"\0" in line[:2]:
            raise RefusedLine(Reason.JSON_SYNTAX, FOREIGN)
        if max_depth(line) > self._max_depth:
            raise RefusedLine(Reason.LIMIT_DEPTH, f"nested deeper than {self._max_depth}")
        text = line.decode("utf-8", errors="replace")
        return self._read_with_repeats(text)

    def _read_with_repeats(self, text: str) -> Any:
        repeats: list[_Repeating] = []

        def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            built = dict(pairs)
            if len(built) == len(pairs):
                return built
            repeating = _Repeating(built)
            names = [name for name, _ in pairs]
            repeating.repeated = frozenset(name for name in built if names.count(name) > 1)
            repeats.append(repeating)
            return repeating

        decoder = json.JSONDecoder(object_pairs_hook=build, parse_constant=_refuse_constant, parse_float=_finite)
        start = len(text) - len(text.lstrip(" \t\r\n"))
        try:
            found, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            raise RefusedLine(Reason.JSON_SYNTAX) from None
        rest = text[end:].strip(" \t\r\n")
        if rest:
            raise RefusedLine(Reason.JSON_MULTI if rest[0] == "{" else Reason.JSON_SYNTAX, "text after the first value")
        if repeats and isinstance(found, dict) and any(_repeats_on(found, path) for path in self._watched):
            raise RefusedLine(Reason.JSON_DUP_KEY, "an identifier, time or type stands twice")
        return _plain(found) if repeats else found


class _Repeating(dict[str, Any]):
    """An object in which keys stand several times."""

    repeated: frozenset[str] = frozenset()


def clean(line: bytes) -> bytes:
    """A line without byte-order mark and carriage return."""
    line = line.removeprefix(_UTF8_MARK)
    return line.removesuffix(b"\r")


def max_depth(line: bytes) -> int:
    """Deepest nesting of objects and arrays, counted without parsing; brackets inside strings do not count."""
    depth = deepest = 0
    for char in _STRING.sub(b"", line):
        if char in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif char in b"}]":
            depth -= 1
    return deepest


def without_surrogates(value: Any) -> Any:
    """The same value with U+FFFD in the place of lone surrogates, which no output format can hold."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_surrogates(inner) for inner in value]
    return value


def _may_repeat(line: bytes, n_keys: int) -> bool:
    """Whether a key may stand twice in an object of a line that holds `n_keys` keys after parsing.

    Every key is written as a quote and a colon, so as many of these as keys means that none was lost. White space
    between the two would hide one, and a quote in a string followed by a colon would add one: both look suspicious.
    """
    return line.count(b'":') != n_keys or b" :" in line or b"\t" in line or b"\r" in line


def _count_keys(value: dict[str, Any] | list[Any], depth: int) -> int:
    """How many keys stand in an object or array, at any depth; below zero where it is nested deeper than `depth`."""
    if depth == 0:
        return _TOO_DEEP
    n_keys = 0
    members: Iterable[Any] = value
    if type(value) is dict:
        n_keys = len(value)
        members = value.values()
    for inner in members:
        kind = type(inner)
        if kind is dict or kind is list:
            n_keys += _count_keys(inner, depth - 1)
    return n_keys


def _repeats_on(top: dict[str, Any], path: tuple[str, ...]) -> bool:
    waiting: list[tuple[Any, int]] = [(top, 0)]
    while waiting:
        inner, position = waiting.pop()
        if isinstance(inner, list):
            waiting.extend((element, position) for element in inner)
        elif isinstance(inner, dict) and position < len(path):
            if isinstance(inner, _Repeating) and path[position] in inner.repeated:
                return True
            waiting.append((inner.get(path[position]), position + 1))
    return False


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _refuse_constant(_: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("beyond the range of a number")
    return number
