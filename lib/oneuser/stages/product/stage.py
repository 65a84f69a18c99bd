"""Stage product: lifecycle, stickiness, adoption, funnels, value and the like, each by the names that are declared."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.config.revenue import ValueRules, constant_currency, subscriptions_of
from oneuser.contracts.graph import FILES, IDENTIFIERS
from oneuser.contracts.identity import EVENTS_RESOLVED, IDENTIFIER_MAP
from oneuser.contracts.marts import ACTIVITY, CONVERSIONS
from oneuser.contracts.product import LIFECYCLE, PRODUCT_TABLES
from oneuser.contracts.raw import EVENTS
from oneuser.contracts.reference import SEATS, SUBSCRIPTIONS
from oneuser.marts.lifecycle import count_broken
from oneuser.stages.complete_moments import last_complete_instant
from oneuser.stages.declaration import Stage
from oneuser.stages.parameters import product_provenance
from oneuser.stages.product.counted_rows import ProductSources
from oneuser.stages.product.figures import build_figures

if TYPE_CHECKING:
    from oneuser.stages.context import RunContext


def product(ctx: RunContext) -> None:
    """Write the tables of which something is declared; without any declaration nothing is read or planned.

    Each is counted anew from activity, which was changed for touched people alone, and from events where their order
    matters; what comes out as it was is not written. A table whose last name is gone from the configuration is emptied.
    Without any event there is no watermark, and all are empty.
    """
    declared = ctx.config.product
    if declared.is_empty:
        _empty_all_but(ctx, set())
        return
    watermark = last_complete_instant(ctx.read)
    parts: dict[str, list[DataFrame]] = {}
    if watermark is not None:
        sources = ProductSources(ctx.read, ctx.config, watermark)
        for table, name, rules in declared.each():
            provenance = product_provenance(ctx, table, name)
            parts.setdefault(table, []).append(build_figures(table, name, rules, sources, provenance=provenance))
        count_left_out(ctx, sources)
    for table, rows in parts.items():
        ctx.replace_within(PRODUCT_TABLES[table], reduce(DataFrame.unionByName, rows), within=None)
    _empty_all_but(ctx, set(parts))
    if LIFECYCLE.name in parts:
        _check_lifecycle(ctx)
    _count_other_currencies(ctx)


def _empty_all_but(ctx: RunContext, tables: set[str]) -> None:
    """Take away what an earlier configuration has left."""
    for contract in PRODUCT_TABLES.values():
        if contract.name in ctx.tables and contract.name not in tables:
            ctx.replace_within(contract, contract.empty(ctx.spark), within=None)


def _check_lifecycle(ctx: RunContext) -> None:
    """Whoever is active was so before, is new or has come back.

    Raises:
        CheckError: where an interval does not add up; nothing is published then.
    """
    names = sorted(ctx.config.product.lifecycle)
    rows = ctx.read(LIFECYCLE)
    of_each = [count_broken(rows.where(F.col("name") == F.lit(name))) for name in names]
    n_broken = sum(int(row["n_broken"] or 0) for row in reduce(DataFrame.unionByName, of_each).collect())
    ctx.check(
        "lifecycle_adds_up",
        ok=n_broken == 0,
        found=f"{n_broken} intervals",
        expected="active now = active before + new + resurrecting - dormant, in each interval",
    )


def _count_other_currencies(ctx: RunContext) -> None:
    """Tell how many conversions each name of value leaves out, as they are in another currency, or in none."""
    conversions = ctx.config.conversions
    open_rules = [
        (table, name, rules)
        for table, name, rules in ctx.config.product.each()
        if isinstance(rules, ValueRules)
        and not subscriptions_of(rules)
        and constant_currency([conversions[one] for one in rules.conversions]) is None
    ]
    if not open_rules:
        return
    sums = [
        F.count_if(
            F.col("conversion").isin(*rules.conversions) & ~F.col("currency").eqNullSafe(F.lit(rules.currency))
        ).alias(f"{table}.{name}")
        for table, name, rules in open_rules
    ]
    found = ctx.read(CONVERSIONS).agg(*sums).first()
    for key, n in (found.asDict() if found else {}).items():
        ctx.metric("conversions_in_other_currencies", n, key)


def count_left_out(ctx: RunContext, sources: ProductSources) -> None:
    """Tell how many records of subscriptions each name leaves out: of another currency, or of nobody who is known."""
    named = [(name, rules) for name, rules in ctx.config.product.revenue_retention.items() if rules.subscriptions]
    if not named:
        return
    other = [
        sources.subscriptions(rules).agg(
            F.lit(name).alias("name"),
            F.count_if(F.col("currency") != F.lit(sources.currency(rules))).alias("other"),
            F.count_if(F.col("entity_id").isNull()).alias("nobody"),
        )
        for name, rules in named
    ]
    for row in reduce(DataFrame.unionByName, other).collect():
        ctx.metric("subscriptions_in_other_currencies", row["other"], f"revenue_retention.{row['name']}")
        ctx.metric("subscriptions_of_nobody_known", row["nobody"], f"revenue_retention.{row['name']}")


PRODUCT_STAGE = Stage(
    "product",
    product,
    reads=(
        ACTIVITY,
        EVENTS_RESOLVED,
        EVENTS,
        CONVERSIONS,
        FILES,
        SUBSCRIPTIONS,
        SEATS,
        IDENTIFIERS,
        IDENTIFIER_MAP,
    ),
    writes=tuple(PRODUCT_TABLES.values()),
    # what a conversion is shapes rows by their parameters, and the currency of files the choice of records
    sections=("product", "conversions", "subscriptions"),
)
