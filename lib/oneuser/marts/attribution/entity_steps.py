"""What happened to each entity, in one shape and one order: milestones, touches, conversions.

Reads   touches, conversions, milestones   as `given_columns` has checked them, or as the job's tables are
Yields  steps, clustered by entity         what `walk` goes over
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pyspark.sql import functions as F
from pyspark.sql import types as T

from oneuser.marts.calendar import DAY_US, interval_of
from oneuser.spark.clustering import cluster

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pyspark.sql import Column, DataFrame

Lookback = Literal["exact", "calendar_days", "whole_days"]

UNASSIGNED = "Unassigned"
# rows of one instant in this order
MILESTONE, TOUCH, CONVERSION, END = range(4)
# entities of their own: conversions of nobody, which together would be one huge entity
NOBODY = "nobody "
_SOMEBODY = "somebody "
_ORDER = ("entity", "at", "kind", "touch_id", "channel", "conversion_id")


@dataclass(frozen=True)
class Window:
    """Which touches are near enough to a conversion.

    Attributes:
        days: Length in days; null for no bound.
        mode: `exact`, days of 24 hours, closed on both sides; `calendar_days`, counted by the dates in the zone;
            `whole_days`, floor(hours ÷ 24).
        zone: Time zone of calendar days.
    """

    days: float | None
    mode: Lookback = "exact"
    zone: str = "UTC"

    @property
    def reach(self) -> int | None:
        """How much smaller the measure of a touch may be than that of the conversion; null for however much."""
        if self.days is None:
            return None
        if self.mode == "calendar_days":
            return int(self.days)
        whole = round(self.days * DAY_US)
        return whole if self.mode == "exact" else whole + DAY_US - 1

    def measure(self, time: Column) -> Column:
        """What is compared: microseconds since 1970, or days since then in the zone."""
        if self.mode == "calendar_days":
            return interval_of(time, unit="day", zone=self.zone, week_start="monday").cast("bigint")
        return F.unix_micros(time)


def entity_of(entity: Column, dtype: T.DataType) -> Column:
    """The id of an entity as a text, different for different ones: binary ids in hexadecimal."""
    return F.concat(F.lit(_SOMEBODY), F.hex(entity) if isinstance(dtype, T.BinaryType) else entity.cast("string"))


def channel_of(channel: Column) -> Column:
    """The channel of a touch; one without a channel, or with a blank one, is `Unassigned`."""
    return F.when(F.trim(channel) != F.lit(""), channel).otherwise(F.lit(UNASSIGNED))


def is_among(channel: Column, channels: Collection[str]) -> Column:
    """Whether a channel is one of these. Case and blanks around it do not count, as in channel rules."""
    return F.lower(F.trim(channel)).isin(*[F.lower(F.trim(F.lit(one))) for one in sorted(channels)])


def touch_steps(touches: DataFrame, *, window: Window, exclude_channels: Collection[str] = ()) -> DataFrame:
    """Steps of touches: columns `entity`, `time` (a timestamp), `touch_id`, `channel`.

    Touches of nobody, or without a time, are left out, and those of excluded channels.
    """
    dtype = touches.schema["entity"].dataType
    named = touches.where(F.col("entity").isNotNull() & F.col("time").isNotNull()).select(
        entity_of(F.col("entity"), dtype).alias("entity"),
        "time",
        "touch_id",
        channel_of(F.col("channel")).alias("channel"),
    )
    kept = named.where(~is_among(F.col("channel"), exclude_channels)) if exclude_channels else named
    return kept.select("entity", *_at(TOUCH, window), "touch_id", "channel")


def conversion_steps(
    conversions: DataFrame, *, window: Window, facts: Sequence[str], is_selected: Column | None = None
) -> DataFrame:
    """Steps of conversions: columns `entity`, `time`, `conversion_id`, and their `facts`.

    One of nobody, or without a time, is an entity of its own: nothing came before it.
    """
    dtype = conversions.schema["entity"].dataType
    whose = F.when(F.col("time").isNotNull(), entity_of(F.col("entity"), dtype))
    identity = F.col("conversion_id")
    if isinstance(conversions.schema["conversion_id"].dataType, T.BinaryType):
        identity = F.hex(identity)
    alone = F.concat(F.lit(NOBODY), F.coalesce(identity.cast("string"), F.lit("")))
    return conversions.select(
        F.coalesce(whose, alone).alias("entity"),
        *_at(CONVERSION, window),
        "conversion_id",
        (F.lit(True) if is_selected is None else F.coalesce(is_selected, F.lit(False))).alias("is_selected"),
        *facts,
    )


def milestone_steps(milestones: DataFrame, *, window: Window) -> DataFrame:
    """Steps of milestones: columns `entity`, `time`, `milestone`."""
    dtype = milestones.schema["entity"].dataType
    known = F.col("entity").isNotNull() & F.col("time").isNotNull() & F.col("milestone").isNotNull()
    return milestones.where(known).select(
        entity_of(F.col("entity"), dtype).alias("entity"),
        *_at(MILESTONE, window),
        F.lower(F.trim("milestone")).alias("milestone"),
    )


def _at(kind: int, window: Window) -> list[Column]:
    return [
        F.unix_micros("time").alias("at"),
        window.measure(F.col("time")).alias("measure"),
        F.lit(kind).alias("kind"),
    ]


def of_converting(steps: DataFrame, conversions: DataFrame) -> DataFrame:
    """Steps of whoever has a selected conversion: all others are left out before they are moved and sorted."""
    converting = conversions.where("is_selected").select("entity")
    return steps.join(converting, on="entity", how="left_semi")


def within_reach(touches: DataFrame, conversions: DataFrame, *, window: Window) -> DataFrame:
    """Steps of touches that some selected conversion of their entity may see: no earlier, no later ones.

    All others are left out before they are moved and sorted.
    """
    selected = conversions.where("is_selected").groupBy("entity")
    spans = selected.agg(F.min("measure").alias("first_measure"), F.max("at").alias("last_at"))
    is_within = F.col("at") <= F.col("last_at")
    if window.reach is not None:
        # where clocks go back over midnight, a date comes again, and stands behind one that is nearer
        margin = 1 if window.mode == "calendar_days" else 0
        is_within = is_within & (F.col("measure") >= F.col("first_measure") - F.lit(window.reach + margin))
    return touches.join(spans, on="entity", how="inner").where(is_within).select(*touches.columns)


def in_order(*steps: DataFrame) -> DataFrame:
    """All steps of an entity in one partition, in the order of time.

    In one instant milestones come before touches, and these before conversions; of equal kind the smaller id is first.
    """
    together = steps[0]
    for more in steps[1:]:
        together = together.unionByName(more, allowMissingColumns=True)
    absent = {name: F.lit(None).cast(dtype) for name, dtype in _ALWAYS_THERE.items() if name not in together.columns}
    return cluster(together.withColumns(absent) if absent else together, "entity", *_ORDER)


_ALWAYS_THERE = {"milestone": "string", "is_selected": "boolean"}
