"""Adoption by accounts: by one member, or by a share of the seats.

Reads   anybody's events of members, and seats
Yields  a row per account
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NotRequired, TypedDict

from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.marts.adoption.adopters import eligible_of, is_adopted_by, parameters_of, uses_of
from oneuser.marts.event_rows import check_at_least, check_columns
from oneuser.marts.steps import Step, checked_step, text_of

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Unpack

    from pyspark.sql import Column, DataFrame

_HUNDRED = 100


def account_adoption(
    events: DataFrame,
    *,
    feature: Step,
    min_uses: int,
    min_days: int,
    window_days: float,
    watermark: datetime,
    zone: str = "UTC",
    seats: DataFrame | None = None,
    min_seats_percent: float | None = None,
) -> DataFrame:
    """Find the accounts that adopted a feature. A row is an account with an event in the window, or with seats.

    Args:
        events: As `adoption` takes them, with `account_id`: the account of the entity at the time of the event. Events
            without one are left out.
        feature: As in `adoption`.
        min_uses: As in `adoption`; what a member used in one account counts there alone.
        min_days: As in `adoption`.
        window_days: As in `adoption`.
        watermark: As in `adoption`.
        zone: Time zone whose days count.
        seats: Rows with `account_id`, one each, and `n_seats`; None where they are not known.
        min_seats_percent: Per cent of the seats that have to have adopted it. None where one member is enough.

    Returns:
        `account_id`, `n_active`, `n_tried` and `n_adopted` members, `n_seats` (null where not known), `is_adopted`,
        null where that depends on seats that are not known; `feature`, `min_seats_percent`, `min_uses`, `min_days`,
        `window_days`, `zone`, `watermark`.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    check_at_least(1, min_uses=min_uses, min_days=min_days)
    if min_seats_percent is not None and not 0 < min_seats_percent <= _HUNDRED:
        raise ConfigError.single("min_seats_percent", f"expected above 0 and at most 100, found {min_seats_percent!r}")
    if min_seats_percent is not None and seats is None:
        raise ConfigError.single("seats", "a percentage of seats needs the number of seats of each account")
    check_columns("events", events, {"account_id": None})
    members = uses_of(
        events.where(F.col("account_id").isNotNull()),
        feature,
        ("account_id", "entity_id"),
        zone,
        window_days,
        watermark,
    )
    accounts = members.groupBy("account_id").agg(
        F.count(F.lit(1)).alias("n_active"),
        F.count_if(F.col("n_uses") > F.lit(0)).alias("n_tried"),
        F.count_if(is_adopted_by(min_uses, min_days)).alias("n_adopted"),
    )
    if seats is None:
        seated = accounts.withColumn("n_seats", F.lit(None).cast("bigint"))
    else:
        check_columns("seats", seats, {"account_id": None, "n_seats": None})
        numbers = seats.select("account_id", F.col("n_seats").cast("bigint").alias("n_seats"))
        seated = accounts.join(numbers, on="account_id", how="full")
    none = F.lit(0).cast("bigint")
    return seated.select(
        "account_id",
        *(F.coalesce(name, none).alias(name) for name in ("n_active", "n_tried", "n_adopted")),
        "n_seats",
        _is_account_adopted(F.coalesce("n_adopted", none), min_seats_percent).alias("is_adopted"),
        F.lit(text_of(checked_step("feature", feature))).alias("feature"),
        F.lit(min_seats_percent).cast("double").alias("min_seats_percent"),
        *parameters_of(min_uses, min_days, window_days, zone, watermark),
    )


class AccountAdoption(TypedDict):
    """What `account_adoption` takes beside events."""

    feature: Step
    min_uses: int
    min_days: int
    window_days: float
    watermark: datetime
    zone: NotRequired[str]
    seats: NotRequired[DataFrame | None]
    min_seats_percent: NotRequired[float | None]


def adopting_accounts(
    events: DataFrame, *, eligible: Step | None = None, **habit: Unpack[AccountAdoption]
) -> DataFrame:
    """Say of each account whether it used and adopted a feature, as `count_adopters` counts it.

    Args:
        events: As `account_adoption` takes them.
        eligible: An event that accounts have had that could use the feature, of whomever; without it those could that
            have seats.
        habit: What `account_adoption` takes.

    Returns:
        A row per account with an event in the window, or that could use the feature: `entity_id`, the account,
        `is_active`, `is_tried`, `is_adopted`, `is_eligible` (false where it is not known who could), and
        `is_seat_missing`: whether it would depend on seats, which are not known.

    Raises:
        ConfigError: where an argument is not what it has to be.
    """
    accounts = account_adoption(events, **habit).select(
        F.col("account_id").alias("entity_id"),
        (F.col("n_active") > F.lit(0)).alias("is_active"),
        (F.col("n_tried") > F.lit(0)).alias("is_tried"),
        F.coalesce("is_adopted", F.lit(False)).alias("is_adopted"),
        F.coalesce(F.col("n_seats") > F.lit(0), F.lit(False)).alias("is_eligible"),
        F.col("is_adopted").isNull().alias("is_seat_missing"),
    )
    if eligible is None:
        return accounts
    of_accounts = events.withColumn("entity_id", F.col("account_id"))
    could = eligible_of(of_accounts, eligible, habit["watermark"]).withColumn("could", F.lit(True))
    no = F.lit(False)
    both = accounts.drop("is_eligible").join(could, on="entity_id", how="full")
    return both.select(
        "entity_id",
        *[F.coalesce(name, no).alias(name) for name in ("is_active", "is_tried", "is_adopted")],
        F.coalesce("could", no).alias("is_eligible"),
        F.coalesce("is_seat_missing", no).alias("is_seat_missing"),
    )


def _is_account_adopted(n_adopted: Column, min_seats_percent: float | None) -> Column:
    is_any = n_adopted > F.lit(0)
    if min_seats_percent is None:
        return is_any
    wanted = F.lit(Decimal(str(min_seats_percent))) * F.col("n_seats")
    # a share of no seats is nothing that could be reached
    return is_any & (F.col("n_seats") > F.lit(0)) & (n_adopted * F.lit(_HUNDRED) >= wanted)
