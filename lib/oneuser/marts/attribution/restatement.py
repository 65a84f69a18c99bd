"""Restatement: which credits of conversions that were credited before are not what they were, and why.

Reads   what changed in attribution_credits; lineage of the run; touches before and now
Yields  attribution_changes   one row per run, conversion, model and touch of which the run changed the credit
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.contracts.marts import ATTRIBUTION_CHANGES

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import Column, DataFrame


class ChangeReason(StrEnum):
    """Why a credit changed; where several hold, the first of them in this order is given."""

    # channels, look-back, models or what a conversion is are declared otherwise
    CONFIGURATION = "configuration"
    # the conversion is none any more: its message is gone, or only first ones count and another is the first
    GONE = "gone"
    # the User ID of its owner, before or now, took part in such a change of this run
    MERGED = "merged"
    RESTORED = "restored"
    SPLIT_FROM = "split_from"
    # it, or a touch of its owner, belongs to somebody else, though no User ID was merged, restored or split
    REASSIGNED = "reassigned"
    # its own time, value or account is not what it was
    CONVERSION = "conversion"
    # its owner grants what attribution needs, or does so no longer
    CONSENT = "consent"
    # its owner has other touches, by events that came late, or went
    TOUCHES = "touches"


_PLACES = {reason: place for place, reason in enumerate(ChangeReason)}
_OF_PEOPLE = (ChangeReason.MERGED, ChangeReason.RESTORED, ChangeReason.SPLIT_FROM)
# what a row says of one credit, before and now
_CREDIT = ("channel", "weight", "credit_minor", "currency")
_FACTS = (*_CREDIT, "user_id", "account_id", "converted_at", "params_id")
_PAIR = ("conversion_id", "model")


def find_restated(changed_credits: DataFrame, *, models: Collection[str], params_id: str) -> DataFrame:
    """Credits that are not what they were, of conversions that the same model credited before.

    Grows with what changed. Whatever changes in a path changes a credit in it, since weights add up: a conversion and
    model of which no row was there before is new.

    Args:
        changed_credits: What changed in `attribution_credits`: rows of `TableContract.differences`.
        models: The models of the run. What others credited before is no credit that went somewhere else.
        params_id: How credits are made in the run.

    Returns:
        One row per conversion, model and touch, with the columns of `attribution_changes` but for the run and the
        reason; in the place of the latter `place`, that of the first reason that the credits themselves tell.
    """
    sides = [
        changed_credits.where(F.col(side).isNotNull() & F.col(side)["model"].isin(*sorted(models))).select(
            *[F.col(side)[name].alias(name) for name in (*_PAIR, "touch_id", "conversion")],
            *[(_facts(side) if side == one else F.lit(None)).alias(one) for one in ("before", "after")],
        )
        for side in ("before", "after")
    ]
    # a touch may have another place in its path now
    by_touch = (
        sides[0]
        .unionByName(sides[1])
        .groupBy(*_PAIR, "touch_id")
        .agg(*[F.max(name).alias(name) for name in ("conversion", "before", "after")])
    )
    of_conversion = by_touch.select("*", *_of_conversion(params_id))
    differs = F.lit(False)
    for name in (*_CREDIT, "user_id"):
        differs = differs | ~F.col("before")[name].eqNullSafe(F.col("after")[name])
    return of_conversion.where(F.col("was_credited") & differs).select(
        *_PAIR,
        "touch_id",
        "conversion",
        "user_id_before",
        "user_id",
        *[column for name in _CREDIT for column in _before_and_now(name)],
        "place",
    )


def _facts(side: str) -> Column:
    return F.struct(*[F.col(side)[name].alias(name) for name in _FACTS])


def _of_conversion(params_id: str) -> list[Column]:
    """What the changed rows of one conversion and model tell of it as a whole."""
    whole = W.partitionBy(*_PAIR).rowsBetween(W.unboundedPreceding, W.unboundedFollowing)

    def of(side: str, name: str) -> Column:
        return F.max(F.col(side)[name]).over(whole)

    def is_other(name: str) -> Column:
        return ~of("before", name).eqNullSafe(of("after", name))

    is_there = F.max(F.col("after").isNotNull()).over(whole)
    # of a model that does not add up, 64 bits do not hold it
    values = [F.sum(F.col(side)["credit_minor"].cast("decimal(38,0)")).over(whole) for side in ("before", "after")]
    is_itself_other = is_other("converted_at") | is_other("account_id") | is_other("currency")
    place = F.least(
        F.when(of("before", "params_id") != F.lit(params_id), _place(ChangeReason.CONFIGURATION)),
        F.when(~is_there, _place(ChangeReason.GONE)),
        F.when(is_other("user_id"), _place(ChangeReason.REASSIGNED)),
        F.when(is_itself_other | ~values[0].eqNullSafe(values[1]), _place(ChangeReason.CONVERSION)),
        _place(ChangeReason.TOUCHES),
    )
    return [
        F.max(F.col("before").isNotNull()).over(whole).alias("was_credited"),
        of("before", "user_id").alias("user_id_before"),
        of("after", "user_id").alias("user_id"),
        place.alias("place"),
    ]


def _before_and_now(name: str) -> list[Column]:
    """A fact of a credit on both sides. A touch without credit has a weight of 0, and no channel, value or currency."""
    sides = [F.col(side)[name] for side in ("before", "after")]
    if name == "weight":
        sides = [F.coalesce(side, F.lit(0).cast("decimal(20,12)")) for side in sides]
    return [sides[0].alias(f"{name}_before"), sides[1].alias(name)]


def find_moved_people(
    lineage: DataFrame, touches_before: DataFrame, touches: DataFrame, consent_changed: DataFrame | None = None
) -> DataFrame:
    """People about whom something tells why their credits changed.

    Their User ID took part in a change of the run, one of their touches went to or came from another, or their consent
    is not what it was.

    Args:
        lineage: Rows of `lineage` of the run.
        touches_before: Rows of `touches` of the last run, of whoever has others now.
        touches: Their rows now.
        consent_changed: `user_id` of people who may be credited now and might not before, or the other way round.

    Returns:
        One row per person: `user_id`, and `place`, that of the first reason among those of people.
    """
    changed = lineage.where(F.col("change").isin(*_OF_PEOPLE))
    place = F.coalesce(*[F.when(F.col("change") == F.lit(one), _place(one)) for one in _OF_PEOPLE])
    in_lineage = changed.select(F.explode(F.array("user_id", "other_user_id")).alias("user_id"), place.alias("place"))
    was = touches_before.select("touch_id", F.col("user_id").alias("user_id_before"))
    went = was.join(touches.select("touch_id", "user_id"), on="touch_id", how="inner").where(
        F.col("user_id") != F.col("user_id_before")
    )
    in_touches = went.select(
        F.explode(F.array("user_id", "user_id_before")).alias("user_id"), _place(ChangeReason.REASSIGNED).alias("place")
    )
    changes = in_lineage.unionByName(in_touches)
    if consent_changed is not None:
        changes = changes.unionByName(consent_changed.select("user_id", _place(ChangeReason.CONSENT).alias("place")))
    moved = changes.where(F.col("user_id").isNotNull())
    return moved.groupBy("user_id").agg(F.min("place").alias("place"))


def explain_restated(restated: DataFrame, moved_people: DataFrame, *, run_seq: int) -> DataFrame:
    """Say why, as far as people explain it.

    Args:
        restated: What `find_restated` answers.
        moved_people: What `find_moved_people` answers.
        run_seq: The run.

    Returns:
        Rows of `attribution_changes`.
    """
    rows = restated
    for owner in ("user_id_before", "user_id"):
        moved = moved_people.select(F.col("user_id").alias(owner), F.col("place").alias(f"{owner}_place"))
        rows = rows.join(moved, on=owner, how="left")
    first = F.least("place", "user_id_before_place", "user_id_place")
    reason = F.element_at(F.array(*[F.lit(str(one)) for one in ChangeReason]), first + F.lit(1))
    return ATTRIBUTION_CHANGES.conform(
        rows.select("*", reason.alias("reason"), F.lit(run_seq).cast("bigint").alias("run_seq"))
    )


def _place(reason: ChangeReason) -> Column:
    return F.lit(_PLACES[reason])
