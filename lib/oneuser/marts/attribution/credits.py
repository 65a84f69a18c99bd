"""Credits: each conversion dealt out over the touches before it, by every model.

Reads   touches, conversions
Yields  attribution_credits, attribution_summary, and the metrics of the conservation check
"""

from __future__ import annotations

from functools import partial, reduce
from typing import TYPE_CHECKING, Literal

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.contracts.marts import ATTRIBUTION_CREDITS, ATTRIBUTION_SUMMARY
from oneuser.marts.attribution.entity_steps import (
    conversion_steps,
    in_order,
    milestone_steps,
    touch_steps,
    within_reach,
)
from oneuser.marts.attribution.fitted_credits import SOLVED
from oneuser.marts.attribution.walk import credit_conversions, credit_shape, money_of
from oneuser.marts.attribution.weights import weight_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import Column, DataFrame

    from oneuser.contracts.table import TableContract
    from oneuser.marts.attribution.credit_rules import CreditRules
    from oneuser.marts.attribution.entity_steps import Window
    from oneuser.marts.attribution.path_rules import PathRules
    from oneuser.marts.provenance import Provenance

Level = Literal["person", "account"]
# the column that says whose a touch or conversion is
OWNERS: dict[Level, str] = {"person": "user_id", "account": "account_id"}
_FACTS = ("conversion", "user_id", "account_id", "value_minor", "currency")
_REPORTING = "reporting_minor"
_SUM = "decimal(38,0)"


def build_credits(
    touches: DataFrame,
    conversions: DataFrame,
    *,
    rules: CreditRules,
    provenance: Provenance,
    level: Level = "person",
    stages: DataFrame | None = None,
    pool: str | None = None,
    is_selected: Column | None = None,
) -> DataFrame:
    """Credit each conversion to the touches of its person, or account, in the window before it, by models of one path.

    Touches that no conversion looks back to are left out first, by a join with one row for each converting person. Then
    one shuffle and one sort by person; all models come from one pass over them (see `walk`).

    Args:
        touches: Rows of `touches`.
        conversions: Rows of `conversions`, all of a person or none. Those of nobody are `(unattributed)`. With
            `reporting_minor` where there is a reporting currency: dealt out by the same shares.
        rules: The models, and how paths are made.
        provenance: How the rows are made.
        level: Whose touches: those with its `user_id`, or with its `account_id`.
        stages: More milestones than the conversions are: `entity_id`, `milestone`, `reached_at`.
        pool: The column by which touches and conversions meet, where it is another than their owner's: see
            `account_rows`. `stages` are all milestones then.
        is_selected: Which conversions are credited; null for all. The others are milestones, may be the first of their
            person, and end what others look back to.

    Returns:
        Rows of `attribution_credits`, or of `account_credits` but for `touch_user_id`.
    """
    owner = pool or OWNERS[level]
    of_person = F.col(owner).alias("entity")
    facts = (*_FACTS, *([_REPORTING] if _REPORTING in conversions.columns else []))
    converted = conversion_steps(
        conversions.select("*", of_person, F.col("converted_at").alias("time")),
        window=rules.window,
        facts=facts,
        is_selected=is_selected,
    )
    touched = touch_steps(
        touches.select(of_person, F.col("touched_at").alias("time"), "touch_id", "channel"),
        window=rules.window,
        exclude_channels=rules.exclude_channels,
    )
    reached = [find_milestones(conversions, dict(rules.roles), owner=owner)] if rules.roles and pool is None else []
    if stages is not None and rules.needs_milestones:
        reached.append(stages)
    milestones = [
        one.select("milestone", F.col("entity_id").alias("entity"), F.col("reached_at").alias("time"))
        for one in reached
    ]
    steps = in_order(
        converted,
        within_reach(touched, converted, window=rules.window),
        *[milestone_steps(one, window=rules.window) for one in milestones],
    )
    credit = partial(credit_conversions, rules=rules.walk, models=rules.models, facts=facts)
    credits_in_units = steps.mapInArrow(credit, credit_shape(steps.schema, facts))
    if len(facts) == len(_FACTS):
        credits_in_units = credits_in_units.withColumn("reporting_credit_minor", F.lit(None).cast("bigint"))
    return ATTRIBUTION_CREDITS.conform(
        credits_in_units.select(
            "*",
            weight_of(F.col("weight_units")).alias("weight"),
            F.timestamp_micros("touched_us").alias("touched_at"),
            F.timestamp_micros("converted_us").alias("converted_at"),
            F.lit(rules.reporting_currency).cast("string").alias("reporting_currency"),
            F.col("model").isin(*rules.additive).alias("is_additive"),
            *[fact.alias(name) for name, fact in path_facts(rules, level=level).items()],
            *provenance.columns(),
        )
    )


