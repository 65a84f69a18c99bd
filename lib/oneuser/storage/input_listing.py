"""Which input files there are: a listing through Hadoop, in few calls of the JVM whatever the number of files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from py4j.protocol import Py4JJavaError

from oneuser.core.errors import EnvironmentProblem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# no path holds one
_BETWEEN = "\0"


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


class _Status(NamedTuple):
    """A file or folder as a file system lists it; `uri` is written with escapes."""

    uri: str
    is_file: bool
    n_bytes: int
    modified_ms: int

    @property
    def name(self) -> str:
        return self.uri.rstrip("/").rpartition("/")[2]


def list_files(spark: SparkSession, source: str, pattern: str, *, key: str | None = None) -> list[InputFile]:
    """Files that a path or glob matches, folders searched to the bottom; names that begin with `_` or `.` are hidden.

    Grows with the files that the pattern matches today, whether they were ingested or not: that a file is new shows in
    its listing alone. What costs time are requests to the storage: one for each thousand files or so below a folder
    that is matched, and on a local disk one for each folder.

    `key` is where the configuration names them, `sources.SOURCE.path` unless it says otherwise.

    Raises:
        EnvironmentProblem: where nothing matches.
    """
    try:
        files = _Tree(spark, pattern).files()
    except Py4JJavaError:
        raise EnvironmentProblem(
            found=f"the files of source {source!r} cannot be listed",
            expected="a folder or glob that this machine may read",
            where=pattern,
            next_step="check the path, the permissions and the credentials of the storage",
        ) from None
    if not files:
        raise EnvironmentProblem(
            found=f"source {source!r} has no files",
            expected="at least one file",
            where=pattern,
            next_step=f"check `{key or f'sources.{source}.path'}`; relative paths start at the working directory",
        )
    inputs = {InputFile(source, _reported(file.uri), file.n_bytes, file.modified_ms) for file in files}
    return sorted(inputs, key=lambda file: file.path)


class _Tree:
    """What a pattern matches in its file system."""

    def __init__(self, spark: SparkSession, pattern: str) -> None:
        jvm: Any = spark._jvm  # noqa: SLF001 - Hadoop is reached through the JVM
        # found once: a name that leads through packages is looked for in every JAR, part by part
        self._path, self._uri = jvm.org.apache.hadoop.fs.Path, jvm.java.net.URI
        self._list, self._joined = jvm.java.util.ArrayList, jvm.java.lang.String.join
        self._from_iterator = jvm.org.apache.hadoop.util.functional.RemoteIterators.toList
        collections = jvm.org.apache.commons.collections4
        self._from_array, self._to_list = collections.IteratorUtils.arrayIterator, collections.IteratorUtils.toList
        self._collect = collections.CollectionUtils.collect
        invoke = collections.functors.InvokerTransformer.invokerTransformer
        getters = ("getPath", "toUri", "isFile", "getLen", "getModificationTime", "toString")
        self._getters = {getter: invoke(getter) for getter in getters}
        self._pattern = self._path(pattern)
        self._file_system = self._pattern.getFileSystem(spark._jsc.hadoopConfiguration())  # noqa: SLF001
        self._is_local = self._file_system.getUri().getScheme() == "file"

    def files(self) -> list[_Status]:
        """All files that are matched, or lie below a folder that is."""
        matches = self._file_system.globStatus(self._pattern)
        level = [] if matches is None else self._read(self._to_list(self._from_array(matches)))
        files: list[_Status] = []
        while level:
            shown = [status for status in level if not _is_hidden(status.name, is_file=status.is_file)]
            files += [status for status in shown if status.is_file]
            inside = self._within if self._is_local else self._below
            level = inside([status for status in shown if not status.is_file])
        return files

    def _within(self, folders: list[_Status]) -> list[_Status]:
        """What lies in folders of a local disk, where listing a tree at once starts a process for each file."""
        statuses = self._list()
        for folder in folders:
            statuses.addAll(self._to_list(self._from_array(self._file_system.listStatus(self._path_of(folder)))))
        return self._read(statuses)

    def _below(self, folders: list[_Status]) -> list[_Status]:
        """Files in folders and in those below them, as storages list them in one go."""
        found: list[_Status] = []
        for folder in folders:
            files = self._read(self._from_iterator(self._file_system.listFiles(self._path_of(folder), True)))
            prefix = f"{folder.uri.rstrip('/')}/"
            found += [file for file in files if not _has_hidden_part(file.uri.removeprefix(prefix))]
        return found

    def _path_of(self, folder: _Status) -> Any:
        return self._path(self._uri(folder.uri))

    def _read(self, statuses: Any) -> list[_Status]:
        """Java's list of statuses as ours."""
        if statuses.isEmpty():
            return []
        uris, are_files = self._column(statuses, "getPath", "toUri"), self._column(statuses, "isFile")
        sizes, times = self._column(statuses, "getLen"), self._column(statuses, "getModificationTime")
        rows = zip(uris, are_files, sizes, times, strict=True)
        return [_Status(uri, is_file == "true", int(size), int(time)) for uri, is_file, size, time in rows]

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


def _get(value: Any, getters: tuple[str, ...]) -> str:
    for getter in getters:
        value = getattr(value, getter)()
    return str(value).lower() if isinstance(value, bool) else str(value if isinstance(value, int) else value.toString())


def _is_hidden(name: str, *, is_file: bool) -> bool:
    """Whether a name is hidden. A folder such as `_date=2026-05-01` holds a partition."""
    return name.startswith(("_", ".")) and (is_file or "=" not in name)


def _has_hidden_part(path: str) -> bool:
    *folders, name = path.split("/")
    return _is_hidden(name, is_file=True) or any(_is_hidden(folder, is_file=False) for folder in folders)


def _reported(uri: str) -> str:
    """A path as Spark reports it beside a row: with escapes, and with one slash for local files."""
    return re.sub(r"^file:/+", "file:/", uri)
