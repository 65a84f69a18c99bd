"""Stage consent: for which purposes each person lets themselves be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.changes import CONSENTS, OWNED_MESSAGES
from oneuser.contracts.graph import EVENT_IDENTIFIERS
from oneuser.contracts.identity import EVENTS_RESOLVED
from oneuser.contracts.privacy import CONSENT
from oneuser.contracts.raw import EVENTS
from oneuser.privacy.consent_of_people import build_consent
from oneuser.stages.declaration import Stage
from oneuser.stages.found_rows import find, only
from oneuser.stages.identity_rules import identity_values
from oneuser.stages.touched_people import touched_people

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext


def consent(ctx: RunContext) -> None:
    """Write what stands for each person, and tell of those for whom something else stood before.

    Where it is incremental: of people of whose messages one was touched, from all their messages, since whatever joins
    two of their identifiers, however late, is decided in the order of events. Shuffles and writes grow with these; what
    grows with all events is one pass over the few columns by which theirs are found.
    """
    people = touched_people(ctx)
    changed = ctx.replace_within(CONSENT, decide_consent(ctx, people), people)
    if ctx.is_incremental:
        ids = F.coalesce("after.user_id", "before.user_id").alias("user_id")
        others = find(ctx, changed.select(ids).distinct())
        if others.n_rows:
            ctx.tell(CONSENTS, others.rows.withColumn("reason", F.lit("touched")))
    counted = ctx.read(CONSENT).groupBy("state").agg(F.count(F.lit(1)).alias("n"))
    for row in counted.collect():
        ctx.metric("consent", row["n"], row["state"])


def decide_consent(ctx: RunContext, people: DataFrame | None = None) -> DataFrame:
    """Rows of `consent` of some people (`user_id`), or of all, from what is stored. Writes nothing.

    Costs one look at a column of nulls where no message says anything.
    """
    said = ctx.read(EVENTS).select("message_key", "consent").where(F.col("consent").isNotNull())
    if said.isEmpty():
        return CONSENT.empty(ctx.spark)
    resolved, carried = only(ctx.read(EVENTS_RESOLVED), people), ctx.read(EVENT_IDENTIFIERS)
    if people is not None:
        # each is asked for twice, and few of many
        resolved = ctx.checkpoint(resolved)
        messages = find(ctx, resolved.select("message_key")).rows
        carried, said = ctx.checkpoint(only(carried, messages)), find(ctx, only(said, messages)).rows
    values, rules = identity_values(ctx.config), ctx.config.consent
    return build_consent(
        resolved,
        carried,
        said,
        priorities=values.priorities,
        known_types=values.known_types,
        opt_out_refuses=rules.opt_out_refuses,
        stating_events=rules.events,
    )


CONSENT_STAGE = Stage(
    "consent",
    consent,
    reads=(EVENTS, EVENT_IDENTIFIERS, EVENTS_RESOLVED),
    writes=(CONSENT,),
    sections=("identity.id_types", "consent.opt_out_refuses", "consent.events"),
    takes={OWNED_MESSAGES: (EVENTS, EVENT_IDENTIFIERS, EVENTS_RESOLVED)},
    gives=(CONSENTS,),
)
