"""Attribution models: the shares of a path's touches, and how a whole is dealt out by shares. Plain Python, no Spark.

A model is a function from a path to one integer share per touch. Weights (units of 10^-12) and money (smallest units)
are both dealt out by these same shares with the method of largest remainders, in integers, so that they add up exactly
and do not depend on the order in which rows arrive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from oneuser.config import AttributionRules

WEIGHT_UNITS = 10**12
_SCALE = 10**12
# a double has fifteen certain digits
_DECAY_SCALE = 10**15
_MICROSECONDS_PER_DAY = 86_400_000_000


@dataclass(frozen=True)
class ModelRules:
    """Which models, with their parameters in integers.

    `position` is the share of the first touch, of all between, and of the last. `half_life` is in microseconds.
    """

    models: tuple[str, ...]
    position: tuple[int, int, int]
    half_life: float

    @classmethod
    def of(cls, rules: AttributionRules) -> ModelRules:
        """The models of a configuration."""
        parts = rules.position.model_dump()
        first, middle, last = (int(Decimal(str(parts[part])) * _SCALE) for part in ("first", "middle", "last"))
        return cls(tuple(rules.models), (first, middle, last), rules.half_life_days * _MICROSECONDS_PER_DAY)


def shares(model: str, ages: Sequence[int], rules: ModelRules) -> list[int]:
    """One share per touch of a path, none negative, at least one above 0.

    Args:
        model: Name of the model.
        ages: Microseconds from each touch to the conversion, in path order: oldest first. Not empty.
        rules: Parameters.

    Raises:
        KeyError: for a model that does not exist.
    """
    n = len(ages)
    if model == "first":
        return [1] + [0] * (n - 1)
    if model == "last":
        return [0] * (n - 1) + [1]
    if model == "linear":
        return [1] * n
    if model == "position":
        return _position_shares(n, rules.position)
    if model == "time_decay":
        # relative to the newest touch: the same proportions, and the newest never vanishes
        newest = ages[-1]
        return [round(math.exp2((newest - age) / rules.half_life) * _DECAY_SCALE) for age in ages]
    raise KeyError(model)


def _position_shares(n: int, parts: tuple[int, int, int]) -> list[int]:
    first, middle, last = parts
    if n == 1:
        return [1]
    if n == 2:  # noqa: PLR2004 - a path without a middle
        return [first, last]
    between = n - 2
    # all multiplied by the number between, so that a share of the middle is whole
    return [first * between, *([middle] * between), last * between]


def deal_out(total: int, by: Sequence[int]) -> list[int]:
    """Deal a whole number out by shares: nobody is more than one away from their exact part, and all add up.

    What is left after rounding down goes, one each, to the largest remainders; the earlier comes first where they are
    equal. A negative total is dealt out like its opposite.

    Args:
        total: What there is to deal out.
        by: Shares, none negative, at least one above 0.
    """
    if total < 0:
        return [-part for part in deal_out(-total, by)]
    whole = sum(by)
    divided = [divmod(total * share, whole) for share in by]
    parts = [part for part, _ in divided]
    left = total - sum(parts)
    if left:
        order = sorted(range(len(by)), key=lambda place: -divided[place][1])
        for place in order[:left]:
            parts[place] += 1
    return parts


def credit_path(
    ages: Sequence[int], value: int | None, rules: ModelRules
) -> Iterator[tuple[str, int, int, int | None]]:
    """Deal one conversion out over its path by every model.

    Args:
        ages: Microseconds from each touch to the conversion, in path order. Not empty.
        value: Value of the conversion in smallest units; null where it has none.
        rules: The models.

    Yields:
        Model, place in the path from 1, weight in units of 10^-12, and credit in smallest units (null with the value).
        A touch that gets nothing is left out.
    """
    if len(ages) == 1:
        yield from ((model, 1, WEIGHT_UNITS, value) for model in rules.models)
        return
    for model in rules.models:
        by = shares(model, ages, rules)
        weights = deal_out(WEIGHT_UNITS, by)
        credit: list[int | None] = [*deal_out(value, by)] if value is not None else [None] * len(by)
        for place, (weight, part) in enumerate(zip(weights, credit, strict=True), start=1):
            if weight or part:
                yield model, place, weight, part
