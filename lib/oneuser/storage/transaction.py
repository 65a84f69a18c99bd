"""Commits that put some files of a table in the place of others, of a table that lists its files beside its commits.

To learn which files a table has, Delta's overwrite and merge replay its log in Spark jobs: measured, two seconds of
processor time for each commit to a table however small, and six where the code is cold, against a third of one for an
append. The checksum beside the newest commit lists the files of a table that has not too many. So the files are taken
from there, and handed to the same transaction that those would use: it writes, checks for other writers, and commits.

These are classes of Delta that its Python package does not name (decision 0141). Where they are not as they are here,
or no listing is there, there is no transaction, and the caller goes the public way.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from py4j.protocol import Py4JError, Py4JJavaError

from oneuser.contracts.table import as_nullable
from oneuser.spark.session import active_in_java

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import DataFrame, SparkSession


class Transaction:
    """One commit to come, on what a table is now.

    Attributes:
        version: The table's version that it starts from.
        sizes: Bytes of each file of that version, by its name in the table's folder.
    """

    def __init__(self, spark: SparkSession, java_transaction: Any, files: list[Any]) -> None:
        self._spark = spark
        self._java = java_transaction
        self._files = {unquote(file.path()): file for file in files}
        self.version = int(java_transaction.snapshot().version())
        self.sizes = {name: int(file.size()) for name, file in self._files.items()}

    @classmethod
    def begin(cls, spark: SparkSession, path: str) -> Transaction | None:
        """A transaction on the newest version of a table; null where its files are not listed, or it is partitioned."""
        jvm: Any = spark._jvm  # noqa: SLF001 - the documented way to reach the JVM
        with active_in_java(spark):
            try:
                log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path)  # noqa: SLF001
                transaction = log.startTransaction()
                checksum = transaction.snapshot().checksumOpt()
                if not checksum.isDefined() or not checksum.get().allFiles().isDefined():
                    return None
                if transaction.metadata().partitionColumns().nonEmpty():
                    return None
                files = list(jvm.scala.jdk.javaapi.CollectionConverters.asJava(checksum.get().allFiles().get()))
            except Py4JJavaError:
                raise
            except (Py4JError, TypeError):
                # another build of Delta, which names these otherwise
                return None
        return cls(spark, transaction, files)

    def fits(self, rows: DataFrame) -> bool:
        """Whether the rows have the table's columns, with the same types and comments."""
        stored, written = json.loads(self._java.metadata().schemaString()), json.loads(rows.schema.json())
        return bool(stored == as_nullable(written))

    def commit(self, rows: DataFrame, *, removed: Collection[str], tag: str) -> None:
        """Write rows to new files, and take files away, in one commit.

        Another commit to the table in the meantime that takes one of these files away, too, is an error of Delta's.

        Args:
            rows: What the new files are to hold; they fit the table.
            removed: Names of files of the table.
            tag: The commit's `userMetadata`.
        """
        jvm: Any = self._spark._jvm  # noqa: SLF001
        converters = jvm.scala.jdk.javaapi.CollectionConverters
        with active_in_java(self._spark):
            actions = jvm.java.util.ArrayList(converters.asJava(self._java.writeFiles(rows._jdf)))  # noqa: SLF001
            for name in removed:
                actions.add(self._files[name].remove())
            nothing = getattr(jvm.scala, "None$").__getattr__("MODULE$")
            write = getattr(jvm.org.apache.spark.sql.delta, "DeltaOperations$Write")
            operation = write(
                jvm.org.apache.spark.sql.SaveMode.Overwrite, nothing, nothing, jvm.scala.Some(tag), *[nothing] * 5
            )
            self._java.commit(converters.asScala(actions).toSeq(), operation)
