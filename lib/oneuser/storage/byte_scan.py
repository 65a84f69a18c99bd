"""Searching every file of a warehouse for values, whatever its tables say: Parquet and gzip decoded, all else as bytes.

Files on this machine's disk are opened by their paths. Those of another storage are read by Spark, whole, so that none
may be large. The values travel inside the pickled function, and no answer repeats one. Whatever cannot be read is told.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from oneuser.config.base import local_path
from oneuser.core.errors import OneUserError
from oneuser.core.sought_values import Sought
from oneuser.spark.row_shapes import RowShape
from oneuser.spark.temporarily import session_settings
from oneuser.storage.files import Files
from oneuser.storage.input_tree import is_hidden
from oneuser.storage.reader_paths import read_files

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from pyspark.sql import SparkSession

    from oneuser.storage.input_listing import InputFile

# a row for each file and request of which it holds a value; one without a request says of a file whether it was read
READ = RowShape({"path": "string", "request_id": "string", "is_readable": "boolean"})
# a piece of a file at a time, with so much of the one before as no value is longer than, be it written in escapes
_PIECE, _OVERLAP = 8 * 1024 * 1024, 32 * 1024
# a file of another storage is one value of a row: it has to fit a task's memory several times
_LARGEST = 256 * 1024 * 1024


class Hit(NamedTuple):
    """A file that holds a value of a request."""

    path: str
    request_id: str


class Scan(NamedTuple):
    """What a scan found: how many files it read, their bytes, and those that hold a value.

    `too_large` are files of another storage that were not read for their size, and `unreadable` files and folders of
    this disk that could not be: while there are any, nothing is proven.
    """

    n_files: int
    n_bytes: int
    hits: list[Hit]
    too_large: list[str]
    unreadable: list[str]


class _Below(NamedTuple):
    """What lies below some folders of this disk: files with their sizes, and what could not be looked into."""

    sizes: dict[Path, int]
    unreadable: set[str]


def scan_files(
    spark: SparkSession, roots: Collection[str], values: Mapping[str, Collection[str]], *, without: Collection[str]
) -> Scan:
    """Search all files below some folders, whatever storage these are on. Where there is nothing to look for, none.

    Grows with all that lies there, read once by the executors.

    Args:
        spark: Where it is done.
        roots: The folders.
        values: By request.
        without: Folders and files that are left out.
    """
    wanted = {request: some for request, some in values.items() if some}
    if not wanted:
        return Scan(0, 0, [], [], [])
    local = [place for root in roots if (place := local_path(root)) is not None]
    elsewhere = [root for root in roots if local_path(root) is None]
    scans = [_scan_disk(spark, local, wanted, without)] if local else []
    return _together([*scans, *([scan_stored(spark, elsewhere, wanted, without=without)] if elsewhere else [])])


def _together(scans: Collection[Scan]) -> Scan:
    return Scan(
        sum(one.n_files for one in scans),
        sum(one.n_bytes for one in scans),
        sorted({hit for one in scans for hit in one.hits}),
        sorted({path for one in scans for path in one.too_large}),
        sorted({path for one in scans for path in one.unreadable}),
    )


def _scan_disk(
    spark: SparkSession, places: Collection[str], wanted: Mapping[str, Collection[str]], without: Collection[str]
) -> Scan:
    found = find_below(places, {place for one in without if (place := local_path(one)) is not None})
    if not found.sizes:
        return Scan(0, 0, [], [], sorted(found.unreadable))
    context = spark.sparkContext
    n_slices = min(len(found.sizes), 4 * context.defaultParallelism)
    listed = context.parallelize([(str(path),) for path in sorted(found.sizes)], n_slices)
    rows = spark.createDataFrame(listed, "path string").mapInArrow(_searcher(wanted), READ.ddl).collect()
    unreadable = {row["path"] for row in rows if not row["is_readable"]}
    sizes = [size for path, size in found.sizes.items() if str(path) not in unreadable]
    return Scan(len(sizes), sum(sizes), _hits(rows), [], sorted(unreadable | found.unreadable))


def scan_stored(
    spark: SparkSession, roots: Collection[str], wanted: Mapping[str, Collection[str]], *, without: Collection[str]
) -> Scan:
    """`scan_files` through Hadoop's file system, for folders of any storage that it knows.

    Spark reads the files, but for those that it takes for hidden ones: these are small, and the driver reads them.

    Raises:
        OneUserError: where Spark has left out one of the others: nothing is proven by a scan that has not read it.
    """
    files = Files(spark)
    skipped = tuple(files.uri(one) for one in without)
    listed = {file.path: file for root in roots for file in files.below(root) if not _is_in(file.path, skipped)}
    found = [listed[path] for path in sorted(listed)]
    too_large = [file.path for file in found if file.n_bytes > _LARGEST]
    kept = [file for file in found if file.n_bytes <= _LARGEST]
    hidden = [file for file in kept if is_hidden(file.path.rpartition("/")[2], is_file=True)]
    hits: set[Hit] = set()
    sought = Sought(wanted)
    for file in hidden:
        hits |= {
            Hit(file.path, request) for request in requests_in_bytes(file.path, files.read_bytes(file.path), sought)
        }
    # Spark reads no empty files, in which nothing is
    shown = [file for file in kept if file.n_bytes and file not in hidden]
    hits |= set(_hits_in(spark, shown, wanted)) if shown else set()
    n_read = len(found) - len(too_large)
    return Scan(n_read, sum(file.n_bytes for file in kept), sorted(hits), too_large, [])


def _hits_in(spark: SparkSession, files: list[InputFile], wanted: Mapping[str, Collection[str]]) -> list[Hit]:
    rows = read_files(spark, files, lambda reader, paths: reader.format("binaryFile").load(paths))
    # a file at a time is enough for a worker's memory
    with session_settings(spark, {"spark.sql.execution.arrow.maxRecordsPerBatch": "1"}):
        found = rows.select("path", "content").mapInArrow(_content_searcher(wanted), READ.ddl).collect()
    n_read = len({row["path"] for row in found})
    if n_read != len(files):
        raise OneUserError(
            found=f"{n_read} of {len(files)} files were read",
            expected="each file that is listed",
            where=files[0].path.rpartition("/")[0],
            next_step="run the same command again, when nobody else writes there; the requests stay in progress",
        )
    return _hits(found)


def _hits(rows: Collection[Any]) -> list[Hit]:
    return [Hit(row["path"], row["request_id"]) for row in rows if row["request_id"] is not None]


def _is_in(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in folders)


def find_below(places: Collection[str], without: Collection[str]) -> _Below:
    """Regular files; links are not followed, what they lead to is somebody else's. What is gone by now is none.

    Args:
        places: Folders of this disk.
        without: Folders and files that are left out.
    """
    left_out = {os.path.realpath(place) for place in without}
    found = _Below({}, set())

    def note(problem: OSError) -> None:
        if not isinstance(problem, FileNotFoundError):
            found.unreadable.add(str(problem.filename))

    for place in places:
        for folder, below, names in os.walk(place, onerror=note):
            below[:] = [name for name in below if os.path.realpath(f"{folder}/{name}") not in left_out]
            for name in names:
                path = Path(folder, name)
                try:
                    about = path.lstat()
                except OSError as problem:
                    note(problem)
                    continue
                if stat.S_ISREG(about.st_mode) and os.path.realpath(path) not in left_out:
                    found.sizes[path] = about.st_size
    return found


def _searcher(wanted: Mapping[str, Collection[str]]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def search(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sought = Sought(wanted)
        for batch in batches:
            paths: list[Any] = batch["path"].to_pylist()
            found = [(path, requests_in(Path(path), sought)) for path in paths]
            # nothing is said of the many in which nothing is
            yield _rows([(path, some) for path, some in found if some is None or some])

    return search


def _content_searcher(
    wanted: Mapping[str, Collection[str]],
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def search(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sought = Sought(wanted)
        for batch in batches:
            pairs: Any = zip(batch["path"].to_pylist(), batch["content"].to_pylist(), strict=True)
            yield _rows([(path, requests_in_bytes(path, content, sought)) for path, content in pairs])

    return search


def _rows(found: Collection[tuple[str, Collection[str] | None]]) -> pa.RecordBatch:
    """Rows of `READ`; null for the requests of a file that could not be read."""
    return READ.batch_of((path, request, some is not None) for path, some in found for request in some or (None,))


def requests_in(path: Path, sought: Sought) -> set[str] | None:
    """Requests of which a file holds a value; null where it cannot be read. A file that is gone by now has none."""
    try:
        return sought.requests_in(_texts(path.name, lambda: path.open("rb")))
    except FileNotFoundError:
        return set()
    except OSError:
        return None


def requests_in_bytes(name: str, content: bytes, sought: Sought) -> set[str]:
    """`requests_in` for a file that was read already."""
    return sought.requests_in(_texts(name, lambda: io.BytesIO(content)))


def _texts(name: str, opened: Callable[[], BinaryIO]) -> Iterator[bytes]:
    """What a file holds, piece by piece: its bytes, and what they decode to.

    Raises:
        OSError: where its bytes cannot be read.
    """
    with opened() as file:
        yield from _pieces(file)
    try:
        if name.endswith(".parquet"):
            with opened() as file:
                yield from _values(file)
        elif name.endswith(".gz"):
            with opened() as file, gzip.open(file) as decoded:
                yield from _pieces(decoded)
    except (pa.ArrowInvalid, OSError, EOFError, zlib.error):
        # no Parquet or gzip after all, or half of it: its bytes have been read
        return


def _pieces(file: Any) -> Iterator[bytes]:
    end = b""
    while piece := file.read(_PIECE):
        yield end + piece
        end = piece[-_OVERLAP:]


def _values(opened: BinaryIO) -> Iterator[bytes]:
    """Texts of a Parquet file, those of a batch and column together."""
    with pq.ParquetFile(opened) as file:
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
