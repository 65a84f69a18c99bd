"""When a record of a reference input holds: its period as instants, or why it is none. Python, on executors.

Reads   records with `code` (null for those to be read), `detail`, and `valid_from` and `valid_to` as text
Yields  the same records with both as timestamps
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import types as T

from oneuser.core.reasons import Reason
from oneuser.events.instants import make_time_reader, micros

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import DataFrame

    from oneuser.events.instants import Instant

    Batches = Iterator[pa.RecordBatch]
    Judged = tuple[str | None, str | None, int | None, int | None]

_INSTANT = pa.timestamp("us", tz="UTC")
_JUDGED = ("code", "detail", "valid_from", "valid_to")
# how systems write that something has no end; a day less, since a zone may shift it
_END_OF_TIME = micros(datetime(9998, 12, 31, tzinfo=UTC))


def read_periods(records: DataFrame, *, earliest: int, pattern: str | None = None, zone: str = "UTC") -> DataFrame:
    """Read `valid_from` (inclusive, null reaches back to the beginning) and `valid_to` (exclusive, null is open).

    What is no time gets the code `reference.time`, a period that holds no instant `reference.period`; the first code of
    a record counts. An end in the year 9999 is none. Times that are written out may lie in any year: what began before
    there were logs, or ends in ten years, is right.

    Args:
        records: Records of a reference input, with other columns too.
        earliest: The first instant that is believed of an epoch, in microseconds since 1970 UTC.
        pattern: How times are written, in Java's letters; any form of `instants` where null, a date meaning its
            midnight.
        zone: The zone of times that name none.
    """
    fields = (
        T.StructField(field.name, T.TimestampType() if field.name in {"valid_from", "valid_to"} else field.dataType)
        for field in records.schema
    )
    return records.mapInArrow(_reader(earliest, pattern, zone), T.StructType(list(fields)))


def _reader(earliest: int, pattern: str | None, zone: str) -> Callable[[Batches], Batches]:
    def read(batches: Batches) -> Batches:
        read_time = make_time_reader(pattern, zone, earliest=earliest)
        for batch in batches:
            rows = zip(*(batch.column(name).to_pylist() for name in _JUDGED), strict=True)
            judged = [judge_period(read_time, *row) for row in rows]
            columns = dict(zip(_JUDGED, zip(*judged, strict=True) if judged else ((),) * len(_JUDGED), strict=True))
            arrays = [
                pa.array(columns[name], _INSTANT if name.startswith("valid") else pa.string())
                if name in columns
                else batch.column(name)
                for name in batch.schema.names
            ]
            yield pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)

    return read


def judge_period(
    read_time: Callable[[Any], Instant], code: str | None, detail: str | None, begin: str | None, end: str | None
) -> Judged:
    """Code, detail, and the two instants of one record, in microseconds since 1970 UTC."""
    valid_from, valid_to = (None if text is None else read_time(text)[0] for text in (begin, end))
    if valid_to is not None and valid_to >= _END_OF_TIME:
        valid_to, end = None, None
    if code is not None:
        return code, detail, valid_from, valid_to
    for name, text, instant in (("valid_from", begin, valid_from), ("valid_to", end, valid_to)):
        if text is not None and instant is None:
            return Reason.REFERENCE_TIME, name, valid_from, valid_to
    if valid_from is not None and valid_to is not None and valid_to <= valid_from:
        return Reason.REFERENCE_PERIOD, "valid_to is not after valid_from", valid_from, valid_to
    return None, None, valid_from, valid_to