def find_milestones(conversions: DataFrame, roles: Mapping[str, str], *, owner: str = "user_id") -> DataFrame:
    """Conversions that are milestones, as `attribute` takes them: `entity_id`, `milestone`, `reached_at`.

    Args:
        conversions: Rows of `conversions`. Those of nobody are left out.
        roles: The milestone that each kind of conversion is, by kind; at least one.
        owner: `user_id` or `account_id`: whose milestones.
    """
    role = F.coalesce(
        *[F.when(F.col("conversion") == F.lit(name), F.lit(role)) for name, role in sorted(roles.items())]
    )
    reached = conversions.select(
        F.col(owner).alias("entity_id"), role.alias("milestone"), F.col("converted_at").alias("reached_at")
    )
    return reached.where(F.col("entity_id").isNotNull() & F.col("milestone").isNotNull())


def only_counted(conversions: DataFrame, *, rules: CreditRules | PathRules, level: Level = "person") -> DataFrame:
    """The conversions that are credited: all, or the first of each person and kind. Those of nobody count each.

    Args:
        conversions: Rows of `conversions`, all of a person or none.
        rules: How paths are made.
        level: Whose first one.
    """
    if not rules.walk.first_per_entity:
        return conversions
    owner = F.col(OWNERS[level])
    # together, those of nobody would be one task's
    alone = F.when(owner.isNull(), F.col("conversion_id"))
    in_time = W.partitionBy(owner, "conversion", alone).orderBy("converted_at", "conversion_id")
    is_first = F.row_number().over(in_time.rowsBetween(W.unboundedPreceding, W.currentRow)) == F.lit(1)
    ranked = conversions.select("*", (owner.isNull() | is_first).alias("is_counted"))
    return ranked.where("is_counted").drop("is_counted")


def sum_credits(credits: DataFrame) -> DataFrame:  # noqa: A002 - the field's word
    """Add credits up by model, kind of conversion, currency and channel. One pass over narrow columns of all credits.

    Args:
        credits: Rows of `attribution_credits`, all made in the same way.

    Returns:
        What `build_summary` and `measure_totals` take: few rows, with the sums, `n_touches`, `n_credits` and
        `longest_path`. `credit_minor` is null where no conversion has a value.
    """
    made = ("reporting_currency", "is_additive", "transforms", "entity_level", "lookback_days")
    return credits.groupBy("model", "conversion", "channel", "currency", *made).agg(
        F.sum("weight").cast("decimal(30,12)").alias("conversions"),
        F.sum(F.col("credit_minor").cast(_SUM)).alias("credit_minor"),
        F.sum(F.col("reporting_credit_minor").cast(_SUM)).alias("reporting_credit_minor"),
        F.count("touch_id").alias("n_touches"),
        F.count(F.lit(1)).alias("n_credits"),
        F.max("path_length").alias("longest_path"),
    )


def build_summary(
    sums: DataFrame, *, rules: CreditRules, provenance: Provenance, contract: TableContract = ATTRIBUTION_SUMMARY
) -> DataFrame:
    """Say how the sums of credits came about.

    Args:
        sums: What `sum_credits` answers.
        rules: How paths are made.
        provenance: How the credits are made.
        contract: Of which table they are to be rows.

    Returns:
        Rows of `attribution_summary`, or of `account_attribution`.
    """
    solved = {name: F.lit(None).cast(dtype) for name, dtype in SOLVED.items()}
    facts = window_facts(rules.window, watermark=None)
    return contract.conform(sums.withColumns({**solved, **facts}).select("*", *provenance.columns()))


