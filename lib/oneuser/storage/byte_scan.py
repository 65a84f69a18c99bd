"""Searching every file of a warehouse for values, whatever its tables say: Parquet and gzip decoded, all else as bytes.

Files on this machine's disk alone: its executors read them by their paths. The values travel inside the pickled
function, and no answer repeats one.
"""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from oneuser.config.base import local_path
from oneuser.core.whole_words import holds
from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from pyspark.sql import SparkSession

HITS = RowShape({"path": "string", "request_id": "string"})
# a piece of a file at a time, with so much of the one before as no value is longer than
_PIECE, _OVERLAP = 8 * 1024 * 1024, 8 * 1024


class Hit(NamedTuple):
    """A file that holds a value of a request."""

    path: str
    request_id: str


class Scan(NamedTuple):
    """What a scan found: how many files it read, their bytes, and those that hold a value."""

    n_files: int
    n_bytes: int
    hits: list[Hit]


def scan_files(
    spark: SparkSession, roots: Collection[str], values: Mapping[str, str], *, without: Collection[str]
) -> Scan | None:
    """Search all files below some folders; null where one of these is not on this machine's disk.

    Grows with all that lies there, read once by the executors.

    Args:
        spark: Where it is done.
        roots: The folders.
        values: The request of each value.
        without: Folders and files that are left out.
    """
    places = [local_path(root) for root in roots]
    left_out = {os.path.realpath(place) for one in without if (place := local_path(one)) is not None}
    if any(place is None for place in places):
        return None
    found = sorted({path for place in places if place for path in _files_below(place, left_out)})
    sizes = [path.lstat().st_size for path in found]
    if not found or not values:
        return Scan(len(found), sum(sizes), [])
    wanted = {value.lower().encode(): request for value, request in values.items()}
    context = spark.sparkContext
    n_slices = min(len(found), 4 * context.defaultParallelism)
    paths = spark.createDataFrame(context.parallelize([(str(path),) for path in found], n_slices), "path string")
    hits = paths.mapInArrow(_searcher(wanted), HITS.ddl).collect()
    return Scan(len(found), sum(sizes), sorted({Hit(row["path"], row["request_id"]) for row in hits}))


def _files_below(place: str, left_out: Collection[str]) -> Iterator[Path]:
    """Regular files; links are not followed, what they lead to is somebody else's."""
    for folder, below, names in os.walk(place):
        below[:] = [name for name in below if os.path.realpath(f"{folder}/{name}") not in left_out]
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink() and os.path.realpath(path) not in left_out:
                yield path


def _searcher(wanted: dict[bytes, str]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def search(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            paths: list[Any] = batch["path"].to_pylist()
            found = [(path, request) for path in paths for request in sorted(requests_in(Path(path), wanted))]
            hit_paths, requests = map(list, zip(*found, strict=True)) if found else ([], [])
            yield HITS.batch(len(found), {"path": hit_paths, "request_id": requests})

    return search


def requests_in(path: Path, wanted: Mapping[bytes, str]) -> set[str]:
    """Requests of which a file holds a value; `wanted` has these in lower case. A file that is gone by now has none."""
    found: set[str] = set()
    for text in _texts(path):
        lower = text.lower()
        found |= {request for value, request in wanted.items() if request not in found and holds(lower, value)}
    return found


def _texts(path: Path) -> Iterator[bytes]:
    """What a file holds, piece by piece: its bytes, and what they decode to."""
    try:
        with path.open("rb") as file:
            yield from _pieces(file)
        if path.suffix == ".parquet":
            yield from _values(path)
        elif path.suffix == ".gz":
            with gzip.open(path, "rb") as decoded:
                yield from _pieces(decoded)
    except FileNotFoundError:
        return
    except (pa.ArrowInvalid, OSError, EOFError, zlib.error):
        # no Parquet or gzip after all, or half of it: its bytes have been read
        return


def _pieces(file: Any) -> Iterator[bytes]:
    end = b""
    while piece := file.read(_PIECE):
        yield end + piece
        end = piece[-_OVERLAP:]


def _values(path: Path) -> Iterator[bytes]:
    """Texts of a Parquet file, those of a batch and column together."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=8192):
            for column in batch.columns:
                yield from (b"\n".join(leaf) for leaf in _leaves(column))


def _leaves(column: Any) -> Iterator[list[bytes]]:
    """Texts in a column, be they in lists, maps or structs."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        yield [value for value in column.cast(pa.binary()).to_pylist() if value is not None]
    elif pa.types.is_struct(kind):
        for part in column.flatten():
            yield from _leaves(part)
    elif pa.types.is_map(kind):
        yield from _leaves(column.keys)
        yield from _leaves(column.items)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _leaves(column.flatten())
