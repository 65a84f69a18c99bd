"""Searching every file of a warehouse for values, whatever its tables say: Parquet and gzip decoded, all else as bytes.

Files on this machine's disk are opened by their paths. Those of another storage are read by Spark, whole, so that none
may be large. The values travel inside the pickled function, and no answer repeats one.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from oneuser.config.base import local_path
from oneuser.core.errors import OneUserError
from oneuser.core.many_words import ManyWords
from oneuser.spark.row_shapes import RowShape
from oneuser.spark.temporarily import session_settings
from oneuser.storage.files import Files
from oneuser.storage.input_tree import is_hidden
from oneuser.storage.reader_paths import read_files

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from pyspark.sql import SparkSession

    from oneuser.storage.input_listing import InputFile

HITS = RowShape({"path": "string", "request_id": "string"})
# a piece of a file at a time, with so much of the one before as no value is longer than
_PIECE, _OVERLAP = 8 * 1024 * 1024, 8 * 1024
# a file of another storage is one value of a row: it has to fit a task's memory several times
_LARGEST = 256 * 1024 * 1024


class Hit(NamedTuple):
    """A file that holds a value of a request."""

    path: str
    request_id: str


class Sought:
    """Values to look for, in lower case, with their requests. Made anew in every task: it is far larger than these."""

    def __init__(self, wanted: Mapping[bytes, str]) -> None:
        self._wanted = wanted
        self._words = ManyWords(wanted)

    def requests_in(self, texts: Iterable[bytes]) -> set[str]:
        """Requests of which one of the texts holds a value."""
        return {self._wanted[value] for text in texts for value in self._words.found_in(text.lower())}


class Scan(NamedTuple):
    """What a scan found: how many files it read, their bytes, and those that hold a value.

    `too_large` are files of another storage that were not read for their size: while there are any, nothing is proven.
    """

    n_files: int
    n_bytes: int
    hits: list[Hit]
    too_large: list[str]


def scan_files(
    spark: SparkSession, roots: Collection[str], values: Mapping[str, str], *, without: Collection[str]
) -> Scan:
    """Search all files below some folders, whatever storage these are on.

    Grows with all that lies there, read once by the executors.

    Args:
        spark: Where it is done.
        roots: The folders.
        values: The request of each value.
        without: Folders and files that are left out.
    """
    wanted = {value.lower().encode(): request for value, request in values.items()}
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
    )


def _scan_disk(
    spark: SparkSession, places: Collection[str], wanted: Mapping[bytes, str], without: Collection[str]
) -> Scan:
    left_out = {os.path.realpath(place) for one in without if (place := local_path(one)) is not None}
    found = sorted({path for place in places for path in _files_below(place, left_out)})
    sizes = [path.lstat().st_size for path in found]
    if not found or not wanted:
        return Scan(len(found), sum(sizes), [], [])
    context = spark.sparkContext
    n_slices = min(len(found), 4 * context.defaultParallelism)
    paths = spark.createDataFrame(context.parallelize([(str(path),) for path in found], n_slices), "path string")
    hits = paths.mapInArrow(_searcher(wanted), HITS.ddl).collect()
    return Scan(len(found), sum(sizes), [Hit(row["path"], row["request_id"]) for row in hits], [])


def scan_stored(
    spark: SparkSession, roots: Collection[str], wanted: Mapping[bytes, str], *, without: Collection[str]
) -> Scan:
    """`scan_files` through Hadoop's file system, for folders of any storage that it knows; `wanted` is in lower case.

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
    if wanted:
        sought = Sought(wanted)
        for file in hidden:
            hits |= {
                Hit(file.path, request) for request in requests_in_bytes(file.path, files.read_bytes(file.path), sought)
            }
        # Spark reads no empty files, in which nothing is
        shown = [file for file in kept if file.n_bytes and file not in hidden]
        hits |= _hits_in(spark, shown, wanted) if shown else set()
    n_read = len(found) - len(too_large)
    return Scan(n_read, sum(file.n_bytes for file in kept), sorted(hits), too_large)


def _hits_in(spark: SparkSession, files: list[InputFile], wanted: Mapping[bytes, str]) -> set[Hit]:
    rows = read_files(spark, files, lambda reader, paths: reader.format("binaryFile").load(paths))
    # a file at a time is enough for a worker's memory
    with session_settings(spark, {"spark.sql.execution.arrow.maxRecordsPerBatch": "1"}):
        hits = rows.select("path", "content").mapInArrow(_content_searcher(wanted), HITS.ddl).collect()
    n_read = len({row["path"] for row in hits})
    if n_read != len(files):
        raise OneUserError(
            found=f"{n_read} of {len(files)} files were read",
            expected="each file that is listed",
            where=files[0].path.rpartition("/")[0],
            next_step="run the same command again, when nobody else writes there; the requests stay in progress",
        )
    return {Hit(row["path"], row["request_id"]) for row in hits if row["request_id"] is not None}


def _is_in(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in folders)


def _files_below(place: str, left_out: Collection[str]) -> Iterator[Path]:
    """Regular files; links are not followed, what they lead to is somebody else's."""
    for folder, below, names in os.walk(place):
        below[:] = [name for name in below if os.path.realpath(f"{folder}/{name}") not in left_out]
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink() and os.path.realpath(path) not in left_out:
                yield path


def _searcher(wanted: Mapping[bytes, str]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def search(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sought = Sought(wanted)
        for batch in batches:
            paths: list[Any] = batch["path"].to_pylist()
            yield _hit_rows([(path, requests_in(Path(path), sought)) for path in paths])

    return search


def _content_searcher(wanted: Mapping[bytes, str]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def search(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sought = Sought(wanted)
        for batch in batches:
            pairs: Any = zip(batch["path"].to_pylist(), batch["content"].to_pylist(), strict=True)
            # and of each file a row that says that it was read
            yield _hit_rows([(path, (None, *requests_in_bytes(path, content, sought))) for path, content in pairs])

    return search


def _hit_rows(found: Iterable[tuple[Any, Iterable[str | None]]]) -> pa.RecordBatch:
    hits = [(path, request) for path, requests in found for request in requests]
    paths, requests = map(list, zip(*hits, strict=True)) if hits else ([], [])
    return HITS.batch(len(hits), {"path": paths, "request_id": requests})


def requests_in(path: Path, sought: Sought) -> set[str]:
    """Requests of which a file holds a value. A file that is gone by now has none."""
    return sought.requests_in(_texts(path.name, lambda: path.open("rb")))


def requests_in_bytes(name: str, content: bytes, sought: Sought) -> set[str]:
    """`requests_in` for a file that was read already."""
    return sought.requests_in(_texts(name, lambda: io.BytesIO(content)))


def _texts(name: str, opened: Callable[[], BinaryIO]) -> Iterator[bytes]:
    """What a file holds, piece by piece: its bytes, and what they decode to."""
    try:
        with opened() as file:
            yield from _pieces(file)
        if name.endswith(".parquet"):
            with opened() as file:
                yield from _values(file)
        elif name.endswith(".gz"):
            with opened() as file, gzip.open(file) as decoded:
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
