"""One pass over the steps of each entity, in order of time. Python on executors, over Arrow batches.

The touches of an entity wait in lists with a place where the window begins: a touch enters once and is left behind
once, and a model that looks at the ends of a path alone touches nothing between. So the work grows with the rows that
come out, never with touches times conversions; transforms of paths look at every touch of every path.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import compute as pc
from pyspark.sql import types as T

from oneuser.marts.attribution.dealing import WEIGHT_UNITS, deal_out
from oneuser.marts.attribution.entity_steps import END, MILESTONE, NOBODY, TOUCH
from oneuser.marts.attribution.models.path import Path
from oneuser.marts.attribution.transforms import kept_places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from oneuser.marts.attribution.models.path import RuleModel

UNATTRIBUTED = "(unattributed)"
_ROWS_PER_BATCH = 50_000
# so many touches that were left behind are given back at once
_LEFT_BEHIND = 10_000


@dataclass(frozen=True)
class WalkRules:
    """How paths are made.

    Attributes:
        reach: How far back a touch counts, as `Window` says; null for however far.
        transforms: Applied to the path of each conversion, in their order.
        first_per_entity: Whether only the first conversion of an entity, of each kind where kinds are told, counts.
        reset_at_conversion: Whether the touches up to a conversion count no more for later ones of its kind.
    """

    reach: int | None
    transforms: tuple[Callable[[Sequence[str]], list[int]], ...] = ()
    first_per_entity: bool = False
    reset_at_conversion: bool = False


@dataclass
class _Entity:
    """What came so far of one entity."""

    name: str | None = None
    times: list[int] = field(default_factory=list)
    measures: list[int] = field(default_factory=list)
    ids: list[Any] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    milestones: dict[str, int] = field(default_factory=dict)
    # where the window begins, and how many touches have gone from the lists
    window: int = 0
    n_gone: int = 0
    # by kind of conversion: how many touches have been used up, the gone ones counted
    used: dict[Any, int] = field(default_factory=dict)

    def leave_behind(self, before: int) -> None:
        """Touches whose measure is smaller are in no window any more."""
        while self.window < len(self.measures) and self.measures[self.window] < before:
            self.window += 1
        if self.window > _LEFT_BEHIND:
            for values in (self.times, self.measures, self.ids, self.channels):
                del values[: self.window]
            self.n_gone += self.window
            self.window = 0

    def begin_after(self, used: int) -> int:
        return max(self.window, used - self.n_gone)


@dataclass(frozen=True)
class Visit:
    """A selected conversion, or the end of an entity without one, and its path.

    `path` is null where no touch is eligible; `ids`, `times` and `channels` hold its touches from the place `begin` on.
    """

    entity: str
    row: tuple[Any, ...]
    is_conversion: bool
    path: Path | None
    ids: Sequence[Any]
    times: Sequence[int]
    channels: Sequence[str]
    begin: int


def visits(batches: Iterable[pa.RecordBatch], *, rules: WalkRules, facts: Sequence[str]) -> Iterator[Visit]:
    """Every selected conversion of one partition, which holds all steps of each of its entities, in order.

    Args:
        batches: Steps, as `entity_steps.in_order` has them.
        rules: How paths are made.
        facts: Columns of a conversion that `Visit.row` holds, after its id and its time in microseconds. Where one of
            them is `conversion`, it is the kind.
    """
    entity = _Entity()
    # the lists of the entity, which it keeps: a call for each touch would cost as much as all else of it
    times, measures, ids, channels = entity.times, entity.measures, entity.ids, entity.channels
    reach = rules.reach
    of_all = ("entity", "at", "measure", "kind", "touch_id", "channel")
    # touches, which are most steps, have none of these
    of_others = ("milestone", "is_selected", "conversion_id", *facts)
    kind_place = facts.index("conversion") if "conversion" in facts else None
    seen: set[Any] = set()
    for batch in batches:
        others = batch.filter(pc.not_equal(batch.column("kind"), pa.scalar(TOUCH)))
        rest = zip(*(others.column(name).to_pylist() for name in of_others), strict=True)
        for whose, at, measure, kind, touch_id, channel in zip(
            *(batch.column(name).to_pylist() for name in of_all), strict=True
        ):
            if whose != entity.name:
                entity, seen = _Entity(whose), set()
                times, measures, ids, channels = entity.times, entity.measures, entity.ids, entity.channels
            if (
                reach is not None
                and measure is not None
                and entity.window < len(measures)
                and measures[entity.window] < measure - reach
            ):
                entity.leave_behind(measure - reach)
            if kind == TOUCH:
                times.append(at)
                measures.append(measure)
                ids.append(touch_id)
                channels.append(channel)
                continue
            milestone, selected, conversion_id, *told = next(rest)
            if kind == MILESTONE:
                entity.milestones[milestone] = at
                continue
            row = (conversion_id, at, *told)
            if kind == END:
                # no conversion: whatever its entity converted to before, it is a journey
                used = max(entity.used.values(), default=0)
                yield _visit(row, entity, entity.begin_after(used), rules, is_conversion=False)
                continue
            what = None if kind_place is None else told[kind_place]
            used = entity.used.get(what, 0)
            is_somebody = not whose.startswith(NOBODY)
            counts = not (rules.first_per_entity and is_somebody and what in seen)
            seen.add(what)
            if counts and selected:
                yield _visit(row, entity, entity.begin_after(used), rules, is_conversion=True)
            if rules.reset_at_conversion:
                entity.used[what] = entity.n_gone + len(entity.times)


def _visit(row: tuple[Any, ...], entity: _Entity, first: int, rules: WalkRules, *, is_conversion: bool) -> Visit:
    at = row[1]
    ids, times, channels = entity.ids, entity.times, entity.channels
    if first >= len(times):
        return Visit(entity.name or "", row, is_conversion, None, (), (), (), 0)
    if rules.transforms:
        places = [first + place for place in kept_places(channels[first:], rules.transforms)]
        ids, times = [ids[place] for place in places], [times[place] for place in places]
        channels = [channels[place] for place in places]
        first = 0
    path = Path(times, channels, converted_at=at, milestones=entity.milestones, first=first)
    return Visit(entity.name or "", row, is_conversion, path, ids, times, channels, first)


def credit_conversions(
    batches: Iterable[pa.RecordBatch],
    *,
    rules: WalkRules,
    models: Sequence[tuple[str, RuleModel]],
    facts: Sequence[str],
) -> Iterator[pa.RecordBatch]:
    """Credit the conversions of one partition by every model.

    Yields:
        The columns of `credit_columns`. One `(unattributed)` row per model where no touch is eligible.
    """
    types: pa.Schema | None = None
    rows: list[tuple[Any, ...]] = []

    def shaped() -> pa.RecordBatch:
        assert types is not None  # noqa: S101 - rows come from batches
        columns = zip(*rows, strict=True)
        return pa.RecordBatch.from_arrays(
            [pa.array(column, one.type) for column, one in zip(columns, types, strict=True)], schema=types
        )

    def seen(batch: pa.RecordBatch) -> pa.RecordBatch:
        nonlocal types
        types = types or credit_types(batch.schema, facts)
        return batch

    places = [2 + facts.index(value) for value, _ in money_of(facts)]
    for visit in visits(map(seen, batches), rules=rules, facts=facts):
        rows.extend(_credit(visit, [_whole(visit.row[place]) for place in places], models))
        if len(rows) >= _ROWS_PER_BATCH:
            yield shaped()
            rows = []
    if rows:
        yield shaped()


_MADE: Mapping[str, pa.DataType] = {
    "converted_us": pa.int64(),
    "model": pa.string(),
    "position": pa.int32(),
    "path_length": pa.int32(),
    "touched_us": pa.int64(),
    "weight_units": pa.int64(),
}
_OF_TOUCH = ("model", "position", "path_length", "touch_id", "channel", "touched_us", "weight_units")
# what a conversion is worth, and what its touches get of it: in its own currency, and in the reporting currency
_MONEY = {"value_minor": "credit_minor", "reporting_minor": "reporting_credit_minor"}


def money_of(facts: Sequence[str]) -> list[tuple[str, str]]:
    """The facts that are dealt out, each with what its parts are called."""
    return [(value, credit) for value, credit in _MONEY.items() if value in facts]


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def credit_types(steps: pa.Schema, facts: Sequence[str]) -> pa.Schema:
    """Columns of credits; ids, facts and money have the types that they came with."""
    names = credit_columns(facts)
    came_as = {credit: steps.field(value).type for value, credit in money_of(facts)}
    return pa.schema([(name, came_as.get(name) or _MADE.get(name) or steps.field(name).type) for name in names])


def credit_columns(facts: Sequence[str]) -> list[str]:
    """Names of the columns of credits, in order."""
    return ["conversion_id", "converted_us", *facts, *_OF_TOUCH, *[credit for _, credit in money_of(facts)]]


def credit_shape(steps: T.StructType, facts: Sequence[str]) -> T.StructType:
    """Columns of what `credit_conversions` yields from steps."""
    made: dict[str, T.DataType] = {
        "converted_us": T.LongType(),
        "model": T.StringType(),
        "position": T.IntegerType(),
        "path_length": T.IntegerType(),
        "touched_us": T.LongType(),
        "weight_units": T.LongType(),
        **{credit: steps[value].dataType for value, credit in money_of(facts)},
    }
    return T.StructType([T.StructField(name, made.get(name) or steps[name].dataType) for name in credit_columns(facts)])


def _credit(
    visit: Visit, values: Sequence[int | None], models: Sequence[tuple[str, RuleModel]]
) -> Iterator[tuple[Any, ...]]:
    path = visit.path
    if path is None:
        for label, _ in models:
            yield (*visit.row, label, 0, 0, None, UNATTRIBUTED, None, WEIGHT_UNITS, *values)
        return
    for label, model in models:
        shares = model.shares(path)
        if len(shares) == 1:
            # all of it is one touch's
            place = shares[0][0]
            at = visit.begin + place
            yield (
                *visit.row, label, place + 1, path.n, visit.ids[at], visit.channels[at], visit.times[at],
                WEIGHT_UNITS, *values,
            )  # fmt: skip
            continue
        dealt: list[Sequence[int | None]]
        if model.adds_up:
            by = [share for _, share in shares]
            weights = deal_out(WEIGHT_UNITS, by)
            dealt = [[None] * len(by) if value is None else deal_out(value, by) for value in values]
        else:
            weights, dealt = [WEIGHT_UNITS] * len(shares), [[value] * len(shares) for value in values]
        for (place, _), weight, *parts in zip(shares, weights, *dealt, strict=True):
            if weight or any(parts):
                at = visit.begin + place
                yield (
                    *visit.row, label, place + 1, path.n, visit.ids[at], visit.channels[at], visit.times[at],
                    weight, *parts,
                )  # fmt: skip
