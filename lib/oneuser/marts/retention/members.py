"""Members of cohorts, and in which intervals after their start they came back, as steps of counts.

Reads   moments   one row per entity and event, or events of one name and one quarter of an hour
Yields  steps     one row per cohort and offset at which one of its counts changes
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.marts.calendar import HOUR_US, QUARTER_HOUR_US, Calendar, instant, whole
from oneuser.marts.event_filters import property_of
from oneuser.marts.retention.definition import HOURS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pyspark.sql import Column, DataFrame

    from oneuser.marts.retention.definition import Definition

_STEP = (
    "struct<offset:int,size:bigint,at_once:bigint,passed:bigint,retained:bigint,retained_eligible:bigint,"
    "observed_until:int>"
)
# columns that say all of a member that its steps are made from
_PATTERN = ("hits", "at_once", "observed_until", "from_offset")


@dataclass(frozen=True)
class _Scale:
    """A line on which times are whole numbers, and how many of them make an interval of the definition.

    Of a calendar, these are its own intervals; of intervals that begin with a member's start, microseconds or hours.
    """

    definition: Definition

    @property
    def length(self) -> int:
        """Numbers in an interval."""
        hours = HOURS[self.definition.calendar.unit]
        return {"calendar": 1, "rolling": hours * HOUR_US, "rolling_hour_floored": hours}[self.definition.basis]

    def position_of(self, time: Column) -> Column:
        """Number of a time."""
        if self.definition.basis == "calendar":
            return self.definition.calendar.interval_of(time).cast("bigint")
        if self.definition.basis == "rolling":
            return F.unix_micros(time)
        return Calendar("hour", self.definition.calendar.zone).interval_of(time).cast("bigint")

    def offset_between(self, start: Column, position: Column) -> Column:
        """Intervals from the one that begins at a start to the one that holds a position; negative before it."""
        distance = position - start
        return (distance if self.length == 1 else whole(distance, self.length)).cast("int")

    def slot_of(self, position: Column) -> Column:
        """A number that times share which need not be told apart.

        Within a quarter of an hour, the first and the last of several times say which intervals were hit.
        """
        if self.definition.basis == "rolling" and self.definition.min_events == 1:
            return whole(position, QUARTER_HOUR_US)
        return position


@dataclass(frozen=True)
class _Start:
    """Starts in an order: by time, and of several at once first one that is no return itself.

    As a number where nothing else is told of them: the smallest number of each group is found by hashing, the smallest
    struct by sorting all rows.
    """

    definition: Definition

    def packed(self, at: Column, is_return: Column, value: Column) -> Column:
        """What the smallest is looked for of."""
        if self.definition.breakdown is None:
            return F.unix_micros(at) * F.lit(2) + is_return.cast("bigint")
        return F.struct(at.alias("at"), is_return.alias("is_return"), value.alias("value"))

    def unpacked(self, packed: Column) -> Column:
        """`at`, `is_return`, `value` and `interval`, that of the calendar."""
        if self.definition.breakdown is None:
            is_return = F.pmod(packed, F.lit(2))
            at, value = F.timestamp_micros(F.shiftright(packed - is_return, 1)), F.lit(None).cast("string")
            is_return = is_return == F.lit(1)
        else:
            at, is_return, value = packed["at"], packed["is_return"], packed["value"]
        interval = self.definition.calendar.interval_of(at)
        return F.struct(at.alias("at"), is_return.alias("is_return"), value.alias("value"), interval.alias("interval"))


def find_steps(moments: DataFrame, definition: Definition, *, watermark: datetime) -> DataFrame:
    """Find each entity's starts, and for each the intervals in which the entity came back.

    Shuffles slots of entities, added up before that, and then entities. What one task holds at once are the times at
    which one entity came back: its active intervals, or where intervals begin with the start, its active quarters of an
    hour. With membership `recurring` each start goes through all of them.

    Args:
        moments: `entity_id`, `event`, `properties` where the definition asks for any, `n_events`, `first_at` and
            `last_at`. Rows without an entity or a time are left out. Of one row, all times but the first are on the
            same side of the watermark.
        definition: What counts as start and return.
        watermark: Returns after it count nowhere.

    Returns:
        `interval` and `breakdown` of a cohort, `offset`, and by how much there the number of members (`size`), of those
        who came back in their own interval (`at_once`), of those whose observed intervals are over (`passed`), of
        those who are `retained`, and of these the eligible ones, change; `observed_until` is the last offset that any
        of the members has observed. With brackets, offsets are their numbers, from 1.
    """
    members = _with_hits(moments, definition, watermark)
    # most members look like many others; steps are worked out once for all of these
    alike = members.groupBy("interval", "breakdown", *_PATTERN).agg(F.count(F.lit(1)).alias("n"))
    each = alike.select("interval", "breakdown", "n", F.explode(_steps(definition)).alias("step"))
    sums = ("size", "at_once", "passed", "retained", "retained_eligible")
    return each.groupBy("interval", "breakdown", F.col("step.offset").alias("offset")).agg(
        *[F.sum(F.col(f"step.{name}") * F.col("n")).alias(name) for name in sums],
        F.max("step.observed_until").alias("observed_until"),
    )


def find_members(moments: DataFrame, definition: Definition, *, watermark: datetime) -> DataFrame:
    """Find the members of cohorts, each with its part in their counts. A row is an entity and a cohort that it is in.

    Takes what `find_steps` takes.

    Returns:
        `entity_id`, `interval` and `breakdown` of the cohort, and `steps`: by how much the counts change with the
        member, and from which offset on.
    """
    members = _with_hits(moments, definition, watermark)
    return members.select("entity_id", "interval", "breakdown", _steps(definition).alias("steps"))


def _with_hits(moments: DataFrame, definition: Definition, watermark: datetime) -> DataFrame:
    """Members of cohorts with what their steps are made from."""
    scale = _Scale(definition)
    people = _by_entity(_by_slot(moments, definition, scale, watermark), definition)
    if definition.mode == "before":
        returns = definition.returns.passes() & (F.col("first_at") <= instant(watermark))
        earliest = moments.where(F.col("entity_id").isNotNull() & returns).agg(F.min("first_at").alias("earliest"))
        people = people.join(F.broadcast(earliest), how="cross")
    return _with_offsets(_members(people, definition, scale), definition, scale, watermark)


def _by_slot(moments: DataFrame, definition: Definition, scale: _Scale, watermark: datetime) -> DataFrame:
    """One row per entity and slot, and value of the breakdown where returns are broken down too."""
    first, last = F.col("first_at"), F.col("last_at")
    is_named, is_start = definition.start.is_named(), definition.start.passes()
    is_return = definition.returns.passes() & (first <= instant(watermark))
    value = F.lit(None).cast("string") if definition.breakdown is None else property_of(definition.breakdown)
    is_value_of_return = definition.breakdown_at == "start_and_return"
    start = _Start(definition)
    position = scale.position_of(first)
    relevant = moments.where(F.col("entity_id").isNotNull() & first.isNotNull() & (is_named | is_return))
    return (
        relevant.select(
            "entity_id",
            scale.slot_of(position).alias("slot"),
            (F.when(is_return, value) if is_value_of_return else F.lit(None).cast("string")).alias("value"),
            F.when(is_named, first).alias("named_at"),
            F.when(is_start, start.packed(first, is_return, value)).alias("start"),
            F.when(is_return, F.col("n_events")).alias("n_events"),
            F.when(is_return, first).alias("first_at"),
            F.when(is_return, last).alias("last_at"),
        )
        .groupBy("entity_id", "slot", "value")
        .agg(
            F.min("named_at").alias("named_at"),
            F.min("start").alias("start"),
            F.sum("n_events").alias("n_events"),
            F.min("first_at").alias("first_at"),
            F.max("last_at").alias("last_at"),
        )
        .withColumns({"first": scale.position_of(F.col("first_at")), "last": scale.position_of(F.col("last_at"))})
        .withColumn("start", F.when(F.col("start").isNotNull(), start.unpacked(F.col("start"))))
    )


def _by_entity(slots: DataFrame, definition: Definition) -> DataFrame:
    """One row per entity: `starts` in their order, `named_at` of the first event of the name, and `returns`."""
    returned = F.when(
        F.col("first_at").isNotNull(), F.struct("first", "last", "first_at", "last_at", "n_events", "value")
    )
    every = F.array_sort(F.collect_list(F.col("start")))
    first_only = F.array_compact(F.array(F.min("start")))
    return slots.groupBy("entity_id").agg(
        (every if definition.membership == "recurring" else first_only).alias("starts"),
        F.min("named_at").alias("named_at"),
        F.collect_list(returned).alias("returns"),
    )


def _members(people: DataFrame, definition: Definition, scale: _Scale) -> DataFrame:
    """One row per member of a cohort: `start`, `origin` on the scale, and `returns` that may count for it."""
    starts = F.col("starts")
    if definition.membership == "recurring":
        starts = F.filter(
            starts, lambda one, place: (place == 0) | (F.get(starts, place - F.lit(1))["interval"] != one["interval"])
        )
    elif definition.membership == "first_ever":
        # the first event of the name counts, whatever passes later
        starts = F.filter(starts, lambda one: one["at"] == F.col("named_at"))
    kept = [name for name in ("earliest",) if name in people.columns]
    members = people.select("entity_id", F.explode(starts).alias("start"), "returns", *kept)
    returns = F.col("returns")
    if definition.breakdown_at == "start_and_return" and definition.breakdown is not None:
        returns = F.filter(returns, lambda one: one["value"].eqNullSafe(F.col("start.value")))
    return members.select(
        "entity_id",
        F.col("start.interval").alias("interval"),
        F.col("start.value").alias("breakdown"),
        "start",
        scale.position_of(F.col("start.at")).alias("origin"),
        returns.alias("returns"),
        *kept,
    )


def _with_offsets(members: DataFrame, definition: Definition, scale: _Scale, watermark: datetime) -> DataFrame:
    """Members with `hits`, the sorted offsets at which they came back, `at_once`, `observed_until` and `from_offset`.

    That one is the first offset there is: 0, or where the data begin.
    """
    offset_of = partial(scale.offset_between, F.col("origin"))
    at = F.col("start.at")

    def is_at_once(one: Column) -> Column:
        first, last = ((one[f"{side}_at"] > at) & (offset_of(one[side]) == F.lit(0)) for side in ("first", "last"))
        return first | last

    at_once = F.exists("returns", is_at_once)
    if definition.min_events > 1:
        own = F.filter("returns", lambda one: offset_of(one["first"]) == F.lit(0))
        n_own = F.aggregate(own, F.lit(0).cast("bigint"), lambda n, one: n + one["n_events"])
        besides = n_own - F.col("start.is_return").cast("bigint")
        at_once = at_once & (besides >= F.lit(definition.min_events))
    observed_until = offset_of(scale.position_of(instant(watermark))) - F.lit(1)
    from_offset = F.lit(0)
    if definition.mode == "before":
        # back to where the data begin, for everybody: where nobody was there is no reason to leave it out
        lowest = offset_of(scale.position_of(F.col("earliest")))
        from_offset = F.coalesce(F.least(lowest, F.lit(0)), F.lit(0))
    shown = members.select(
        "*",
        at_once.cast("bigint").alias("at_once"),
        observed_until.alias("observed_until"),
        from_offset.alias("from_offset"),
        _offsets(definition, offset_of).alias("offsets"),
    )
    return shown.select("*", _hits(definition).alias("hits"))


def _offsets(definition: Definition, offset_of: Callable[[Column], Column]) -> Column:
    """Sorted offsets of the returns, each as often as counts: once, or up to the number that is needed."""
    if definition.min_events == 1:
        both = F.flatten(F.transform("returns", lambda one: F.array(offset_of(one["first"]), offset_of(one["last"]))))
        return F.array_sort(F.array_distinct(both))
    enough = F.lit(definition.min_events).cast("bigint")
    each = F.transform(
        "returns",
        lambda one: F.array_repeat(offset_of(one["first"]), F.least(one["n_events"], enough).cast("int")),
    )
    return F.array_sort(F.flatten(each))


def _hits(definition: Definition) -> Column:
    """The offsets that are there often enough, each once."""
    if definition.min_events == 1:
        return F.col("offsets")
    before = F.lit(definition.min_events - 1)
    enough = F.filter(
        "offsets", lambda one, place: (place >= before) & (F.get(F.col("offsets"), place - before) == one)
    )
    return F.array_distinct(enough)


def _steps(definition: Definition) -> Column:
    """What a member adds to its cohort's counts, and from which offset on: nothing but `_PATTERN` is looked at."""
    until = _until(definition)
    member = _step(F.col("from_offset"), size=F.lit(1), at_once=F.col("at_once"), observed_until=until)
    passed = _step(until + F.lit(1), passed=F.lit(1))
    spans = F.flatten(F.transform(_spans(definition), lambda span: _steps_of(span, until)))
    return F.concat(F.array(member, passed), spans)


