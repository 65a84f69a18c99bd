"""Which input files there are: a listing through Hadoop, in few calls of the JVM whatever the number of files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from py4j.protocol import Py4JJavaError

from oneuser.core.errors import EnvironmentProblem
from oneuser.spark.failures import JAVA_PROBLEMS, raise_if_surroundings
from oneuser.storage.input_tree import Status, as_reported, has_hidden_part, is_hidden, split_pattern, walk

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# no path holds one
_BETWEEN = "\0"
# event logs take an eighth of their room when they are compressed, columns of tables and of Parquet a quarter
_COMPRESSED = (".gz", ".bz2", ".zst", ".zstd", ".deflate", ".lz4", ".snappy", ".xz")
_DECOMPRESSED_TIMES = 8
COLUMNS_TIMES = 4


@dataclass(frozen=True)
class InputFile:
    """A file of a source as it was listed. `modified_ms` counts from 1970 UTC; `path` is the form Spark reports."""

    source: str
    path: str
    n_bytes: int
    modified_ms: int

    @property
    def modified_at(self) -> datetime:
        """Time of the last modification."""
        return _EPOCH + timedelta(milliseconds=self.modified_ms)

    @property
    def n_bytes_of_lines(self) -> int:
        """Bytes of its lines or rows, at a guess where it is compressed."""
        if self.path.endswith(".parquet"):
            return COLUMNS_TIMES * self.n_bytes
        return self.n_bytes * (_DECOMPRESSED_TIMES if self.path.endswith(_COMPRESSED) else 1)


def list_files(spark: SparkSession, source: str, pattern: str, *, key: str | None = None) -> list[InputFile]:
    r"""Files that a path or pattern matches, folders searched to the bottom.

    In a pattern `*`, `?`, `[ab]` and `{a,b}` mean what they do in Hadoop, and `\` takes that from the character after
    it. A file or folder that is called as its part of the pattern is written is matched, too. Hidden are names that
    begin with `_` or `.`, and those of copies under way, which end in `._COPYING_`.

    Grows with the files that the pattern matches today, whether they were ingested or not: that a file is new shows in
    its listing alone. What costs time are requests to the storage: one for each folder in which a wildcard is looked
    for, one for each thousand files or so below a folder that is matched, and on a local disk one for each folder.

    `key` is where the configuration names them, `sources.SOURCE.path` unless it says otherwise.

    Raises:
        EnvironmentProblem: where nothing matches, or a storage does not answer.
    """
    key = key or f"sources.{source}.path"
    try:
        hadoop = _Hadoop(spark, pattern)
        files, n_hidden = walk(hadoop, hadoop.pattern)
    except JAVA_PROBLEMS as problem:
        raise_if_surroundings(problem, where=pattern)
        raise EnvironmentProblem(
            found=f"the files of source {source!r} cannot be listed",
            expected="a folder or glob that this machine may read",
            where=pattern,
            next_step="check the path, the permissions and the credentials of the storage",
        ) from None
    if not files:
        raise EnvironmentProblem(
            found=f"source {source!r} has no files"
            + (f": {n_hidden} that match begin with _ or ., which hides them" if n_hidden else ""),
            expected="at least one file",
            where=pattern,
            next_step=f"check `{key}`",
        )
    inputs = {InputFile(source, as_reported(file.uri), file.n_bytes, file.modified_ms) for file in files}
    return sorted(inputs, key=lambda file: file.path)


def listing_of(files: Sequence[InputFile]) -> str:
    """A hash of what a listing shows: paths, sizes and times. Equal ones need not be read again."""
    facts = sorted((file.path, file.n_bytes, file.modified_ms) for file in files)
    return sha256(json.dumps(facts).encode()).hexdigest()


class _Hadoop:
    """The file system that a pattern lies in, through Hadoop."""

    def __init__(self, spark: SparkSession, pattern: str) -> None:
        jvm: Any = spark._jvm  # noqa: SLF001 - Hadoop is reached through the JVM
        # found once: a name that leads through packages is looked for in every JAR, part by part
        hadoop = jvm.org.apache.hadoop.fs
        self._path, self._uri = hadoop.Path, jvm.java.net.URI
        self._expanded, self._glob = hadoop.GlobExpander.expand, hadoop.GlobPattern
        self._list, self._joined = jvm.java.util.ArrayList, jvm.java.lang.String.join
        self._from_iterator = jvm.org.apache.hadoop.util.functional.RemoteIterators.toList
        collections = jvm.org.apache.commons.collections4
        self._from_array, self._to_list = collections.IteratorUtils.arrayIterator, collections.IteratorUtils.toList
        self._collect = collections.CollectionUtils.collect
        invoke = collections.functors.InvokerTransformer.invokerTransformer
        getters = ("getPath", "toUri", "isFile", "getLen", "getModificationTime", "toString")
        self._getters = {getter: invoke(getter) for getter in getters}
        scheme, authority, self.pattern = split_pattern(pattern)
        # a local file is the same with and without a host of its own
        root = self._path(scheme, authority or None, "/")
        self._file_system = root.getFileSystem(spark._jsc.hadoopConfiguration())  # noqa: SLF001
        uri = self._file_system.getUri()
        self._scheme, self._authority = uri.getScheme(), uri.getAuthority()
        self._is_local = self._scheme == "file"

    def alternatives(self, pattern: str) -> list[str]:
        """Patterns in whose braces no slash is left."""
        if "{" not in pattern:
            return [pattern]
        try:
            return [str(one) for one in self._expanded(pattern)]
        except JAVA_PROBLEMS:
            # braces that are not closed are characters like any other
            return [pattern]

    def matcher(self, part: str) -> re.Pattern[str] | None:
        """The names that a part of the pattern matches; null where Hadoop takes it for no pattern."""
        try:
            return re.compile(str(self._glob(part).compiled().pattern()), re.DOTALL)
        except JAVA_PROBLEMS:
            return None

    def children(self, places: Sequence[str]) -> list[Status]:
        """What lies in folders; nothing in files and in places where nothing is."""
        names = _unusual_names(places) if self._is_local else {}
        statuses = self._list()
        for place in places:
            with _where_it_is():
                statuses.addAll(self._to_list(self._from_array(self._file_system.listStatus(self._at(place)))))
        folders = set(places)
        # the listing of a file is that file
        found = [status for status in self._read(statuses) if status.place not in folders]
        _require_names(names, {status.place for status in found})
        return found

    def there(self, places: Sequence[str]) -> list[Status]:
        """The places at which something is."""
        statuses = self._list()
        for place in places:
            with _where_it_is():
                statuses.add(self._file_system.getFileStatus(self._at(place)))
        return self._read(statuses)

    def _at(self, place: str) -> Any:
        return self._path(self._scheme, self._authority, place)

    def below(self, folders: Sequence[Status]) -> list[Status]:
        """Files in folders and in those below them, as storages list them in one go; of a local disk, folder by folder.

        To list a tree of a local disk at once would start a process for each file.
        """
        if self._is_local:
            return self.children([one.place for one in folders])
        found: list[Status] = []
        for folder in folders:
            files = self._read(self._from_iterator(self._file_system.listFiles(self._path_of(folder), True)))
            prefix = f"{folder.uri.rstrip('/')}/"
            found += [file for file in files if not has_hidden_part(file.uri.removeprefix(prefix))]
        return found

    def _path_of(self, folder: Status) -> Any:
        return self._path(self._uri(folder.uri))

    def _read(self, statuses: Any) -> list[Status]:
        """Java's list of statuses as ours."""
        if statuses.isEmpty():
            return []
        uris, are_files = self._column(statuses, "getPath", "toUri"), self._column(statuses, "isFile")
        sizes, times = self._column(statuses, "getLen"), self._column(statuses, "getModificationTime")
        rows = zip(uris, are_files, sizes, times, strict=True)
        return [
            Status(uri, _place_of(uri), is_file == "true", int(size), int(time)) for uri, is_file, size, time in rows
        ]

    def _column(self, statuses: Any, *getters: str) -> list[str]:
        """What a chain of getters gives for each of Java's objects, as text: some calls of the JVM for all of them."""
        values = statuses
        try:
            for getter in (*getters, "toString"):
                values = self._collect(values, self._getters[getter])
        except Py4JJavaError:
            # a class of statuses that is not public, as that of mount tables
            return [_get(status, getters) for status in statuses]
        return str(self._joined(_BETWEEN, values)).split(_BETWEEN)


@contextmanager
def _where_it_is() -> Iterator[None]:
    """Pass over a place at which nothing is."""
    try:
        yield
    except Py4JJavaError as problem:
        if not _is_missing(problem):
            raise


def _is_missing(problem: Py4JJavaError) -> bool:
    return str(problem.java_exception.getClass().getName()).endswith(
        ("FileNotFoundException", "NotInMountpointException")
    )


def _place_of(uri: str) -> str:
    return unquote(urlsplit(uri).path).rstrip("/")


def _unusual_names(folders: Sequence[str]) -> dict[str, list[str]]:
    """Names in local folders that depend on an encoding, and are not hidden; none of a folder that cannot be listed."""
    found: dict[str, list[str]] = {}
    for folder in folders:
        with suppress(OSError):
            names = [name for name in os.listdir(folder) if not name.isascii()]  # noqa: PTH208 - no paths are made
            found[folder] = [name for name in names if not is_hidden(name, is_file=True)]
    return found


def _require_names(names: dict[str, list[str]], listed: set[str]) -> None:
    """Java passes over files whose names it cannot write in the encoding that it was started with; Python does not.

    Raises:
        EnvironmentProblem: for the first folder with such a file.
    """
    for folder, unusual in names.items():
        paths = [f"{folder.rstrip('/')}/{name}" for name in unusual]
        unread = [path for path in paths if path not in listed and Path(path).exists()]
        if unread:
            raise EnvironmentProblem(
                found=f"names of files that Java cannot read: {len(unread)}",
                expected="names in UTF-8, and a Java that was started with LC_ALL=C.UTF-8",
                where=folder,
                next_step="set LC_ALL=C.UTF-8 and start again, or rename the files",
            )


def _get(value: Any, getters: tuple[str, ...]) -> str:
    for getter in getters:
        value = getattr(value, getter)()
    return str(value).lower() if isinstance(value, bool) else str(value if isinstance(value, int) else value.toString())
