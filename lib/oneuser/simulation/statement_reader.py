"""From statements to identifiers and messages, as ingest reads them; problems and notes on the way."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from oneuser.core.errors import ConfigError, ConfigProblem
from oneuser.core.identifier_text import NamedIdentifier
from oneuser.core.reasons import Reason
from oneuser.events.capture import Link
from oneuser.events.identifiers import Identifier
from oneuser.simulation.line_statements import Event
from oneuser.simulation.rulebook import Rulebook, unknown_type
from oneuser.simulation.world import Message

_KEY_BYTES = 16
_PREVIOUS = {"anonymous_id": "previous_anonymous", "user_id": "previous_user"}
_NEXT_STEP = "`oneuser simulate --help` shows what lines may say"


@dataclass(frozen=True)
class Note:
    """What became of a line, where that is not what it asks for."""

    line: int
    text: str


def line_key(line: int) -> bytes:
    """The key of the message in a line: where time and receipt are the same, or there is none, lines decide."""
    return line.to_bytes(_KEY_BYTES, "big")


def line_of(key: bytes) -> int:
    """The line of a message."""
    return int.from_bytes(key, "big")


class StatementReader:
    """Reads the statements of one run under its rules.

    Attributes:
        notes: What was dropped or refused as a run would do it.
        problems: What cannot be meant.
    """

    def __init__(self, rulebook: Rulebook, *, file: str | None) -> None:
        self._rulebook = rulebook
        self._file = file
        self.notes: list[Note] = []
        self.problems: list[ConfigProblem] = []

    def message(self, event: Event, suppressed: Collection[Identifier]) -> Message | None:
        """The message of an event; null where a run would not accept it, which is noted."""
        links = tuple(self._links(event))
        kinds = {link.link for link in links}
        is_whole = event.previous is None or ("alias" in kinds and any(kind.startswith("previous") for kind in kinds))
        if not links:
            self._note(event.line, "not accepted: no identifier is left")
        elif not is_whole:
            self._note(event.line, "not accepted: an alias needs both ids")
        elif any(link.identifier in suppressed for link in links):
            self._note(event.line, "not accepted: it carries an identifier of an erased person")
        else:
            return Message(line_key(event.line), event.at, links, event.consent, event.received_at)
        return None

    def identifier(self, named: NamedIdentifier, line: int) -> Identifier | None:
        """An identifier that a rule names; null where it cannot be one, which is a problem."""
        if not self._is_declared(named, line):
            return None
        found = self._rulebook.read(named.id_type, named.value)
        if isinstance(found, Reason):
            self.refuse(line, f"cannot be a value of {named.id_type}: {found.explanation}")
            return None
        return found

    def pair(self, a: NamedIdentifier, b: NamedIdentifier, line: int) -> tuple[Identifier, Identifier] | None:
        """Two identifiers that a rule names."""
        one, other = self.identifier(a, line), self.identifier(b, line)
        if one is None or other is None:
            return None
        if one == other:
            self.refuse(line, "both ends are the same identifier: expected two")
            return None
        return one, other

    def refuse(self, line: int, text: str) -> None:
        """Keep a problem of a line."""
        self.problems.append(ConfigProblem("", text, file=self._file, line=line))

    def stop_at_problems(self) -> None:
        """Raise what was found.

        Raises:
            ConfigError: with every problem.
        """
        if self.problems:
            raise ConfigError(sorted(self.problems, key=lambda p: p.line or 0), next_step=_NEXT_STEP)

    def _links(self, event: Event) -> Iterator[Link]:
        """Identifiers of an event, each once; of an alias the first is the new id."""
        seen = set()
        for index, named in enumerate(event.identifiers):
            found = self._observed(named, event.line)
            if found is not None and found not in seen:
                seen.add(found)
                yield Link(found, "alias" if event.previous is not None and index == 0 else "event")
        if event.previous is not None:
            declared = self._rulebook.sections.identity.alias.previous_id_type
            for id_type, link in _PREVIOUS.items():
                if declared in {"auto", id_type} and id_type in self._rulebook.id_types:
                    found = self._observed(NamedIdentifier(id_type, event.previous), event.line)
                    if found is not None:
                        yield Link(found, link if declared == "auto" else "previous")

    def _observed(self, named: NamedIdentifier, line: int) -> Identifier | None:
        """An identifier that an event carries; null where its value is dropped, which is noted."""
        if not self._is_declared(named, line):
            return None
        found = self._rulebook.read(named.id_type, named.value)
        if isinstance(found, Reason):
            self._note(line, f"{named.id_type} dropped: {found.explanation}")
            return None
        return found

    def _is_declared(self, named: NamedIdentifier, line: int) -> bool:
        is_declared = named.id_type in self._rulebook.id_types
        if not is_declared:
            self.problems.append(unknown_type(named.id_type, self._rulebook.id_types, line, self._file))
        return is_declared

    def _note(self, line: int, text: str) -> None:
        note = Note(line, text)
        if note not in self.notes:
            self.notes.append(note)
