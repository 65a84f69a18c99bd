"""Events of members as events of their accounts: retention of accounts is that of these.

Reads   events, memberships   anybody's frames
Yields  events                `entity_id` is the account
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.marts.calendar import Calendar, checked_calendar
from oneuser.marts.event_rows import check_columns, check_is_frame
from oneuser.marts.retention.definition import checked_count

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def account_events(
    events: DataFrame,
    memberships: DataFrame,
    *,
    min_members: int = 1,
    unit: str = "day",
    zone: str = "UTC",
    week_start: str = "monday",
) -> DataFrame:
    """Events of accounts, made of their members' events while they are members.

    An account is active in an interval once `min_members` different members are: from the first event of that member
    on, all events of members in the interval are the account's, and none before. Whatever events are given make a
    member active; leave out those that shall not.

    Args:
        events: `entity_id`, a member, and `event_time`; other columns are kept as they are.
        memberships: `entity_id` and `account_id`, and where they end or begin, `valid_from` (inclusive) and `valid_to`
            (exclusive), null where open: times, or days, which begin in the zone. A member of several accounts counts
            in each.
        min_members: How many members make their account active.
        unit: The interval in which they are counted; that of the retention, as a rule.
        zone: Time zone of the calendar.
        week_start: monday or sunday.

    Returns:
        Rows of `events` with the account in `entity_id`. Events of entities without a membership are left out.

    Raises:
        ConfigError: for a column or a word that is missing or unknown.
    """
    calendar = checked_calendar(unit, zone, week_start)
    check_columns("events", events, {"entity_id": None, "event_time": "timestamp"})
    check_is_frame("memberships", memberships)
    dated = [name for name in ("valid_from", "valid_to") if name in memberships.columns]
    # a column of nulls has a type of its own, and a day begins in the zone
    kinds = {name: memberships.schema[name].dataType.simpleString() for name in dated}
    needed: dict[str, str | None] = {"entity_id": None, "account_id": None}
    needed |= {name: "timestamp" for name, kind in kinds.items() if kind not in {"void", "date"}}
    check_columns("memberships", memberships, needed)
    checked_count("min_members", min_members)
    # all stretches of a member at once: two that meet or overlap would give an event to an account twice
    stretch = F.struct(*[_bound(name, kinds.get(name), zone).alias(name) for name in ("valid_from", "valid_to")])
    members = memberships.groupBy(F.col("entity_id").alias("_member"), F.col("account_id").alias("_account")).agg(
        F.collect_list(stretch).alias("_stretches")
    )
    is_member = F.exists("_stretches", _holds)
    owned = events.join(members, on=F.col("entity_id") == F.col("_member"), how="inner").where(is_member)
    if min_members > 1:
        owned = from_enough_members(owned, calendar, min_members=min_members, account="_account", member="_member")
    return owned.select(
        *[F.col("_account").alias(name) if name == "entity_id" else F.col(name) for name in events.columns]
    )


def _bound(name: str, kind: str | None, zone: str) -> Column:
    if kind == "date":
        return Calendar("day", zone).start_of(F.unix_date(name))
    return F.lit(None).cast("timestamp") if kind is None else F.col(name).cast("timestamp")


def _holds(stretch: Column) -> Column:
    """Whether a stretch of membership holds the event's time."""
    time = F.col("event_time")
    begins, ends = stretch["valid_from"], stretch["valid_to"]
    return (begins.isNull() | (begins <= time)) & (ends.isNull() | (time < ends))


def from_enough_members(
    events: DataFrame, calendar: Calendar, *, min_members: int, account: str = "entity_id", member: str = "user_id"
) -> DataFrame:
    """Events of accounts, in each interval from that event on by which so many different members were active in it.

    Args:
        events: Rows with `event_time`, the account and the member; null where it is the account's own, which makes
            nobody active, and counts once enough are.
        calendar: The intervals.
        min_members: How many members make their account active.
        account: Column of the account.
        member: Column of the member.
    """
    timed = events.withColumn("_interval", calendar.interval_of(F.col("event_time")))
    of_members = timed.where(F.col(member).isNotNull())
    firsts = of_members.groupBy(account, "_interval", member).agg(F.min("event_time").alias("first_at"))
    enough = F.get(F.array_sort(F.collect_list("first_at")), F.lit(min_members - 1))
    active = firsts.groupBy(account, "_interval").agg(enough.alias("_active_at"))
    both = timed.join(active, on=[account, "_interval"], how="inner")
    return both.where(F.col("event_time") >= F.col("_active_at")).select(*events.columns)
