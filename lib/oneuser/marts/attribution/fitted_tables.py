"""Models that are fitted on all paths, in the job: what is kept is the fit, and what channels get of it.

Reads   touches, conversions
Yields  attribution_paths, attribution_transitions, attribution_removal_effects, and rows of attribution_summary;
        credits of conversions are computed from these when they are read
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.marts import (
    ACCOUNT_ATTRIBUTION,
    ATTRIBUTION_PATHS,
    ATTRIBUTION_REMOVAL_EFFECTS,
    ATTRIBUTION_SUMMARY,
    ATTRIBUTION_TRANSITIONS,
)
from oneuser.marts.attribution.credits import path_facts
from oneuser.marts.attribution.fitted import removal_effects, transitions
from oneuser.marts.attribution.fitted_credits import SOLVED, credit_channels, credit_touches
from oneuser.marts.attribution.frames import Frames
from oneuser.marts.attribution.journeys import build_journeys, count_journeys
from oneuser.marts.attribution.path_rules import PathRules
from oneuser.marts.attribution.walk import money_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import Column, DataFrame

    from oneuser.config import ModelSpec
    from oneuser.marts.attribution.credit_rules import CreditRules
    from oneuser.marts.attribution.credits import Level
    from oneuser.marts.provenance import Provenance

_FACTS = ("conversion", "value_minor", "currency")
_REPORTING = "reporting_minor"
_SUM = "decimal(38,0)"


def find_journeys(
    touches: DataFrame,
    conversions: DataFrame,
    *,
    rules: CreditRules,
    watermark: int | None = None,
    with_unconverted: bool = True,
    owner: str = "user_id",
) -> DataFrame:
    """The journeys of everybody: see `build_journeys`. One pass over all touches and conversions.

    Args:
        touches: Rows of `touches`.
        conversions: Rows of `conversions`; with `reporting_minor` where there is a reporting currency.
        rules: How paths are made.
        watermark: End of the journeys that did not convert, in microseconds since 1970; null for the latest touch or
            conversion.
        with_unconverted: Whether people without a conversion are looked at too.
        owner: The column that says whose a touch or conversion is: see `account_rows` for accounts.
    """
    of_person = F.col(owner).alias("entity")
    facts = (*_FACTS, *(name for name in (_REPORTING,) if name in conversions.columns))
    converted = with_wide_money(conversions)
    frames = Frames(
        touches.select(of_person, F.col("touched_at").alias("time"), "touch_id", "channel"),
        converted.select(of_person, F.col("converted_at").alias("time"), "conversion_id", *facts),
        None,
        facts,
    )
    how = PathRules(rules.window, rules.walk, rules.exclude_channels, None, None, watermark)
    return build_journeys(frames, how, with_unconverted=with_unconverted)


def with_wide_money(conversions: DataFrame) -> DataFrame:
    """Conversions with values that can be added up: what one channel is credited with may be more than 64 bits hold."""
    return conversions.withColumns({value: F.col(value).cast(_SUM) for value, _ in money_of(conversions.columns)})


def build_paths(journeys: DataFrame, *, made: Mapping[str, Column], provenance: Provenance) -> DataFrame:
    """Rows of `attribution_paths`; `made` is what `path_facts` says of them."""
    # with their lengths, so that no two paths are written alike
    written = F.array_join(
        F.transform("path", lambda channel: F.concat(F.length(channel).cast("string"), F.lit(":"), channel)), ""
    )
    path_id = F.unhex(F.substring(F.sha2(written.cast("binary"), 256), 1, 32))
    counted = count_journeys(journeys).select(path_id.alias("path_id"), "*", *provenance.columns())
    return ATTRIBUTION_PATHS.conform(counted.withColumns(dict(made)))


def markov_orders(specs: Sequence[ModelSpec]) -> list[int]:
    """The orders of the configured Markov chains."""
    return sorted({spec.parameters["order"] for spec in specs if "order" in spec.parameters})


def build_transitions(
    paths: DataFrame, *, orders: Sequence[int], made: Mapping[str, Column], provenance: Provenance
) -> DataFrame:
    """Rows of `attribution_transitions`, one chain per order; at least one order."""
    chains = [transitions(paths, order=order).withColumn("markov_order", F.lit(order)) for order in orders]
    together = reduce(lambda one, other: one.unionByName(other), chains).select("*", *provenance.columns())
    return ATTRIBUTION_TRANSITIONS.conform(together.withColumns(dict(made)))


def build_removal_effects(
    paths: DataFrame, *, orders: Sequence[int], made: Mapping[str, Column], provenance: Provenance
) -> DataFrame:
    """Rows of `attribution_removal_effects`, one chain per order; at least one order."""
    effects = [removal_effects(paths, order=order).withColumn("markov_order", F.lit(order)) for order in orders]
    together = reduce(lambda one, other: one.unionByName(other), effects).select("*", *provenance.columns())
    return ATTRIBUTION_REMOVAL_EFFECTS.conform(together.withColumns(dict(made)))


def build_fitted_credits(journeys: DataFrame, paths: DataFrame, *, specs: Sequence[ModelSpec]) -> DataFrame:
    """Credits by fitted models, at least one.

    Args:
        journeys: What `find_journeys` answers.
        paths: Rows of `attribution_paths`, which the models are fitted on.
        specs: The models.

    Returns:
        The columns of `attribute`, with `conversion`, `channel_value`, `is_sampled` and `is_negative`: rows of touches
        by models that share out each path, rows of channels by the others, which alone have the last three.
    """
    facts = (*_FACTS, *(name for name in (_REPORTING,) if name in journeys.columns))
    by_path, by_channel = ([spec for spec in specs if spec.kind == kind] for kind in ("path", "channel"))
    parts = [
        *credit_touches(journeys, paths, by_path, facts=facts),
        *credit_channels(journeys, paths, by_channel, facts=facts),
    ]
    columns = (
        "conversion_id", "conversion", "model", "touch_id", "position", "channel", "weight", "currency",
        *[credit for _, credit in money_of(facts)],
    )  # fmt: skip
    kept = [part.select(*columns, *[name for name in SOLVED if name in part.columns]) for part in parts]
    together = reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), kept)
    absent = {name: F.lit(None).cast(dtype) for name, dtype in SOLVED.items() if name not in together.columns}
    return together.withColumns(absent) if absent else together


def build_fitted_summary(
    journeys: DataFrame,
    paths: DataFrame,
    *,
    rules: CreditRules,
    provenance: Provenance,
    watermark: int | None,
    level: Level = "person",
) -> DataFrame:
    """Rows of `attribution_summary`, or of `account_attribution`, of the fitted models.

    A channel without credit has 0 conversions and null money. `watermark` is that of the journeys, in microseconds
    since 1970, null where they go on to the latest touch or conversion.
    """
    credited = build_fitted_credits(journeys, paths, specs=rules.fitted)
    if "reporting_credit_minor" not in credited.columns:
        credited = credited.withColumn("reporting_credit_minor", F.lit(None).cast("bigint"))
    summed = credited.groupBy("model", "conversion", "channel", "currency").agg(
        F.coalesce(F.sum("weight"), F.lit(0)).cast("decimal(30,12)").alias("conversions"),
        F.sum(F.col("credit_minor").cast(_SUM)).alias("credit_minor"),
        F.sum(F.col("reporting_credit_minor").cast(_SUM)).alias("reporting_credit_minor"),
        F.count("touch_id").alias("n_touches"),
        *[F.max(name).alias(name) for name in SOLVED],
    )
    contract = ATTRIBUTION_SUMMARY if level == "person" else ACCOUNT_ATTRIBUTION
    return contract.conform(
        summed.select(
            "*",
            F.lit(rules.reporting_currency).cast("string").alias("reporting_currency"),
            F.lit(True).alias("is_additive"),
            *[fact.alias(name) for name, fact in path_facts(rules, level=level, watermark=watermark).items()],
            *provenance.columns(),
        )
    )


def find_unequal(summary: DataFrame, conversions: DataFrame) -> DataFrame:
    """Fitted models that do not credit what there was to credit, by kind and currency.

    Args:
        summary: Rows of `attribution_summary` of fitted models.
        conversions: Rows of `conversions` that are credited.

    Returns:
        `model`, `conversion`, `currency`, `credited` and `there_was`, numbers of conversions: a row for each that
        differ, in number or in value. A model that gives no credit to anybody's channel, as `rate_shapley` where its
        values are not above 0 in all, is none of them.
    """
    keys = ["conversion", "currency"]
    money = money_of(conversions.columns)
    there_was = conversions.groupBy(*keys).agg(
        F.count(F.lit(1)).alias("there_was"), *[F.sum(F.col(value).cast(_SUM)).alias(value) for value, _ in money]
    )
    is_channel = F.col("channel") != F.lit("(unattributed)")
    was_credited = summary.groupBy("model", *keys).agg(
        F.sum("conversions").alias("credited"),
        *[F.sum(credit).alias(credit) for _, credit in money],
        (F.count_if(is_channel) > F.count_if(is_channel & (F.col("conversions") != F.lit(0)))).alias("has_none"),
        F.coalesce(F.sum(F.when(is_channel, F.col("conversions"))), F.lit(0)).alias("of_channels"),
    )
    is_same = F.lit(True)
    for key in keys:
        is_same = is_same & F.col(f"one.{key}").eqNullSafe(F.col(f"other.{key}"))
    both = was_credited.alias("one").join(there_was.alias("other"), on=is_same, how="left")
    is_without_credit = F.col("has_none") & (F.col("of_channels") == F.lit(0))
    is_equal = F.col("credited") == F.col("there_was")
    for value, credit in money:
        is_equal = is_equal & F.col(credit).eqNullSafe(F.col(value))
    return both.where(~is_without_credit & ~F.coalesce(is_equal, F.lit(False))).select(
        "model", *[f"one.{key}" for key in keys], "credited", "there_was"
    )