def _until(definition: Definition) -> Column:
    """The last offset, or bracket, that a member has observed."""
    observed_until = F.col("observed_until")
    if definition.mode != "bracket":
        return observed_until
    ends = F.array(*[F.lit(last) for _, last in definition.brackets])
    return F.size(F.filter(ends, lambda last: last <= observed_until))


def _spans(definition: Definition) -> Column:
    """Stretches of offsets at which a member is retained: the first and the last, which is null where there is none."""
    hits = F.col("hits")
    later = F.filter(hits, lambda offset: offset >= F.lit(1))
    if definition.mode == "on":
        return F.transform(later, lambda offset: _span(offset, offset))
    if definition.mode == "before":
        return F.transform(F.filter(hits, lambda offset: offset < F.lit(0)), lambda offset: _span(offset, offset))
    if definition.mode == "bracket":
        numbers = F.array(
            *[
                F.when(F.exists(hits, partial(_is_within, first, last)), F.lit(number))
                for number, (first, last) in enumerate(definition.brackets, start=1)
            ]
        )
        return F.transform(F.array_compact(numbers), lambda number: _span(number, number))
    if definition.mode == "on_or_before":
        spans = F.array(_span(F.get(later, F.lit(0)), F.lit(None).cast("int")))
        return F.when(F.size(later) > 0, spans).otherwise(F.slice(spans, 1, 0))
    if definition.mode == "on_or_after":
        last = F.array_max(later)
    else:
        # sorted and different from 1 on: the n-th is n as long as none is missing
        last = F.size(F.filter(later, lambda offset, place: offset == place + F.lit(1)))
    spans = F.array(_span(F.lit(1), last))
    return F.when(last >= 1, spans).otherwise(F.slice(spans, 1, 0))


def _is_within(first: int, last: int, offset: Column) -> Column:
    return offset.between(F.lit(first), F.lit(last))


def _span(first: Column, last: Column) -> Column:
    return F.struct(first.cast("int").alias("first"), last.cast("int").alias("last"))


def _steps_of(span: Column, until: Column) -> Column:
    """Up where a span begins and down after it ends; for those who are eligible too, as far as they are."""
    one, none = F.lit(1), F.lit(0)
    is_eligible = F.when(span["first"] <= until, one).otherwise(none)
    end = F.coalesce(F.least(span["last"], until), until)
    return F.array_compact(
        F.array(
            _step(span["first"], retained=one, retained_eligible=is_eligible),
            F.when(span["last"].isNotNull(), _step(span["last"] + one, retained=F.lit(-1))),
            F.when(is_eligible == one, _step(end + one, retained_eligible=F.lit(-1))),
        )
    )


def _step(offset: Column, **changes: Column) -> Column:
    names = ("size", "at_once", "passed", "retained", "retained_eligible", "observed_until")
    default = {"observed_until": F.lit(None)}
    parts = [changes.get(name, default.get(name, F.lit(0))).alias(name) for name in names]
    return F.struct(offset.alias("offset"), *parts).cast(_STEP)
