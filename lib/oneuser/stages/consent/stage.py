"""Stage consent: for which purposes each person lets themselves be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.changes import CONSENTS, NEW, OWNED_MESSAGES
from oneuser.contracts.graph import EVENT_IDENTIFIERS
from oneuser.contracts.identity import DIM_USER, EVENTS_RESOLVED, USER_REDIRECTS
from oneuser.contracts.privacy import CONSENT, CONSENT_REPLAYS, ERASURES, MESSAGE
from oneuser.contracts.raw import EVENTS
from oneuser.privacy.consent_of_people import (
    ConsentRules,
    consent_of,
    find_late,
    find_steps,
    kept_steps,
    replay_steps,
    replays_of,
)
from oneuser.privacy.consent_replay import OUTCOMES
from oneuser.privacy.kept_refusals import (
    find_kept_refusals,
    find_later_grants,
    find_moved_refusals,
    find_stated_grants,
    with_kept_refusals,
)
from oneuser.stages.declaration import Stage
from oneuser.stages.found_rows import Found, find, only
from oneuser.stages.identity_rules import identity_values
from oneuser.stages.shaped_by import consent_facts
from oneuser.stages.touched_people import touched_messages, touched_people

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext


def consent(ctx: RunContext) -> None:
    """Write what stands for each person, and tell of those for whom something else stood before.

    Where it is incremental: of people of whose messages one was touched. With messages that come after all of theirs,
    what was kept of them is gone on with. Of others, whatever joins two of their identifiers is decided anew in the
    order of events, from all their messages. Shuffles and writes grow with these; what grows with all events is, where
    there are such people, one pass over the few columns by which theirs are found.
    """
    # what is kept is of everybody, or of nobody: where no message says anything, there is nothing to go on from
    goes_on = _is_anything_said(ctx) and not ctx.read(CONSENT_REPLAYS).isEmpty()
    people = _people(ctx) if goes_on else None
    outcomes = ctx.checkpoint(replay_consent(ctx, people))
    within = [
        (CONSENT, standing_consent(ctx, outcomes, people), people),
        (CONSENT_REPLAYS, replays_of(outcomes), people),
    ]
    changed = ctx.replace_together(within)[CONSENT.name]
    if ctx.is_incremental:
        ids = F.coalesce("after.user_id", "before.user_id").alias("user_id")
        others = find(ctx, changed.select(ids).distinct())
        if others.n_rows:
            ctx.tell(CONSENTS, others.rows.withColumn("reason", F.lit("touched")))
    counted = ctx.read(CONSENT).groupBy("state").agg(F.count(F.lit(1)).alias("n"))
    for row in counted.collect():
        ctx.metric("consent", row["n"], row["state"])


def _people(ctx: RunContext) -> DataFrame | None:
    """For whom it is done: `user_id`, each once; null for all."""
    touched = touched_people(ctx)
    if touched is None or ERASURES.name not in ctx.tables or CONSENT.name not in ctx.base:
        return touched
    redirects, live = (ctx.read(contract) for contract in (USER_REDIRECTS, DIM_USER))
    moved = find(ctx, find_moved_refusals(ctx.read_last(CONSENT), redirects, live))
    return find(ctx, touched.unionByName(moved.rows).distinct()).rows if moved.n_rows else touched


def standing_consent(ctx: RunContext, outcomes: DataFrame, people: DataFrame | None) -> DataFrame:
    """Rows of `consent` of some people (`user_id`), or of all: what messages come to, and refusals kept of others.

    Writes nothing.
    """
    decided = consent_of(outcomes)
    # looks at nothing where nobody was ever erased
    if ERASURES.name not in ctx.tables or CONSENT.name not in ctx.base:
        return decided
    kept = find(ctx, _kept_refusals(ctx, people))
    later = _later_grants(ctx, decided)
    if not kept.n_rows + later.n_rows:
        return decided
    told_of = kept.rows.select("user_id").unionByName(later.rows.select("user_id")).distinct()
    return with_kept_refusals(decided, kept.rows, _stated_grants(ctx, told_of), later.rows)


def _later_grants(ctx: RunContext, decided: DataFrame) -> Found:
    """What has ended a refusal. Where a message has come, or come to them, what messages say is new instead."""
    later = find(ctx, find_later_grants(ctx.read_last(CONSENT), decided))
    if not later.n_rows:
        return later
    owned = ctx.read_last(EVENTS_RESOLVED).select("user_id", F.col("message_key").alias("granted_by"))
    were_theirs = find(ctx, only(owned, later.rows.select("user_id", "granted_by").distinct()))
    return find(ctx, only(later.rows, were_theirs.rows))


def _stated_grants(ctx: RunContext, people: DataFrame) -> DataFrame:
    """What some people (`user_id`) have stated that they grant."""
    rules = ctx.config.consent
    owned = only(ctx.read(EVENTS_RESOLVED), people)
    stating = owned.where(F.col("event").isin(*sorted(rules.events))).select("message_key", "user_id", "event_time")
    said = ctx.read(EVENTS).select("message_key", "source", "consent").where(F.col("consent").isNotNull())
    return find_stated_grants(stating, said, opt_out_refuses=rules.opt_out_refuses)


def _kept_refusals(ctx: RunContext, people: DataFrame | None) -> DataFrame:
    """Refusals whose message was erased."""
    erasures, redirects, live = (ctx.read(contract) for contract in (ERASURES, USER_REDIRECTS, DIM_USER))
    erased = erasures.where(F.col("kind") == MESSAGE).select("message_key").distinct()
    return only(find_kept_refusals(ctx.read_last(CONSENT), erased, redirects, live), people)


def replay_consent(ctx: RunContext, people: DataFrame | None) -> DataFrame:
    """What the messages of some people (`user_id`), or of all, come to: rows of the shape `OUTCOMES`.

    Writes nothing. Costs one look at a column of nulls where no message says anything.
    """
    said, rules = _said(ctx), _rules(ctx)
    if people is None:
        if not _is_anything_said(ctx):
            return ctx.spark.createDataFrame([], OUTCOMES.ddl)
        return replay_steps(
            find_steps(ctx.read(EVENTS_RESOLVED), ctx.read(EVENT_IDENTIFIERS), said.drop("run_seq"), rules), rules
        )
    return replay_steps(_steps_from_here(ctx, people, said, rules), rules)


def _said(ctx: RunContext) -> DataFrame:
    """`message_key`, `consent` and `run_seq` of the messages that say something."""
    return ctx.read(EVENTS).select("message_key", "consent", "run_seq").where(F.col("consent").isNotNull())


def _is_anything_said(ctx: RunContext) -> bool:
    return ctx.once("is anything said", lambda: not _said(ctx).isEmpty())


def _rules(ctx: RunContext) -> ConsentRules:
    values, rules = identity_values(ctx.config), ctx.config.consent
    return ConsentRules(values.priorities, values.known_types, rules.opt_out_refuses, rules.events)


def _steps_from_here(ctx: RunContext, people: DataFrame, said: DataFrame, rules: ConsentRules) -> DataFrame:
    """What was kept of people and what has come since; of those of whom something else has changed, all steps."""
    is_new = F.col("run_seq") == ctx.run_seq
    touched = touched_messages(ctx)
    assert touched is not None  # noqa: S101 - it is done for some people
    carried = ctx.read(EVENT_IDENTIFIERS).where(is_new)
    new = ctx.checkpoint(find_steps(touched.rows, carried, said.where(is_new).drop("run_seq"), rules))
    kept = ctx.checkpoint(ctx.read_among(CONSENT_REPLAYS, people))
    otherwise = ctx.changes(OWNED_MESSAGES).where(F.col("reason") != NEW)
    owners = F.explode(F.array_compact(F.array("user_id", "user_id_before"))).alias("user_id")
    anew = find(ctx, otherwise.select(owners).unionByName(find_late(new, kept)).distinct())
    steps = new.unionByName(kept_steps(kept))
    if not anew.n_rows:
        return steps
    others = steps.join(anew.rows, on="user_id", how="left_anti")
    return others.unionByName(_all_steps(ctx, anew.rows, said, rules))


def _all_steps(ctx: RunContext, people: DataFrame, said: DataFrame, rules: ConsentRules) -> DataFrame:
    """All steps of some people, each of whom is asked for twice, and who are few of many."""
    resolved = ctx.checkpoint(ctx.read_among(EVENTS_RESOLVED, people))
    messages = find(ctx, resolved.select("message_key")).rows
    carried = ctx.checkpoint(ctx.read_among(EVENT_IDENTIFIERS, messages))
    return find_steps(resolved, carried, find(ctx, only(said.drop("run_seq"), messages)).rows, rules)


# redirects, people and erasures are looked at for refusals that were kept, of whoever these touch
_READS = (EVENTS, EVENT_IDENTIFIERS, EVENTS_RESOLVED, USER_REDIRECTS, DIM_USER, ERASURES)

CONSENT_STAGE = Stage(
    "consent",
    consent,
    reads=_READS,
    writes=(CONSENT, CONSENT_REPLAYS),
    sections=("consent.opt_out_refuses", "consent.events"),
    facts=consent_facts,
    takes={OWNED_MESSAGES: _READS},
    gives=(CONSENTS,),
)
