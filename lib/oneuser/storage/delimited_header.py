"""The header of a delimited text, and what its lines end in, from its first bytes. Loads no Spark."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oneuser.config.dialects import Dialect

_UTF8 = "utf-8"
# what nobody sees in a name, and could write in a mapping
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")


def header_of(head: bytes, dialect: Dialect) -> tuple[str, ...]:
    """Column names in the first row of a delimited text; empty and repeated names, in any case, get their number.

    White space around a name and characters that nobody sees are no part of it. Empty lines before it are no rows; a
    text of nothing else has no names.

    Raises:
        UnicodeDecodeError: where the row is not in the encoding.
    """
    line_end = line_end_of(head).encode()
    head = head.lstrip(b"\r\n")
    first_row = head.partition(line_end)[0] if head.count(b'"', 0, head.find(line_end)) % 2 == 0 else head
    text = first_row.decode("utf-8-sig" if dialect.encoding == _UTF8 else dialect.encoding)
    lines = io.StringIO(text, newline="")
    rows = (
        csv.reader(lines, delimiter=dialect.separator, quotechar=dialect.quote)
        if dialect.quote
        else csv.reader(lines, delimiter=dialect.separator, quoting=csv.QUOTE_NONE)
    )
    first = next(rows, [])
    names: list[str] = []
    taken: set[str] = set()
    for position, written in enumerate(first):
        name = _INVISIBLE.sub("", written).strip() or f"column_{position + 1}"
        names.append(name if name.lower() not in taken else f"{name}_{position + 1}")
        taken.add(names[-1].lower())
    return tuple(names)


def line_end_of(head: bytes) -> str:
    r"""What lines end in, a return before it aside: `\r` alone where the beginning of a file has no other."""
    return "\r" if b"\r" in head and b"\n" not in head else "\n"
