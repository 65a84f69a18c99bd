"""What a run has to go by, under the rules of its configuration, before any edge is judged.

Reads   identifiers, links, edges of the last run
Yields  declared pairs, over-shared values, alias classes
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.graph import EDGES, IDENTIFIERS, SHARED_VALUES
from oneuser.contracts.reference import LINKS
from oneuser.graph.edges import included_pairs, link_pairs, touching
from oneuser.graph.linking_messages import eligible_identifiers
from oneuser.graph.over_shared import count_persons_per_value
from oneuser.graph.protection import find_renames
from oneuser.stages.alias_messages import find_alias_messages
from oneuser.stages.engines import connect_pairs
from oneuser.stages.found_rows import find
from oneuser.stages.graph.eligibility import blocked, find_linking_messages, readings_of_aliases
from oneuser.stages.graph.manual_rule_rows import manual_rule_rows
from oneuser.stages.identity_rules import IdentityValues, identity_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneuser.stages.context import RunContext
    from oneuser.stages.graph.touched import Touched


# of the values near their bound or above it, so many are kept by number, those that exceed it most
_SHARED_VALUES_KEPT = 50
# of a row of `shared_values`
IS_OVER_SHARED = "n_persons > bound"


@dataclass(frozen=True)
class Declared:
    """What is declared and not observed: the rules of a run, and what aliases make one value.

    Attributes:
        values: The rules.
        manual: `action`, `src`, `dst` of manual rules; null where none has an effect.
        excluded: `src`, `dst` that one of them keeps apart, as many as a file names; null where none does.
        classes: `identifier_id`, `value_class` of values that aliases join; null where none are.
    """

    values: IdentityValues
    manual: DataFrame | None
    excluded: DataFrame | None
    classes: DataFrame | None


@dataclass(frozen=True)
class Gathered:
    """The evidence of a run.

    Attributes:
        declared: The rules it was gathered by.
        touched: What is judged again; everything else is left out of all that follows. Null where that is everything.
        seen: Sightings, as `edges.find_sightings` gives them, of what messages carry and neither is blocked nor
            over-shared.
        edges: Rows of `edges`, those that a manual rule excludes among them.
        n_edges: How many, if no task was done twice.
        has_other_ends: Whether links or manual rules may name identifiers that no message carries.
        shared: Rows of `shared_values`, of what is not judged again too; null where no type has a bound.
        over_shared_pairs: `src`, `dst`, `first_event_time`, `last_event_time` of edges that over-shared values would
            have had; null where no value is over-shared.
    """

    declared: Declared
    touched: Touched | None
    seen: DataFrame
    edges: DataFrame
    n_edges: int
    has_other_ends: bool
    shared: DataFrame | None
    over_shared_pairs: DataFrame | None


def find_declared(ctx: RunContext) -> Declared:
    """The rules of this run."""
    values = identity_values(ctx.config)
    manual = manual_rule_rows(ctx)
    excluded = None if manual is None else manual.where("action = 'exclude'").select("src", "dst")
    return Declared(values, manual, excluded, _find_classes(ctx, excluded, values))


def linking(ctx: RunContext, rows: DataFrame, values: IdentityValues) -> DataFrame:
    """Linking messages among eligible rows; kept where they are counted and linked."""
    messages = find_linking_messages(ctx, rows)
    return ctx.checkpoint(messages) if values.person_bounds else messages


def find_declared_pairs(
    ctx: RunContext, declared: Declared, over_shared: DataFrame | None, touched: Touched | None
) -> list[DataFrame]:
    """Pairs by links and by manual rules, a frame each: all, or those that touch what is judged again."""

    def only_touching(pairs: DataFrame) -> DataFrame:
        return pairs if touched is None else touching(pairs, touched.identifiers)

    pairs = []
    links = ctx.read(LINKS) if LINKS.name in ctx.tables else None
    if links is not None or declared.manual is not None:
        ends = _eligible_ends(ctx, declared.values, [blocked(ctx), over_shared])
        if links is not None:
            # before their ends are looked up among all identifiers
            links = links if touched is None else ctx.checkpoint(only_touching(links))
            pairs.append(link_pairs(links, ends))
        if declared.manual is not None:
            before = ctx.read(EDGES) if EDGES.name in ctx.tables else None
            pairs.append(only_touching(included_pairs(declared.manual, ends, before, run_seq=ctx.run_seq)))
    return pairs


def _find_classes(ctx: RunContext, excluded: DataFrame | None, values: IdentityValues) -> DataFrame | None:
    """`identifier_id`, `value_class` of the values that aliases join; null where none can be. Grows with aliases."""
    aliases = find_alias_messages(ctx)
    if aliases is None or not values.unique_priorities or not values.may_join_unique:
        return None
    carried = eligible_identifiers(
        aliases.rows, blocked(ctx), priorities=values.priorities, readings=readings_of_aliases(ctx, aliases)
    )
    messages = find_linking_messages(ctx, carried)
    renames = find_renames(messages, excluded, unique_priorities=values.unique_priorities)
    # a message has two readings of its previousId, of which one holds
    labels = connect_pairs(ctx, renames, name="alias", at_most=aliases.n_rows)
    return find(ctx, labels.withColumnRenamed("component_id", "value_class")).rows


def count_shared(messages: DataFrame, declared: Declared) -> DataFrame:
    """Rows of `shared_values`, counted in some linking messages; only where a type has a bound."""
    values = declared.values
    return SHARED_VALUES.conform(
        count_persons_per_value(
            messages,
            declared.classes,
            bounds=values.person_bounds,
            unique_priorities=values.unique_priorities,
            known_priorities=values.known_priorities,
        )
    )


def find_over_shared(ctx: RunContext, shared: DataFrame | None) -> DataFrame | None:
    """`identifier_id` of the values that too many people share; null where there is none."""
    if shared is None:
        return None
    is_over_shared = F.expr(IS_OVER_SHARED)
    counted = shared.agg(
        F.count(F.lit(1)).alias("n_near"), F.count_if(is_over_shared).alias("n_over_shared")
    ).collect()[0]
    ctx.metric("values_over_shared", counted["n_over_shared"])
    ctx.metric("values_nearly_over_shared", counted["n_near"] - counted["n_over_shared"])
    if counted["n_near"]:
        # numbers alone: what they stand for is masked where it is shown
        first = shared.orderBy(F.desc(F.col("n_persons") / F.col("bound")), "identifier_id").limit(_SHARED_VALUES_KEPT)
        ctx.details["shared_values"] = [row.asDict() for row in first.collect()]
    if not counted["n_over_shared"]:
        return None
    return ctx.broadcast_if_few(shared.where(is_over_shared).select("identifier_id"), counted["n_over_shared"])


def _eligible_ends(ctx: RunContext, values: IdentityValues, left_out: Sequence[DataFrame | None]) -> DataFrame:
    """`identifier_id` of every identifier that a link or a manual rule may join."""
    ends = ctx.read(IDENTIFIERS).where(F.col("id_type").isin(*values.priorities)).select("identifier_id")
    for gone in left_out:
        if gone is not None:
            ends = ends.join(gone.select("identifier_id"), on="identifier_id", how="left_anti")
    return ends
