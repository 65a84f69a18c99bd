"""Attribution of anybody's touches and conversions, by any of the models."""

from __future__ import annotations

from functools import partial, reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from oneuser.config import parse_models
from oneuser.marts.attribution.entity_steps import in_order, of_converting, within_reach
from oneuser.marts.attribution.fitted_credits import SOLVED, credit_channels, credit_touches
from oneuser.marts.attribution.frames import KIND, REPORTING, checked_frames
from oneuser.marts.attribution.given_columns import problem, raise_problems
from oneuser.marts.attribution.journeys import build_journeys, count_journeys
from oneuser.marts.attribution.models.milestones import FIRST
from oneuser.marts.attribution.models.registry import rule_models
from oneuser.marts.attribution.path_rules import check_path_rules
from oneuser.marts.attribution.walk import credit_conversions, credit_shape
from oneuser.marts.attribution.weights import weight_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from pyspark.sql import DataFrame

    from oneuser.config import ModelSpec
    from oneuser.marts.attribution.frames import Frames
    from oneuser.marts.attribution.path_rules import PathParameters, PathRules

DEFAULT_MODELS = ("first", "last", "linear", "position", "time_decay")


def attribute(
    touches: DataFrame,
    conversions: DataFrame,
    *,
    models: Sequence[str | Mapping[str, Any]] | str = DEFAULT_MODELS,
    milestones: DataFrame | None = None,
    **parameters: Unpack[PathParameters],
) -> DataFrame:
    """Deal every conversion out over the touches before it, by each of the models.

    Eligible are the touches of the conversion's entity from `lookback_days` before it until its own instant, both
    included, except those of excluded channels; in order of (touched_at, touch_id). One shuffle and one sort by entity,
    of the conversions and of the touches of entities that converted; all models whose credit depends on one path alone
    come from one pass over them. Fitted models read the touches of everybody, twice.

    Args:
        touches: `entity_id`, `touch_id`, `touched_at`, `channel`. A touch without an entity or a time counts nowhere;
            one without a channel, or with a blank one, has the channel `Unassigned`, and can be excluded by that name.
        conversions: `conversion_id`, `entity_id`, `converted_at`, `value_minor` (whole numbers of the smallest unit,
            negative for refunds, null without a value), `currency`; optionally `conversion`, the kind, and
            `reporting_minor`, the value in one currency for all. One without an entity or a time is unattributed. Each
            row is a conversion, whatever its id.
        models: Names, or mappings with `model` and its parameters, and a `name` for its rows. See the README of this
            folder for all of them, and what they are called elsewhere.
        milestones: `entity_id`, `milestone`, `reached_at`, for models that look at milestones. Of several of one name
            the last at or before the conversion counts; one after the conversion is not reached yet.
        parameters: How paths are made; all optional:
            `lookback_days` (30): days of 24 hours; None for no bound.
            `lookback` ("exact"): or `calendar_days`, counted by dates in `zone`; `whole_days`, floor(hours ÷ 24).
            `zone` ("UTC"): of calendar days, and of days that stand where a time is asked for, from their start on.
            `exclude_channels` (none): their touches are left out before anything is weighted. Case does not count.
            `conversion_scope` ("every"): or `first_per_entity`: the first conversion of each entity, in all the data
            and of each kind where there are kinds, is the only one.
            `reset_at_conversion` (False): touches up to a conversion do not count for later ones (of the same kind).
            `converted_from`, `converted_until`: the report range, half-open: times with their zone, or days. It
            selects conversions, not touches.
            `watermark`: last instant that is complete, a time with its zone, for journeys that did not convert; see
            `count_paths`.
            `transforms` (none): applied to every path before it is weighted, in their order; see `transforms.py`.

    Returns:
        `conversion_id`, `model`, `touch_id`, `position`, `channel`, `weight decimal(20,12)`, `credit_minor`,
        `currency`; and `conversion` and `reporting_credit_minor` where the conversions have what it takes. Ids have the
        types that they came with. `credit_minor` is a bigint, or decimal(38,0) where `value_minor` is a decimal.

        One row per conversion, model and touch with credit; `position` counts the touches of the path from 1. Where no
        touch is eligible one row with channel `(unattributed)`, `touch_id` null, `position` 0, weight 1. Weights of a
        conversion and model add up to 1 and credits to its value, by the largest remainder, ties in path order; those
        of `participation` do not, as the metadata of the column `model` says (`does_not_add_up`).

        Models with channels and no touches (`markov_global`, `rate_shapley`) have one row per kind, currency and
        channel: `conversion_id` and `touch_id` null, `position` null, `weight` the number of credited conversions, and
        one `(unattributed)` row for conversions without a touch. They add up per kind and currency. Where the values of
        `rate_shapley` add up to nothing above 0, `weight` and `credit_minor` are null: there is no credit. Where such a
        model is asked for, there are also `channel_value`, the removal effect or Shapley value of the channel;
        `is_sampled`, whether that is of drawn orders of the channels; and `is_negative`, whether it is below 0. All are
        null in rows of other models, and of `(unattributed)`.

    Raises:
        ConfigError: naming everything that is wrong: a column that is missing or of another type, a model or transform
            that does not exist, a parameter out of range, milestones that a model needs.
    """
    specs = _checked_models(models, has_milestones=milestones is not None)
    rules = check_path_rules(**parameters)
    frames = checked_frames(touches, conversions, milestones, zone=rules.window.zone)
    parts = []
    if any(spec.kind == "rule" for spec in specs):
        parts.append(_credit_by_rules(frames, rules, specs))
    if any(spec.kind != "rule" for spec in specs):
        journeys = build_journeys(frames, rules)
        paths = count_journeys(journeys)
        parts += [
            *credit_touches(journeys, paths, [spec for spec in specs if spec.kind == "path"], facts=frames.facts),
            *credit_channels(journeys, paths, [spec for spec in specs if spec.kind == "channel"], facts=frames.facts),
        ]
    names = ["conversion_id", "model", "touch_id", "position", "channel", "weight", "credit_minor", "currency"]
    names += [KIND] if KIND in frames.facts else []
    names += ["reporting_credit_minor"] if REPORTING in frames.facts else []
    solved = SOLVED if any(spec.kind == "channel" for spec in specs) else {}
    absent = [F.lit(None).cast(dtype).alias(name) for name, dtype in solved.items()]
    told = [part.select(*names, *(solved if solved and "channel_value" in part.columns else absent)) for part in parts]
    together = reduce(lambda one, other: one.unionByName(other), told)
    labels = [spec.label for spec in specs if not spec.adds_up]
    marked = F.col("model").alias("model", metadata={"does_not_add_up": labels})
    return together.select(*[marked if name == "model" and labels else F.col(name) for name in together.columns])


