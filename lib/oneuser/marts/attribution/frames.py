"""Anybody's touches, conversions and milestones, checked and brought into the columns that steps are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.marts.attribution.entity_steps import conversion_steps, milestone_steps, touch_steps
from oneuser.marts.attribution.given_columns import (
    CONVERSION_COLUMNS,
    ID,
    MILESTONE_COLUMNS,
    MONEY,
    TEXT,
    TOUCH_COLUMNS,
    as_instant,
    as_kind,
    check_columns,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.marts.attribution.path_rules import PathRules

KIND = "conversion"
# the value in one currency for all, where the caller has it
REPORTING = "reporting_minor"


@dataclass(frozen=True)
class Frames:
    """What was given, with `entity` and `time` in every frame; `facts` are what a conversion says of itself."""

    touches: DataFrame
    conversions: DataFrame
    milestones: DataFrame | None
    facts: tuple[str, ...]

    def touch_steps(self, rules: PathRules) -> DataFrame:
        """Steps of all eligible touches."""
        return touch_steps(self.touches, window=rules.window, exclude_channels=rules.exclude_channels)

    def conversion_steps(self, rules: PathRules) -> DataFrame:
        """Steps of the conversions in the report range, and of all others where they have a say."""
        selected = rules.selects(F.col("time"))
        rows = self.conversions
        if selected is not None and not rules.needs_all_conversions:
            rows, selected = rows.where(selected), None
        return conversion_steps(rows, window=rules.window, facts=self.facts, is_selected=selected)

    def milestone_steps(self, rules: PathRules) -> DataFrame | None:
        """Steps of milestones, where there are any."""
        return None if self.milestones is None else milestone_steps(self.milestones, window=rules.window)

    @property
    def latest(self) -> DataFrame:
        """One row: `latest`, the last instant of any touch or conversion, in microseconds."""
        times = self.touches.select("time").unionByName(self.conversions.select("time"))
        return times.agg(F.max(F.unix_micros("time")).alias("latest"))


def checked_frames(touches: DataFrame, conversions: DataFrame, milestones: DataFrame | None, *, zone: str) -> Frames:
    """Check the frames and bring them into shape. Reads plans, runs no job.

    Raises:
        ConfigError: naming every column that is missing or of another type.
    """
    given = {"touches": (touches, TOUCH_COLUMNS), "conversions": (conversions, CONVERSION_COLUMNS)}
    if milestones is not None:
        given["milestones"] = (milestones, MILESTONE_COLUMNS)
    check_columns(given)
    has_kind, has_reporting = KIND in conversions.columns, REPORTING in conversions.columns
    if has_reporting:
        check_columns({"conversions": (conversions, {REPORTING: MONEY})})
    return Frames(
        touches.select(
            as_kind(touches, "entity_id", ID).alias("entity"),
            as_instant(touches, "touched_at", zone).alias("time"),
            as_kind(touches, "touch_id", ID).alias("touch_id"),
            as_kind(touches, "channel", TEXT).alias("channel"),
        ),
        conversions.select(
            as_kind(conversions, "entity_id", ID).alias("entity"),
            as_instant(conversions, "converted_at", zone).alias("time"),
            as_kind(conversions, "conversion_id", ID).alias("conversion_id"),
            *([F.col(KIND).cast("string").alias(KIND)] if has_kind else []),
            as_kind(conversions, "value_minor", MONEY).alias("value_minor"),
            as_kind(conversions, "currency", TEXT).alias("currency"),
            *([as_kind(conversions, REPORTING, MONEY).alias(REPORTING)] if has_reporting else []),
        ),
        None
        if milestones is None
        else milestones.select(
            as_kind(milestones, "entity_id", ID).alias("entity"),
            as_instant(milestones, "reached_at", zone).alias("time"),
            as_kind(milestones, "milestone", TEXT).alias("milestone"),
        ),
        (*([KIND] if has_kind else []), "value_minor", "currency", *([REPORTING] if has_reporting else [])),
    )
