"""Refused lines and records that were erased, known again by a keyed hash. Python, on executors.

A hash without a key would tell whoever guesses a whole line that it was there. Earlier versions kept such: they count
as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from oneuser.core.keyed import line_hasher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import DataFrame

    from oneuser.core.keyed import Keys


def with_kept_hash(lines: DataFrame, keys: Keys) -> DataFrame:
    """Rows with `line_hash`, each with `kept_hash`, which `erasures` has in its place."""
    return lines.mapInArrow(_hasher(keys), StructType(list(lines.schema)).add("kept_hash", "long"))


def find_erased_lines(hashes: DataFrame, kept: DataFrame, keys: Keys) -> DataFrame:
    """`line_hash` of those among some lines and records that were erased, each once.

    Args:
        hashes: `line_hash` of them.
        kept: `line_hash` as `erasures` has it.
        keys: Secrets, which travel inside the pickled function only.
    """
    either = F.explode(F.array("kept_hash", "line_hash")).alias("erased_hash")
    known = with_kept_hash(hashes.select("line_hash").distinct(), keys).select("line_hash", either)
    return known.join(kept.toDF("erased_hash"), on="erased_hash", how="left_semi").select("line_hash").distinct()


def _hasher(keys: Keys) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def hash_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        hash_line = line_hasher(keys)
        for batch in batches:
            hashes: list[Any] = batch["line_hash"].to_pylist()
            kept = pa.array([hash_line(one) for one in hashes], pa.int64())
            yield pa.RecordBatch.from_arrays([*batch.columns, kept], [*batch.schema.names, "kept_hash"])

    return hash_batches
