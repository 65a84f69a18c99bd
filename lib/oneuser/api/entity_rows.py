"""The events of a publication's people and accounts, and up to when they are all there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from oneuser.api.tables import OpenTables
from oneuser.contracts import identity
from oneuser.contracts import raw as raw_zone
from oneuser.core.errors import OneUserError
from oneuser.marts.calendar import known_word
from oneuser.marts.retention.activity import with_properties
from oneuser.stages.complete_moments import last_complete_instant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract

Level = Literal["person", "account"]
_LEVELS = ("person", "account")


class EntityRows(OpenTables):
    """What is counted: events of people or accounts, up to the watermark."""

    def watermark(self) -> datetime:
        """The last instant up to which all sources were complete at the publication, in UTC.

        Raises:
            OneUserError: where no source has a time.
        """
        found = self._complete_until()
        if found is None:
            raise OneUserError(
                found="no source has a time up to which it is complete",
                expected="files with events",
                where=self.tables.root,
                next_step="give a watermark, such as datetime(2026, 3, 1, tzinfo=UTC)",
            )
        return found

    def entity_events(
        self, level: Level = "person", *, properties: Sequence[str] = (), also: Sequence[str] = ()
    ) -> DataFrame:
        """The events of people or accounts, as the functions of `oneuser.marts` take them.

        Args:
            level: `person`, or `account`: those of its members, while they are, and those that carry its id alone.
            properties: Properties that are asked for, as paths within an event's properties, such as `plan`. They are
                read from the raw zone.
            also: Further columns of `events_resolved`.

        Returns:
            One row per event: `entity_id`, `event_time`, `event` (null where it has no name), those columns, `place`,
            which orders events of one instant, and `properties`, a map to text, where any are asked for. Events of
            nobody are left out.
        """
        resolved, events = self.published.read(identity.EVENTS_RESOLVED), self.published.read(raw_zone.EVENTS)
        return with_properties(
            resolved, events, properties=sorted(set(properties)), owner=owner_of(level), also=also, is_placed=True
        )

    def _complete_until(self) -> datetime | None:
        return last_complete_instant(self.published.read)

    def _has(self, contract: TableContract) -> bool:
        return contract.name in self.published.publication.tables


def owner_of(level: str) -> str:
    """The column that says whose a row is.

    Raises:
        ConfigError: for a level that there is not.
    """
    return {"person": "user_id", "account": "account_id"}[known_word("level", level, _LEVELS)]
