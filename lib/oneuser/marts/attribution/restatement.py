"""Restatement: which credits of conversions that were credited before are not what they were, and why.

Reads   what changed in attribution_credits and account_credits; before and now: touches, memberships, accounts above;
        lineage of the run
Yields  attribution_changes, account_attribution_changes
        one row per run, conversion, model and touch of which the run changed the credit
"""

from __future__ import annotations

from enum import StrEnum
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.contracts.marts import ACCOUNT_ATTRIBUTION_CHANGES, ATTRIBUTION_CHANGES

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import Column, DataFrame

    from oneuser.marts.attribution.credits import Level


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
    # its owner, or whoever came by a touch, grants what attribution needs, or does so no longer
    CONSENT = "consent"
    # of accounts: somebody is a member who was not, or no longer; or another account is above
    MEMBERSHIP = "membership"
    # its owner has other touches, by events that came late, or went
    TOUCHES = "touches"


_PLACES = {reason: place for place, reason in enumerate(ChangeReason)}
_OF_PEOPLE = (ChangeReason.MERGED, ChangeReason.RESTORED, ChangeReason.SPLIT_FROM)
# what a row says of one credit, before and now
_CREDIT = ("channel", "weight", "credit_minor", "currency")
_FACTS = (*_CREDIT, "user_id", "account_id", "converted_at", "params_id")
_PAIR = ("conversion_id", "model")
# whose credit it is; of whom something may tell why it moved, of the conversion and of each touch
_OWNER: dict[Level, str] = {"person": "user_id", "account": "account_id"}
_PEOPLE: dict[Level, tuple[str, ...]] = {"person": ("user_id",), "account": ("user_id", "touch_user_id")}
_CHANGES = {"person": ATTRIBUTION_CHANGES, "account": ACCOUNT_ATTRIBUTION_CHANGES}


