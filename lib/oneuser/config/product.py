"""Product analytics: what is counted of those whom the other sections find, several of a kind side by side, by name.

A key of `product` is the name of the table that it fills; the names below it are the table's column `name`. Rules that
stand there without a name are called `default`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import ConfigDict, Field, model_validator

from oneuser.config.analytics import Conversion, PropertyPath
from oneuser.config.base import Name, Number, Place, Positive, Section, misplaced
from oneuser.config.commercial import CommercialFile
from oneuser.config.counting import MOST_INTERVALS, CalendarRules, Days, WhoseRules, ZonedRules
from oneuser.config.retention import ANY, DEFAULT, EventChoice, Events, events_chosen
from oneuser.config.revenue import (
    LifetimeValueRules,
    RevenueRetentionRules,
    RfmRules,
    ValueRules,
    value_problems,
)

Unit = Literal["hour", "day", "week", "month", "quarter"]
Several = Annotated[tuple[Events, ...], Field(min_length=1)]
_MOST_STEPS = 60
_NAMED = "needs the name of an event: `any` would be every event"


class ActiveRules(WhoseRules):
    """Which events make somebody active: an event's name, several, `any`, or {event: ..., where: ...}."""

    active: Events = ANY

    @property
    def activity(self) -> EventChoice:
        """The events that make somebody active."""
        return events_chosen(self.active)


class LifecycleRules(ActiveRules, CalendarRules):
    """New, returning, resurrecting and dormant in each interval."""

    unit: Unit


class StickinessRules(ActiveRules, CalendarRules):
    """By the number of the last full intervals in which they were active; 28 days make the power curve L28."""

    unit: Unit = "day"
    intervals: Annotated[Positive, Field(le=MOST_INTERVALS)] = 28


class ActiveUsersRules(ActiveRules, ZonedRules):
    """Different actives of the last full days: 1 is DAU, 7 WAU, 28 MAU."""

    days: Annotated[tuple[Annotated[Positive, Field(le=MOST_INTERVALS)], ...], Field(min_length=1)] = (1, 7, 28)


class PowerUserRules(ActiveRules, ZonedRules):
    """Who is active on at least `min_days` of the last `days` full days, or belongs to the top tenth."""

    rule: Literal["min_days", "top_decile"] = "min_days"
    min_days: Positive = 20
    days: Annotated[Positive, Field(le=MOST_INTERVALS)] = 28

    @model_validator(mode="after")
    def _is_possible(self) -> PowerUserRules:
        if self.rule == "min_days" and self.min_days > self.days:
            misplaced([(("min_days",), f"nobody is active on {self.min_days} of {self.days} days")])
        # the default itself is no wish: `config show` writes it
        if self.rule == "top_decile" and self.min_days != type(self).model_fields["min_days"].default:
            misplaced([(("min_days",), "does nothing beside `rule: top_decile`, which finds the days: leave one out")])
        return self


class AtRiskRules(ActiveRules, ZonedRules):
    """Who was active on `min_days` of the `days` before the last ones, and is so less, or is unusually silent."""

    min_days: Positive
    days: Annotated[Positive, Field(le=MOST_INTERVALS)] = 28
    drop: Annotated[Number, Field(gt=0, le=1)] = 0.5
    silence_factor: Annotated[Number, Field(gt=0)] = 3.0

    @model_validator(mode="after")
    def _is_possible(self) -> AtRiskRules:
        if self.min_days > self.days:
            misplaced([(("min_days",), f"nobody is active on {self.min_days} of {self.days} days")])
        return self


class ActivationRules(WhoseRules, CalendarRules):
    """Of those who begin in an interval, who did all steps within the window."""

    start: Events = ANY
    steps: Several
    window_days: Days
    unit: Unit = "week"

    @property
    def starts(self) -> EventChoice:
        """What somebody begins with; any event where its names are null."""
        return events_chosen(self.start)

    @property
    def choices(self) -> tuple[EventChoice, ...]:
        """The steps."""
        return tuple(map(events_chosen, self.steps))

    @model_validator(mode="after")
    def _steps_have_names(self) -> ActivationRules:
        misplaced(_unnamed("steps", self.choices))
        if self.starts.names is None and self.starts.where:
            misplaced([(("start",), "`where` needs the name of an event")])
        return self


