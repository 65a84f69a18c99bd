"""Attribution: which touches a conversion is credited to, and by which models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, field_validator, model_validator

from oneuser.config.analytics import ChannelRule, Conversion
from oneuser.config.attribution_models import (
    LEAST_SHARE,
    MODEL_NAMES,
    TRANSFORM_NAMES,
    ModelSpec,
    TransformSpec,
    parse_model,
    parse_transform,
    twice,
)
from oneuser.config.base import Flag, Number, Place, Positive, Section, Text, Zone, misplaced

_ONE = 1e-9
_FIRST = "first"
# what the built-in table can give
DEFAULT_CHANNELS = (
    "Direct", "Organic Search", "Paid Search", "Organic Social", "Paid Social", "Email", "Affiliates", "Referral",
    "Display", "Organic Video", "Paid Video", "SMS", "Push", "Audio", "Cross-network", "Unassigned",
)  # fmt: skip
# a touch that no rule fits
_UNASSIGNED = "Unassigned"


def _model(written: Any) -> Any:
    parse_model(written)
    return _plain(written)


def _transform(written: Any) -> Any:
    parse_transform(written)
    return _plain(written)


def _plain(written: Any) -> Any:
    """The same in plain types: keys of a mapping in one order."""
    if isinstance(written, Mapping):
        return {str(key): _plain(value) for key, value in sorted(written.items())}
    return [_plain(each) for each in written] if isinstance(written, list | tuple) else written


def _schema(key: str, names: Sequence[str]) -> WithJsonSchema:
    named = {"type": "object", "properties": {key: {"type": "string"}}, "required": [key]}
    return WithJsonSchema({"anyOf": [{"type": "string", "examples": list(names)}, named]})


Model = Annotated[Any, AfterValidator(_model), _schema("model", MODEL_NAMES)]
Transform = Annotated[Any, AfterValidator(_transform), _schema("transform", TRANSFORM_NAMES)]


class PositionWeights(Section):
    """Shares of the first touch, of all those between, and of the last; they add up to 1."""

    first: Annotated[Number, Field(ge=0, le=1)] = 0.4
    middle: Annotated[Number, Field(ge=0, le=1)] = 0.2
    last: Annotated[Number, Field(ge=0, le=1)] = 0.4

    @model_validator(mode="after")
    def _are_shares(self) -> PositionWeights:
        for name, share in (("first", self.first), ("middle", self.middle), ("last", self.last)):
            if 0 < share < LEAST_SHARE:
                misplaced([((name,), f"a share is 0 or at least {LEAST_SHARE:g}, found {share:g}")])
        total = self.first + self.middle + self.last
        if abs(total - 1) > _ONE:
            misplaced([((), f"first + middle + last must be 1, found {total:g}")])
        if self.first + self.last == 0:
            misplaced([((), "a path of two touches needs first + last above 0")])
        return self


class AttributionRules(Section):
    """Which touches a conversion is credited to, and how.

    A model is a name, or a mapping with `model`, its parameters and a `name` for its rows. `position` and
    `half_life_days` are for models that are written as a name alone. Windows are in days of 24 hours, closed on both
    sides; `calendar_days` are counted by dates in `zone`, `whole_days` are floor(hours ÷ 24). Transforms are applied to
    each path in their order. `first_per_entity` and `reset_at_conversion` go by kind of conversion. A path of more
    than `report_paths_above` touches is credited like any other, and told of. Spend is set against credit by
    `spend_unit`, of which weeks begin on `week_start`, and of all time. With the level `account` conversions of
    accounts are credited to the touches of all members, too: of whoever was a member at the touch, or with
    `membership_at: conversion` at the conversion; with `roll_up` to those of every account below the one furthest
    above.
    """

    lookback_days: Positive = 30
    lookback: Literal["exact", "calendar_days", "whole_days"] = "exact"
    zone: Zone = "UTC"
    models: Annotated[tuple[Model, ...], Field(min_length=1)] = ("first", "last", "linear", "position", "time_decay")
    position: PositionWeights = PositionWeights()
    half_life_days: Annotated[Number, Field(gt=0)] = 7.0
    exclude_channels: tuple[Text, ...] = ()
    transforms: tuple[Transform, ...] = ()
    conversion_scope: Literal["every", "first_per_entity"] = "every"
    reset_at_conversion: Flag = False
    report_paths_above: Positive = 10_000
    levels: Annotated[tuple[Literal["person", "account"], ...], Field(min_length=1)] = ("person",)
    membership_at: Literal["touch", "conversion"] = "touch"
    roll_up: Flag = False
    spend_unit: Literal["day", "week", "month", "quarter"] = "month"
    week_start: Literal["monday", "sunday"] = "monday"

    @field_validator("levels")
    @classmethod
    def _people_are_always_there(cls, levels: tuple[str, ...]) -> tuple[str, ...]:
        if "person" not in levels or len(set(levels)) < len(levels):
            misplaced([((), "expected [person], or [person, account]: results of people are always there")])
        return levels

    @model_validator(mode="after")
    def _accounts_roll_up(self) -> AttributionRules:
        if self.roll_up and "account" not in self.levels:
            misplaced([(("roll_up",), "only accounts roll up: add `levels: [person, account]`")])
        if self.membership_at != "touch" and "account" not in self.levels:
            misplaced([(("membership_at",), "only accounts have members: add `levels: [person, account]`")])
        return self

    @field_validator("models")
    @classmethod
    def _models_differ(cls, models: tuple[Any, ...]) -> tuple[Any, ...]:
        misplaced(twice([parse_model(model) for model in models]))
        return models

    @property
    def specs(self) -> tuple[ModelSpec, ...]:
        """The models with all their parameters."""
        return tuple(parse_model(model, self._defaults) for model in self.models)

    def spec_of(self, name: str) -> ModelSpec:
        """A model by its name: the one of these that is called so, or else what is meant where a name alone is written.

        Raises:
            ValueError: where it is none.
        """
        return next((spec for spec in self.specs if spec.label == name), None) or parse_model(name, self._defaults)

    @property
    def _defaults(self) -> dict[str, dict[str, Any]]:
        return {"position": self.position.model_dump(), "time_decay": {"half_life_days": self.half_life_days}}

    @property
    def transform_specs(self) -> tuple[TransformSpec, ...]:
        """The transforms with their parameters, in their order."""
        return tuple(parse_transform(transform) for transform in self.transforms)


def attribution_problems(
    rules: AttributionRules,
    channels: Sequence[ChannelRule] | None,
    conversions: Mapping[str, Conversion],
    *,
    has_opportunities: bool = False,
) -> Iterator[tuple[Place, str]]:
    """What attribution names and nothing can give: channels without a rule, milestones that no conversion is."""
    known = known_channels(channels)
    for (section, *place), name in unknown_channels(
        known, exclude=rules.exclude_channels, models=rules.specs, transforms=rules.transform_specs
    ):
        whose = "the built-in channels" if channels is None else "`channels`"
        yield ("attribution", section, *place), no_such_channel(name, known, f"no rule of {whose} gives the channel")
    roles = {kind.milestone for kind in conversions.values()}
    if has_opportunities and "account" in rules.levels:
        # the times of their stages are milestones of accounts
        roles |= {"lead", "opportunity", "close"}
    for n, spec in enumerate(rules.specs):
        for milestone in spec.milestones:
            if milestone not in {_FIRST, *roles}:
                text = f"{spec.label} needs a conversion with `milestone: {milestone}`, and there is none"
                yield ("attribution", "models", n), text


def known_channels(channels: Sequence[ChannelRule] | None) -> list[str]:
    """Every channel that the rules can give: those of a configuration, or where it has none, the built-in ones."""
    return [*(DEFAULT_CHANNELS if channels is None else dict.fromkeys(rule.channel for rule in channels)), _UNASSIGNED]


def unknown_channels(
    known: Iterable[str],
    *,
    exclude: Sequence[str],
    models: Sequence[ModelSpec],
    transforms: Sequence[TransformSpec],
) -> Iterator[tuple[Place, str]]:
    """Channels that attribution names and that are none of the known ones: each with where it is named."""
    folded = set(map(_folded, known))
    named: list[tuple[Place, Sequence[str]]] = [(("exclude_channels", n), (name,)) for n, name in enumerate(exclude)]
    named += [(("models", n), spec.parameters.get("channels", ())) for n, spec in enumerate(models)]
    named += [(("transforms", n), spec.parameters.get("channels", ())) for n, spec in enumerate(transforms)]
    yield from ((place, name) for place, names in named for name in names if _folded(name) not in folded)


def no_such_channel(name: str, known: Sequence[str], found: str) -> str:
    """What to say of a name that is no channel: `found`, the name, and which may have been meant."""
    close = get_close_matches(_folded(name), [_folded(one) for one in known], n=1, cutoff=0.6)
    meant = next((one for one in known if close and _folded(one) == close[0]), None)
    hint = f"; did you mean {meant}?" if meant else f"; there are {', '.join(known)}"
    return f"{found} {name!r}{hint}"


def _folded(channel: str) -> str:
    """As channel rules compare texts: case and blanks around them do not count."""
    return channel.strip().lower()