def find_restated(
    changed_credits: DataFrame, *, models: Collection[str], params_id: str, level: Level = "person"
) -> DataFrame:
    """Credits that are not what they were, of conversions that the same model credited before.

    Grows with what changed. Whatever changes in a path changes a credit in it, since weights add up: a conversion and
    model of which no row was there before is new.

    Args:
        changed_credits: What changed in `attribution_credits`, or in `account_credits`: rows of
            `TableContract.differences`.
        models: The models of the run. What others credited before is no credit that went somewhere else.
        params_id: How credits are made in the run.
        level: Whose credits they are.

    Returns:
        One row per conversion, model and touch, with the columns of `attribution_changes`, or of
        `account_attribution_changes`, but for the run and the reason; in the place of the latter `place`, that of the
        first reason that the credits themselves tell.
    """
    of_touch = [name for name in _PEOPLE[level] if name not in _FACTS]
    sides = [
        changed_credits.where(F.col(side).isNotNull() & F.col(side)["model"].isin(*sorted(models))).select(
            *[F.col(side)[name].alias(name) for name in (*_PAIR, "touch_id", "conversion")],
            *[(_facts(side, of_touch) if side == one else F.lit(None)).alias(one) for one in ("before", "after")],
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
    of_conversion = by_touch.select("*", *_of_conversion(params_id, level))
    differs = reduce(
        lambda one, other: one | other,
        [~F.col("before")[name].eqNullSafe(F.col("after")[name]) for name in (*_CREDIT, _OWNER[level])],
    )
    return of_conversion.where(F.col("was_credited") & differs).select(
        *_PAIR,
        "touch_id",
        "conversion",
        *[f"{name}{side}" for name in _of_whole(level) for side in ("_before", "")],
        *[column for name in (*of_touch, *_CREDIT) for column in _before_and_now(name)],
        "place",
    )


def _facts(side: str, of_touch: Collection[str]) -> Column:
    return F.struct(*[F.col(side)[name].alias(name) for name in (*_FACTS, *of_touch)])


def _of_whole(level: Level) -> tuple[str, ...]:
    """Who stands in every row of a conversion: its account, where credits are those of accounts, and its owner."""
    return tuple(dict.fromkeys([_OWNER[level], "user_id"]))


def _of_conversion(params_id: str, level: Level) -> list[Column]:
    """What the changed rows of one conversion and model tell of it as a whole."""
    whole = W.partitionBy(*_PAIR).rowsBetween(W.unboundedPreceding, W.unboundedFollowing)

    def of(side: str, name: str) -> Column:
        return F.max(F.col(side)[name]).over(whole)

    def is_other(name: str) -> Column:
        return ~of("before", name).eqNullSafe(of("after", name))

    is_there = F.max(F.col("after").isNotNull()).over(whole)
    # of a model that does not add up, 64 bits do not hold it
    values = [F.sum(F.col(side)["credit_minor"].cast("decimal(38,0)")).over(whole) for side in ("before", "after")]
    is_itself_other = is_other("converted_at") | is_other("currency")
    is_elsewhere = is_other("account_id")
    is_nobodys = of("before", "user_id").isNull() & of("after", "user_id").isNull()
    place = F.least(
        F.when(of("before", "params_id") != F.lit(params_id), _place(ChangeReason.CONFIGURATION)),
        F.when(~is_there, _place(ChangeReason.GONE)),
        F.when(is_other("user_id"), _place(ChangeReason.REASSIGNED)),
        F.when(is_elsewhere, _place(ChangeReason.CONVERSION))
        if level == "person"
        # by its owner, a member; one of nobody's is told of with the accounts above
        else F.when(is_elsewhere & ~is_nobodys, _place(ChangeReason.MEMBERSHIP)),
        F.when(is_itself_other | ~values[0].eqNullSafe(values[1]), _place(ChangeReason.CONVERSION)),
        _place(ChangeReason.TOUCHES),
    )
    return [
        F.max(F.col("before").isNotNull()).over(whole).alias("was_credited"),
        *[
            of(side, name).alias(f"{name}{suffix}")
            for name in _of_whole(level)
            for side, suffix in (("before", "_before"), ("after", ""))
        ],
        place.alias("place"),
    ]


def _before_and_now(name: str) -> list[Column]:
    """A fact of a credit on both sides. A touch without credit has a weight of 0, and no channel, value or currency."""
    sides = [F.col(side)[name] for side in ("before", "after")]
    if name == "weight":
        sides = [F.coalesce(side, F.lit(0).cast("decimal(20,12)")) for side in sides]
    return [sides[0].alias(f"{name}_before"), sides[1].alias(name)]


def find_moved_people(
    lineage: DataFrame,
    touches_before: DataFrame,
    touches: DataFrame,
    consent_changed: DataFrame | None = None,
    members_changed: DataFrame | None = None,
) -> DataFrame:
    """People about whom something tells why their credits changed.

    Their User ID took part in a change of the run, one of their touches went to or came from another, or their consent
    or membership is not what it was.

    Args:
        lineage: Rows of `lineage` of the run.
        touches_before: Rows of `touches` of the last run, of whoever has others now.
        touches: Their rows now.
        consent_changed: `user_id` of people who may be credited now and might not before, or the other way round.
        members_changed: `user_id` of people who are members of other accounts, or for another time, than before.

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
    for people, reason in ((consent_changed, ChangeReason.CONSENT), (members_changed, ChangeReason.MEMBERSHIP)):
        if people is not None:
            changes = changes.unionByName(people.select("user_id", _place(reason).alias("place")))
    moved = changes.where(F.col("user_id").isNotNull())
    return moved.groupBy("user_id").agg(F.min("place").alias("place"))


def explain_restated(
    restated: DataFrame,
    moved_people: DataFrame,
    *,
    run_seq: int,
    level: Level = "person",
    moved_accounts: DataFrame | None = None,
) -> DataFrame:
    """Say why, as far as people and accounts explain it.

    Args:
        restated: What `find_restated` answers.
        moved_people: What `find_moved_people` answers.
        run_seq: The run.
        level: Whose credits they are.
        moved_accounts: `account_id` of accounts that are above others, or below, than before.

    Returns:
        Rows of `attribution_changes`, or of `account_attribution_changes`.
    """
    rows, places = restated, ["place"]
    movers = [(name, moved_people) for name in _PEOPLE[level]]
    if moved_accounts is not None:
        elsewhere = moved_accounts.select("account_id", _place(ChangeReason.MEMBERSHIP).alias("place"))
        movers.append(("account_id", elsewhere))
    for name, moved in movers:
        (key,) = (column for column in moved.columns if column != "place")
        for mover in (f"{name}_before", name):
            told = moved.select(F.col(key).alias(mover), F.col("place").alias(f"{mover}_place"))
            rows = rows.join(told, on=mover, how="left")
            places.append(f"{mover}_place")
    first = F.least(*places)
    if level == "account":
        # whoever came by one touch of a path is why all of its credits moved
        whole = W.partitionBy(*_PAIR).rowsBetween(W.unboundedPreceding, W.unboundedFollowing)
        first = F.min(first).over(whole)
        # one of nobody's is of another account, and none is above that was not: it says so itself
        is_named_otherwise = ~F.col("account_id_before").eqNullSafe(F.col("account_id"))
        is_unexplained = first == _place(ChangeReason.TOUCHES)
        first = F.when(is_unexplained & is_named_otherwise, _place(ChangeReason.CONVERSION)).otherwise(first)
    reason = F.element_at(F.array(*[F.lit(str(one)) for one in ChangeReason]), first + F.lit(1))
    return _CHANGES[level].conform(
        rows.select("*", reason.alias("reason"), F.lit(run_seq).cast("bigint").alias("run_seq"))
    )


def _place(reason: ChangeReason) -> Column:
    return F.lit(_PLACES[reason])
