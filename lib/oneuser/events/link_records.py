"""Imported links: from the records of a link table to pairs of keyed identifiers. Python, on executors.

Reads   records of a reference input: `file`, `record`, `code`, `detail`, and columns of text
Yields  one row per record: a link, or the code of its refusal
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, DecimalException
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from oneuser.core.reasons import Reason
from oneuser.events.identifiers import Identifier, IdentifierReader
from oneuser.events.instants import make_time_reader
from oneuser.events.spec import EARLIEST_TIME
from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyspark.sql import DataFrame

    from oneuser.core.keyed import Keys
    from oneuser.events.spec import IdTypeSpec

LINK_TIME = "link_time"
# a record that a test leaves out is no fault: it is counted and nothing else
LEFT_OUT = "left_out"
LINK_RECORDS = RowShape(
    {
        "file": "string",
        "record": "string",
        "code": "string",
        "detail": "string",
        "type_a": "string",
        "key_a": "binary",
        "value_a": "string",
        "type_b": "string",
        "key_b": "binary",
        "value_b": "string",
        LINK_TIME: "timestamp",
    }
)
_NO_ENDS = (None,) * 6


@dataclass(frozen=True)
class ValueTest:
    """What a column's value must be for its record to count: between bounds, or one of some texts or numbers."""

    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[str | float | bool, ...] | None = None


class Part(NamedTuple):
    """A piece of an end's value: what stands in a column, or a constant text where `column` is null."""

    column: str | None
    text: str = ""


@dataclass(frozen=True)
class LinkSpec:
    """How the records of one link table are read.

    `types` are those of the two ends, null where each record says its own in `type_a` and `type_b`. `values` are the
    pieces of their values, `tests` are by column. `earliest` and `horizon` are the first and the latest credible
    instant, in microseconds since 1970 UTC.
    """

    id_types: Mapping[str, IdTypeSpec]
    types: tuple[str, str] | None
    values: tuple[tuple[Part, ...], tuple[Part, ...]]
    horizon: int
    tests: Mapping[str, ValueTest] = field(default_factory=dict)
    time_format: str | None = None
    time_zone: str | None = None
    earliest: int = EARLIEST_TIME


class RefusedRecord(Exception):  # noqa: N818 - an outcome, not a fault of the program
    """A record that is no link; `code` is a reason or `LEFT_OUT`, `detail` says more without any of its values.

    `due` is the time of one that is refused only until then, in microseconds since 1970 UTC.
    """

    def __init__(self, code: Reason | str, detail: str | None = None, *, due: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.due = due


class KeyedPair(NamedTuple):
    """A link as a record says it; `at` is in microseconds since 1970 UTC, null where it has no time."""

    a: Identifier
    b: Identifier
    at: int | None


class LinkReader:
    """Reads records of one link table."""

    def __init__(self, spec: LinkSpec, keys: Keys) -> None:
        self._spec = spec
        # the columns are text: whole numbers of typed ones have been written out
        self._readers = {name: IdentifierReader(s, keys, is_table=True) for name, s in spec.id_types.items()}
        self._read_time = make_time_reader(spec.time_format, spec.time_zone, earliest=spec.earliest)

    def read(self, record: Mapping[str, str | None]) -> KeyedPair:
        """The link of a record.

        Raises:
            RefusedRecord: where it is none: a test leaves it out (`LEFT_OUT`), an end is empty (`links.missing`),
                cannot be one (`id.*`) or is of no declared type (`links.type`), both are the same (`links.self`), or
                the time is none (`reference.time`).
        """
        for column, test in self._spec.tests.items():
            if not passes(record.get(column), test):
                raise RefusedRecord(LEFT_OUT)
        a, b = self._end(record, "a", 0), self._end(record, "b", 1)
        if a == b:
            raise RefusedRecord(Reason.LINKS_SELF, "both ends are the same identifier")
        return KeyedPair(a, b, self._time(record.get(LINK_TIME)))

    def _end(self, record: Mapping[str, str | None], name: str, index: int) -> Identifier:
        id_type = self._spec.types[index] if self._spec.types else record.get(f"type_{name}") or ""
        reader = self._readers.get(id_type)
        if reader is None:
            raise RefusedRecord(Reason.LINKS_TYPE, f"the type of end {name} is not declared")
        pieces = [part.text if part.column is None else record.get(part.column) for part in self._spec.values[index]]
        found = None if None in pieces else reader.read("".join(piece for piece in pieces if piece is not None))
        if not isinstance(found, Identifier):
            raise RefusedRecord(found or Reason.LINKS_MISSING, f"end {name}")
        return found

    def _time(self, text: str | None) -> int | None:
        if text is None:
            return None
        at, _ = self._read_time(text)
        if at is None:
            raise RefusedRecord(Reason.REFERENCE_TIME, "no time")
        if at > self._spec.horizon:
            raise RefusedRecord(Reason.REFERENCE_TIME, "in the future", due=at)
        if at < self._spec.earliest:
            raise RefusedRecord(Reason.REFERENCE_TIME, "before 1970" if at < 0 else "before ingest.earliest_time")
        return at


def passes(text: str | None, test: ValueTest) -> bool:
    """Whether a value passes a test; nothing passes none.

    Raises:
        RefusedRecord: for a text where a number is compared.
    """
    if text is None:
        return False
    if test.one_of is not None:
        return any(_equals(text, value) for value in test.one_of)
    number = _number(text)
    if number is None:
        raise RefusedRecord(Reason.REFERENCE_NUMBER, "a column that is compared holds no number")
    is_high = test.at_least is None or number >= Decimal(repr(test.at_least))
    return is_high and (test.at_most is None or number <= Decimal(repr(test.at_most)))


def _equals(text: str, value: str | float | bool) -> bool:  # noqa: FBT001 - the value of a setting
    if isinstance(value, bool):
        return text.lower() == str(value).lower()
    if isinstance(value, str):
        return text == value
    return _number(text) == Decimal(repr(value))


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except DecimalException:
        return None
    return number if number.is_finite() else None


def read_links(records: DataFrame, *, spec: LinkSpec, keys: Keys) -> DataFrame:
    """Read the records of a link table.

    Args:
        records: Records of a reference input: `file`, `record`, `code` (null for those to be read), `detail`, and the
            columns of ends, time and tests as text.
        spec: The table's rules.
        keys: Secrets, which travel inside the pickled function only.

    Returns:
        One row per record: `file`, `record` (null for a link), `code` (null for a link; `LEFT_OUT` among others),
        `detail`, the two ends by type, key and value, `link_time`. Of a refused one, `link_time` is there where it was
        refused as being in the future.
    """
    return records.mapInArrow(_reader(spec, keys), LINK_RECORDS.ddl)


def _reader(spec: LinkSpec, keys: Keys) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def read_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        reader = LinkReader(spec, keys)
        for batch in batches:
            yield LINK_RECORDS.batch_of(_read(record, reader) for record in batch.to_pylist())

    return read_batches


def _read(record: dict[str, Any], reader: LinkReader) -> tuple[Any, ...]:
    code, detail, due = record["code"], record["detail"], None
    if code is None:
        try:
            link = reader.read(record)
        except RefusedRecord as refusal:
            code, detail, due = refusal.code, refusal.detail, refusal.due
        else:
            ends = (part for end in (link.a, link.b) for part in (end.id_type, end.key, end.value))
            return (record["file"], None, None, None, *ends, link.at)
    return (record["file"], record["record"], code, detail, *_NO_ENDS, due)
