"""What product analytics is counted from: activity, single events where their order matters, revenue, seats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from oneuser.config import EventChoice
from oneuser.config.revenue import subscriptions_of, value_currency
from oneuser.contracts.graph import IDENTIFIERS
from oneuser.contracts.identity import EVENTS_RESOLVED, IDENTIFIER_MAP
from oneuser.contracts.marts import ACTIVITY, CONVERSIONS
from oneuser.contracts.raw import EVENTS
from oneuser.contracts.reference import SEATS, SUBSCRIPTIONS
from oneuser.marts.calendar import instant
from oneuser.marts.event_filters import EventFilter, checked_filter
from oneuser.marts.retention.activity import moments_of_activity, with_properties
from oneuser.marts.value import monthly_revenue
from oneuser.stages.complete_moments import complete_moments
from oneuser.stages.parameters import property_key, where_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame

    from oneuser.config import Config
    from oneuser.config.product import ActiveRules
    from oneuser.config.revenue import RevenueRetentionRules, ValueRules
    from oneuser.contracts.table import TableContract

_OWNERS = {"person": "user_id", "account": "account_id"}


@dataclass(frozen=True)
class ProductSources:
    """Frames that the functions of `oneuser.marts` count, as rules ask for them.

    Attributes:
        read: Reads a table.
        config: Says which conversions there are.
        watermark: The last instant up to which all sources are complete.
    """

    read: Callable[[TableContract], DataFrame]
    config: Config
    watermark: datetime

    def active(self, rules: ActiveRules) -> DataFrame:
        """Events that make somebody active: `entity_id`, `event_time`. Of people, the first of a quarter of an hour."""
        return self._events_of(rules.activity, rules.level)

    def uses(self, choices: Iterable[EventChoice], level: str, *, window_days: float | None) -> DataFrame:
        """All events, with the properties that choices ask for; of people, added up by quarters of an hour.

        Exact at the watermark, and where a window begins that ends there.
        """
        properties = _properties(choices)
        if level != "person":
            return self.events(choices, level)
        begins = [] if window_days is None else [self.watermark - timedelta(days=window_days)]
        return complete_moments(self.read, properties=properties, edges=[self.watermark, *begins]).withColumnRenamed(
            "first_at", "event_time"
        )

    def events(self, choices: Iterable[EventChoice], level: str, by: str | None = None) -> DataFrame:
        """Single events, in the order of events, with the properties that choices, and `by`, ask for."""
        properties = _properties(choices, by)
        resolved, events = self.read(EVENTS_RESOLVED), self.read(EVENTS) if properties else None
        return with_properties(
            resolved,
            resolved if events is None else events,
            properties=properties,
            owner=_OWNERS[level],
            is_placed=True,
        )

    def events_of_members(self, choices: Iterable[EventChoice]) -> DataFrame:
        """Single events of accounts: `account_id`, and in `entity_id` the member; null where it is of nobody."""
        properties = _properties(choices)
        resolved, events = self.read(EVENTS_RESOLVED), self.read(EVENTS) if properties else None
        owned = with_properties(
            resolved,
            resolved if events is None else events,
            properties=properties,
            owner=_OWNERS["account"],
            also=("user_id",),
        )
        return owned.withColumnsRenamed({"entity_id": "account_id", "user_id": "entity_id"})

    def seats(self, files: Sequence[str]) -> DataFrame:
        """Seats of accounts at the watermark, of all named files: `account_id`, `n_seats`, each account once."""
        now = instant(self.watermark)
        begun = F.col("valid_from").isNull() | (F.col("valid_from") <= now)
        holds = begun & (F.col("valid_to").isNull() | (now < F.col("valid_to")))
        held = self.read(SEATS).where(F.col("source").isin(*files) & holds)
        return held.groupBy("account_id").agg(F.sum("n_seats").alias("n_seats"))

    def starts(self, choice: EventChoice) -> DataFrame:
        """When people first did what is chosen: `entity_id`, `started_at`."""
        first = F.min("event_time").alias("started_at")
        return self._events_of(choice, "person").groupBy("entity_id").agg(first)

    def purchases(self, rules: ValueRules, value: str = "value_minor") -> DataFrame:
        """Conversions of the kinds and the currency: `entity_id`, `event_time` and their value in minor units."""
        chosen = F.col("conversion").isin(*rules.conversions) & (F.col("currency") == F.lit(self.currency(rules)))
        return (
            self.read(CONVERSIONS)
            .where(chosen)
            .select(
                F.col(_OWNERS[getattr(rules, "level", "person")]).alias("entity_id"),
                F.col("converted_at").alias("event_time"),
                F.col("value_minor").alias(value),
            )
        )

    def recurring(self, rules: RevenueRetentionRules) -> DataFrame:
        """Recurring revenue of conversions, or of subscriptions: rows as `revenue_retention` takes them."""
        if not rules.subscriptions:
            return self.purchases(rules, "mrr_minor")
        chosen = self.subscriptions(rules).where(F.col("currency") == F.lit(self.currency(rules)))
        return monthly_revenue(chosen, watermark=self.watermark, zone=rules.zone)

    def subscriptions(self, rules: RevenueRetentionRules) -> DataFrame:
        """Records of the named files, of any currency: those of accounts, or those of people.

        A person's identifier stands for whoever has it now; `entity_id` is null where nobody has.
        """
        records = self.read(SUBSCRIPTIONS).where(F.col("source").isin(*rules.subscriptions))
        if rules.level == "account":
            return records.where(F.col("account_id").isNotNull()).withColumn("entity_id", F.col("account_id"))
        keys = ["id_type", "id_key"]
        of_people = records.where(F.col("id_key").isNotNull())
        known = self.read(IDENTIFIERS).select(*keys, "identifier_id")
        owners = self.read(IDENTIFIER_MAP).select("identifier_id", F.col("user_id").alias("entity_id"))
        # each identifier once, not each record
        theirs = (
            of_people.select(*keys)
            .distinct()
            .join(known, on=keys, how="inner")
            .join(owners, on="identifier_id", how="inner")
        )
        return of_people.join(theirs.drop("identifier_id"), on=keys, how="left")

    def currency(self, rules: ValueRules) -> str:
        """The currency of the conversions or subscriptions that count."""
        found = rules.currency or value_currency(rules, self.config.conversions, self.config.subscriptions)
        if found is None:
            what = "subscriptions" if subscriptions_of(rules) else "conversions"
            raise ValueError(f"a configuration whose {what} have no currency was let pass")
        return found

    def _events_of(self, choice: EventChoice, level: str) -> DataFrame:
        test = filter_of(choice)
        if level == "person":
            moments = moments_of_activity(self._activity, properties=test.properties)
            events = moments.withColumnRenamed("first_at", "event_time")
        else:
            events = self.events([choice], level)
        return events.where(test.passes()).select("entity_id", "event_time")

    @cached_property
    def _activity(self) -> DataFrame:
        return self.read(ACTIVITY)


def filter_of(choice: EventChoice) -> EventFilter:
    """A choice of the configuration as the functions of `oneuser.marts` take it."""
    return checked_filter("event", choice.names, where_of(choice.where))


def step_of(choice: EventChoice) -> Mapping[str, Any]:
    """A choice of the configuration as a step."""
    return {"event": list(choice.names or ()), "where": where_of(choice.where)}


def _properties(choices: Iterable[EventChoice], by: str | None = None) -> Sequence[str]:
    named = {property_key(path) for one in choices for path in one.where}
    return sorted(named | ({by} if by is not None else set()))
