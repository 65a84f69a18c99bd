"""Whether a path without a scheme is one of this machine's disk: a cluster, or Hadoop's settings, may mean another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from oneuser.config import Config

# spark-submit, or a folder of settings that a session would be started with
_SAY_OTHERWISE = ("PYSPARK_GATEWAY_PORT", "HADOOP_CONF_DIR", "YARN_CONF_DIR", "SPARK_CONF_DIR")


def is_this_disk(config: Config | None, running: SparkSession | None = None) -> bool:
    """Whether it is for whoever has this configuration: in the session that is running, else in the one it would start.

    Without a configuration, a session would be started with the defaults.
    """
    if running is not None:
        hadoop: Any = running._jsc.hadoopConfiguration()  # noqa: SLF001 - Hadoop is reached through the JVM
        return str(hadoop.get("fs.defaultFS")).startswith("file:")
    if any(name in os.environ for name in _SAY_OTHERWISE):
        return False
    if config is None:
        return True
    master = config.spark.master or "local"
    return master.startswith("local") and "spark.hadoop.fs.defaultFS" not in config.spark.conf
