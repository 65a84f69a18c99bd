"""What is declared of id types, as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import Column


def priority_of(id_type: Column, priorities: Mapping[str, int]) -> Column:
    """Priority of a type; 1 is strongest. Null for a type that is not declared any more."""
    return F.create_map(*[F.lit(part) for pair in sorted(priorities.items()) for part in pair])[id_type]
