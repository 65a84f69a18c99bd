"""Refusals that outlive their message: what was refused stays so where the message that said it is erased.

Reads   consent as the last run left it, erasures, user_redirects, dim_user; events that state preferences
Yields  rows of `consent` without a message, and since when what has ended one is granted
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.privacy import CONSENT, GRANTED, REFUSED
from oneuser.privacy.consent import SAID

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import DataFrame

_ON = ["user_id", "purpose"]
STATED = ("user_id", "purpose", "stated_at", "source", "message_key")


def find_kept_refusals(before: DataFrame, erased: DataFrame, redirects: DataFrame, live: DataFrame) -> DataFrame:
    """Refusals whose message was erased, of people who are left: rows of `consent` without a message.

    Args:
        before: Rows of `consent` as the last run left them.
        erased: `message_key` of erased messages.
        redirects: Rows of `user_redirects`.
        live: `user_id` of the people there are now.
    """
    refused = before.where(F.col("state") == REFUSED)
    kept = refused.where(F.col("message_key").isNull()).unionByName(
        refused.join(erased, on="message_key", how="left_semi").select(*before.columns)
    )
    now = redirects.select("user_id", "redirect_to")
    owned = kept.join(now, on="user_id", how="left").withColumn("user_id", F.coalesce("redirect_to", "user_id"))
    # of several that became one person's, the newest: only what is newer than all of them ends it
    newest = (
        owned.join(live.select("user_id"), on="user_id", how="left_semi")
        .groupBy("user_id", "purpose")
        .agg(F.max(F.struct("since", "source")).alias("newest"))
    )
    return CONSENT.conform(
        newest.select(
            "user_id", "purpose", F.lit(REFUSED).alias("state"), "newest.since", "newest.source",
            F.lit(None).cast("binary").alias("message_key"),
        )
    )  # fmt: skip


def find_moved_refusals(before: DataFrame, redirects: DataFrame, live: DataFrame) -> DataFrame:
    """`user_id` of people whose refusal is kept without a message and who are there no more, and of who they are now.

    No message tells of them: they may have none.

    Args:
        before: Rows of `consent` as the last run left them.
        redirects: Rows of `user_redirects`.
        live: `user_id` of the people there are now.
    """
    kept = before.where((F.col("state") == REFUSED) & F.col("message_key").isNull()).select("user_id").distinct()
    gone = kept.join(live.select("user_id"), on="user_id", how="left_anti")
    led = gone.join(redirects.select("user_id", "redirect_to"), on="user_id", how="left")
    return led.select(F.explode(F.array_compact(F.array("user_id", "redirect_to"))).alias("user_id")).distinct()


def find_later_grants(before: DataFrame, decided: DataFrame) -> DataFrame:
    """What stood as granted since later than messages say: rows of `consent`, with `granted_by`, what these say it by.

    Such a grant has ended a refusal of which no message tells any more, where `granted_by` was theirs before, too. Of
    who was merged into somebody, it says nothing: the other one may have granted before.

    Args:
        before: Rows of `consent` as the last run left them.
        decided: Rows of `consent` as messages say.
    """
    granted = decided.where(F.col("state") == GRANTED).select(
        *_ON, F.col("since").alias("granted_at"), F.col("message_key").alias("granted_by")
    )
    stood = before.where((F.col("state") == GRANTED) & F.col("message_key").isNotNull())
    later = stood.join(granted, on=_ON, how="inner").where(F.col("since") > F.col("granted_at"))
    return later.select(*CONSENT.columns, "granted_by")


def find_stated_grants(owned: DataFrame, said: DataFrame, *, opt_out_refuses: Collection[str]) -> DataFrame:
    """`user_id`, `purpose`, `stated_at`, `source`, `message_key`: what events that state preferences grant.

    Args:
        owned: `message_key`, `user_id`, `event_time` of such events.
        said: `message_key`, `source` and `consent` of messages that say something.
        opt_out_refuses: Purposes that a signal against sale and sharing refuses.
    """
    stated = F.from_json("consent", SAID)
    told = said.join(owned, on="message_key", how="inner").withColumn("stated", stated)
    each = told.select(
        "user_id", F.col("event_time").alias("stated_at"), "source", "message_key", "stated.optOut",
        F.explode("stated.categoryPreferences").alias("purpose", "grants"),
    )  # fmt: skip
    is_refused = F.coalesce(F.col("optOut"), F.lit(False)) & F.col("purpose").isin(*sorted(opt_out_refuses))
    return each.where(F.col("grants") & ~is_refused).select(*STATED)


def with_kept_refusals(decided: DataFrame, kept: DataFrame, stated: DataFrame, later: DataFrame) -> DataFrame:
    """Rows of `consent`, with refusals whose message was erased where nothing newer was granted.

    Where a statement has ended one, what it grants stands since then, as long as that statement is there.

    Args:
        decided: Rows of `consent` as messages say.
        kept: Those refusals, as rows of `consent`.
        stated: What `find_stated_grants` gives: that counts also where it changes nothing, as messages say.
        later: What `find_later_grants` gives.
    """
    refused = decided.where(F.col("state") == REFUSED).select(*_ON)
    granting = decided.where(F.col("state") == GRANTED).select(*_ON, F.col("since").alias("granted_at"))
    newer = kept.select(*_ON, "since").join(stated, on=_ON, how="inner").where(F.col("stated_at") > F.col("since"))
    first = F.min(F.struct(F.col("stated_at").alias("since"), "source", "message_key")).alias("ended_by")
    open_still = (
        kept.join(refused, on=_ON, how="left_anti")
        .join(granting, on=_ON, how="left")
        .where(F.coalesce(F.col("granted_at") <= F.col("since"), F.lit(True)))
        .join(newer.groupBy(*_ON).agg(first), on=_ON, how="left")
    )
    still = open_still.where(F.col("ended_by").isNull()).select(*CONSENT.columns)
    ended = open_still.where(F.col("ended_by").isNotNull()).select(*_ON, F.lit(GRANTED).alias("state"), "ended_by.*")
    before = later.join(kept.select(*_ON), on=_ON, how="left_anti")
    again = before.join(stated.select(*_ON, "message_key"), on=[*_ON, "message_key"], how="left_semi")
    instead = still.unionByName(ended).unionByName(again.select(*CONSENT.columns))
    return decided.join(instead.select(*_ON), on=_ON, how="left_anti").select(*CONSENT.columns).unionByName(instead)
