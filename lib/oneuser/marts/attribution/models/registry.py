"""All models whose credit depends on one path alone, and how each is made of its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneuser.marts.attribution.models.ends import First, Last
from oneuser.marts.attribution.models.linear import Linear
from oneuser.marts.attribution.models.milestones import Milestones
from oneuser.marts.attribution.models.non_x import FirstNonX, LastNonX
from oneuser.marts.attribution.models.participation import Participation
from oneuser.marts.attribution.models.path import folded
from oneuser.marts.attribution.models.position import Position
from oneuser.marts.attribution.models.time_decay import TimeDecay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from oneuser.config import ModelSpec
    from oneuser.marts.attribution.models.path import RuleModel

_MICROSECONDS_PER_DAY = 86_400_000_000

RULE_MODELS: Mapping[str, Callable[[Mapping[str, Any]], RuleModel]] = {
    "first": lambda _: First(),
    "last": lambda _: Last(),
    "linear": lambda _: Linear(),
    "position": lambda parameters: Position.of(**parameters),
    "time_decay": lambda parameters: TimeDecay(parameters["half_life_days"] * _MICROSECONDS_PER_DAY),
    "last_non_x": lambda parameters: LastNonX(frozenset(map(folded, parameters["channels"]))),
    "first_non_x": lambda parameters: FirstNonX(frozenset(map(folded, parameters["channels"]))),
    "milestones": lambda parameters: Milestones.of(**parameters),
    "participation": lambda _: Participation(),
}


def rule_models(specs: Iterable[ModelSpec]) -> tuple[tuple[str, RuleModel], ...]:
    """The models among these whose credit depends on one path alone, each with what its rows are called."""
    return tuple((spec.label, RULE_MODELS[spec.model](spec.parameters)) for spec in specs if spec.kind == "rule")
