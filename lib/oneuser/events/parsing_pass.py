"""The one pass of Python over all input: Arrow batches of lines, or of a table's rows, to parsed lines.

A parsed line is an event or a refused line: the columns are those of `PARSED`. Nothing here may raise for one bad
value; a line that cannot be an event gets a `code`.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from oneuser.core.reasons import Reason
from oneuser.events.column_values import has_maps, plain_value, with_objects
from oneuser.events.fast_path import LineParser
from oneuser.events.identifiers import identifier_text
from oneuser.events.parse import EVENT_COLUMNS, NO_EVENT, MessageParser, canonical_json
from oneuser.events.syntax import RefusedLine
from oneuser.spark.row_shapes import ABOUT_ROWS, CORRUPT, FILE, UNDECODED, RowShape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspark.sql import DataFrame

    from oneuser.core.keyed import Keys
    from oneuser.events.spec import SourceSpec

# a refused line is kept up to here
MAX_KEPT_BYTES = 64 * 1024

_LINK = "struct<id_type:string,id_key:binary,id_value:string,link:string>"
_EVENT_TYPES = {
    "message_key": "binary",
    "event_time": "timestamp",
    "received_at": "timestamp",
    "identifiers": f"array<{_LINK}>",
    "dropped": "array<string>",
    "unlinked": "array<string>",
    "content_hash": "bigint",
    "is_keyless": "boolean",
}
PARSED = RowShape(
    {
        "file": "string",
        "line_hash": "bigint",
        "code": "string",
        "detail": "string",
        "line": "binary",
        **{name: _EVENT_TYPES.get(name, "string") for name in EVENT_COLUMNS},
    }
)
_NO_CODE = (None, None, None)


def parse_lines(lines: DataFrame, *, spec: SourceSpec, keys: Keys, horizon: int) -> DataFrame:
    """Parse lines of JSON; a row of the result is a parsed line (`PARSED`).

    Args:
        lines: `value` (the bytes of a line), `file`.
        spec: The source's mapping and rules.
        keys: Secrets, which travel inside the pickled function only.
        horizon: Latest credible instant, in microseconds since 1970.
    """
    limit = spec.limits.max_line_bytes
    n_bytes = F.octet_length("value")
    bounded = lines.select(
        # Python never sees more of an endless line than is kept of it
        F.when(n_bytes > limit, F.substring("value", 1, MAX_KEPT_BYTES)).otherwise(F.col("value")).alias("value"),
        n_bytes.alias("n_bytes"),
        F.xxhash64("value").alias("line_hash"),
        "file",
    )

    def parse_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        parser = LineParser(spec, keys, horizon=horizon)
        with _no_cycle_search():
            for batch in batches:
                yield _parse_line_batch(parser, batch)
            del parser  # and all that it remembers, before cycles are searched again

    return bounded.mapInArrow(parse_batches, PARSED.ddl)


def parse_rows(rows: DataFrame, *, spec: SourceSpec, keys: Keys, horizon: int) -> DataFrame:
    """Parse rows of a table; a row of the result is a parsed line (`PARSED`).

    Args:
        rows: Columns of the table, `FILE`, and for CSV `CORRUPT`, the text of a row that does not fit the header,
            and `UNDECODED`, whether the row is not in the encoding of its file.
        spec: The source's mapping and rules.
        keys: Secrets, which travel inside the pickled function only.
        horizon: Latest credible instant, in microseconds since 1970.
    """
    columns = rows.columns

    def parse_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        parser = MessageParser(spec, keys, horizon=horizon)
        with _no_cycle_search():
            for batch in batches:
                yield _parse_row_batch(parser, batch.rename_columns(columns))
            del parser  # and all that it remembers, before cycles are searched again

    # Spark looks columns up by name on the way to Python, and takes a dot in one for a path
    return rows.toDF(*(f"c{index}" for index in range(len(columns)))).mapInArrow(parse_batches, PARSED.ddl)


@contextmanager
def _no_cycle_search() -> Iterator[None]:
    """A batch makes a million objects and no cycles; looking for some would double its time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _parse_line_batch(parser: LineParser, batch: pa.RecordBatch) -> pa.RecordBatch:
    values = batch.column("value")
    sizes: list[Any] = batch.column("n_bytes").to_pylist()
    events, refusals = parser.parse(values, sizes)
    columns: dict[str, Any] = {name: [None] * len(sizes) for name in ("code", "detail", "line")} | events
    for index, refusal in refusals.items():
        columns["code"][index], columns["detail"][index] = refusal.code, refusal.detail
        columns["line"][index] = values[index].as_py()[:MAX_KEPT_BYTES]
    columns["raw"] = _raw(columns["raw"], values)
    return _batch(batch.column("file"), batch.column("line_hash"), columns)


