"""What the report says of the paths behind attribution, and of what a run moved in it, in plain values."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ChannelEffect:
    """Share of conversions that would be lost without a channel. Null where hidden: too few people came by it."""

    channel: str
    effect: float | None
    people: int | None


@dataclass(frozen=True)
class RemovalEffects:
    """Effects by one Markov chain, the largest first; `order` is how many channels its states hold."""

    order: int
    channels: tuple[ChannelEffect, ...]


@dataclass(frozen=True)
class TakenPath:
    """A path and how often it was taken; `conversions` is null where hidden."""

    channels: tuple[str, ...]
    journeys: int
    conversions: int | None


@dataclass(frozen=True)
class TakenPaths:
    """The paths that most journeys took, of those with enough people; `total` is null where it gives others away."""

    paths: tuple[TakenPath, ...]
    total: int | None
    lookback_days: int | None = None

    @property
    def shown(self) -> int:
        """Journeys on these paths."""
        return sum(path.journeys for path in self.paths)


@dataclass(frozen=True)
class MovedCredit:
    """Conversions that a channel lost and gained by one model, for one reason; null where hidden."""

    reason: str
    model: str
    channel: str
    lost: float | None
    gained: float | None


@dataclass(frozen=True)
class MovedByReason:
    """Conversions of which credit moved for a reason; null where too few people or accounts are behind them."""

    reason: str
    conversions: int | None


@dataclass(frozen=True)
class MovedCredits:
    """What a run changed in credit that there was before, of people or accounts; `model` is the one that is drawn."""

    level: str
    model: str
    reasons: tuple[MovedByReason, ...]
    moved: tuple[MovedCredit, ...]

    @property
    def drawn(self) -> tuple[MovedCredit, ...]:
        """What there is to draw."""
        return tuple(one for one in self.moved if one.model == self.model and one.lost is not None)


@dataclass(frozen=True)
class PathLength:
    """Conversions with so many touches before them; null where hidden."""

    label: str
    conversions: int | None


@dataclass(frozen=True)
class PathFigures:
    """All of it."""

    removal_effects: tuple[RemovalEffects, ...] = ()
    taken: TakenPaths | None = None
    moved: tuple[MovedCredits, ...] = field(default=())
    lengths: tuple[PathLength, ...] = ()
