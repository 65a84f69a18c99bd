"""What rules of product analytics have in common: whose events count, by which calendar."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from oneuser.config.base import Number, Section, Zone

Days = Annotated[Number, Field(gt=0)]
# of numbers of intervals
MOST_INTERVALS = 400


class ZonedRules(Section):
    """The calendar by whose days something is counted."""

    zone: Zone = "UTC"


class CalendarRules(ZonedRules):
    """The calendar by whose intervals something is counted."""

    week_start: Literal["monday", "sunday"] = "monday"


class WhoseRules(Section):
    """Whose events: a person's, or an account's, those of its members while they are."""

    level: Literal["person", "account"] = "person"
