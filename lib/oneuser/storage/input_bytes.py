"""First and last bytes of input files, and hashes of whole ones, through Hadoop.

Each file is a request of its own. Only files that are new to a run are looked at, several at a time, so that the way to
a storage far away is waited for once for many of them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

from pyspark import inheritable_thread_target

from oneuser.storage.reader_paths import conf_without_checksums, has_no_checksum

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import SparkSession

    from oneuser.storage.input_listing import InputFile

_AT_ONCE = 16
_PIECE = 16 * 1024 * 1024

Found = TypeVar("Found")


class InputBytes:
    """Reads bytes of input files.

    Raises:
        Py4JJavaError: from each of its methods, where a file cannot be read.
    """

    def __init__(self, spark: SparkSession) -> None:
        jvm: Any = spark._jvm  # noqa: SLF001 - Hadoop is reached through the JVM
        # found once: a name that leads through packages is looked for in every JAR, part by part
        self._path, self._uri = jvm.org.apache.hadoop.fs.Path, jvm.java.net.URI
        self._lines, self._text = jvm.org.apache.hadoop.util.LineReader, jvm.org.apache.hadoop.io.Text
        self._conf: Any = spark._jsc.hadoopConfiguration()  # noqa: SLF001
        self._plain_conf = conf_without_checksums(spark)
        self._codecs = jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(self._conf)

    def is_compressed(self, file: InputFile) -> bool:
        """Whether a file is compressed, by its ending."""
        return self._codecs.getCodec(self.path(file.path)) is not None

    def head(self, file: InputFile, n_bytes: int) -> bytes:
        """The first bytes of a file, decompressed by its ending."""
        codec = self._codecs.getCodec(self.path(file.path))
        stream = self._open(file)
        try:
            plain = codec.createInputStream(stream) if codec is not None else stream
            return bytes(plain.readNBytes(n_bytes))
        finally:
            stream.close()

    def first_line(self, file: InputFile, n_bytes: int) -> int:
        """How many bytes the first line of a file has, decompressed by its ending; `n_bytes` where it has more.

        Nothing of it comes to this process, and no more than a buffer into Java's memory.
        """
        codec = self._codecs.getCodec(self.path(file.path))
        stream = self._open(file)
        try:
            lines = self._lines(codec.createInputStream(stream) if codec is not None else stream)
            return min(int(lines.readLine(self._text(), 1, n_bytes)), n_bytes)
        finally:
            stream.close()

    def ends(self, file: InputFile, n_bytes: int) -> tuple[bytes, bytes]:
        """The first and the last bytes of a file that has as many, as they are stored."""
        stream = self._open(file)
        try:
            start = bytes(stream.readNBytes(n_bytes))
            stream.seek(file.n_bytes - n_bytes)
            return start, bytes(stream.readNBytes(n_bytes))
        finally:
            stream.close()

    def sha256(self, file: InputFile) -> str:
        """sha256 of a file's bytes in hexadecimal, read in pieces."""
        stream = self._open(file)
        digest = sha256()
        try:
            while piece := bytes(stream.readNBytes(_PIECE)):
                digest.update(piece)
        finally:
            stream.close()
        return digest.hexdigest()

    def path(self, uri: str) -> Any:
        """Hadoop's path of a file as it is reported."""
        return self._path(self._uri(uri))

    def conf(self, file: InputFile) -> Any:
        """Hadoop's configuration with which a file can be opened."""
        return self._plain_conf if has_no_checksum(file) else self._conf

    def _open(self, file: InputFile) -> Any:
        path = self.path(file.path)
        return path.getFileSystem(self.conf(file)).open(path)


def of_each(spark: SparkSession, files: Sequence[InputFile], look: Callable[[InputFile], Found]) -> list[Found]:
    """What a look at each file finds, in the order of the files; some of them are looked at at the same time."""
    if len(files) <= 1:
        return [look(file) for file in files]
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(files))) as pool:
        return list(pool.map(inheritable_thread_target(spark)(look), files))
