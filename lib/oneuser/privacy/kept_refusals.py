"""Refusals that outlive their message: what was refused stays so where the message that said it is erased.

Reads   consent as the last run left it, erasures, user_redirects, dim_user; events that state preferences
Yields  rows of `consent` without a message
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.privacy import CONSENT, GRANTED, REFUSED
from oneuser.privacy.consent import SAID

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import DataFrame


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


def find_stated_grants(owned: DataFrame, said: DataFrame, *, opt_out_refuses: Collection[str]) -> DataFrame:
    """`user_id`, `purpose`, `stated_at`: when people have last granted something by an event that states preferences.

    Args:
        owned: `message_key`, `user_id`, `event_time` of such events.
        said: `message_key` and `consent` of messages that say something.
        opt_out_refuses: Purposes that a signal against sale and sharing refuses.
    """
    stated = F.from_json("consent", SAID)
    told = said.join(owned, on="message_key", how="inner").withColumn("stated", stated)
    each = told.select("user_id", "event_time", "stated.optOut", F.explode("stated.categoryPreferences"))
    is_refused = F.coalesce(F.col("optOut"), F.lit(False)) & F.col("key").isin(*sorted(opt_out_refuses))
    granted = each.where(F.col("value") & ~is_refused)
    return granted.groupBy("user_id", F.col("key").alias("purpose")).agg(F.max("event_time").alias("stated_at"))


def with_kept_refusals(decided: DataFrame, kept: DataFrame, stated: DataFrame) -> DataFrame:
    """Rows of `consent`, with refusals whose message was erased where nothing newer was granted.

    Args:
        decided: Rows of `consent` as messages say.
        kept: Those refusals, as rows of `consent`.
        stated: What `find_stated_grants` gives: that counts also where it changes nothing, as messages say.
    """
    on = ["user_id", "purpose"]
    refused = decided.where(F.col("state") == REFUSED).select(*on)
    granting = decided.where(F.col("state") == GRANTED).select(*on, F.col("since").alias("granted_at"))
    still = (
        kept.join(refused, on=on, how="left_anti")
        .join(granting, on=on, how="left")
        .join(stated, on=on, how="left")
        .where(F.coalesce(F.greatest("granted_at", "stated_at") <= F.col("since"), F.lit(True)))
        .select(*CONSENT.columns)
    )
    return decided.join(still.select(*on), on=on, how="left_anti").select(*CONSENT.columns).unionByName(still)
