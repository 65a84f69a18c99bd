"""The identity rules of a configuration, in the form in which transforms and deciding functions take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneuser.graph.bounded_sets import Bounds

if TYPE_CHECKING:
    from oneuser.config import Config


@dataclass(frozen=True)
class IdentityValues:
    """What is declared about id types, by name of the type or by its priority, which no two types share.

    Attributes:
        priorities: Priority by id type; 1 is strongest.
        known_types: Id types that name a person.
        unique_priorities: Priorities of the types of which a person has at most one value.
        person_bounds: `max_persons_per_value` by priority.
        bounds: What replay must not let a person exceed.
        aliases_join: Whether an alias makes two values of a unique type one.
    """

    priorities: dict[str, int]
    known_types: frozenset[str]
    unique_priorities: frozenset[int]
    person_bounds: dict[int, int]
    bounds: Bounds
    aliases_join: bool


def identity_values(config: Config) -> IdentityValues:
    """The identity rules of a configuration."""
    rules = config.identity
    types = rules.id_types
    unique = frozenset(name for name, r in types.items() if r.unique)
    return IdentityValues(
        priorities={name: r.priority for name, r in types.items()},
        known_types=frozenset(name for name, r in types.items() if r.known),
        unique_priorities=frozenset(types[name].priority for name in unique),
        person_bounds={r.priority: r.max_persons_per_value for r in types.values() if r.max_persons_per_value},
        bounds=Bounds(
            unique=unique,
            limits={name: r.limit for name, r in types.items() if r.limit},
            max_identifiers=rules.max_identifiers_per_user,
            conflict=rules.conflict,
        ),
        aliases_join=rules.alias.may_join_unique,
    )
