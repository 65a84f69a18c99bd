"""What the report says of product analytics and of several retentions: numbers, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
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
class ProductFigures:
    """What is drawn of product analytics, by kind."""

    lifecycles: tuple[Lifecycle, ...] = ()
    power_curves: tuple[PowerCurve, ...] = ()
    funnels: tuple[StepFunnel, ...] = ()
