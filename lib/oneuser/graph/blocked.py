"""Blocked identifiers: configured values that name nobody, such as a placeholder e-mail.

Configured blocks act when edges are built, not at ingest, so that taking one away brings everything back.

Reads   identifiers          one row per identifier ever seen
        identifier_values    one row per identifier: its normalised value
Yields  one row per blocked identifier
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from oneuser.core.linear_patterns import found_in

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
    that; with each value, with its length alone. The expressions travel inside the pickled function: none, which may be
    an address, stands in a plan.

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
        for batch in batches:
            columns: list[Any] = batch.columns
            numbers, id_types, values = columns
            for id_type, texts in patterns.items():
                is_of_type: Any = pc.equal(id_types, pa.scalar(id_type))
                own, own_values = numbers.filter(is_of_type), values.filter(is_of_type)
                yield pa.RecordBatch.from_arrays([own.filter(found_in(own_values, texts))], names=["identifier_id"])

    return match
