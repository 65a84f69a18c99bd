"""What is counted of revenue: of conversions with a value, or of subscriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from oneuser.config.analytics import ConstCurrency, Conversion
from oneuser.config.base import Name, Place, Positive, Text, misplaced
from oneuser.config.commercial import CommercialFile, CurrencyCode
from oneuser.config.counting import MOST_INTERVALS, CalendarRules, WhoseRules, ZonedRules
from oneuser.config.retention import EventChoice, Events, events_chosen


class ValueRules(ZonedRules):
    """Conversions of some kinds, and of one currency: that of the kinds, where they all have the same constant one."""

    conversions: Annotated[tuple[Text, ...], Field(min_length=1)]
    currency: CurrencyCode | None = None


class RfmRules(ValueRules):
    """Recency, frequency and monetary value of each buyer."""


class LifetimeValueRules(ValueRules, CalendarRules):
    """Revenue up to each age, by member. Members begin with their first event of `start`, or else with a purchase."""

    unit: Literal["day", "week", "month", "quarter"] = "month"
    start: Events | None = None

    @property
    def starts(self) -> EventChoice | None:
        """What members begin with; null where it is their first conversion."""
        return None if self.start is None else events_chosen(self.start)


class RevenueRetentionRules(WhoseRules, ValueRules):
    """GRR, NRR and retention of customers: people or accounts.

    Recurring revenue of a month is what its conversions add up to, or what the subscriptions of the named files are
    worth that hold at its end.
    """

    conversions: tuple[Text, ...] = ()
    subscriptions: tuple[Name, ...] = ()
    offsets: Annotated[tuple[Annotated[Positive, Field(le=MOST_INTERVALS)], ...], Field(min_length=1)] = (1, 3, 6, 12)
    membership: Literal["recurring", "first_ever"] = "recurring"

    @model_validator(mode="after")
    def _revenue_is_of_one_kind(self) -> RevenueRetentionRules:
        if self.conversions and self.subscriptions:
            misplaced([(("subscriptions",), "are recurring revenue, and so are `conversions`: leave one out")])
        if not self.conversions and not self.subscriptions:
            misplaced(
                [(("conversions",), "recurring revenue is that of `conversions` or of `subscriptions`: name some")]
            )
        return self


def value_problems(
    rules: ValueRules, conversions: Mapping[str, Conversion], subscriptions: Mapping[str, CommercialFile]
) -> list[tuple[Place, str]]:
    """What some rules say of conversions that there are not, or of currencies that are not theirs."""
    known = ", ".join(conversions) or "none"
    problems: list[tuple[Place, str]] = [
        (("conversions", n), f"{kind} is none of the declared conversions, which are {known}")
        for n, kind in enumerate(rules.conversions)
        if kind not in conversions
    ]
    problems += [
        (("conversions",), f"{kind} has no value")
        for kind in rules.conversions
        if kind in conversions and conversions[kind].value is None
    ]
    found = value_currency(rules, conversions, subscriptions)
    what = "subscriptions" if subscriptions_of(rules) else "conversions"
    if rules.currency is None and found is None:
        problems.append((("currency",), f"is missing: the {what} are not all of one constant currency"))
    elif rules.currency is not None and found not in {None, rules.currency}:
        problems.append((("currency",), f"the {what} are in {found}"))
    return problems


def subscriptions_of(rules: ValueRules) -> tuple[str, ...]:
    """Files of subscriptions that are the revenue of some rules; none where it is that of conversions."""
    return rules.subscriptions if isinstance(rules, RevenueRetentionRules) else ()


def value_currency(
    rules: ValueRules, conversions: Mapping[str, Conversion], subscriptions: Mapping[str, CommercialFile]
) -> str | None:
    """The currency that all revenue of some rules has, whatever its events or records say; null where there is none."""
    chosen = subscriptions_of(rules)
    if chosen:
        given = {subscriptions[one].given.get("currency") for one in chosen if one in subscriptions}
        return given.pop() if len(given) == 1 else None
    return constant_currency([conversions[kind] for kind in rules.conversions if kind in conversions])


def constant_currency(kinds: list[Conversion]) -> str | None:
    """The currency that all of these conversions have, whatever their events say; null where there is none."""
    constants = {one.currency.const if isinstance(one.currency, ConstCurrency) else None for one in kinds}
    return constants.pop() if len(constants) == 1 else None
