"""What one report says, in plain values: everything that the page shows and nothing that it hides.

A count of people is null where it must not be shown: it is below the smallest number that may be, or it would give
such a number away by subtraction. Money is in minor units of its currency.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oneuser.report.path_data import PathFigures
from oneuser.report.product_data import ProductFigures

if TYPE_CHECKING:
    from datetime import date, datetime

    from oneuser.report.product_data import RetentionCurve

UNATTRIBUTED = "(unattributed)"


@dataclass(frozen=True)
class RunHead:
    """Which run it is and how it was made. `previous` is the published run before it, null for the first one."""

    deployment: str
    run_seq: int
    previous: int | None
    is_rollback: bool
    attempt: int
    as_of: datetime
    published_at: datetime | None
    config_hash: str
    code_version: str
    n_files: int
    engine: str | None
    engine_reason: str | None
    checks_passed: int
    checks: int
    certified_identifiers: int | None


@dataclass(frozen=True)
class Funnel:
    """From lines to people, over all runs up to this one; null where the record has no metric."""

    lines: int | None
    accepted: int
    with_person: int
    people: int | None


@dataclass(frozen=True)
class Disposition:
    """What became of a class of lines (or, for identifiers, of values), in this run and in all runs up to it."""

    name: str
    this_run: int | None
    all_runs: int | None


@dataclass(frozen=True)
class Stability:
    """How User IDs came through this run; null where the record has no metric."""

    before: int | None = None
    kept: int | None = None
    minted: int | None = None
    merged: int | None = None
    split: int | None = None
    restored: int | None = None
    identifiers_moved: int | None = None
    identifiers: int | None = None
    events_moved: int | None = None


@dataclass(frozen=True)
class SizeBucket:
    """People with so many identifiers. Null: hidden."""

    label: str
    known: int | None
    anonymous: int | None


@dataclass(frozen=True)
class IdentifierType:
    """Identifiers of one type. `people` is null where hidden."""

    id_type: str
    identifiers: int | None
    people: int | None


@dataclass(frozen=True)
class RefusedBy:
    """Edges that a rule refuses: all of them, and those that it refused anew, or no longer, in this run."""

    rule: str
    refused: int
    opened: int
    closed: int


@dataclass(frozen=True)
class Bridge:
    """A value, masked, without which a person would fall into several. `people` counts those, null where hidden."""

    identifier: str
    people: int | None
    parted: int
    messages: int


@dataclass(frozen=True)
class SharedValue:
    """A value, masked, that nearly as many people share as its bound allows, or more. `people` is null where hidden."""

    identifier: str
    people: int | None
    bound: int
    is_over_shared: bool


@dataclass(frozen=True)
class Protection:
    """What rules kept apart; metrics are null where the record has none, and `residual` where it is hidden.

    `bridges` are the first of the largest people's, `shared` the values that most people share beyond their bound.
    """

    refusals: tuple[RefusedBy, ...] = ()
    contested: int | None = None
    replayed: int | None = None
    over_shared: int | None = None
    nearly_over_shared: int | None = None
    without_owner: tuple[Disposition, ...] = ()
    residual: int | None = None
    bridges: tuple[Bridge, ...] = ()
    shared: tuple[SharedValue, ...] = ()


@dataclass(frozen=True)
class Purpose:
    """People by what stands for one purpose; `unsaid` are those who have said nothing about it. Null: hidden."""

    name: str
    granted: int | None
    refused: int | None
    unsaid: int | None


@dataclass(frozen=True)
class ConsentOfSource:
    """Messages of a source, and those of them that say nothing about consent."""

    source: str
    messages: int
    unsaid: int


@dataclass(frozen=True)
class Withheld:
    """What is not used since a purpose is not granted, of how much; null where too few people are behind it.

    `what` is linking (messages with several identifiers), attribution (touches) or export (identities).
    """

    what: str
    purposes: tuple[str, ...]
    withheld: int | None
    whole: int


@dataclass(frozen=True)
class Consent:
    """The purposes that most people say something about, and what follows."""

    purposes: tuple[Purpose, ...]
    sources: tuple[ConsentOfSource, ...]
    withheld: tuple[Withheld, ...]


@dataclass(frozen=True)
class Credit:
    """Credit of one channel under one model. `conversions` is null where hidden, and with it the money."""

    model: str
    channel: str
    conversions: float | None
    credit_minor: int | None


@dataclass(frozen=True)
class Attribution:
    """Credits of one kind of conversion in one currency (null: conversions without a value).

    The totals, the same under each model, are null where every cell is hidden.
    """

    conversion: str
    currency: str | None
    lookback_days: int
    total_conversions: float | None
    total_minor: int | None
    credits: tuple[Credit, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """Models, in the order they came."""
        return tuple(dict.fromkeys(credit.model for credit in self.credits))

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels by their largest credit, hidden ones after those shown, `(unattributed)` last."""
        largest: dict[str, float] = {}
        for credit in self.credits:
            amount = -1.0 if credit.conversions is None else self.amount(credit)
            largest[credit.channel] = max(largest.get(credit.channel, -1.0), amount)
        return tuple(sorted(largest, key=lambda name: (name == UNATTRIBUTED, -largest[name], name)))

    def amount(self, credit: Credit) -> float:
        """What the chart shows of a credit that is not hidden: money in minor units where there is any."""
        return float((credit.credit_minor if self.currency else credit.conversions) or 0)