def _parse_row_batch(parser: MessageParser, batch: pa.RecordBatch) -> pa.RecordBatch:
    names = [name for name in batch.schema.names if name not in ABOUT_ROWS]
    header = {name: name for name in names}
    corrupt, undecoded = (
        batch.column(name).to_pylist() if name in batch.schema.names else [None] * batch.num_rows
        for name in (CORRUPT, UNDECODED)
    )
    parsed: list[tuple[Any, ...]] = []
    hashes: list[bytes] = []
    for row, damage, is_undecoded in zip(_rows(batch.select(names)), corrupt, undecoded, strict=True):
        line = canonical_json(row) if damage is None else damage.encode()
        hashes.append(blake2b(line, digest_size=8).digest())
        try:
            _check_row(row, header, damage, is_undecoded=bool(is_undecoded))
            parsed.append(_NO_CODE + parser.parse_row(row))
        except RefusedLine as refusal:
            parsed.append((refusal.code, refusal.detail, line[:MAX_KEPT_BYTES], *NO_EVENT))
    columns = _columns(parsed)
    columns["raw"] = pa.array(columns["raw"], pa.string())
    return _batch(batch.column(FILE), pa.array(np.frombuffer(b"".join(hashes), "<i8")), columns)


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows as objects. Bytes that a file does not mark as text are text where they are UTF-8, and maps are objects."""
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except (ValueError, OverflowError):
        # a text that is none, a time beyond what Python counts: found value by value
        columns = [[plain_value(value) for value in column] for column in batch.columns]
        rows = [dict(zip(batch.schema.names, values, strict=True)) for values in zip(*columns, strict=True)]
    for field in batch.schema:
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            for row in rows:
                value = row[field.name]
                if value is not None:
                    row[field.name] = identifier_text(value) or value
        elif has_maps(field.type):
            for row in rows:
                row[field.name] = with_objects(row[field.name], field.type)
    return rows


def _check_row(row: dict[str, Any], header: dict[str, str], damage: str | None, *, is_undecoded: bool) -> None:
    if damage is not None and not damage.strip():
        raise RefusedLine(Reason.LINE_BLANK)
    if is_undecoded:
        raise RefusedLine(Reason.CSV_ENCODING, "not in the encoding of its source")
    if damage is not None:
        raise RefusedLine(Reason.CSV_SYNTAX, "number of fields differs from the header's")
    if row == header:
        raise RefusedLine(Reason.CSV_HEADER, "header line repeated")


def _columns(parsed: list[tuple[Any, ...]]) -> dict[str, Any]:
    """Lists by column name; empty ones for an empty batch."""
    names = ("code", "detail", "line", *EVENT_COLUMNS)
    columns = zip(*parsed, strict=True) if parsed else ([] for _ in names)
    return dict(zip(names, columns, strict=True))


def _raw(rewritten: Sequence[bytes | None], lines: pa.Array[Any]) -> pa.Array[Any]:
    """The messages as received. Lines that are well-formed as they stand are passed on without touching them.

    So are refused ones, of whose text nobody asks.
    """
    texts = lines.view(pa.string())
    is_kept = [text is None for text in rewritten]
    return texts if all(is_kept) else pc.if_else(pa.array(is_kept), texts, pa.array(rewritten, pa.string()))


def _batch(files: pa.Array[Any], hashes: pa.Array[Any], columns: dict[str, Any]) -> pa.RecordBatch:
    arrays: dict[str, Any] = {"file": files, "line_hash": hashes}
    for name, values in columns.items():
        if name == "identifiers":
            arrays[name] = _links(values)
        elif name == "content_hash":
            arrays[name] = _hashes(values)
        elif name == "raw":
            arrays[name] = values
        else:
            arrays[name] = pa.array(values, PARSED.arrow.field(name).type)
    return pa.RecordBatch.from_pydict(arrays)


def _hashes(digests: Sequence[bytes | None]) -> pa.Array[Any]:
    """Eight bytes each as a signed number; null for refused lines."""
    numbers = np.frombuffer(b"".join([digest or bytes(8) for digest in digests]), "<i8")
    return pa.array(numbers, pa.int64(), mask=np.array([digest is None for digest in digests], bool))


def _links(rows: Sequence[list[Any] | None]) -> pa.Array[Any]:
    """Lists of identifiers from flat columns, a fraction of the cost of converting nested objects."""
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum([len(links) if links else 0 for links in rows], out=offsets[1:])
    flat = chain.from_iterable(links for links in rows if links)
    identifiers, kinds = zip(*flat, strict=True) if offsets[-1] else ((), ())
    list_type: Any = PARSED.arrow.field("identifiers").type
    parts = list(list_type.value_type)
    columns = (*zip(*identifiers, strict=True), kinds) if identifiers else ((),) * len(parts)
    arrays: list[Any] = [pa.array(values, part.type) for values, part in zip(columns, parts, strict=True)]
    is_null: Any = pa.array([links is None for links in rows], pa.bool_())
    structs = pa.StructArray.from_arrays(arrays, fields=parts)
    starts: Any = pa.array(offsets)
    lists: pa.Array[Any] = pa.ListArray.from_arrays(starts, structs, mask=is_null)
    return lists
