"""Attribution and accounts of a report."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.report.data import Account, Accounts, Attribution, Credit
from oneuser.report.suppression import hidden_cells

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

_MAX_CELLS = 4000
_MAX_GROUPS = 4
_TOP_ACCOUNTS = 10
# models in the order in which people compare them; any other follows by name
_MODELS = ("first", "last", "linear", "position", "time_decay")
# behind the name of a model whose credits are no parts of one total
_DOES_NOT_ADD_UP = " (does not add up)"


def gather_attribution(credited: DataFrame, min_people: int) -> tuple[Attribution, ...]:
    """Credits by model and channel, for each of the largest pairs of conversion kind and currency.

    A cell is hidden where too few people are behind it; a conversion that nobody owns counts as a person of its own.
    """
    person = F.coalesce("user_id", F.hex("conversion_id"))
    named = F.when(F.col("is_additive"), F.col("model")).otherwise(F.concat("model", F.lit(_DOES_NOT_ADD_UP)))
    rows = (
        credited.where(F.col("entity_level") == "person")
        .withColumn("model", named)
        .groupBy("conversion", "currency", "model", "channel")
        .agg(
            F.sum("weight").cast("double").alias("conversions"),
            F.sum(F.col("credit_minor").cast("decimal(38,0)")).alias("credit_minor"),
            F.countDistinct(person).alias("people"),
            F.max("lookback_days").alias("lookback_days"),
        )
        .orderBy(F.desc("conversions"), "conversion", "currency", "model", "channel")
        .limit(_MAX_CELLS)
        .collect()
    )
    groups: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["conversion"], row["currency"]].append(row)
    return tuple(
        _describe_group(conversion, currency, cells, min_people)
        for (conversion, currency), cells in list(groups.items())[:_MAX_GROUPS]
    )


def _describe_group(conversion: str, currency: str | None, cells: list[Row], min_people: int) -> Attribution:
    people: dict[str, dict[str, int]] = defaultdict(dict)
    for row in cells:
        people[row["model"]][row["channel"]] = row["people"]
    hidden = {model: hidden_cells(column, min_people) for model, column in people.items()}
    order = sorted(people, key=_place_of)
    credits_shown = [
        Credit(row["model"], row["channel"], None, None)
        if row["channel"] in hidden[row["model"]]
        else Credit(row["model"], row["channel"], row["conversions"], _whole(row["credit_minor"]))
        for row in sorted(cells, key=lambda row: (order.index(row["model"]), row["channel"]))
    ]
    # what is hidden is hidden well enough for the total to be known, unless all of it is
    known = (
        [row for row in cells if row["model"] == order[0]]
        if any(c.conversions is not None for c in credits_shown) and not order[0].endswith(_DOES_NOT_ADD_UP)
        else []
    )
    return Attribution(
        conversion,
        currency,
        cells[0]["lookback_days"],
        total_conversions=sum(row["conversions"] for row in known) if known else None,
        total_minor=sum(_whole(row["credit_minor"]) or 0 for row in known) if known and currency else None,
        credits=tuple(credits_shown),
    )


def _place_of(model: str) -> tuple[bool, int, str]:
    """Models that do not add up come last."""
    return (model.endswith(_DOES_NOT_ADD_UP), _MODELS.index(model) if model in _MODELS else len(_MODELS), model)


def _whole(minor: Decimal | None) -> int | None:
    return None if minor is None else int(minor)


def gather_accounts(accounts: DataFrame, users: DataFrame, conversions: DataFrame, min_people: int) -> Accounts | None:
    """The largest accounts by members now, without their names; null where there are no accounts."""
    is_small = F.greatest("n_current_users", "n_users") < min_people
    counted = accounts.agg(F.count("*").alias("total"), F.count_if(is_small).alias("small")).first()
    members = users.agg(F.count("account_id").alias("people")).first()
    assert counted is not None  # noqa: S101 - an aggregate has one row
    assert members is not None  # noqa: S101 - same
    if not counted["total"]:
        return None
    shown = (F.col("n_current_users") >= min_people) & (F.col("n_users") >= min_people)
    top = accounts.where(shown).orderBy(F.desc("n_current_users"), F.desc("n_users"), "account_id").limit(_TOP_ACCOUNTS)
    rows = top.collect()
    worth = _conversions_of(top, conversions)
    described = [
        _describe_account(place, row, worth[row["account_id"]], min_people) for place, row in enumerate(rows, start=1)
    ]
    people = members["people"] if members["people"] >= min_people else None
    return Accounts(counted["total"], people, counted["small"], tuple(described))


def _describe_account(place: int, account: Row, worth: list[Row], min_people: int) -> Account:
    is_hidden = any(row["people"] < min_people for row in worth)
    return Account(
        place=place,
        members_now=account["n_current_users"],
        members_ever=account["n_users"],
        conversions=None if is_hidden else sum(row["n"] for row in worth),
        value_minor={}
        if is_hidden
        else {row["currency"]: row["minor"] for row in worth if row["currency"] and row["minor"] is not None},
        first_seen_at=account["first_seen_at"],
        last_seen_at=account["last_seen_at"],
    )


def _conversions_of(top: DataFrame, conversions: DataFrame) -> dict[str, list[Row]]:
    """By account, a row per currency (null without a value): conversions, value in minor units, people behind them."""
    person = F.coalesce("user_id", F.hex("conversion_id"))
    rows = (
        conversions.join(F.broadcast(top.select("account_id")), on="account_id", how="inner")
        .groupBy("account_id", "currency")
        .agg(F.count("*").alias("n"), F.sum("value_minor").alias("minor"), F.countDistinct(person).alias("people"))
        .orderBy("account_id", "currency")
        .collect()
    )
    worth: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        worth[row["account_id"]].append(row)
    return worth
