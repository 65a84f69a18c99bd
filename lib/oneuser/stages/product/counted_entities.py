"""Who is in a number of product analytics: the people and accounts whom a table counts, with what they count for."""

from __future__ import annotations

from functools import reduce, singledispatch

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.config import product as rules_of
from oneuser.config import revenue
from oneuser.config.base import Section
from oneuser.marts.calendar import checked_calendar
from oneuser.marts.funnels import funnel_attempts
from oneuser.marts.lifecycle import activations, find_phases, intervals_active
from oneuser.marts.value import customers, members_of_ages
from oneuser.stages.product.counted_rows import ProductSources
from oneuser.stages.product.figures import (
    activation_arguments,
    activation_events,
    adopting,
    calendar_arguments,
    funnel_arguments,
    funnel_events,
    lifetime_arguments,
    revenue_arguments,
    stickiness_arguments,
)

# numbers of each table that somebody is in, the one first that is meant where none is named
NUMBERS: dict[str, tuple[str, ...]] = {
    "lifecycle": ("active", "new", "returning", "resurrecting", "dormant"),
    "stickiness": ("n_entities",),
    "active_users": ("n_actives",),
    "activation": ("n_activated", "n_new", "n_eligible", "n_activated_eligible"),
    "adoption": ("n_adopted", "n_tried", "n_active", "n_eligible", "n_adopted_eligible"),
    "funnels": ("n_entities", "n_eligible"),
    "lifetime_value": ("n_members",),
    "revenue_retention": ("n_customers", "n_retained"),
}
_PHASES = NUMBERS["lifecycle"][1:]


@singledispatch
def find_counted(rules: Section, sources: ProductSources) -> DataFrame:
    """Find whom a table counts under some rules. A row is an entity and a row of the table that it has a part in.

    Returns:
        `entity_id`, the key of the row but for its name, and for each of the table's `NUMBERS` whether the entity is in
        it; never null where the number is not.
    """
    raise ValueError(f"nobody is counted by {type(rules).__name__} of {sources}")


@find_counted.register
def _(rules: rules_of.LifecycleRules, sources: ProductSources) -> DataFrame:
    phases = find_phases(sources.active(rules), **calendar_arguments(rules), watermark=sources.watermark)
    calendar = checked_calendar(**calendar_arguments(rules))
    return phases.select(
        "entity_id",
        calendar.start_of(F.col("at")).alias("starts_at"),
        (F.col("phase") != F.lit("dormant")).alias("active"),
        *((F.col("phase") == F.lit(phase)).alias(phase) for phase in _PHASES),
    )


@find_counted.register
def _(rules: rules_of.StickinessRules, sources: ProductSources) -> DataFrame:
    active = intervals_active(sources.active(rules), **stickiness_arguments(rules), watermark=sources.watermark)
    return active.withColumn("n_entities", F.lit(True))


@find_counted.register
def _(rules: rules_of.ActiveUsersRules, sources: ProductSources) -> DataFrame:
    events = sources.active(rules)
    of_each = [
        intervals_active(events, unit="day", zone=rules.zone, watermark=sources.watermark, intervals=days).select(
            "entity_id", F.lit(days).alias("days"), F.lit(True).alias("n_actives")
        )
        for days in sorted(set(rules.days))
    ]
    return reduce(DataFrame.unionByName, of_each)


@find_counted.register
def _(rules: rules_of.ActivationRules, sources: ProductSources) -> DataFrame:
    arguments = activation_arguments(rules)
    people = activations(activation_events(rules, sources), **arguments, watermark=sources.watermark)
    calendar = checked_calendar(**calendar_arguments(rules))
    is_activated = F.col("activated_at").isNotNull()
    return people.select(
        "entity_id",
        calendar.start_of(calendar.interval_of(F.col("started_at"))).alias("starts_at"),
        F.lit(True).alias("n_new"),
        F.col("is_eligible").alias("n_eligible"),
        is_activated.alias("n_activated"),
        (is_activated & F.col("is_eligible")).alias("n_activated_eligible"),
    )


@find_counted.register
def _(rules: rules_of.AdoptionRules, sources: ProductSources) -> DataFrame:
    return adopting(rules, sources).select(
        "entity_id",
        F.col("is_tried").alias("n_tried"),
        F.col("is_adopted").alias("n_adopted"),
        F.col("is_active").alias("n_active"),
        F.col("is_eligible").alias("n_eligible"),
        (F.col("is_adopted") & F.col("is_eligible")).alias("n_adopted_eligible"),
    )


@find_counted.register
def _(rules: rules_of.FunnelRules, sources: ProductSources) -> DataFrame:
    attempts = funnel_attempts(funnel_events(rules, sources), **funnel_arguments(rules), watermark=sources.watermark)
    return attempts.select(
        "entity_id",
        F.explode(F.sequence(F.lit(1), F.col("n_steps"))).alias("step"),
        "by_value",
        F.lit(True).alias("n_entities"),
        F.col("is_eligible").alias("n_eligible"),
    )


@find_counted.register
def _(rules: revenue.LifetimeValueRules, sources: ProductSources) -> DataFrame:
    members = members_of_ages(**lifetime_arguments(rules, sources), watermark=sources.watermark)
    return members.withColumn("n_members", F.lit(True))


@find_counted.register
def _(rules: revenue.RevenueRetentionRules, sources: ProductSources) -> DataFrame:
    found = customers(**revenue_arguments(rules, sources), watermark=sources.watermark)
    return found.select(
        "entity_id", "month", "offset", F.lit(True).alias("n_customers"), F.col("is_retained").alias("n_retained")
    )
