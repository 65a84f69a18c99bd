"""What is set on a session for the length of a block, and is afterwards as it was before."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql import SparkSession

# one folder for all threads of an application: they take turns
_CHECKPOINT_FOLDER = threading.RLock()


@contextlib.contextmanager
def session_settings(session: SparkSession, values: Mapping[str, str]) -> Iterator[None]:
    """Settings of a session; those that were not set before are unset again."""
    before = {key: session.conf.get(key, None) for key in values}
    try:
        for key, value in values.items():
            session.conf.set(key, value)
        yield
    finally:
        for key, former in before.items():
            if former is None:
                session.conf.unset(key)
            else:
                session.conf.set(key, former)


@contextlib.contextmanager
def checkpoints_in(session: SparkSession, folder: str) -> Iterator[None]:
    """Reliable checkpoints go below a folder, which is made and not removed: what was computed may stand on them.

    Spark makes a folder of its own at each call of `setCheckpointDir`. The former one is therefore put back by the
    setter behind it, which makes none, and which takes "none yet" too.
    """
    with _CHECKPOINT_FOLDER:
        spark_context = session.sparkContext._jsc.sc()  # noqa: SLF001 - only the JVM's own tells that none is set
        before = spark_context.checkpointDir()
        session.sparkContext.setCheckpointDir(folder)
        try:
            yield
        finally:
            getattr(spark_context, "checkpointDir_$eq")(before)
