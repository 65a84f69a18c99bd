"""How Spark's readers are given files: each once, by its path, in which nothing is expanded, and never half of it."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pyspark.sql import DataFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import DataFrameReader, SparkSession

    from oneuser.storage.input_listing import InputFile

# no setting of a session lets a damaged file, or one that is gone, pass in silence
_WHOLE = {"ignoreCorruptFiles": "false", "ignoreMissingFiles": "false"}
# Of several paths that look like patterns Spark would then read each as often as there are: one at a time.
_AS_WRITTEN = {"__globPaths__": "false"}
_WITHOUT_CHECKSUMS = {"fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem", "fs.file.impl.disable.cache": "true"}


def read_files(
    spark: SparkSession, files: Sequence[InputFile], read: Callable[[DataFrameReader, list[str]], DataFrame]
) -> DataFrame:
    """What `read` makes of files: once for all of them, but for those that need other options.

    Such are files to be opened without checksums, and, each in a plan of its own, those in whose paths a colon stands
    beside what looks like a pattern: Hadoop's search could not be told to take them for what they are.
    """
    groups: dict[tuple[bool, str], list[str]] = {}
    for file in files:
        # a listed path is a URI, with escapes; readers decode nothing
        path = unquote(file.path)
        escaped = glob_safe(path)
        alone = path if escaped != path and ":" in path.partition(":")[2] else ""
        groups.setdefault((has_no_checksum(file), alone), []).append(alone or escaped)
    frames = []
    for (is_plain, alone), paths in sorted(groups.items()):
        options = _WHOLE | (_WITHOUT_CHECKSUMS if is_plain else {}) | (_AS_WRITTEN if alone else {})
        frames.append(read(spark.read.options(**options), paths))
    return reduce(DataFrame.union, frames)


def has_no_checksum(file: InputFile) -> bool:
    """Whether a file cannot have a checksum: Hadoop keeps that of a local file beside it, and cannot name it so.

    `.NAME.crc` of a name with a colon is taken for a URI, whose scheme is what stands before the colon.
    """
    return file.path.startswith("file:") and ":" in file.path.rpartition("/")[2]


def conf_without_checksums(spark: SparkSession) -> Any:
    """Hadoop's configuration for opening local files as they are, without the checksums beside them."""
    jvm: Any = spark._jvm  # noqa: SLF001 - Hadoop is reached through the JVM
    conf = jvm.org.apache.hadoop.conf.Configuration(spark._jsc.hadoopConfiguration())  # noqa: SLF001
    for key, value in _WITHOUT_CHECKSUMS.items():
        conf.set(key, value)
    return conf


def glob_safe(path: str) -> str:
    """A path in which Spark's readers find nothing to expand."""
    return "".join(f"\\{char}" if char in "{}[]*?\\" else char for char in path)
