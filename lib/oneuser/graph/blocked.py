"""Blocked identifiers: configured values that name nobody, such as a placeholder e-mail.

Configured blocks act when edges are built, not at ingest, so that taking one away brings everything back.

Reads   identifiers          one row per identifier ever seen
        identifier_values    one row per identifier: its normalised value
Yields  one row per blocked identifier
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pyspark.sql import DataFrame

BLOCKED_KEYS_DDL = "id_type string, id_key binary"
BLOCKED_DDL = "identifier_id bigint"


def find_blocked_values(identifiers: DataFrame, keys: DataFrame) -> DataFrame:
    """The identifiers whose very value is blocked, found by its keyed hash: no value is read, and none is in a plan.

    Args:
        identifiers: Rows of `identifiers`.
        keys: `id_type`, `id_key` of each configured value.

    Returns:
        `identifier_id`: one row per blocked identifier.
    """
    named = identifiers.select("id_type", "id_key", "identifier_id")
    return named.join(keys, on=["id_type", "id_key"], how="left_semi").select("identifier_id")


def find_blocked_patterns(values: DataFrame, patterns: Mapping[str, Sequence[str]]) -> DataFrame:
    """The identifiers whose value a blocked expression is found in.

    Looks at every value ever stored of the types that have expressions: it grows with them, and no index could spare
    that. The expressions travel inside the pickled function: none, which may be an address, stands in a plan.

    Args:
        values: Rows of `identifier_values`.
        patterns: Regular expressions by id type; they see the normalised value.

    Returns:
        `identifier_id`: one row per blocked identifier.
    """
    candidates = values.where(F.col("id_type").isin(*sorted(patterns))).select("identifier_id", "id_type", "id_value")
    return candidates.mapInArrow(_matcher({t: tuple(p) for t, p in patterns.items()}), BLOCKED_DDL)


def _matcher(
    patterns: dict[str, tuple[str, ...]],
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def match(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        searches = {id_type: [re.compile(text).search for text in texts] for id_type, texts in patterns.items()}
        for batch in batches:
            columns: list[list[Any]] = [column.to_pylist() for column in batch.columns]
            found = [
                number
                for number, id_type, value in zip(*columns, strict=True)
                if any(search(value) for search in searches[id_type])
            ]
            yield pa.RecordBatch.from_arrays([pa.array(found, pa.int64())], names=["identifier_id"])

    return match
