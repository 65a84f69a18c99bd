"""Files through Hadoop's file system, so that a path may be local, s3a://, abfss:// or gs://."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError, Py4JJavaError

from oneuser.storage.input_listing import InputFile
from oneuser.storage.layout import PART

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# a file that is created here is there from its close on, whole; before, there is the old one, or none. Not so abfss://,
# which renames in one step as a disk does.
_CREATES_WHOLE = frozenset({"s3a", "gs"})
# `If-None-Match: *`, in the words of Hadoop
_ONLY_IF_NEW = "fs.option.create.conditional.overwrite"
# what stores answer that do not know it
_UNKNOWN_TO_STORE = ("NotImplemented", "Status Code: 501")
_THERE_ALREADY = ("RemoteFileChangedException", "FileAlreadyExistsException")
# another put of the same file is under way: neither has landed yet, and S3 wants it tried again. S3A takes it for a
# request that is wrong.
_CONFLICT = "ConditionalRequestConflict"
_TRIES_AGAINST_ANOTHER = 4
_CAN_BE_ABORTED = "fs.capability.outputstream.abortable"


@dataclass(frozen=True)
class StoredFile:
    """A file by its name below some folder; `modified_ms` counts from 1970 UTC, by the clock of the storage."""

    name: str
    n_bytes: int
    modified_ms: int


class Files:
    """Small files and listings under any root that Spark can write."""

    def __init__(self, spark: SparkSession) -> None:
        jvm: Any = spark._jvm  # noqa: SLF001 - Hadoop is reached through the JVM
        self._jvm = jvm
        # found once: a name that leads through packages is looked for in every JAR, part by part
        self._path = jvm.org.apache.hadoop.fs.Path
        self._io = jvm.org.apache.commons.io.IOUtils
        self._hadoop_conf: Any = spark._jsc.hadoopConfiguration()  # noqa: SLF001

    def _open(self, path: str) -> tuple[Any, Any]:
        hadoop_path = self._path(path)
        return hadoop_path.getFileSystem(self._hadoop_conf), hadoop_path

    def scheme(self, path: str) -> str:
        """Which file system of Hadoop's a path leads to, such as `file` or `s3a`."""
        return str(self._open(path)[0].getScheme())

    def exists(self, path: str) -> bool:
        """Whether a file or folder is there."""
        file_system, hadoop_path = self._open(path)
        return bool(file_system.exists(hadoop_path))

    def names(self, folder: str) -> list[str]:
        """Names in a folder, sorted; none where the folder is not there."""
        file_system, hadoop_path = self._open(folder)
        if not file_system.exists(hadoop_path):
            return []
        return sorted(status.getPath().getName() for status in file_system.listStatus(hadoop_path))

    def stored_in(self, folder: str) -> list[StoredFile]:
        """Files in a folder and in those below it but hidden ones; none where the folder is not there.

        Four calls of the JVM for each.
        """
        file_system, hadoop_path = self._open(folder)
        if not file_system.exists(hadoop_path):
            return []
        found: list[StoredFile] = []
        for status in file_system.listStatus(hadoop_path):
            name = str(status.getPath().getName())
            if status.isFile():
                found.append(StoredFile(name, int(status.getLen()), int(status.getModificationTime())))
            elif not name.startswith(("_", ".")):
                below = self.stored_in(f"{folder}/{name}")
                found += [replace(file, name=f"{name}/{file.name}") for file in below]
        return found

    def below(self, folder: str) -> list[InputFile]:
        """All files in a folder and in those below it, hidden ones too; none where the folder is not there.

        Three calls of the JVM for each. Paths are as Spark reports them.
        """
        file_system, hadoop_path = self._open(folder)
        if not file_system.exists(hadoop_path):
            return []
        found: list[InputFile] = []
        listed = file_system.listFiles(hadoop_path, True)
        while listed.hasNext():
            status = listed.next()
            path = str(status.getPath().toUri().toString())
            found.append(InputFile("", path, int(status.getLen()), int(status.getModificationTime())))
        return found

    def uri(self, path: str) -> str:
        """A path as `below` says it."""
        file_system, hadoop_path = self._open(path)
        return str(file_system.makeQualified(hadoop_path).toUri().toString())

    def read_bytes(self, uri: str) -> bytes:
        """A small file by its path as `below` says it; nothing where it is gone by now."""
        hadoop_path = self._path(self._jvm.java.net.URI(uri))
        try:
            stream = hadoop_path.getFileSystem(self._hadoop_conf).open(hadoop_path)
        except Py4JJavaError as problem:
            if _is_missing(problem):
                return b""
            raise
        with closing(stream):
            return bytes(stream.readAllBytes())

    def modified_ms(self, path: str) -> int:
        """When a file was modified, in milliseconds since 1970 UTC by the clock of its storage."""
        file_system, hadoop_path = self._open(path)
        return int(file_system.getFileStatus(hadoop_path).getModificationTime())

    def read_text(self, path: str) -> str:
        """A small UTF-8 file as text."""
        file_system, hadoop_path = self._open(path)
        stream = file_system.open(hadoop_path)
        try:
            return str(self._io.toString(stream, "UTF-8"))
        finally:
            stream.close()

    def text_if_there(self, path: str) -> str | None:
        """A small UTF-8 file as text; null where there is none, or none any more."""
        try:
            return self.read_text(path)
        except Py4JJavaError as problem:
            if _is_missing(problem):
                return None
            raise

    def write_text(self, path: str, text: str) -> None:
        """Replace a small file, unless its text is the same; a reader sees the old text or the new one, never half.

        Object stores put a file in one step, and would delete the old one before a rename over it; elsewhere that
        rename is the one step.
        """
        file_system, target = self._open(path)
        if self._says(path, text):
            return
        if self.scheme(path) in _CREATES_WHOLE:
            _fill(file_system.create(target, True), text)
            return
        scratch = self._path(f"{path}{PART}")
        _fill(file_system.create(scratch, True), text, lambda: file_system.delete(scratch, False))
        options = self._jvm.org.apache.hadoop.fs.Options.Rename
        renames = self._jvm.java.lang.reflect.Array.newInstance(options.OVERWRITE.getClass(), 1)
        renames[0] = options.OVERWRITE
        context = self._jvm.org.apache.hadoop.fs.FileContext.getFileContext(scratch.toUri(), self._hadoop_conf)
        context.rename(scratch, target, renames)

    def _says(self, path: str, text: str) -> bool:
        """Whether a file has this text; not where it cannot be read, as one that was changed beside its checksum."""
        try:
            return self.read_text(path) == text
        except Py4JJavaError:
            return False

    def create_text(self, path: str, text: str) -> bool:
        """Put a small file of `s3a://` where none is; false where there is one, which stays as it is.

        Of several callers at once, one is told that the file is its own, on a store that puts on condition.
        """
        file_system, target = self._open(path)
        for _ in range(_TRIES_AGAINST_ANOTHER):
            builder = file_system.createFile(target).create().overwrite(False).must(_ONLY_IF_NEW, True)
            try:
                _fill(builder.build(), text)
            except Py4JJavaError as problem:
                said = str(problem)
                if any(sign in said for sign in _THERE_ALREADY):
                    return False
                if _CONFLICT not in said:
                    raise
            else:
                return True
        # whoever else is at it may have it
        return False

    def puts_on_condition(self, folder: str) -> bool:
        """Whether the store of a folder of `s3a://` can put a file on condition: tried with one that goes again."""
        probe = f"{folder}/probe-{uuid.uuid4().hex}"
        try:
            return self.create_text(probe, "") and not self.create_text(probe, "")
        except Py4JJavaError as problem:
            if any(sign in str(problem) for sign in _UNKNOWN_TO_STORE):
                return False
            raise
        finally:
            self.remove(probe)

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it."""
        file_system, hadoop_path = self._open(path)
        file_system.mkdirs(hadoop_path)

    def remove(self, path: str) -> None:
        """Remove a file or folder with all that is in it."""
        file_system, hadoop_path = self._open(path)
        file_system.delete(hadoop_path, True)

    def remove_if_empty(self, path: str) -> None:
        """Remove a folder that nothing is in."""
        file_system, hadoop_path = self._open(path)
        if file_system.exists(hadoop_path) and not file_system.listStatus(hadoop_path):
            # a folder that is filled at this very moment stays
            with suppress(Py4JJavaError):
                file_system.delete(hadoop_path, False)


def _is_missing(problem: Py4JJavaError) -> bool:
    return "FileNotFoundException" in str(problem.java_exception.getClass().getName())


def _fill(stream: Any, text: str, remove: Callable[[], object] | None = None) -> None:
    """Write a file whole, or leave nothing of it, nor of the buffer that S3A keeps on a disk."""
    with ExitStack() as unfinished:
        unfinished.callback(_give_up, stream, remove)
        stream.write(bytearray(text.encode()))
        stream.close()
        unfinished.pop_all()


def _give_up(stream: Any, remove: Callable[[], object] | None) -> None:
    """Only what can be removed is closed: on an object store, that is what puts a file."""
    with suppress(Py4JError):
        if remove is not None:
            stream.close()
        elif stream.hasCapability(_CAN_BE_ABORTED):
            stream.abort()
    if remove is not None:
        with suppress(Py4JError):
            remove()