class FeatureUsageRules(WhoseRules, ZonedRules):
    """What each used, how often, on how many days; of the last `window_days`, or ever."""

    features: Annotated[Mapping[Name, Events], Field(min_length=1)]
    window_days: Days | None = None

    @property
    def choices(self) -> dict[str, EventChoice]:
        """What is a use, by feature."""
        return {name: events_chosen(use) for name, use in self.features.items()}

    @model_validator(mode="after")
    def _uses_have_names(self) -> FeatureUsageRules:
        misplaced((("features", name), _NAMED) for name, use in self.choices.items() if use.names is None)
        return self


class AdoptionRules(WhoseRules, ZonedRules):
    """Who tried a feature in the last days, and who made it a habit. An account adopts by its members.

    `seats` names files of seats: accounts that have some could use the feature, unless `eligible` says who could, and
    with `min_seats_percent` so many per cent of them have to have adopted it; without, one member is enough.
    """

    feature: Events
    eligible: Events | None = None
    min_uses: Positive = 1
    min_days: Positive = 1
    window_days: Days
    seats: tuple[Name, ...] = ()
    min_seats_percent: Annotated[Number, Field(gt=0, le=100)] | None = None

    @property
    def use(self) -> EventChoice:
        """What is a use."""
        return events_chosen(self.feature)

    @property
    def could_use(self) -> EventChoice | None:
        """The event that those have had who could use it; null where that is not known."""
        return None if self.eligible is None else events_chosen(self.eligible)

    @model_validator(mode="after")
    def _events_have_names(self) -> AdoptionRules:
        named = {"feature": self.use, "eligible": self.could_use}
        misplaced(((key,), _NAMED) for key, one in named.items() if one is not None and one.names is None)
        return self

    @model_validator(mode="after")
    def _seats_are_of_accounts_and_do_something(self) -> AdoptionRules:
        if self.seats and self.level != "account":
            misplaced([(("seats",), "accounts have seats: set `level: account`, or leave them out")])
        if self.min_seats_percent is not None and not self.seats:
            misplaced([(("min_seats_percent",), "is of seats: name files of `seats`")])
        if self.seats and self.eligible is not None and self.min_seats_percent is None:
            misplaced([(("seats",), "do nothing beside `eligible` without `min_seats_percent`: leave one out")])
        return self


class FunnelRules(WhoseRules):
    """Who got how far through steps, within `window_days` from the first one, or without an end."""

    steps: Annotated[Several, Field(max_length=_MOST_STEPS)]
    window_days: Days | None = None
    mode: Literal["ordered", "strict", "any_order"] = "ordered"
    by: PropertyPath | None = None

    @property
    def choices(self) -> tuple[EventChoice, ...]:
        """The steps in order."""
        return tuple(map(events_chosen, self.steps))

    @model_validator(mode="after")
    def _steps_are_told_apart(self) -> FunnelRules:
        problems = _unnamed("steps", self.choices)
        if self.mode == "any_order":
            problems += [
                (("steps", place), "is there twice: with mode any_order it would be done twice at once")
                for place, one in enumerate(self.choices)
                if one in self.choices[:place]
            ]
        misplaced(problems)
        return self


def _allow_unnamed(schema: dict[str, Any]) -> None:
    """Rules without a name, in the JSON Schema: a validator that runs before leaves no trace there."""
    for table, named in schema["properties"].items():
        schema["properties"][table] = {"anyOf": [named["additionalProperties"], named]}


