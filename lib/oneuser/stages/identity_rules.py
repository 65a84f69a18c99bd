"""The identity rules of a configuration, in the form in which transforms and deciding functions take them.

A run and a simulation get them from here, so that both decide by the same ones. Loads no Spark.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from oneuser.events.normalise import make_normaliser
from oneuser.events.spec import id_type_specs
from oneuser.graph.bounded_sets import Bounds
from oneuser.identity.minting import Mint
from oneuser.identity.succession import Rules as CarryOverRules

if TYPE_CHECKING:
    from oneuser.config import Config
    from oneuser.config.identity import IdType
    from oneuser.config.rules import RuleSections
    from oneuser.events.normalise import Normaliser
    from oneuser.graph.admission_order import Conflict
    from oneuser.identity.claims import Policy
    from oneuser.identity.ledger import Survivor


@dataclass(frozen=True, slots=True)
class TypeRules:
    """The rules of one identifier type, as the configuration declares them."""

    priority: int
    is_known: bool
    is_unique: bool = False
    limit: int | None = None
    max_persons_per_value: int | None = None


@dataclass(frozen=True)
class IdentityValues:
    """How identifiers become people.

    Types are told apart by name, or by their priority, which no two of them share.

    Attributes:
        id_types: What is declared of each type.
        survivor: Which User ID of a component survives.
        conflict: Whether the latest or the earliest edges are the strongest.
        shared_device: What a contested identifier does with its time.
        max_identifiers: How many identifiers a person may have.
        may_join_unique: Whether an alias makes two values of a unique type one.
        required_purposes: Purposes without which no message links.
    """

    id_types: Mapping[str, TypeRules]
    survivor: Survivor = "strongest"
    conflict: Conflict = "latest"
    shared_device: Policy = "time_sliced"
    max_identifiers: int = 1000
    may_join_unique: bool = True
    required_purposes: tuple[str, ...] = ()

    @cached_property
    def priorities(self) -> dict[str, int]:
        """Priority by type; 1 is strongest."""
        return {name: rules.priority for name, rules in self.id_types.items()}

    @cached_property
    def known_types(self) -> frozenset[str]:
        """Types that name a person."""
        return frozenset(name for name, rules in self.id_types.items() if rules.is_known)

    @cached_property
    def known_priorities(self) -> frozenset[int]:
        """Their priorities."""
        return frozenset(self.id_types[name].priority for name in self.known_types)

    @cached_property
    def unique_types(self) -> frozenset[str]:
        """Types of which a person has one value at most."""
        return frozenset(name for name, rules in self.id_types.items() if rules.is_unique)

    @cached_property
    def unique_priorities(self) -> frozenset[int]:
        """Their priorities."""
        return frozenset(self.id_types[name].priority for name in self.unique_types)

    @cached_property
    def person_bounds(self) -> dict[int, int]:
        """`max_persons_per_value` by priority, of the types that have one."""
        return {r.priority: r.max_persons_per_value for r in self.id_types.values() if r.max_persons_per_value}

    @cached_property
    def bounds(self) -> Bounds:
        """What replay must not let a person exceed."""
        return Bounds(
            unique=self.unique_types,
            limits={name: r.limit for name, r in self.id_types.items() if r.limit},
            max_identifiers=self.max_identifiers,
            conflict=self.conflict,
        )

    def carry_over_rules(self, deployment: str, minting: bytes, run_seq: int) -> CarryOverRules:
        """What the carry-over of a run decides by; `minting` is the secret that new User IDs are made from."""
        return CarryOverRules(Mint(deployment, run_seq, minting), self.survivor)


def identity_values(config: Config | RuleSections) -> IdentityValues:
    """The identity rules of a configuration."""
    rules = config.identity
    return IdentityValues(
        id_types={
            name: TypeRules(r.priority, r.known, r.unique, r.limit, r.max_persons_per_value)
            for name, r in rules.id_types.items()
        },
        survivor=rules.survivor,
        conflict=rules.conflict,
        shared_device=rules.shared_device,
        max_identifiers=rules.max_identifiers_per_user,
        may_join_unique=rules.alias.may_join_unique,
        required_purposes=tuple(config.consent.required_for_linking),
    )


def blocked_values(id_types: Mapping[str, IdType]) -> dict[str, frozenset[str]]:
    """Exact blocked values of the types that have some, in the form that values of the type are brought to.

    One that cannot be a value of its type blocks nothing.
    """
    specs = id_type_specs(id_types)
    return {
        name: _normalised(rules.blocked_values, make_normaliser(specs[name]))
        for name, rules in id_types.items()
        if rules.blocked_values
    }


def blocked_patterns(id_types: Mapping[str, IdType]) -> dict[str, list[str]]:
    """Expressions of the types that have some; they see the normalised value."""
    return {name: list(rules.blocked_patterns) for name, rules in id_types.items() if rules.blocked_patterns}


def _normalised(values: Collection[str], normalise: Normaliser) -> frozenset[str]:
    return frozenset(form for form in map(normalise, values) if form is not None)
