"""The runs of a text, one after another: what arrives, what is erased, which rules hold, and what follows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oneuser.events.identifiers import Identifier
from oneuser.identity.ledger import end_person
from oneuser.simulation.line_statements import (
    Block,
    Erase,
    Event,
    Linked,
    Manual,
    Rollback,
    Setting,
    Statement,
    Unlinked,
    Unsuppress,
)
from oneuser.simulation.resolve import resolve
from oneuser.simulation.rulebook import KEYS, Rulebook
from oneuser.simulation.statement_reader import Note, StatementReader
from oneuser.simulation.world import (
    ImportedLink,
    ManualRule,
    Message,
    Resolution,
    State,
    World,
    declared_rules,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oneuser.config.rules import RuleSections
    from oneuser.identity.ledger import LineageRow


@dataclass(frozen=True)
class Played:
    """One run: what was decided, from what, under which rules.

    `lineage` holds erasures too, which come before the run's own changes.
    """

    resolution: Resolution
    world: World
    sections: RuleSections
    lineage: tuple[LineageRow, ...]
    notes: tuple[Note, ...]


def play(runs: Iterable[Sequence[Statement]], rulebook: Rulebook, *, file: str | None) -> list[Played | Rollback]:
    """Play all runs of a text. A rollback stands for itself: it decides nothing.

    Raises:
        ConfigError: naming the lines of the first run that says what cannot be.
    """
    deployment = _Deployment(rulebook, file)
    return [deployment.play(statements) for statements in runs]


class _Deployment:
    """What a deployment keeps from run to run."""

    def __init__(self, rulebook: Rulebook, file: str | None) -> None:
        self._rulebook = rulebook
        self._file = file
        self._messages: list[Message] = []
        self._links: list[ImportedLink] = []
        self._manual = {frozenset((rule.a, rule.b)): rule for rule in rulebook.manual_rules()}
        self._suppressed: set[Identifier] = set()
        # what only a link still said of somebody who was erased
        self._own_pairs: set[frozenset[Identifier]] = set()
        self._state = State()
        self._last: Resolution | None = None
        self._run_seq = 0

    def play(self, statements: Sequence[Statement]) -> Played | Rollback:
        """One run, or a rollback."""
        reader = StatementReader(self._rulebook, file=self._file)
        for statement in statements:
            if isinstance(statement, Rollback):
                return self._roll_back(statement, reader)
        self._run_seq += 1
        # whatever their lines, rules hold for the whole run: they come before its events, erasures before all
        self._rulebook.change(s for s in statements if isinstance(s, Setting | Block))
        erased = self._answer([s for s in statements if isinstance(s, Erase | Unsuppress)], reader)
        for statement in statements:
            self._take(statement, reader)
        arrived = [reader.message(s, self._suppressed) for s in statements if isinstance(s, Event)]
        reader.stop_at_problems()
        self._messages += [message for message in arrived if message is not None]
        sections = self._rulebook.sections
        world = self._world()
        rules = declared_rules(sections, KEYS)
        self._last = resolve(world, self._state, rules, self._run_seq)
        self._state = self._last.state
        return Played(self._last, world, sections, (*erased, *self._last.lineage), tuple(reader.notes))

    def _take(self, statement: Statement, reader: StatementReader) -> None:
        if isinstance(statement, Linked):
            ends = reader.pair(statement.a, statement.b, statement.line)
            is_left_out = ends is not None and (
                frozenset(ends) in self._own_pairs or self._suppressed.intersection(ends)
            )
            if ends is not None and not is_left_out:
                self._links.append(ImportedLink(statement.source, *ends, priority=statement.priority))
        elif isinstance(statement, Unlinked):
            self._unlink(statement, reader)
        elif isinstance(statement, Manual):
            self._rule_by_hand(statement, reader)

    def _answer(self, statements: Sequence[Erase | Unsuppress], reader: StatementReader) -> list[LineageRow]:
        """Erase, and take suppressions back, in the order of the lines; what is said of those who are erased."""
        told: list[LineageRow] = []
        ended: list[set[Identifier]] = []
        for statement in statements:
            if isinstance(statement, Erase):
                told += self._erase(statement, reader, ended)
                continue
            found = reader.identifier(statement.named, statement.line)
            if found in self._suppressed:
                self._suppressed.remove(found)
            elif found is not None:
                reader.refuse(statement.line, "the identifier is not suppressed: expected one of an erased person")
        carried = {link.identifier for message in self._messages for link in message.links}
        for members in ended:
            alone = members - carried
            self._own_pairs |= {frozenset((link.a, link.b)) for link in self._links if {link.a, link.b} <= alone}
        self._links = [link for link in self._links if frozenset((link.a, link.b)) not in self._own_pairs]
        return told

    def _unlink(self, statement: Unlinked, reader: StatementReader) -> None:
        ends = None if statement.ends is None else reader.pair(*statement.ends, statement.line)
        gone = [
            link
            for link in self._links
            if link.source == statement.source and (ends is None or {link.a, link.b} == set(ends))
        ]
        if not gone:
            reader.refuse(statement.line, "there is no such link: expected one of a `link` line above")
        self._links = [link for link in self._links if link not in gone]

    def _rule_by_hand(self, statement: Manual, reader: StatementReader) -> None:
        ends = reader.pair(statement.a, statement.b, statement.line)
        if ends is None:
            return
        pair = frozenset(ends)
        present = self._manual.get(pair)
        action = statement.action
        if statement.is_on and (present is None or present.action == action):
            self._manual[pair] = ManualRule(action, *ends, statement.reason)
        elif statement.is_on and present is not None:
            reader.refuse(statement.line, f"cannot {action} a pair that an earlier rule {present.action}s")
        elif present is None or present.action != action:
            reader.refuse(statement.line, f"there is no such {action} to take back")
        else:
            del self._manual[pair]

    def _erase(self, statement: Erase, reader: StatementReader, ended: list[set[Identifier]]) -> list[LineageRow]:
        """End the person of the last run who has an identifier, with what was cut off, and delete their messages.

        What they had is added to `ended`.
        """
        found = reader.identifier(statement.named, statement.line)
        last = self._last
        if found is None:
            return []
        person = self._state.owners.get(self._state.identifier_ids.get(found, 0))
        if last is None or person is None:
            reader.refuse(statement.line, "nobody has it: expected an identifier of somebody in the last run")
            return []
        types = self._rulebook.sections.identity.id_types
        residual = last.residual_ids_of(person)
        ending = {person, *residual}
        people, numbers = last.people(), self._state.identifier_ids
        self._suppressed |= {
            member
            for user in ending
            for member in people[user]
            if types[member.id_type].known
            and (numbers[member] not in last.contested or last.claimants_of(numbers[member]) <= ending)
        }
        self._messages = [
            message
            for message in self._messages
            if last.owners[message.key] not in ending
            and all(link.identifier not in self._suppressed for link in message.links)
        ]
        self._links = [link for link in self._links if self._suppressed.isdisjoint({link.a, link.b})]
        ended.append({member for user in ending for member in people[user]})
        ledger = self._state.ledger.values()
        rows, lineage = end_person(ledger, person, run_seq=self._run_seq, residual=residual)
        self._state = replace(self._state, ledger={**self._state.ledger, **{user.user_id: user for user in rows}})
        return lineage

    def _world(self) -> World:
        observed = {link.identifier for message in self._messages for link in message.links}
        linked = {end for link in self._links for end in (link.a, link.b)}
        return World(
            messages=tuple(self._messages),
            links=tuple(self._links),
            manual=tuple(self._manual.values()),
            blocked=self._rulebook.blocked_among(observed | linked),
        )

    def _roll_back(self, statement: Rollback, reader: StatementReader) -> Rollback:
        if statement.run > self._run_seq:
            reader.refuse(statement.line, f"there is no run {statement.run}: expected one of 1 to {self._run_seq}")
        reader.stop_at_problems()
        return statement