class ProductRules(Section):
    """Everything that is counted, by the table it is in and by name. Without any, nothing is."""

    model_config = ConfigDict(json_schema_extra=_allow_unnamed)

    lifecycle: Mapping[Name, LifecycleRules] = {}
    stickiness: Mapping[Name, StickinessRules] = {}
    active_users: Mapping[Name, ActiveUsersRules] = {}
    power_users: Mapping[Name, PowerUserRules] = {}
    at_risk: Mapping[Name, AtRiskRules] = {}
    activation: Mapping[Name, ActivationRules] = {}
    feature_usage: Mapping[Name, FeatureUsageRules] = {}
    adoption: Mapping[Name, AdoptionRules] = {}
    funnels: Mapping[Name, FunnelRules] = {}
    rfm: Mapping[Name, RfmRules] = {}
    lifetime_value: Mapping[Name, LifetimeValueRules] = {}
    revenue_retention: Mapping[Name, RevenueRetentionRules] = {}

    @model_validator(mode="before")
    @classmethod
    def _rules_without_a_name_are_the_default(cls, written: Any) -> Any:
        if not isinstance(written, Mapping):
            return written
        rules = {key: get_args(field.annotation)[1] for key, field in cls.model_fields.items()}
        return {
            key: {DEFAULT: declared} if key in rules and _is_unnamed(declared, rules[key]) else declared
            for key, declared in written.items()
        }

    @property
    def is_empty(self) -> bool:
        """Whether nothing is declared."""
        return not any(True for _ in self.each())

    def each(self) -> Iterator[tuple[str, str, Section]]:
        """Table, name and rules of everything that is declared, by table and name."""
        for table in type(self).model_fields:
            declared: Mapping[str, Section] = getattr(self, table)
            yield from ((table, name, declared[name]) for name in sorted(declared))

    def of_activity(self) -> Iterator[EventChoice]:
        """Events whose properties are asked of `activity`, rather than of single events."""
        for _, _, rules in self.each():
            if getattr(rules, "level", "person") != "person":
                continue
            if isinstance(rules, ActiveRules):
                yield rules.activity
            elif isinstance(rules, FeatureUsageRules):
                yield from rules.choices.values()
            elif isinstance(rules, AdoptionRules):
                yield from (one for one in (rules.use, rules.could_use) if one is not None)
            elif isinstance(rules, LifetimeValueRules) and rules.starts is not None:
                yield rules.starts


def product_problems(
    product: ProductRules, conversions: Mapping[str, Conversion], files: Mapping[str, Mapping[str, CommercialFile]]
) -> list[tuple[Place, str]]:
    """What the rules say of conversions or files that there are not, or of currencies that are not theirs.

    Args:
        product: The rules.
        conversions: The declared kinds of conversions.
        files: Files of finance and sales, by section and name.
    """
    problems: list[tuple[Place, str]] = []
    for table, name, rules in product.each():
        place = ("product", table, name)
        for section in ("subscriptions", "seats"):
            known = ", ".join(files[section]) or "none"
            problems += [
                ((*place, section, n), f"{one} is none of the files of `{section}`, which are {known}")
                for n, one in enumerate(getattr(rules, section, ()))
                if one not in files[section]
            ]
        if isinstance(rules, ValueRules):
            problems += [
                ((*place, *where), what) for where, what in value_problems(rules, conversions, files["subscriptions"])
            ]
    return problems


def _is_unnamed(declared: Any, rules: type[Section]) -> bool:
    """Whether something is a rule set itself, and none by name: it has no rule sets, or a key of rules that is none."""
    if not isinstance(declared, Mapping) or not declared:
        return False
    keys = set(rules.model_fields)
    needed = {key for key, field in rules.model_fields.items() if field.is_required()}
    may_be_rules = {key for key, one in declared.items() if isinstance(one, Mapping) and needed <= set(one) <= keys}
    if any(isinstance(one, Mapping | Section) for one in declared.values()):
        return any(key in keys and key not in may_be_rules for key in declared)
    # a name without anything below it
    return not keys.isdisjoint(declared) or None not in declared.values()


def _unnamed(key: str, choices: tuple[EventChoice, ...]) -> list[tuple[Place, str]]:
    return [((key, place), _NAMED) for place, one in enumerate(choices) if one.names is None]
