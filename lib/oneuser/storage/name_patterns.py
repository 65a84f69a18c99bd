"""Patterns of names as Hadoop reads them, by Python: the plain ones, of which it is sure."""

from __future__ import annotations

import re
from contextlib import suppress

from oneuser.storage.uncertain import UncertainError

_CLASS = re.compile(r"\[([!^]?)((?:[A-Za-z0-9_](?:-[A-Za-z0-9_])?)+)\]")


class PlainPatterns:
    """How the path of a source is taken apart. What Hadoop may read otherwise raises `UncertainError`."""

    def __init__(self, source: str) -> None:
        self.source = source

    def alternatives(self, pattern: str) -> list[str]:
        """The pattern itself; braces around a slash, which make it several, are left to Hadoop."""
        depth = 0
        for sign in re.sub(r"\\.", "", pattern, flags=re.DOTALL):
            depth += {"{": 1, "}": -1}.get(sign, 0)
            depth = max(depth, 0)
            if sign == "/" and depth:
                raise UncertainError(f"the path of {self.source} has braces around a slash")
        return [pattern]

    def matcher(self, part: str) -> re.Pattern[str] | None:
        """The names that a part of the pattern matches."""
        with suppress(re.error):
            expression = _expression(part)
            if expression is not None:
                return re.compile(expression, re.DOTALL)
        raise UncertainError(f"the path of {self.source} has a pattern that Hadoop may read otherwise")


def _expression(part: str) -> str | None:
    """The regular expression that Hadoop makes of a part of a pattern; null where that is not sure.

    Sure are `*` and `?`, braces that are closed, classes of letters and digits, and a backslash before a sign that is
    neither: before a letter it means something to a regular expression.
    """
    found, depth, at = "", 0, 0
    while at < len(part):
        sign = part[at]
        at += 1
        if sign == "\\":
            escaped = part[at : at + 1]
            if not escaped or escaped.isalnum() or not escaped.isascii():
                return None
            found += re.escape(escaped)
            at += 1
        elif sign == "[":
            named = _CLASS.match(part, at - 1)
            if named is None:
                return None
            found += f"[{'^' if named[1] else ''}{named[2]}]"
            at = named.end()
        elif sign == "{":
            depth += 1
            found += "(?:"
        elif sign == "}" and depth:
            depth -= 1
            found += ")"
        elif sign == "," and depth:
            found += "|"
        else:
            found += {"*": ".*", "?": "."}.get(sign) or re.escape(sign)
    return None if depth else found
