"""The tables of product analytics: which function counts what, of what, with which parameters beside it."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.config import product as rules_of
from oneuser.config import revenue
from oneuser.config.base import Section
from oneuser.contracts.product import PRODUCT_TABLES
from oneuser.marts.adoption import adopters, adopting_accounts, adoption, count_adopters, feature_usage
from oneuser.marts.calendar import checked_calendar, instant
from oneuser.marts.funnels import funnel
from oneuser.marts.lifecycle import activation, active_users, at_risk, lifecycle, power_users, recent_stickiness
from oneuser.marts.steps import checked_step, text_of
from oneuser.marts.value import ltv, revenue_retention, rfm
from oneuser.stages.parameters import property_key
from oneuser.stages.product.counted_rows import ProductSources, step_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import Column

    from oneuser.marts.provenance import Provenance

_CALENDAR = ("unit", "zone", "week_start")


def build_figures(
    table: str, name: str, rules: Section, sources: ProductSources, *, provenance: Provenance
) -> DataFrame:
    """Rows of a table of product analytics, of one name. Nothing is computed before they are read.

    Args:
        table: The table, a key of `product`.
        name: The name below it.
        rules: What is declared there.
        sources: What it is counted from.
        provenance: How the rows are made.
    """
    counted = _counted(rules, sources)
    facts: dict[str, Column] = {
        "name": F.lit(name),
        "entity_level": F.lit(getattr(rules, "level", "person")),
        **_parameters(rules, sources),
    }
    contract = PRODUCT_TABLES[table]
    made = counted.withColumns(facts).select("*", *provenance.columns())
    typed = [F.col(one.name).cast(one.dtype).alias(one.name) for one in contract.fields]
    return contract.conform(made.select(*typed))


@singledispatch
def _counted(rules: Section, sources: ProductSources) -> DataFrame:
    """What the function of these rules answers."""
    raise ValueError(f"nothing counts {type(rules).__name__} of {sources}")


@_counted.register
def _(rules: rules_of.LifecycleRules, sources: ProductSources) -> DataFrame:
    return lifecycle(sources.active(rules), **calendar_arguments(rules), watermark=sources.watermark)


@_counted.register
def _(rules: rules_of.StickinessRules, sources: ProductSources) -> DataFrame:
    return recent_stickiness(sources.active(rules), **stickiness_arguments(rules), watermark=sources.watermark)


@_counted.register
def _(rules: rules_of.ActiveUsersRules, sources: ProductSources) -> DataFrame:
    return active_users(sources.active(rules), **_of(rules, "zone", "days"), watermark=sources.watermark)


@_counted.register
def _(rules: rules_of.PowerUserRules, sources: ProductSources) -> DataFrame:
    named = _of(rules, "zone", "rule", "min_days", "days")
    return power_users(sources.active(rules), **named, watermark=sources.watermark)


@_counted.register
def _(rules: rules_of.AtRiskRules, sources: ProductSources) -> DataFrame:
    named = _of(rules, "zone", "min_days", "days", "drop", "silence_factor")
    return at_risk(sources.active(rules), **named, watermark=sources.watermark)


@_counted.register
def _(rules: rules_of.ActivationRules, sources: ProductSources) -> DataFrame:
    arguments = activation_arguments(rules) | calendar_arguments(rules)
    return activation(activation_events(rules, sources), **arguments, watermark=sources.watermark)


@_counted.register
def _(rules: rules_of.FeatureUsageRules, sources: ProductSources) -> DataFrame:
    events = sources.uses(rules.choices.values(), rules.level, window_days=rules.window_days)
    features = {feature: step_of(use) for feature, use in rules.choices.items()}
    return feature_usage(events, features=features, **_of(rules, "zone", "window_days"), watermark=sources.watermark)


@_counted.register
def _(rules: rules_of.AdoptionRules, sources: ProductSources) -> DataFrame:
    if rules.level == "person":
        counted = adoption(adoption_events(rules, sources), **adoption_arguments(rules), watermark=sources.watermark)
        return counted.withColumn("n_without_seats", F.lit(None).cast("bigint"))
    is_seat_needed = rules.min_seats_percent is not None
    counted = count_adopters(
        adopting(rules, sources),
        is_eligible_known=bool(rules.seats) or rules.could_use is not None,
        n_without_seats=F.when(F.lit(is_seat_needed), F.count_if("is_seat_missing")),
    )
    return counted.withColumns(
        {
            "feature": F.lit(text_of(checked_step("feature", step_of(rules.use)))),
            "watermark": instant(sources.watermark),
            **{name: F.lit(getattr(rules, name)) for name in ("min_uses", "min_days", "window_days", "zone")},
        }
    )


@_counted.register
def _(rules: rules_of.FunnelRules, sources: ProductSources) -> DataFrame:
    return funnel(funnel_events(rules, sources), **funnel_arguments(rules), watermark=sources.watermark)


@_counted.register
def _(rules: revenue.RfmRules, sources: ProductSources) -> DataFrame:
    found = rfm(sources.purchases(rules), zone=rules.zone, watermark=sources.watermark)
    return found.withColumnsRenamed({"recency": "recency_days", "T": "t_days"})


@_counted.register
def _(rules: revenue.LifetimeValueRules, sources: ProductSources) -> DataFrame:
    return ltv(**lifetime_arguments(rules, sources), watermark=sources.watermark)


@_counted.register
def _(rules: revenue.RevenueRetentionRules, sources: ProductSources) -> DataFrame:
    return revenue_retention(**revenue_arguments(rules, sources), watermark=sources.watermark)


def calendar_arguments(rules: rules_of.LifecycleRules | rules_of.ActivationRules) -> dict[str, Any]:
    """The calendar of some rules."""
    return _of(rules, *_CALENDAR)


def stickiness_arguments(rules: rules_of.StickinessRules) -> dict[str, Any]:
    """Arguments of `recent_stickiness` and `intervals_active`."""
    return _of(rules, *_CALENDAR, "intervals")


def activation_arguments(rules: rules_of.ActivationRules) -> dict[str, Any]:
    """Arguments of `activations`."""
    start = None if rules.starts.names is None else step_of(rules.starts)
    return {"steps": list(map(step_of, rules.choices)), "window_days": rules.window_days, "start": start}


def activation_events(rules: rules_of.ActivationRules, sources: ProductSources) -> DataFrame:
    """The events that activation is counted from."""
    return sources.events([rules.starts, *rules.choices], rules.level)


def adoption_arguments(rules: rules_of.AdoptionRules) -> dict[str, Any]:
    """Arguments of `adoption` and `adopters`."""
    eligible = None if rules.could_use is None else step_of(rules.could_use)
    named = _of(rules, "min_uses", "min_days", "window_days", "zone")
    return {"feature": step_of(rules.use), "eligible": eligible, **named}


def funnel_arguments(rules: rules_of.FunnelRules) -> dict[str, Any]:
    """Arguments of `funnel` and `funnel_attempts`."""
    by = None if rules.by is None else property_key(rules.by)
    return {"steps": list(map(step_of, rules.choices)), "by": by, **_of(rules, "window_days", "mode")}


def funnel_events(rules: rules_of.FunnelRules, sources: ProductSources) -> DataFrame:
    """The events that a funnel is counted from."""
    return sources.events(rules.choices, rules.level, funnel_arguments(rules)["by"])


def lifetime_arguments(rules: revenue.LifetimeValueRules, sources: ProductSources) -> dict[str, Any]:
    """Arguments of `ltv` and `members_of_ages`."""
    members = None if rules.starts is None else sources.starts(rules.starts)
    return {"rows": sources.purchases(rules), "members": members, **_of(rules, *_CALENDAR)}


def revenue_arguments(rules: revenue.RevenueRetentionRules, sources: ProductSources) -> dict[str, Any]:
    """Arguments of `revenue_retention` and `customers`."""
    return {"rows": sources.recurring(rules), **_of(rules, "zone", "offsets", "membership")}


def adopting(rules: rules_of.AdoptionRules, sources: ProductSources) -> DataFrame:
    """Whether each person, or account, used and adopted the feature: what adoption counts."""
    arguments = adoption_arguments(rules)
    if rules.level == "person":
        return adopters(adoption_events(rules, sources), **arguments, watermark=sources.watermark)
    seats = sources.seats(rules.seats) if rules.seats else None
    events = sources.events_of_members([one for one in (rules.use, rules.could_use) if one is not None])
    arguments |= {"seats": seats, "min_seats_percent": rules.min_seats_percent}
    return adopting_accounts(events, **arguments, watermark=sources.watermark)


def adoption_events(rules: rules_of.AdoptionRules, sources: ProductSources) -> DataFrame:
    """The events that adoption of people is counted from."""
    asked = [one for one in (rules.use, rules.could_use) if one is not None]
    return sources.uses(asked, "person", window_days=rules.window_days)


def _parameters(rules: Section, sources: ProductSources) -> Mapping[str, Column]:
    """What rows say of their parameters that the functions do not."""
    match rules:
        case rules_of.LifecycleRules() | rules_of.ActivationRules():
            calendar = checked_calendar(rules.unit, rules.zone, rules.week_start)
            # a day, also where the unit is hour
            return {"interval": calendar.first_day_of(calendar.interval_of(F.col("starts_at")))}
        case rules_of.StickinessRules():
            return {"intervals": F.lit(rules.intervals)}
        case rules_of.PowerUserRules():
            return {"days": F.lit(rules.days)}
        case rules_of.AtRiskRules():
            return {
                "min_days": F.lit(rules.min_days),
                "days": F.lit(rules.days),
                "drop": F.lit(rules.drop),
                "silence_factor": F.lit(rules.silence_factor),
            }
        case rules_of.AdoptionRules():
            return {"min_seats_percent": F.lit(rules.min_seats_percent).cast("double")}
        case rules_of.FunnelRules():
            return {"breakdown": F.lit(None if rules.by is None else property_key(rules.by)).cast("string")}
        case revenue.ValueRules():
            return {"currency": F.lit(sources.currency(rules))}
        case _:
            return {}


def _of(rules: Section, *names: str) -> dict[str, Any]:
    return {name: getattr(rules, name) for name in names}
