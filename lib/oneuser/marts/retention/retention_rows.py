"""The table of retention: cells of one rule set, with what they are cells of.

Reads   cells       one row per cohort and offset
Yields  retention   the same, by name
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.marts import RETENTION
from oneuser.marts.calendar import instant

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import Column, DataFrame

    from oneuser.marts.provenance import Provenance
    from oneuser.marts.retention.definition import Definition


def build_retention(
    cells: DataFrame,
    definition: Definition,
    *,
    name: str,
    watermark: datetime,
    provenance: Provenance,
    level: str = "person",
    min_members: int = 1,
) -> DataFrame:
    """Rows of `retention`.

    Args:
        cells: Rows of `count_cells`.
        definition: What they are cells of.
        name: Name of the rule set.
        watermark: The last instant up to which all sources are complete.
        provenance: How the rows are made.
        level: person or account: of what they are.
        min_members: How many members make an account active.
    """
    calendar, interval = definition.calendar, F.col("interval")
    facts = {
        "name": F.lit(name),
        "cohort": calendar.first_day_of(interval),
        "cohort_starts_at": calendar.start_of(interval),
        **retention_facts(definition, watermark=watermark, level=level, min_members=min_members),
    }
    if "offset_until" not in cells.columns:
        facts["offset_until"] = F.col("offset")
    made = cells.select("*", *(fact.alias(key) for key, fact in facts.items()), *provenance.columns())
    return RETENTION.conform(made)


def retention_facts(
    definition: Definition, *, watermark: datetime, level: str = "person", min_members: int = 1
) -> dict[str, Column]:
    """What rows say of how they were made; takes what `build_retention` takes."""
    calendar, is_divided = definition.calendar, definition.breakdown is not None
    return {
        "mode": F.lit(definition.mode),
        "membership": F.lit(definition.membership),
        "basis": F.lit(definition.basis),
        "min_events": F.lit(definition.min_events),
        "unit": F.lit(calendar.unit),
        "zone": F.lit(calendar.zone),
        "week_start": F.lit(calendar.week_start),
        "watermark": instant(watermark),
        "entity_level": F.lit(level),
        "min_members": F.lit(min_members),
        "breakdown_property": F.lit(definition.breakdown).cast("string"),
        "breakdown_at": F.lit(definition.breakdown_at if is_divided else None).cast("string"),
    }
