"""Blocked identifiers: configured values that name nobody, such as a placeholder e-mail.

Configured blocks act when edges are built, not at ingest, so that taking one away brings everything back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pyspark.sql import DataFrame

BLOCKED_DDL = "identifier_id bigint, rule string"


def find_blocked(
    values: DataFrame, *, exact: Mapping[str, frozenset[str]], patterns: Mapping[str, Sequence[str]]
) -> DataFrame:
    """Which identifiers the configuration blocks.

    The rules travel inside the pickled function: none of them, which may be an address, stands in a plan.

    Args:
        values: Rows of `identifier_values`.
        exact: Normalised blocked values by id type.
        patterns: Regular expressions by id type; they see the normalised value.

    Returns:
        One row per blocked identifier: `identifier_id`, `rule` (blocked_value or blocked_pattern).
    """
    id_types = sorted({*exact, *patterns})
    candidates = values.where(F.col("id_type").isin(*id_types)).select("identifier_id", "id_type", "id_value")
    return candidates.mapInArrow(_matcher(dict(exact), {t: list(p) for t, p in patterns.items()}), BLOCKED_DDL)


def _matcher(
    exact: dict[str, frozenset[str]], patterns: dict[str, list[str]]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def match(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        compiled = {id_type: [re.compile(text) for text in texts] for id_type, texts in patterns.items()}
        for batch in batches:
            ids, rules = [], []
            for number, id_type, value in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                if value in exact.get(id_type, ()):
                    rule = "blocked_value"
                elif any(pattern.search(value) for pattern in compiled.get(id_type, ())):
                    rule = "blocked_pattern"
                else:
                    continue
                ids.append(number)
                rules.append(rule)
            yield pa.RecordBatch.from_arrays(
                [pa.array(ids, pa.int64()), pa.array(rules, pa.string())], names=["identifier_id", "rule"]
            )

    return match
