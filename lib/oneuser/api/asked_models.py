"""Parameters of attribution as people ask for them, checked against what there is. Loads no Spark."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from oneuser.config import known_channels, no_such_channel, parse_models, parse_transforms, unknown_channels
from oneuser.core.errors import ConfigError, ConfigProblem
from oneuser.core.suggestions import did_you_mean

if TYPE_CHECKING:
    from oneuser.config import AttributionRules, ChannelRule, ModelSpec, TransformSpec

Model = str | Mapping[str, Any]
# one model, or several
Models = Model | Sequence[Model]
# days of 24 hours, or without a bound; nothing said is what the configuration says
Lookback = float | Literal["none"] | None
UNBOUNDED: Final = "none"
CHANNEL: Final = "channel"
# what touches say of themselves, and what that is called elsewhere
_OF_TOUCHES = (
    CHANNEL, "campaign_source", "campaign_medium", "campaign_name", "campaign_content", "source", "kind", "channel_rule"
)  # fmt: skip
_CALLED = {
    "utm_source": "campaign_source",
    "utm_medium": "campaign_medium",
    "utm_campaign": "campaign_name",
    "utm_content": "campaign_content",
    "campaign": "campaign_name",
    "content": "campaign_content",
}
# what may hold what people typed, or who they are
_OF_RAW_ZONE = ("utm_term", "campaign_term")
_PROPERTY = "properties."


def bound_of(days: Lookback) -> float | None:
    """Days of a look-back; null for no bound.

    Raises:
        ConfigError: for a word that is another one.
    """
    if isinstance(days, str):
        if days != UNBOUNDED:
            raise ConfigError.single("lookback_days", f"expected a number of days, or {UNBOUNDED!r}, found {days!r}")
        return None
    return days


def each_of(model: Models) -> list[Model]:
    """The models, one by one.

    Raises:
        ConfigError: where it is none.
    """
    models = [model] if isinstance(model, str | Mapping) else list(model)
    if not models:
        raise ConfigError.single("model", "expected at least one model; leave it out for all")
    return models


def as_configured(models: Sequence[Model], rules: AttributionRules | None) -> list[Model]:
    """Models with their parameters, where they are asked for by a name, as the configuration has it."""
    return list(models) if rules is None else [_configured(model, rules) for model in models]


def written(spec: ModelSpec) -> dict[str, Any]:
    """A model of the configuration as a mapping with all its parameters."""
    parameters = dict(spec.parameters)
    shares = parameters.pop("shares", {})
    return {"model": spec.model, "name": spec.label, **parameters, **shares}


def with_touches(models: Sequence[Model]) -> tuple[list[Model], list[str]]:
    """Models whose credit is of touches, and what the others are called, which credit channels alone."""
    specs = _specs(models)
    if len(specs) != len(models):
        return list(models), []
    kept = [model for model, spec in zip(models, specs, strict=True) if spec.kind != "channel"]
    return kept, [spec.label for spec in specs if spec.kind == "channel"]


def facts_of(by: str | Sequence[str]) -> dict[str, str | None]:
    """What credit is told apart by: columns, each with the path of the property that it is, or null where it is none.

    Columns of properties begin with `properties_`, as nothing does that touches or credits have.

    Raises:
        ConfigError: for what touches do not say, and for a column that is there twice.
    """
    found: dict[str, str | None] = {}
    for name in [by] if isinstance(by, str) else by:
        is_property = name.startswith(_PROPERTY) and len(name) > len(_PROPERTY)
        path = name.removeprefix(_PROPERTY) if is_property else None
        column = name.replace(".", "_") if path else _CALLED.get(name, name)
        if name in _OF_RAW_ZONE:
            raise ConfigError.single(
                "by", f"{name} is kept in the raw zone alone, for it may hold personal data: touches do not say it"
            )
        if path is None and column not in _OF_TOUCHES:
            hint = did_you_mean(name, [*_OF_TOUCHES, *_CALLED])
            known = f"expected one of {', '.join(_OF_TOUCHES)}, or a property of their event, such as properties.plan"
            raise ConfigError.single("by", f"touches do not say {name!r}{hint}; {known}")
        # Spark does not tell columns apart by case
        if column.lower() in map(str.lower, found):
            raise ConfigError.single("by", f"{column} is there twice")
        found[column] = path
    if not found:
        raise ConfigError.single("by", "name at least one column, such as campaign_name")
    return found


def are_fitted(models: Sequence[Model]) -> bool:
    """Whether one of them is fitted on all journeys."""
    return any(spec.kind != "rule" for spec in _specs(models))


def check_channels(
    models: Sequence[Model],
    parameters: Mapping[str, Any],
    *,
    rules: Sequence[ChannelRule] | None,
    of_touches: Callable[[], Collection[str]],
) -> None:
    """Refuse channels that no rule gives and no touch has: what is excluded by a wrong name would stay.

    Args:
        models: The models, of which some name channels.
        parameters: Parameters of paths; `exclude_channels` and `transforms` name channels.
        rules: Channel rules of the configuration; null for the built-in ones.
        of_touches: Answers the channels that touches have; called where the rules do not give every name.

    Raises:
        ConfigError: with every such name, and the one that may have been meant.
    """
    exclude = parameters.get("exclude_channels", ())
    names = [] if isinstance(exclude, str) else [name for name in exclude if isinstance(name, str)]
    named: dict[str, Any] = {
        "exclude": names,
        "models": _specs(models),
        "transforms": _transforms(parameters.get("transforms", ())),
    }
    known = known_channels(rules)
    if not any(unknown_channels(known, **named)):
        return
    known = list(dict.fromkeys([*known, *sorted(of_touches())]))
    problems = list(_problems(known, named))
    if problems:
        raise ConfigError(problems)


def _problems(known: Sequence[str], named: Mapping[str, Any]) -> Iterator[ConfigProblem]:
    for (section, *_), name in unknown_channels(known, **named):
        yield ConfigProblem(
            str(section),
            no_such_channel(name, known, "no rule gives and no touch has the channel"),
            code="config.usage",
        )


# what is wrong with a model or a transform is told by whoever computes it


def _configured(model: Model, rules: AttributionRules) -> Model:
    if not isinstance(model, str):
        return model
    try:
        return written(rules.spec_of(model))
    except ValueError:
        return model


def _specs(models: Sequence[Model]) -> Sequence[ModelSpec]:
    try:
        return parse_models(models)
    except ValueError:
        return ()


def _transforms(written: object) -> Sequence[TransformSpec]:
    try:
        return parse_transforms(written)
    except ValueError:
        return ()