def path_facts(rules: CreditRules, *, level: Level = "person", watermark: int | None = None) -> dict[str, Column]:
    """What rows say of how their paths were made; see `window_facts` for the watermark."""
    return {
        "transforms": F.lit(rules.transforms),
        "entity_level": F.lit(level),
        "lookback_days": F.lit(rules.window.days).cast("int"),
        **window_facts(rules.window, watermark=watermark),
    }


def window_facts(window: Window, *, watermark: int | None) -> dict[str, Column]:
    """What rows say of their window beside its days.

    Args:
        window: The window.
        watermark: Where journeys end that did not convert, in microseconds since 1970; null where these have no say.
    """
    return {
        "lookback": F.lit(window.mode),
        "zone": F.lit(window.zone),
        "watermark": F.timestamp_micros(F.lit(watermark).cast("bigint")),
    }


def count_broken(credits: DataFrame, conversions: DataFrame, *, models: Sequence[str]) -> DataFrame:  # noqa: A002
    """Compare conversion by conversion what was credited with what there was to credit. Grows with both.

    Args:
        credits: Rows of `attribution_credits`.
        conversions: Rows of `conversions`: those that are credited.
        models: What the models are called that add up.

    Returns:
        One row with `n_broken`: conversions and models whose weights are not 1 in all or whose credits are not the
        value, credits without a conversion included.
    """
    money = money_of(conversions.columns)
    sums = [
        column
        for n, model in enumerate(models)
        for column in (
            F.sum(_of(model, F.col("weight"))).alias(f"weight_{n}"),
            *[F.sum(_of(model, F.col(credit).cast(_SUM))).alias(f"{credit}_{n}") for _, credit in money],
        )
    ]
    # of fitted models there are no credits, and those of participation do not add up: there may be nothing to sum
    n_rows = F.count(F.lit(1)).alias("n_rows")
    credited = credits.where(F.col("model").isin(*models)).groupBy("conversion_id").agg(n_rows, *sums)
    values = [F.col(value).cast(_SUM).alias(value) for value, _ in money]
    expected = conversions.select("conversion_id", *values, F.lit(True).alias("is_conversion"))
    compared = expected.join(credited, on="conversion_id", how="full")

    def is_broken(n: int) -> Column:
        broken = F.col("is_conversion").isNull() | ~F.col(f"weight_{n}").eqNullSafe(F.lit(1))
        for value, credit in money:
            broken = broken | ~F.col(f"{credit}_{n}").eqNullSafe(F.col(value))
        return broken

    broken = [F.count_if(is_broken(n)) for n in range(len(models))]
    return compared.agg(reduce(lambda one, other: one + other, broken, F.lit(0)).alias("n_broken"))


def measure_totals(sums: DataFrame, conversions: DataFrame, *, models: Sequence[str]) -> DataFrame:
    """Add up what was credited, and what there was to credit. One pass over narrow columns of the conversions.

    Args:
        sums: What `sum_credits` answers.
        conversions: Rows of `conversions`: those that are credited.
        models: What the models are called that add up.

    Returns:
        One row: `n_conversions` and `value_minor`, the sum of all values; `n_credits`, `longest_path`, and
        `credit_minor_<n>` of the model at that place; where conversions have `reporting_minor`, the same of that.
    """
    money = money_of(conversions.columns)
    there_was = conversions.agg(
        F.count(F.lit(1)).alias("n_conversions"), *[F.sum(F.col(value).cast(_SUM)).alias(value) for value, _ in money]
    )
    was_credited = sums.agg(
        F.coalesce(F.sum("n_credits"), F.lit(0)).alias("n_credits"),
        F.max("longest_path").alias("longest_path"),
        *[
            F.sum(_of(model, F.col(credit))).cast(_SUM).alias(f"{credit}_{n}")
            for n, model in enumerate(models)
            for _, credit in money
        ],
    )
    return there_was.crossJoin(was_credited)


def count_with_long_paths(credits: DataFrame, *, above: int, level: Level = "person") -> DataFrame:  # noqa: A002
    """How many people, or accounts, have a path of more than so many touches. One row with `n_entities`."""
    is_long = F.col("path_length") > F.lit(above)
    return credits.where(is_long).agg(F.countDistinct(OWNERS[level]).alias("n_entities"))


def _of(model: str, value: Column) -> Column:
    return F.when(F.col("model") == F.lit(model), value)