@dataclass(frozen=True)
class RetentionCell:
    """A cohort in one interval. `state` is shown, hidden or unobserved; numbers are null unless it is shown."""

    offset: int
    state: str
    rate: float | None = None
    retained: int | None = None
    eligible: int | None = None


@dataclass(frozen=True)
class Cohort:
    """One row of the triangle; `size` is null where hidden."""

    starts: date
    size: int | None
    cells: tuple[RetentionCell, ...]


@dataclass(frozen=True)
class Retention:
    """The newest cohorts; `pooled` is over all of them, by offset: Σ retained ÷ Σ eligible of observed cells.

    `curves` has the same of every rule set that can be drawn so.
    """

    unit: str
    mode: str
    zone: str
    watermark: datetime
    n_cohorts: int
    cohorts: tuple[Cohort, ...]
    pooled: tuple[RetentionCell, ...]
    curves: tuple[RetentionCurve, ...] = ()

    @property
    def offsets(self) -> tuple[int, ...]:
        """Offsets that are shown, from 1."""
        return tuple(cell.offset for cell in self.pooled)


@dataclass(frozen=True)
class Account:
    """One of the largest accounts, by its place and not by its name.

    `conversions` is null where hidden, and `value_minor`, by currency, then empty. An account that no message carries
    was never seen.
    """

    place: int
    members_now: int
    members_ever: int
    conversions: int | None
    value_minor: dict[str, int]
    first_seen_at: datetime | None
    last_seen_at: datetime | None


@dataclass(frozen=True)
class Accounts:
    """Accounts in all and the largest ones that are large enough to be shown."""

    total: int
    people_with_account: int | None
    too_small: int
    top: tuple[Account, ...]


@dataclass(frozen=True)
class StageTime:
    """Duration of a stage; an unchanged one was not done again."""

    stage: str
    state: str
    seconds: float


@dataclass(frozen=True)
class ReportData:
    """All that the page says about one run."""

    head: RunHead
    min_people: int
    funnel: Funnel
    known_people: int | None
    dispositions: tuple[Disposition, ...] = ()
    quarantined: tuple[Disposition, ...] = ()
    refused_files: tuple[Disposition, ...] = ()
    dropped_identifiers: tuple[Disposition, ...] = ()
    stability: Stability = field(default_factory=Stability)
    sizes: tuple[SizeBucket, ...] = ()
    identifier_types: tuple[IdentifierType, ...] = ()
    protection: Protection = field(default_factory=Protection)
    consent: Consent | None = None
    attribution: tuple[Attribution, ...] = ()
    paths: PathFigures = field(default_factory=PathFigures)
    retention: Retention | None = None
    product: ProductFigures = field(default_factory=ProductFigures)
    accounts: Accounts | None = None
    timings: tuple[StageTime, ...] = ()