def credit_by_rules(
    touches: DataFrame,
    conversions: DataFrame,
    *,
    models: Sequence[str | Mapping[str, Any]] | str,
    milestones: DataFrame | None = None,
    **parameters: Unpack[PathParameters],
) -> DataFrame:
    """Credits by models whose credit depends on one path alone, with the columns of `walk.credit_columns`.

    Raises:
        ConfigError: as `attribute`, and for other models.
    """
    specs = _checked_models(models, has_milestones=milestones is not None)
    fitted = [spec.label for spec in specs if spec.kind != "rule"]
    if fitted:
        raise_problems([problem("models", f"{', '.join(fitted)}: fitted on all paths; name models of one path alone")])
    rules = check_path_rules(**parameters)
    return _credit_by_rules(checked_frames(touches, conversions, milestones, zone=rules.window.zone), rules, specs)


def _checked_models(models: object, *, has_milestones: bool) -> tuple[ModelSpec, ...]:
    specs: tuple[ModelSpec, ...] = ()
    problems = []
    try:
        specs = parse_models(models)
    except ValueError as wrong:
        problems.append(problem("models", str(wrong)))
    for spec in specs:
        needed = [name for name in spec.milestones if name != FIRST]
        if needed and not has_milestones:
            problems.append(
                problem(
                    "milestones",
                    f"{spec.label} needs a frame with entity_id, milestone ({', '.join(needed)}) and reached_at",
                )
            )
    raise_problems(problems)
    return specs


def _credit_by_rules(frames: Frames, rules: PathRules, specs: Sequence[ModelSpec]) -> DataFrame:
    conversions = frames.conversion_steps(rules)
    touches = within_reach(frames.touch_steps(rules), conversions, window=rules.window)
    milestones = frames.milestone_steps(rules) if any(spec.milestones for spec in specs) else None
    reached = [] if milestones is None else [of_converting(milestones, conversions)]
    steps = in_order(conversions, touches, *reached)
    credit = partial(credit_conversions, rules=rules.walk, models=rule_models(specs), facts=frames.facts)
    credited = steps.mapInArrow(credit, credit_shape(steps.schema, frames.facts))
    return credited.withColumn("weight", weight_of(F.col("weight_units")))
