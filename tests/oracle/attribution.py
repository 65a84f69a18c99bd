"""Attribution by its definitions: every conversion against every touch, in plain Python and exact fractions.

Knows nothing of the real thing. Times are whole numbers of seconds; an empty set of touches is `(unattributed)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

DAY = 86_400
UNITS = 10**12
# stands for the end of what is looked at, for an entity that did not convert
ANY = "(any)"


@dataclass(frozen=True)
class Touch:
    id: Any
    entity: Any
    at: int
    channel: str | None


@dataclass(frozen=True)
class Conversion:
    id: Any
    entity: Any
    at: int
    value: int | None
    currency: str | None
    kind: str = "order"


@dataclass(frozen=True)
class Milestone:
    entity: Any
    name: str
    at: int


@dataclass(frozen=True)
class Rules:
    lookback: int = 30 * DAY
    exclude: tuple[str, ...] = ()
    first_per_entity: bool = False
    reset: bool = False
    start: int | None = None
    end: int | None = None
    transform: str | None = None


def path_of(
    conversion: Conversion, touches: Sequence[Touch], conversions: Sequence[Conversion], rules: Rules
) -> list[Touch]:
    """The eligible touches of a conversion, in order, after the transform."""
    if conversion.entity is None:
        return []
    excluded = {one.strip().lower() for one in rules.exclude}
    found = []
    for touch in touches:
        channel = name_of(touch.channel)
        near = conversion.at - rules.lookback <= touch.at <= conversion.at
        if touch.entity == conversion.entity and near and channel.strip().lower() not in excluded:
            found.append(touch)
    if rules.reset:
        earlier = [
            other
            for other in conversions
            if other.entity == conversion.entity
            and (conversion.kind == ANY or (other.kind == conversion.kind and other.id != conversion.id))
            and (other.at < conversion.at or (other.at == conversion.at and other.id < conversion.id))
        ]
        found = [touch for touch in found if not any(touch.at <= other.at for other in earlier)]
    return transformed(sorted(found, key=lambda touch: (touch.at, touch.id)), rules.transform)


def transformed(path: list[Touch], transform: str | None) -> list[Touch]:
    names = [name_of(touch.channel) for touch in path]
    if transform == "exposure":
        return [touch for n, touch in enumerate(path) if n == 0 or names[n - 1] != names[n]]
    if transform == "first":
        return [touch for n, touch in enumerate(path) if names[n] not in names[:n]]
    if transform == "last_2":
        return path[-2:]
    if transform == "no_direct":
        return [touch for n, touch in enumerate(path) if names[n] != "Direct"] or path
    return path


def name_of(channel: str | None) -> str:
    return "Unassigned" if channel is None or not channel.strip() else channel


def credited(conversions: Sequence[Conversion], rules: Rules) -> list[Conversion]:
    """The conversions that get rows."""
    kept = []
    for one in conversions:
        if rules.start is not None and one.at < rules.start:
            continue
        if rules.end is not None and one.at >= rules.end:
            continue
        others = [other for other in conversions if (other.entity, other.kind) == (one.entity, one.kind)]
        is_later = any((other.at, other.id) < (one.at, one.id) for other in others)
        if rules.first_per_entity and one.entity is not None and is_later:
            continue
        kept.append(one)
    return kept


def weights_of(
    model: str, path: Sequence[Touch], at: int, milestones: Sequence[Milestone], entity: Any
) -> list[Fraction]:
    """What the formulas of a model give to each touch of a path that is not empty."""
    n = len(path)
    names = [name_of(touch.channel) for touch in path]
    if model in {"first", "last"}:
        chosen = 0 if model == "first" else n - 1
        return [Fraction(int(i == chosen)) for i in range(n)]
    if model == "linear":
        return [Fraction(1, n)] * n
    if model in _POSITIONS:
        return _position(n, *map(Fraction, _POSITIONS[model]))
    if model == "time_decay":
        raw = [Fraction(2.0 ** (-(at - touch.at) / (7 * DAY))) for touch in path]
        return [one / sum(raw) for one in raw]
    if model in {"last_non_direct", "first_non_direct"}:
        others = [i for i in range(n) if names[i] != "Direct"] or list(range(n))
        chosen = others[0] if model == "first_non_direct" else others[-1]
        return [Fraction(int(i == chosen)) for i in range(n)]
    if model == "participation":
        return [Fraction(int(name not in names[:i])) for i, name in enumerate(names)]
    return _milestones(path, at, [one for one in milestones if one.entity == entity], *_MILESTONES[model])


_POSITIONS = {
    "position": ("2/5", "1/5", "2/5"),
    "j_shaped": ("1/5", "1/5", "3/5"),
    "inverse_j": ("3/5", "1/5", "1/5"),
    "mostly last": ("1/10", "0", "9/10"),
}
_MILESTONES: dict[str, tuple[dict[str, Fraction], Fraction]] = {
    "w_shaped": (dict.fromkeys(("first", "lead", "opportunity"), Fraction(3, 10)), Fraction(1, 10)),
    "full_path": (dict.fromkeys(("first", "lead", "opportunity", "close"), Fraction(9, 40)), Fraction(1, 10)),
    "lead_u": (dict.fromkeys(("first", "lead"), Fraction(2, 5)), Fraction(1, 5)),
}


def _position(n: int, first: Fraction, middle: Fraction, last: Fraction) -> list[Fraction]:
    if n == 1:
        return [Fraction(1)]
    if n == 2:
        return [first / (first + last), last / (first + last)]
    return [first, *[middle / (n - 2)] * (n - 2), last]


def _milestones(
    path: Sequence[Touch], at: int, reached: Sequence[Milestone], shares: dict[str, Fraction], rest: Fraction
) -> list[Fraction]:
    given = [Fraction(0)] * len(path)
    touched = set()
    for name, share in shares.items():
        place: int | None = 0 if name == "first" else None
        times = [one.at for one in reached if one.name == name and one.at <= at]
        if times:
            before = [i for i, touch in enumerate(path) if touch.at <= max(times)]
            place = before[-1] if before else None
        if place is not None:
            given[place] += share
            touched.add(place)
    others = [i for i in range(max(touched)) if i not in touched]
    for i in others:
        given[i] += rest / len(others)
    return [one / sum(given) for one in given]


def largest_remainder(total: int, weights: Sequence[Fraction]) -> list[int]:
    """Whole parts of a total; what is left goes to the largest remainders, the first of equal ones."""
    if total < 0:
        return [-part for part in largest_remainder(-total, weights)]
    exact = [total * weight for weight in weights]
    parts = [int(one) for one in exact]
    for _ in range(total - sum(parts)):
        # the first of those that lack most
        lack = [one - part for one, part in zip(exact, parts, strict=True)]
        parts[lack.index(max(lack))] += 1
    return parts


Row = tuple[Any, str, Any, int, str, int, int | None, str | None]


def attribute(
    touches: Sequence[Touch],
    conversions: Sequence[Conversion],
    milestones: Sequence[Milestone],
    models: Sequence[str],
    rules: Rules,
) -> set[Row]:
    """Conversion, model, touch, position, channel, weight in units of 10^-12, credit, currency."""
    rows: set[Row] = set()
    for one in credited(conversions, rules):
        path = path_of(one, touches, conversions, rules)
        for model in models:
            if not path:
                rows.add((one.id, model, None, 0, "(unattributed)", UNITS, one.value, one.currency))
                continue
            weights = weights_of(model, path, one.at, milestones, one.entity)
            if model == "participation":
                units = [int(weight) * UNITS for weight in weights]
                credit = [None if one.value is None else int(weight) * one.value for weight in weights]
            else:
                units = largest_remainder(UNITS, weights)
                credit = [*largest_remainder(one.value, weights)] if one.value is not None else [None] * len(path)
            for i, touch in enumerate(path):
                if units[i] or credit[i]:
                    rows.add(
                        (one.id, model, touch.id, i + 1, name_of(touch.channel), units[i], credit[i], one.currency)
                    )
    return rows


def paths_of(
    touches: Sequence[Touch], conversions: Sequence[Conversion], rules: Rules
) -> dict[tuple[str, ...], tuple[int, int]]:
    """By path: conversions and journeys."""
    counts: dict[tuple[str, ...], tuple[int, int]] = {}

    def count(path: list[Touch], n_conversions: int) -> None:
        if path:
            key = tuple(name_of(touch.channel) for touch in path)
            before = counts.get(key, (0, 0))
            counts[key] = (before[0] + n_conversions, before[1] + 1)

    for one in credited(conversions, rules):
        count(path_of(one, touches, conversions, rules), 1)
    in_range = [
        one
        for one in conversions
        if (rules.start is None or one.at >= rules.start) and (rules.end is None or one.at < rules.end)
    ]
    latest = max([*(touch.at for touch in touches), *(one.at for one in conversions)])
    # half-open: the microsecond before the end is the last that belongs to the range
    end = latest if rules.end is None or latest < rules.end else rules.end - Fraction(1, 10**6)
    for entity in {touch.entity for touch in touches} - {one.entity for one in in_range} - {None}:
        # as if it converted at the end
        pretended = Conversion(None, entity, end, None, None, ANY)  # type: ignore[arg-type]
        before = [one for one in conversions if one.at < end]
        count(path_of(pretended, touches, before, rules), 0)
    return counts
