"""Parquet files of tables on this machine's disk, written by Arrow: of rows at hand, or copied but for some rows.

Copying a file row group by row group takes a tenth of what Spark takes to read its rows and write them again
(decision 0198): texts stay what they are in the file, places in a dictionary.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

# so many rows are worth a row group of their own
_ROWS_OF_A_GROUP = 100_000


def write_parquet(folder: Path, rows: pa.Table) -> str:
    """A new file of rows; returns its name."""
    with _new_file(folder) as name, _writer(folder / name, rows.schema) as writer:
        writer.write_table(_plain(rows))
    return name


def copy_parquet(folder: Path, gone: Mapping[str, NDArray[np.int64]], come: pa.Table) -> str | None:
    """A new file that holds the rows of some others but for those that go, and then those that come.

    One row group is held in memory at a time; small ones become one. Of a text that no row has any longer nothing is
    left, in the dictionaries neither.

    Args:
        folder: Where the files lie.
        gone: By the name of a file, the places of the rows that go, from 0.
        come: Rows with all columns, typed as they are to be.

    Returns:
        The name of the new file; null where no row is left.

    Raises:
        pa.ArrowException: where a file has other types.
        KeyError: where it lacks a column.
    """
    n_before = sum(pq.read_metadata(folder / one).num_rows for one in gone)
    if n_before + come.num_rows == sum(len(places) for places in gone.values()):
        return None
    texts = [field.name for field in come.schema if pa.types.is_string(field.type)]
    coded = pa.schema(
        [
            pa.field(field.name, pa.dictionary(pa.int32(), pa.string()) if field.name in texts else field.type)
            for field in come.schema
        ]
    )
    with _new_file(folder) as name, _writer(folder / name, coded) as writer:
        for rows in _grouped(chain(_kept(folder, gone, texts, coded), [_plain(come).cast(coded)])):
            writer.write_table(rows)
    return name


def _kept(
    folder: Path, gone: Mapping[str, NDArray[np.int64]], texts: list[str], coded: pa.Schema
) -> Iterator[pa.Table]:
    for one, places in gone.items():
        # times that Spark has written are of nanoseconds, unless said otherwise
        with pq.ParquetFile(folder / one, read_dictionary=texts, coerce_int96_timestamp_unit="us") as file:
            for rows in _without(file, places):
                yield _without_unused(rows.select(coded.names).cast(coded))


def _grouped(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in row groups that are worth having: each change would add a small one."""
    group: list[pa.Table] = []
    for table in tables:
        group.append(table)
        if sum(one.num_rows for one in group) >= _ROWS_OF_A_GROUP:
            yield pa.concat_tables(group).unify_dictionaries()
            group = []
    if any(one.num_rows for one in group):
        yield pa.concat_tables(group).unify_dictionaries()


def _without(file: pq.ParquetFile, places: NDArray[np.int64]) -> Iterator[pa.Table]:
    """Row groups without the rows at some places of the file."""
    begin = 0
    for number in range(file.num_row_groups):
        n_rows = file.metadata.row_group(number).num_rows
        stays = np.ones(n_rows, dtype=np.bool_)
        stays[places[(places >= begin) & (places < begin + n_rows)] - begin] = False
        begin += n_rows
        if stays.any():
            rows = file.read_row_group(number).replace_schema_metadata(None)
            yield rows if stays.all() else rows.filter(pa.array(stays))


def _without_unused(rows: pa.Table) -> pa.Table:
    """Rows whose dictionaries hold what some row has, and nothing else."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_dictionary(field.type):
            column: Any = rows.column(place)
            kind: Any = field.type
            rows = rows.set_column(place, field, pa.chunked_array([_pruned(chunk) for chunk in column.chunks], kind))
    return rows


def _pruned(column: Any) -> Any:
    is_used = np.zeros(len(column.dictionary), dtype=np.bool_)
    is_used[column.indices.drop_null().to_numpy()] = True
    if is_used.all():
        return column
    places: Any = pa.array((np.cumsum(is_used) - 1).astype(np.int32))
    return pa.DictionaryArray.from_arrays(places.take(column.indices), column.dictionary.filter(pa.array(is_used)))


def _plain(rows: pa.Table) -> pa.Table:
    """Without comments, which are the table's; and with columns that may be null, as Delta has them."""
    return rows.cast(pa.schema([pa.field(field.name, field.type) for field in rows.schema]))


@contextmanager
def _writer(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    # of texts, the smallest and the greatest would be values of somebody
    numbers = [
        field.name
        for field in schema
        if pa.types.is_integer(field.type) or pa.types.is_temporal(field.type) or pa.types.is_boolean(field.type)
    ]
    plain = pa.schema([pa.field(field.name, field.type) for field in schema])
    with pq.ParquetWriter(
        path, plain, compression="snappy", write_statistics=numbers or False, store_schema=False
    ) as writer:
        yield writer


@contextmanager
def _new_file(folder: Path) -> Iterator[str]:
    """A name that no file has; what was written under it is removed where that is interrupted."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"part-00000-{uuid.uuid4()}-c000.snappy.parquet"
    is_whole = False
    try:
        yield name
        is_whole = True
    finally:
        if not is_whole:
            with suppress(OSError):
                (folder / name).unlink()
