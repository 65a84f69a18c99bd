"""From what a run decided to its outcome in words: numbers become identifiers, User IDs get short names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.core.event_order import message_key_of
from oneuser.core.message_identifiers import OBSERVED
from oneuser.simulation.results import (
    Change,
    Contested,
    Interval,
    OwnedEvent,
    Person,
    PublishedId,
    Refusal,
    Run,
    ShownIdentifier,
)
from oneuser.simulation.simulation_text import written_time
from oneuser.simulation.statement_reader import line_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oneuser.events.identifiers import Identifier
    from oneuser.simulation.play import Played


def name_user_ids(runs: Iterable[Played]) -> dict[str, str]:
    """A short name for each User ID ever published: P1, P2 ... in the order of publication."""
    published = {user.user_id: user.published for run in runs for user in run.resolution.ledger_changes}
    ordered = sorted(published, key=lambda user_id: published[user_id])
    return {user_id: f"P{ordinal}" for ordinal, user_id in enumerate(ordered, start=1)}


def describe_run(played: Played, names: Mapping[str, str], before: Run | None) -> Run:
    """One run as it is shown.

    Args:
        played: What was decided.
        names: Names of all User IDs.
        before: The run before, as it is shown.
    """
    described = _Description(played, names)
    refused = described.refused()
    still_refused = frozenset(refused)
    return Run(
        run=played.resolution.run_seq,
        people=described.people(),
        user_ids=described.user_ids(),
        changes=described.changes(),
        refused=refused,
        admitted=tuple(edge for edge in (before.refused if before else ()) if edge not in still_refused),
        contested=described.contested(),
        over_shared=described.shown(played.resolution.identifiers[number] for number in played.resolution.over_shared),
        blocked=described.shown(played.world.blocked),
        events=described.events(),
        notes=played.notes,
    )


class _Description:
    """What the parts of one run's picture share."""

    def __init__(self, played: Played, names: Mapping[str, str]) -> None:
        self._played = played
        self._resolution = played.resolution
        self._names = names
        self._priorities = {name: r.priority for name, r in played.sections.identity.id_types.items()}

    def shown(self, identifiers: Iterable[Identifier]) -> tuple[ShownIdentifier, ...]:
        """Identifiers, the strongest type first, then by value."""
        ordered = sorted(identifiers, key=lambda i: (self._priorities.get(i.id_type, 0), i.id_type, i.value))
        return tuple(ShownIdentifier(found.id_type, found.value) for found in ordered)

    def people(self) -> tuple[Person, ...]:
        resolution = self._resolution
        kinds = {resolution.users[label]: kind for label, kind in resolution.kinds.items()}
        contested = {resolution.identifiers[number] for number in resolution.contested}
        people = [
            Person(self._names[user_id], user_id, kinds[user_id], self.shown(members), self.shown(members & contested))
            for user_id, members in resolution.people().items()
        ]
        return tuple(sorted(people, key=lambda person: _ordinal(person.name)))

    def user_ids(self) -> tuple[PublishedId, ...]:
        ids = [
            PublishedId(
                self._names[user.user_id],
                user.user_id,
                user.status,
                self._names[user.redirect_to] if user.status == "retired" and user.redirect_to else None,
                self._identifier(user.anchor),
            )
            for user in self._resolution.state.ledger.values()
        ]
        return tuple(sorted(ids, key=lambda one: _ordinal(one.name)))

    def changes(self) -> tuple[Change, ...]:
        rows = [
            Change(
                row.change,
                self._names[row.user_id],
                None if row.other_user_id is None else self._names[row.other_user_id],
                self._identifier(row.identifier_id),
            )
            for row in self._played.lineage
        ]
        return tuple(sorted(rows, key=lambda row: (_ordinal(row.name), row.change, row.other or "")))

    def refused(self) -> tuple[Refusal, ...]:
        edges = []
        for edge in self._resolution.refusals:
            a, b = self.shown((self._resolution.identifiers[edge.src], self._resolution.identifiers[edge.dst]))
            edges.append(Refusal(a, b, edge.rule))
        return tuple(sorted(edges, key=lambda edge: (edge.a, edge.b, edge.rule)))

    def contested(self) -> tuple[Contested, ...]:
        owners = {
            self._resolution.identifiers[number]: tuple(
                Interval(
                    None if interval.owner is None else self._names[self._resolution.users[interval.owner]],
                    None if interval.start is None else line_of(message_key_of(interval.start[1])),
                    None if interval.start is None else written_time(interval.start[0]),
                )
                for interval in intervals
            )
            for number, intervals in self._resolution.intervals.items()
        }
        by_shown = {ShownIdentifier(found.id_type, found.value): found for found in owners}
        return tuple(Contested(shown, owners[by_shown[shown]]) for shown in self.shown(owners))

    def events(self) -> tuple[OwnedEvent, ...]:
        owners = self._resolution.owners
        return tuple(
            OwnedEvent(
                line_of(message.key),
                written_time(message.at),
                self.shown({link.identifier for link in message.links if link.link in OBSERVED}),
                None if (owner := owners[message.key]) is None else self._names[owner],
            )
            for message in sorted(self._played.world.messages, key=lambda message: message.moment)
        )

    def _identifier(self, number: int | None) -> ShownIdentifier | None:
        if number is None:
            return None
        found = self._resolution.identifiers[number]
        return ShownIdentifier(found.id_type, found.value)


def _ordinal(name: str) -> int:
    return int(name[1:])


def join_identifiers(identifiers: Sequence[ShownIdentifier]) -> str:
    """Identifiers as the text writes them."""
    return ", ".join(str(identifier) for identifier in identifiers)
