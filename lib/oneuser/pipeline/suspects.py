"""The suspects among the values of a publication."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.contracts.graph import COMPONENTS, EDGES, EVENT_IDENTIFIERS
from oneuser.contracts.identity import IDENTIFIER_MAP
from oneuser.identity.suspicion import rank_suspects

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.pipeline.reading import Published


def find_suspects(published: Published, *, limit: int | None = None, largest: int | None = None) -> DataFrame:
    """Rows of `rank_suspects`: the first `limit` of them, from so many of the largest people; null means all."""
    ranked = rank_suspects(
        published.read(IDENTIFIER_MAP),
        published.read(COMPONENTS),
        published.read(EDGES),
        published.read(EVENT_IDENTIFIERS),
        largest=largest,
    )
    return ranked if limit is None else ranked.limit(limit)
