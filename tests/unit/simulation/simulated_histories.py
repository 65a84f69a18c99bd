"""Histories of the oracle through the resolver that decides in plain Python, in the oracle's own words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from oneuser.core.event_order import Moment, message_key_of
from oneuser.events.capture import Link
from oneuser.events.identifiers import Identifier as KeyedIdentifier
from oneuser.identity.ledger import UserId, end_person
from oneuser.simulation.resolve import NEVER, resolve
from oneuser.simulation.world import (
    ImportedLink,
    ManualRule,
    Message,
    Resolution,
    State,
    World,
)
from oneuser.simulation.world import Rules as SimulatedRules
from oneuser.stages.identity_rules import TypeRules
from tests.oracle import history as plain
from tests.oracle.evidence import NEVER_FIRST
from tests.oracle.people import BEGINNING, Deployment, Outcome


class Simulation:
    """A deployment that runs in plain Python, beside one of the oracle that stores and erases for both."""

    def __init__(self, keys: plain.Keys) -> None:
        self.keys = keys
        self.state = State()
        self.last: Resolution | None = None

    def beside(self, deployment: Deployment, run: plain.Run) -> tuple[dict[str, Any], dict[str, Any]]:
        """One run of both: what the simulation publishes and what the oracle does, in the same words."""
        outcome = deployment.run(run)
        for user_id in deployment.ended:
            self.erase(user_id, deployment.n_runs)
        assert deployment.rules is not None
        resolution = self.run(deployment.stored.values(), deployment.rules, deployment.n_runs)
        return simulated(resolution, [*deployment.stored], self.keys), expected(outcome)

    def erase(self, user_id: str, run_seq: int) -> None:
        residual = self.last.residual_ids_of(user_id) if self.last else ()
        ended, _ = end_person(self.state.ledger.values(), user_id, run_seq=run_seq, residual=residual)
        self.state = replace(self.state, ledger={**self.state.ledger, **{user.user_id: user for user in ended}})

    def run(self, messages: Iterable[plain.Message], rules: plain.Rules, run_seq: int) -> Resolution:
        world = World(
            messages=tuple(self.message(m, rules) for m in messages),
            links=tuple(ImportedLink(li.source, *map(self.keyed, li.ends), priority=li.priority) for li in rules.links),
            manual=(
                *(ManualRule("include", *map(self.keyed, ends)) for ends in rules.included),
                *(ManualRule("exclude", *map(self.keyed, ends)) for ends in rules.excluded),
            ),
            blocked=frozenset(map(self.keyed, rules.blocked)),
        )
        resolution = resolve(world, self.state, self.rules(rules), run_seq)
        self.state, self.last = resolution.state, resolution
        return resolution

    def keyed(self, identifier: plain.Identifier) -> KeyedIdentifier:
        return KeyedIdentifier(identifier[0], self.keys.identifier(identifier), identifier[1])

    def message(self, m: plain.Message, rules: plain.Rules) -> Message:
        links = [Link(self.keyed(i), "alias" if i == m.new_id else "event") for i in m.ids]
        readings = {"previous_anonymous": "anonymous_id", "previous_user": "user_id"}
        if rules.previous_id_type != "auto":
            readings = {"previous": rules.previous_id_type}
        if m.previous is not None:
            links += [Link(self.keyed((id_type, m.previous)), link) for link, id_type in readings.items()]
        return Message(self.keys.message(m.id), m.at, tuple(links), m.consent, m.received)

    def rules(self, rules: plain.Rules) -> SimulatedRules:
        return SimulatedRules(
            id_types={
                name: TypeRules(t.priority, t.known, t.unique, t.limit, t.max_persons_per_value)
                for name, t in rules.types.items()
            },
            survivor=rules.survivor,
            conflict=rules.conflict,
            shared_device=rules.shared_device,
            max_identifiers=rules.max_identifiers_per_user,
            may_join_unique=rules.may_join_unique,
            required_purposes=tuple(sorted(rules.required_for_linking)),
            deployment=self.keys.deployment,
            minting=self.keys.minting,
        )


def simulate(history: plain.History, keys: plain.Keys) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """After each run, what the simulation publishes and what the oracle does, in the same words."""
    deployment, simulation = Deployment(keys), Simulation(keys)
    for run in history:
        yield simulation.beside(deployment, run)


def simulated(resolution: Resolution, messages: list[str], keys: plain.Keys) -> dict[str, Any]:
    """What a resolution publishes, by identifiers and message ids instead of numbers and keys."""
    name = {number: (i.id_type, i.value) for number, i in resolution.identifiers.items()}
    users = {name[n]: resolution.users[component] for n, component in resolution.components.items()}
    members: dict[int, set[plain.Identifier]] = {}
    for number, component in resolution.components.items():
        members.setdefault(component, set()).add(name[number])
    intervals = {i: [(BEGINNING, user)] for i, user in users.items()} | {
        name[n]: [
            (
                BEGINNING if part.start is None else as_order(part.start),
                None if part.owner is None else resolution.users[part.owner],
            )
            for part in parts
        ]
        for n, parts in resolution.intervals.items()
    }
    return {
        "components": {frozenset(component) for component in members.values()},
        "over_shared": {name[n] for n in resolution.over_shared},
        "refused": {(edge.rule, plain.pair(name[edge.src], name[edge.dst])) for edge in resolution.refusals},
        "contested": {name[n] for n in resolution.contested},
        "intervals": intervals,
        "users": users,
        "owners": {message: resolution.owners[keys.message(message)] for message in messages},
        "kinds": {resolution.users[component]: kind for component, kind in resolution.kinds.items()},
        "ledger": {user_id: as_plain(user, name) for user_id, user in resolution.state.ledger.items()},
    }


def as_order(moment: Moment) -> plain.Order:
    """A moment as the oracle writes it."""
    at, place = moment
    received = int.from_bytes(place[:8], "big") - 2**63
    return (at, float("inf") if place.startswith(b"\xff" * 8) else received, message_key_of(place))


def as_plain(user: UserId, name: dict[int, plain.Identifier]) -> dict[str, Any]:
    """A row of the ledger as the oracle writes it."""
    run, at, place, key = user.published
    return {
        "status": user.status,
        "target": user.redirect_to,
        "present": None if user.present_anchor is None else name[user.present_anchor],
        "stands": user.anchor is not None,
        "anchors": [name[n] for n, _ in user.anchors],
        "order": (run, *(NEVER_FIRST if (at, place) == NEVER else as_order((at, place))), key),
    }


def expected(outcome: Outcome) -> dict[str, Any]:
    """What the oracle publishes, name by name."""
    names = ("components", "over_shared", "refused", "contested", "intervals", "users", "owners", "kinds", "ledger")
    return {name: getattr(outcome, name) for name in names}
