"""Analytics of a publication: as it was computed, or with parameters of one's own, by the same functions.

Frames are of the caller's session. What is asked with parameters of its own is computed when the frame is read, from
the published tables: nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from oneuser.api.entity_rows import Level, owner_of
from oneuser.api.members_of_numbers import MembersOfNumbers
from oneuser.config.retention import ANY
from oneuser.contracts import identity, marts
from oneuser.core.errors import ConfigError
from oneuser.inspection.lookup import find_user
from oneuser.marts.calendar import checked_calendar, checked_watermark, known_word
from oneuser.marts.funnels import funnel
from oneuser.marts.lifecycle import lifecycle
from oneuser.marts.ordered_journeys import build_journey
from oneuser.marts.retention import retain
from oneuser.marts.retention.account_events import from_enough_members
from oneuser.marts.retention.definition import checked_count, checked_definition
from oneuser.marts.retention.retention_rows import retention_facts
from oneuser.marts.steps import checked_step, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pyspark.sql import DataFrame

    from oneuser.marts.event_filters import EventFilter
    from oneuser.marts.steps import Step


class Analytics(MembersOfNumbers):
    """Attribution, retention, funnels and lifecycle of the people and accounts of a publication."""

    def retention(
        self,
        name: str | None = None,
        *,
        level: Level = "person",
        min_members: int | None = None,
        watermark: datetime | None = None,
        **definition: Any,
    ) -> DataFrame:
        """One row per cohort and offset: as published, of one name where it is given, or by a definition of one's own.

        Args:
            name: A retention that the configuration names; `default` where it names none.
            level: `person` or `account`; of a name, whatever the configuration says.
            min_members: Of accounts, a part of a definition: how many different members make one active in an
                interval; else 1.
            watermark: Last instant that is complete; the publication's own where null.
            definition: As for `oneuser.marts.retention.retain`: `unit`, `mode`, `membership`, `start` and so on. With
                any of them the answer is what `retain` gives, the columns of the table `retention` that say how, and
                `start_events` and `return_events`, which say of which events.

        Raises:
            ConfigError: naming what is wrong; where both a name and a definition are given.
        """
        owner_of(level)
        if not definition and watermark is None and min_members in (None, 1):
            published = self.published.read(marts.RETENTION)
            if name is not None:
                known_word("name", name, sorted(self.rows.distinct(marts.RETENTION, "name")))
                return published.where(F.col("name") == name)
            if level == "person" or level in self.rows.distinct(marts.RETENTION, "entity_level"):
                return published.where(F.col("entity_level") == F.lit(level))
        if name is not None:
            raise ConfigError.single("retention", f"{name!r} is computed already: give its name or a definition alone")
        if "unit" not in definition:
            raise ConfigError.single("unit", "a definition of your own needs a unit: hour, day, week, month or quarter")
        named = _named(definition.get("start_where"), definition.get("return_where"), by=definition.get("breakdown"))
        calendar = {key: definition[key] for key in ("unit", "zone", "week_start") if key in definition}
        events = self._events_of(level, named, min_members=min_members, **calendar)
        complete_until = watermark or self.watermark()
        cells = retain(events, watermark=complete_until, **definition)
        asked = checked_definition(**definition)
        made = retention_facts(
            asked, watermark=checked_watermark(complete_until), level=level, min_members=min_members or 1
        )
        chosen = {"start_events": F.lit(text_of(asked.start)), "return_events": F.lit(text_of(asked.returns))}
        return cells.withColumns(made | chosen)

    def _events_of(
        self, level: Level, properties: Sequence[str], *, min_members: int | None, **calendar: Any
    ) -> DataFrame:
        if min_members is None or checked_count("min_members", min_members) == 1:
            return self.entity_events(level, properties=properties)
        if level == "person":
            raise ConfigError.single("min_members", "belongs to level 'account', and the level is 'person'")
        events = self.entity_events(level, properties=properties, also=["user_id"])
        return from_enough_members(events, checked_calendar(**calendar), min_members=min_members)

    def funnel(
        self,
        steps: Sequence[str | Mapping[str, Any]],
        *,
        window_days: float | None,
        level: Level = "person",
        watermark: datetime | None = None,
        **parameters: Any,
    ) -> DataFrame:
        """How many people or accounts got how far, in order of the steps: see `oneuser.marts.funnels.funnel`.

        Args:
            steps: Names of events, or `{"event": name, "where": {property: value}}`.
            window_days: Days of 24 hours for all steps, from the first on; None for no end.
            level: `person` or `account`.
            watermark: Last instant that is complete; the publication's own where null.
            parameters: As for `funnel`: `mode`, `by`.
        """
        wheres = [step.get("where") for step in steps if isinstance(step, Mapping)]
        named = _named(*wheres, by=parameters.get("by"))
        events = self.entity_events(level, properties=named)
        complete_until = watermark or self.watermark()
        rows = funnel(events, steps=steps, window_days=window_days, watermark=complete_until, **parameters)
        breakdown = F.lit(parameters.get("by")).cast("string")
        return rows.withColumns({"breakdown": breakdown, "entity_level": F.lit(level)})

    def lifecycle(
        self,
        *,
        unit: str,
        zone: str = "UTC",
        week_start: str = "monday",
        level: Level = "person",
        active: Step | Sequence[str] = ANY,
        watermark: datetime | None = None,
    ) -> DataFrame:
        """Who is new, returning, resurrecting and dormant in each interval: see `oneuser.marts.lifecycle.lifecycle`.

        Args:
            unit: hour, day, week, month or quarter.
            zone: Time zone of the calendar.
            week_start: monday or sunday.
            level: `person` or `account`.
            active: Which events make somebody active, as `product.lifecycle` has it: a name, several, `any`, or
                `{"event": name, "where": {property: value}}`.
            watermark: Last instant that is complete; the publication's own where null.

        Returns:
            What `lifecycle` gives, `entity_level`, and `active_events`: which ones they are.
        """
        complete_until = watermark or self.watermark()
        asked = _active(active)
        events = self.entity_events(level, properties=asked.properties).where(asked.passes())
        rows = lifecycle(events, unit=unit, zone=zone, week_start=week_start, watermark=complete_until)
        return rows.withColumns({"entity_level": F.lit(level), "active_events": F.lit(text_of(asked))})

    # one person or account ------------------------------------------------------------------------------------------

    def journey(self, entity: str | None = None, *, level: Level = "person") -> DataFrame:
        """What a person or account went through, in order: touches, conversions, and what became of its User ID.

        Args:
            entity: A User ID, be it retired, or an account; everybody's journeys where null.
            level: `person` or `account`: the touches of its members, with the configuration's roll-up and time of
                membership, its own, and everything that converts for it, as accounts are credited. Changes of User IDs
                are left out.

        Returns:
            Rows of `oneuser.marts.ordered_journeys.build_journey`.
        """
        if owner_of(level) == "account_id":
            rows = build_journey(*self._account_journeys(), None, owner="account_id")
        else:
            runs = self.spark.createDataFrame(
                [(record.run_seq, record.as_of) for record in self.run_records()],
                "run_seq bigint, changed_at timestamp",
            )
            rows = build_journey(
                self.published.read(marts.TOUCHES),
                self.published.read(marts.CONVERSIONS),
                self.published.read(identity.LINEAGE).join(F.broadcast(runs), on="run_seq", how="inner"),
            )
        if entity is None:
            return rows
        whose = entity
        if level == "person":
            whose = find_user(self.rows, entity).user_id or entity
        named = self.spark.createDataFrame([(whose,)], "entity_id string")
        # by a join, so that it stands in no plan
        return rows.join(F.broadcast(named), on="entity_id", how="left_semi").orderBy("at", "place", "id")


def _active(active: Step | Sequence[str]) -> EventFilter:
    """Which events make somebody active; `any` is any."""
    found = checked_step("active", active if isinstance(active, str | Mapping) else {"event": active})
    return replace(found, names=None) if found.names == (ANY,) else found


def _named(*wheres: object, by: str | None = None) -> list[str]:
    """Properties that filters and a breakdown ask for."""
    names = {str(name) for where in wheres if isinstance(where, Mapping) for name in where}
    return sorted(names | ({by} if by else set()))
