"""Retention: who counts as back, and when. One rule set, or several by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Discriminator, Field, Tag, model_validator

from oneuser.config.analytics import PropertyFilter, PropertyPath
from oneuser.config.base import Name, Positive, Section, Text, Zone, misplaced

ANY = "any"
DEFAULT = "default"


def _one_or_several(names: Any) -> str:
    return "<several>" if isinstance(names, list | tuple) else "<one>"


Names = Annotated[
    Annotated[Text, Tag("<one>")] | Annotated[tuple[Text, ...], Field(min_length=1), Tag("<several>")],
    Discriminator(_one_or_several),
]


class EventChoice(Section):
    """Events of these names whose properties pass every test."""

    event: Names = ANY
    where: Mapping[PropertyPath, PropertyFilter] = {}

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names; null for any."""
        names = (self.event,) if isinstance(self.event, str) else self.event
        return None if names == (ANY,) else names


def _name_or_choice(chosen: Any) -> str:
    return "<choice>" if isinstance(chosen, Mapping | EventChoice) else "<names>"


Events = Annotated[
    Annotated[Names, Tag("<names>")] | Annotated[EventChoice, Tag("<choice>")], Discriminator(_name_or_choice)
]


class Bracket(Section):
    """Intervals after the cohort's own, the last one included."""

    first: Positive = Field(alias="from")
    last: Positive = Field(alias="until")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Bracket:
        if self.last < self.first:
            misplaced([(("until",), f"the bracket begins at {self.first}")])
        return self


class RetentionRules(Section):
    """Who counts as back, and when. `start` and `return`: an event's name, several, `any`, or {event: ..., where: ...}.

    `brackets` belong to mode `bracket`; `breakdown` is a property by whose value at the start each cohort is divided.
    With the level `account`, accounts do what any of their members does while a member; with `min_members`, in each
    interval from the event on by which so many different members have done something in it.
    """

    level: Literal["person", "account"] = "person"
    min_members: Positive = 1
    start: Events = ANY
    return_event: Events = Field(default=ANY, alias="return")
    # `interval` is what it was called first
    unit: Literal["hour", "day", "week", "month", "quarter"] = Field(
        default="month", validation_alias=AliasChoices("unit", "interval")
    )
    mode: Literal["on", "on_or_after", "on_or_before", "streak", "bracket", "before"] = "on"
    brackets: tuple[Bracket, ...] = ()
    membership: Literal["first_ever", "first_matching", "recurring"] = "first_ever"
    min_events: Positive = 1
    basis: Literal["calendar", "rolling", "rolling_hour_floored"] = "calendar"
    breakdown: PropertyPath | None = None
    breakdown_at: Literal["start", "start_and_return"] = "start"
    max_offset: Positive | None = None
    zone: Zone = "UTC"
    week_start: Literal["monday", "sunday"] = "monday"

    @property
    def starts(self) -> EventChoice:
        """The start events."""
        return events_chosen(self.start)

    @property
    def returns(self) -> EventChoice:
        """The return events."""
        return events_chosen(self.return_event)

    @model_validator(mode="after")
    def _members_are_of_accounts(self) -> RetentionRules:
        if self.min_members > 1 and self.level != "account":
            misplaced([(("min_members",), f"belongs to level: account, and the level is {self.level}")])
        return self

    @model_validator(mode="after")
    def _brackets_go_with_their_mode(self) -> RetentionRules:
        if self.mode == "bracket" and not self.brackets:
            misplaced([(("mode",), "bracket needs `brackets`, such as [{from: 1, until: 7}]")])
        if self.brackets and self.mode != "bracket":
            misplaced([(("brackets",), f"belong to mode: bracket, and the mode is {self.mode}")])
        return self


def events_chosen(chosen: str | tuple[str, ...] | EventChoice) -> EventChoice:
    """The events that a name, several, `any`, or a choice stands for."""
    return chosen if isinstance(chosen, EventChoice) else EventChoice(event=chosen)


_KEYS = {
    *RetentionRules.model_fields,
    *(one.alias for one in RetentionRules.model_fields.values() if one.alias),
    "interval",
}


def _unnamed_or_named(rules: Any) -> str:
    """Rule sets have names where every value is one and no key is a key of a rule set."""
    if not isinstance(rules, Mapping) or not rules:
        return "<rules>"
    is_named = all(isinstance(one, Mapping | RetentionRules) for one in rules.values()) and not _KEYS & set(rules)
    return "<named>" if is_named else "<rules>"


Retentions = Annotated[
    Annotated[RetentionRules, Tag("<rules>")]
    | Annotated[Mapping[Name, RetentionRules], Field(min_length=1), Tag("<named>")],
    Discriminator(_unnamed_or_named),
]
