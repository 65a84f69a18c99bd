"""A checkpoint of a table's log at a version of ours: what comes before it is then needed by no later version.

By a class of Delta that its Python package does not name, like the transactions beside this module (decision 0141).
Delta itself writes checkpoints at its newest version only, every so many commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError, Py4JJavaError

from oneuser.spark.session import READS_PINNED_VERSIONS, active_in_java, lent_conf

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def write_checkpoint(spark: SparkSession, path: str, version: int) -> None:
    """Write one; whoever relies on it looks whether it is there: another build of Delta may have no way to."""
    jvm: Any = spark._jvm  # noqa: SLF001 - the documented way to reach the JVM
    with active_in_java(spark), lent_conf(spark, READS_PINNED_VERSIONS):
        try:
            log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path)  # noqa: SLF001
            log.createCheckpointAtVersion(version)
        except Py4JJavaError:
            raise
        except (Py4JError, TypeError):
            return
