"""Attribution and accounts of a report."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING, Any

from oneuser.contracts.identity import DIM_ACCOUNT
from oneuser.contracts.marts import ATTRIBUTION_CREDITS, ATTRIBUTION_SUMMARY, CONVERSIONS, TOUCHES
from oneuser.report.data import UNATTRIBUTED, Account, Accounts, Attribution, Credit
from oneuser.report.suppression import hidden_cells
from oneuser.storage.asked_counts import Counted, Groups, Top

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from oneuser.contracts.table import TableContract
    from oneuser.report.source import Figures
    from oneuser.storage.table_reader import Row

_MAX_CELLS = 4000
_MAX_GROUPS = 4
_TOP_ACCOUNTS = 10
# members of an account: now, and ever
_MEMBERS = ("n_current_users", "n_users")
# models in the order in which people compare them; any other follows by name
_MODELS = ("first", "last", "linear", "position", "time_decay")
# behind the name of a model whose credits are no parts of one total
_DOES_NOT_ADD_UP = " (does not add up)"


def gather_attribution(figures: Figures, min_people: int) -> tuple[Attribution, ...]:
    """Credits by model and channel, for each of the largest pairs of conversion kind and currency.

    A cell is hidden where too few people are behind it; a conversion that nobody owns counts as a person of its own.
    """
    rows = _credits(figures)
    rows.sort(
        key=lambda row: (
            -row["conversions"], row["conversion"], row["currency"] is not None, row["currency"], row["model"],
            row["channel"],
        )
    )  # fmt: skip
    rows = rows[:_MAX_CELLS]
    groups: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["conversion"], row["currency"]].append(row)
    return tuple(
        _describe_group(conversion, currency, cells, min_people)
        for (conversion, currency), cells in list(groups.items())[:_MAX_GROUPS]
    )


def _credits(figures: Figures) -> list[Row]:
    """A row per kind of conversion, currency, model and channel."""
    by, of_people = ("conversion", "currency", "model", "is_additive", "channel"), {"entity_level": ["person"]}
    counted: Counted = {
        "conversions": ("sum", "weight"), "credit_minor": ("sum", "credit_minor"),
        "lookback_days": ("max", "lookback_days"),
    }  # fmt: skip
    kept = with_people(figures, ATTRIBUTION_CREDITS, by, counted, of_people)
    return [
        row
        | {
            "model": row["model"] if row["is_additive"] else f"{row['model']}{_DOES_NOT_ADD_UP}",
            "conversions": float(row["conversions"]),
        }
        for row in [*kept, *_fitted(figures, kept)]
    ]


def _fitted(figures: Figures, kept: list[Row]) -> list[Row]:
    """The same of models that are fitted on all paths, whose credits are not kept.

    How many people are behind a row is not kept either: at least as many as any other model credits there. And so many
    conversions are of as many people, less those that are not the first of their person. A model that credits channels
    shares out conversions of whoever came by others, too: of these, at most those who came by this one count.
    """
    columns = ("conversion", "currency", "model", "is_additive", "channel", "conversions", "credit_minor",
               "lookback_days")  # fmt: skip
    summed = figures.rows(ATTRIBUTION_SUMMARY, columns=columns, where={"entity_level": ["person"]})
    others = {row["model"] for row in kept}
    fitted = [row for row in summed if row["model"] not in others]
    if not fitted:
        return []
    came, repeated = people_by_channel(figures), _repeated(figures)
    credited: dict[tuple[Any, ...], int] = defaultdict(lambda: 1)
    for row in kept:
        cell = (row["conversion"], row["currency"], row["channel"])
        credited[cell] = max(credited[cell], row["people"])
    whole: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for row in fitted:
        whole[row["model"], row["conversion"], row["currency"], row["channel"] == UNATTRIBUTED] += row["conversions"]

    def at_least(row: Row) -> int:
        kind, channel = (row["conversion"], row["currency"]), row["channel"]
        is_untouched = channel == UNATTRIBUTED
        # where another channel is credited with less than nothing, one may be with more than there is
        n: int = ceil(round(min(row["conversions"], whole[row["model"], *kind, is_untouched]), 6))
        people = n - repeated.get(kind, n)
        return max(credited[*kind, channel], people if is_untouched else min(people, came.get(channel, 1)))

    return [row | {"people": at_least(row)} for row in fitted]


def _repeated(figures: Figures) -> dict[tuple[str, str | None], int]:
    """How many conversions are not the first of their person, by kind and currency."""
    rows = with_people(figures, CONVERSIONS, ("conversion", "currency"), {"n": ("rows", "conversion_id")}, {})
    return {(row["conversion"], row["currency"]): row["n"] - row["people"] for row in rows}


def people_by_channel(figures: Figures) -> dict[str, int]:
    """How many people have a touch of each channel."""
    counted: Counted = {"people": ("distinct", "user_id")}
    return {row["channel"]: row["people"] for row in figures.groups(TOUCHES, Groups(("channel",), counted))}


def with_people(
    figures: Figures,
    table: TableContract,
    by: tuple[str, ...],
    counted: Counted,
    where: Mapping[str, Collection[Any]],
) -> list[Row]:
    """Groups of a table of conversions with `people`; one that nobody owns counts as a person of its own."""
    owned: Counted = {"people": ("distinct", "user_id")}
    alone: Counted = {"people": ("distinct", "conversion_id")}
    rows = figures.groups(table, Groups(by, counted | owned, where=where))
    nobody = figures.groups(table, Groups(by, alone, where=where, null=("user_id",)))
    owned_by_nobody = {tuple(row[name] for name in by): row["people"] for row in nobody}
    return [row | {"people": row["people"] + owned_by_nobody.get(tuple(row[name] for name in by), 0)} for row in rows]


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
    known = _whole_group(cells, order) if any(c.conversions is not None for c in credits_shown) else []
    return Attribution(
        conversion,
        currency,
        cells[0]["lookback_days"],
        total_conversions=sum(row["conversions"] for row in known) if known else None,
        total_minor=sum(_whole(row["credit_minor"]) or 0 for row in known) if known and currency else None,
        credits=tuple(credits_shown),
    )


def _whole_group(cells: list[Row], order: list[str]) -> list[Row]:
    """The cells of the first model that adds up to all that there is; there may be one without credit."""
    by_model = [
        [row for row in cells if row["model"] == model] for model in order if not model.endswith(_DOES_NOT_ADD_UP)
    ]
    return max(by_model, key=lambda rows: round(sum(row["conversions"] for row in rows), 6), default=[])


def _place_of(model: str) -> tuple[bool, int, str]:
    """Models that do not add up come last."""
    return (model.endswith(_DOES_NOT_ADD_UP), _MODELS.index(model) if model in _MODELS else len(_MODELS), model)


def _whole(minor: Decimal | None) -> int | None:
    return None if minor is None else int(minor)


def gather_accounts(figures: Figures, n_members: int, min_people: int) -> Accounts | None:
    """The largest accounts by members now, without their names; null where there are no accounts.

    `n_members` people belong to one.
    """
    sizes = figures.groups(DIM_ACCOUNT, Groups(_MEMBERS, {"accounts": ("rows", "account_id")}))
    total = sum(row["accounts"] for row in sizes)
    if not total:
        return None
    n_small = sum(row["accounts"] for row in sizes if max(row[name] for name in _MEMBERS) < min_people)
    columns = ("account_id", *_MEMBERS, "first_seen_at", "last_seen_at")
    rows = figures.top(DIM_ACCOUNT, Top(columns, _MEMBERS, _TOP_ACCOUNTS, least=dict.fromkeys(_MEMBERS, min_people)))
    worth = _conversions_of([row["account_id"] for row in rows], figures)
    described = [
        _describe_account(place, row, worth[row["account_id"]], min_people) for place, row in enumerate(rows, start=1)
    ]
    people = n_members if n_members >= min_people else None
    return Accounts(total, people, n_small, tuple(described))


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


def _conversions_of(accounts: Collection[str], figures: Figures) -> dict[str, list[Row]]:
    """By account, a row per currency (null without a value): conversions, value in minor units, people behind them.

    A conversion that nobody owns counts as a person of its own.
    """
    if not accounts:
        return {}
    counted: Counted = {"n": ("rows", "conversion_id"), "minor": ("sum", "value_minor")}
    rows = with_people(figures, CONVERSIONS, ("account_id", "currency"), counted, {"account_id": accounts})
    worth: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["account_id"], row["currency"] is not None, row["currency"])):
        worth[row["account_id"]].append(row)
    return worth
