"""What a simulated run is given and what it answers: messages, other evidence, rules, and the state between runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Literal

from oneuser.core.event_order import event_order
from oneuser.core.message_identifiers import ALIAS
from oneuser.events.identifiers import Identifier
from oneuser.identity.ledger import residual_ids_of
from oneuser.stages.identity_rules import IdentityValues, identity_values

if TYPE_CHECKING:
    from oneuser.config.rules import RuleSections
    from oneuser.core.event_order import Moment
    from oneuser.core.keyed import Keys
    from oneuser.events.capture import Link
    from oneuser.graph.admission import RefusedEdge
    from oneuser.graph.linking import Pair
    from oneuser.identity.claims import Interval
    from oneuser.identity.ledger import LineageRow, UserId
    from oneuser.identity.owners import Kind


@dataclass(frozen=True, slots=True)
class Message:
    """One stored message. `key` names it. `at` and `received_at` count microseconds since 1970 UTC; none is null.

    `links` are its identifiers with the kinds of link of `event_identifiers`: event, alias (the new id of an alias),
    and the readings of a previousId. `consent` says by purpose whether it was given; null where the message says
    nothing about consent.
    """

    key: bytes
    at: int
    links: tuple[Link, ...]
    consent: Mapping[str, bool] | None = None
    received_at: int | None = None

    @property
    def moment(self) -> Moment:
        """Its rank in the order of events."""
        return (self.at, event_order(self.received_at, self.key))

    @property
    def is_alias(self) -> bool:
        """Whether it is an alias message."""
        return any(link.link == ALIAS for link in self.links)


@dataclass(frozen=True, slots=True)
class ImportedLink:
    """A pair of an imported link table. `priority` is what the table declares for itself, if anything."""

    source: str
    a: Identifier
    b: Identifier
    at: int | None = None
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class ManualRule:
    """A pair that somebody includes or excludes by hand."""

    action: Literal["include", "exclude"]
    a: Identifier
    b: Identifier
    reason: str = ""


@dataclass(frozen=True)
class World:
    """Everything that is stored and declared when a run begins. The order of messages decides nothing."""

    messages: tuple[Message, ...] = ()
    links: tuple[ImportedLink, ...] = ()
    manual: tuple[ManualRule, ...] = ()
    blocked: frozenset[Identifier] = frozenset()


@dataclass(frozen=True)
class Rules(IdentityValues):
    """How identifiers become people, and what their User IDs are made from."""

    deployment: str = "simulate"
    minting: bytes = field(default=b"made-up secret", repr=False)


def declared_rules(sections: RuleSections, keys: Keys) -> Rules:
    """The rules of a configuration."""
    values = identity_values(sections)
    declared = {part.name: getattr(values, part.name) for part in fields(values)}
    return Rules(**declared, deployment=keys.deployment, minting=keys.minting)


@dataclass(frozen=True)
class State:
    """What is kept from run to run: identifier numbers, the ledger, and the last `identifier_map`."""

    identifier_ids: Mapping[Identifier, int] = field(default_factory=dict)
    ledger: Mapping[str, UserId] = field(default_factory=dict)
    owners: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Resolution:
    """What one run decides.

    Attributes:
        identifiers: Every identifier that has a number, by number.
        components: Component of each identifier in the graph; the label is its smallest number.
        users: Live User ID of each component.
        kinds: Kind of each component.
        over_shared: Over-shared identifiers; they are in no component.
        refusals: Refused edges, in order of their ends.
        contested: Contested identifiers.
        cuts: Those that `limit` or `size` cut off, each with what it was cut off from.
        intervals: Who owns a contested identifier, from when: components by the policy of shared devices.
        owners: User ID of each message by its key; null where nobody owns it.
        ledger_changes: Rows of the ledger that are new or changed.
        lineage: What happened to User IDs.
        state: What the next run begins with.
    """

    run_seq: int
    identifiers: Mapping[int, Identifier]
    components: Mapping[int, int]
    users: Mapping[int, str]
    kinds: Mapping[int, Kind]
    over_shared: frozenset[int]
    refusals: tuple[RefusedEdge, ...]
    contested: frozenset[int]
    cuts: frozenset[Pair]
    intervals: Mapping[int, tuple[Interval, ...]]
    owners: Mapping[bytes, str | None]
    ledger_changes: tuple[UserId, ...]
    lineage: tuple[LineageRow, ...]
    state: State

    def people(self) -> dict[str, frozenset[Identifier]]:
        """Identifiers of each live User ID."""
        members: dict[str, set[Identifier]] = {}
        for number, component in self.components.items():
            members.setdefault(self.users[component], set()).add(self.identifiers[number])
        return {user_id: frozenset(found) for user_id, found in members.items()}

    def residual_ids_of(self, person: str) -> set[str]:
        """Residual IDs that were cut off from a person."""
        owners = {number: self.users[component] for number, component in self.components.items()}
        residual = {self.users[component] for component, kind in self.kinds.items() if kind == "residual"}
        return residual_ids_of(person, self.cuts, owners, residual)

    def claimants_of(self, number: int) -> set[str]:
        """User IDs that a contested identifier belongs to at some time, or that an edge was refused to."""
        owners = {interval.owner for interval in self.intervals.get(number, ())}
        refused = (edge for edge in self.refusals if edge.rule != "exclude" and number in (edge.src, edge.dst))
        owners |= {self.components.get(edge.dst if edge.src == number else edge.src) for edge in refused}
        return {self.users[owner] for owner in owners if owner is not None}
