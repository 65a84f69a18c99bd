"""What the report says of product analytics and of several retentions: numbers, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime


@dataclass(frozen=True)
class CurvePoint:
    """One offset of a curve; null where hidden. `is_late`: less than half of all members are old enough."""

    offset: int
    rate: float | None
    low: float | None
    high: float | None
    retained: int | None
    eligible: int | None
    is_late: bool


@dataclass(frozen=True)
class RetentionCurve:
    """All cohorts of one rule set, pooled."""

    name: str
    unit: str
    mode: str
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True)
class LifecycleInterval:
    """Counts of one interval, all of them null where one of them is of few people."""

    starts: date
    new: int | None
    returning: int | None
    resurrecting: int | None
    dormant: int | None


@dataclass(frozen=True)
class Lifecycle:
    """The newest intervals of one name."""

    name: str
    level: str
    unit: str
    zone: str
    watermark: datetime
    intervals: tuple[LifecycleInterval, ...]


@dataclass(frozen=True)
class PowerCurve:
    """How many were active in 1, 2, 3 ... of the last full intervals; null where they are few."""

    name: str
    level: str
    unit: str
    zone: str
    watermark: datetime
    counts: tuple[int | None, ...]


@dataclass(frozen=True)
class FunnelStep:
    """One step; its numbers are null where few came so far. Rates are of those whose window is over."""

    step: int
    label: str
    n_entities: int | None
    rate_from_first: float | None
    rate_from_previous: float | None


@dataclass(frozen=True)
class StepFunnel:
    """A funnel that is not broken down."""

    name: str
    level: str
    window_days: float | None
    mode: str
    is_final: bool
    watermark: datetime
    steps: tuple[FunnelStep, ...]


@dataclass(frozen=True)
class ActivesOfDays:
    """Different actives of the last days, and the mean number of a day by these; null where they are few."""

    days: int
    n_actives: int | None
    daily_share: float | None


@dataclass(frozen=True)
class Actives:
    """Actives by number of days, of one name."""

    name: str
    level: str
    zone: str
    watermark: datetime
    rows: tuple[ActivesOfDays, ...]


@dataclass(frozen=True)
class ActivationInterval:
    """Who began in an interval, and who of those whose window is over did all steps; null where they are few."""

    starts: date
    n_new: int | None
    n_eligible: int | None
    n_activated: int | None
    rate: float | None
    median_days: float | None


@dataclass(frozen=True)
class Activation:
    """The newest intervals of one name."""

    name: str
    level: str
    unit: str
    zone: str
    window_days: float
    watermark: datetime
    intervals: tuple[ActivationInterval, ...]


@dataclass(frozen=True)
class Adoption:
    """A feature in the last days. Numbers of few, and shares by them, are null; `n_eligible` also where not known."""

    name: str
    level: str
    feature: str
    window_days: float
    watermark: datetime
    n_active: int | None
    n_eligible: int | None
    n_tried: int | None
    n_adopted: int | None
    of_active: float | None
    of_eligible: float | None
    of_tried: float | None
    is_eligible_known: bool


@dataclass(frozen=True)
class ValueOfAge:
    """Revenue so far for each member of an age, in minor units; null where these are few."""

    age: int
    n_members: int | None
    value_minor: float | None


@dataclass(frozen=True)
class LifetimeValue:
    """All ages of one name."""

    name: str
    currency: str
    unit: str
    zone: str
    watermark: datetime
    ages: tuple[ValueOfAge, ...]


@dataclass(frozen=True)
class ProductFigures:
    """What is drawn of product analytics, by kind."""

    lifecycles: tuple[Lifecycle, ...] = ()
    power_curves: tuple[PowerCurve, ...] = ()
    funnels: tuple[StepFunnel, ...] = ()
    actives: tuple[Actives, ...] = ()
    activations: tuple[Activation, ...] = ()
    adoptions: tuple[Adoption, ...] = ()
    lifetime_values: tuple[LifetimeValue, ...] = ()

    @property
    def is_any(self) -> bool:
        """Whether there is anything to show."""
        return any(getattr(self, one.name) for one in fields(self))
