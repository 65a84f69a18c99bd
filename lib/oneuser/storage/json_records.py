"""Records of a reference input in JSON Lines: each line an object whose values are scalars, or lists of them."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from oneuser.core.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from pyspark.sql import DataFrame

# between the parts of a column that holds several values
LIST_SEPARATOR = ";"
_FIXED = ("file", "record", "code", "detail")


def parse_json_records(lines: DataFrame, *, names: Mapping[str, str], lists: Collection[str]) -> DataFrame:
    """Read lines one by one: Spark's own reader hides what is wrong with them. Blank lines are no records.

    Args:
        lines: `value` (the bytes of a line), `file`.
        names: What each of our columns is called in the objects.
        lists: Our columns that may hold a list; it comes joined by `LIST_SEPARATOR`.

    Returns:
        One row per record: `file`, `record` (the line), `code` and `detail` (null for a good one), and our columns as
        text.
    """
    schema = ", ".join(f"{name} string" for name in (*_FIXED, *names))
    return lines.mapInArrow(_reader(dict(names), frozenset(lists)), schema)


def _reader(
    names: dict[str, str], lists: frozenset[str]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    columns = [*_FIXED, *names]

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            lines = zip(batch.column("file").to_pylist(), batch.column("value").to_pylist(), strict=True)
            rows = [(file, *_read_line(line, names, lists)) for file, line in lines if line and line.strip()]
            arrays = [pa.array([row[index] for row in rows], pa.string()) for index in range(len(columns))]
            yield pa.RecordBatch.from_arrays(arrays, names=columns)

    return read


def _read_line(line: bytes, names: Mapping[str, str], lists: frozenset[str]) -> list[str | None]:
    """Text, code, detail and values of one line."""
    text = line.decode("utf-8-sig", errors="replace")
    nothing: list[str | None] = [None] * len(names)
    try:
        pairs = json.loads(text, object_pairs_hook=lambda found: found)
    except (ValueError, RecursionError):
        return [text, Reason.REFERENCE_SYNTAX, "not JSON", *nothing]
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        return [text, Reason.REFERENCE_SYNTAX, "not an object", *nothing]
    keys = [key for key, _ in pairs]
    twice = [ours for ours, theirs in names.items() if keys.count(theirs) > 1]
    if twice:
        return [text, Reason.REFERENCE_SYNTAX, f"{', '.join(twice)} twice", *nothing]
    values = dict(pairs)
    try:
        return [text, None, None, *(_text_of(values.get(names[ours]), is_list=ours in lists) for ours in names)]
    except TypeError:
        return [text, Reason.REFERENCE_TYPE, "an object or a list where a value belongs", *nothing]


def _text_of(value: Any, *, is_list: bool = False) -> str | None:
    """A scalar as text; a list of them joined.

    Raises:
        TypeError: for anything else.
    """
    if value is None:
        return None
    if isinstance(value, str):
        # half a surrogate pair is no text that Arrow could hold
        return value.encode("utf-16", errors="surrogatepass").decode("utf-16", errors="replace")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        is_whole = isinstance(value, int) or (math.isfinite(value) and value.is_integer())
        return str(int(value)) if is_whole else str(value)
    if is_list and isinstance(value, list) and not any(isinstance(part, tuple) for part in value):
        return LIST_SEPARATOR.join(text for part in value if (text := _text_of(part)) is not None)
    raise TypeError
