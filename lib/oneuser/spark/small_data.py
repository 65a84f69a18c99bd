"""How a session plans where all of the data is small: in one partition, without compiled code.

A few megabytes are gone through sooner than Spark has planned how: most of the seconds of such a run are the driver's.
With one partition nothing is shuffled and no plan is made again halfway; and code that is generated and compiled for
each plan costs more than it saves (decision 0142). The rows that come out are the same.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from oneuser.spark.temporarily import session_settings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pyspark.sql import SparkSession

SHUFFLE_PARTITIONS = "spark.sql.shuffle.partitions"
_SETTINGS = {
    SHUFFLE_PARTITIONS: "1",
    # frames made of rows at hand, too
    "spark.sql.leafNodeDefaultParallelism": "1",
    # there is nothing to learn from one partition, and each step of learning is a job
    "spark.sql.adaptive.enabled": "false",
    # expressions and operators are interpreted
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


@contextmanager
def planned_for_small_data(session: SparkSession, *, given: Collection[str] = ()) -> Iterator[None]:
    """Plan for small data in the length of a block; settings that the user has `given` stand."""
    with session_settings(session, {key: value for key, value in _SETTINGS.items() if key not in given}):
        yield
