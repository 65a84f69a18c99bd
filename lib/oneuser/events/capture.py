"""Identifier capture: which identifiers a message carries, and how each is linked to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from oneuser.core.reasons import Reason
from oneuser.events.block import make_column_reader
from oneuser.events.derive import make_transform
from oneuser.events.identifiers import MEMO_SIZE, Identifier, IdentifierReader, RoundedInteger
from oneuser.events.memo import Memo
from oneuser.events.spec import Path
from oneuser.events.syntax import RefusedLine
from oneuser.events.values import make_getter

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneuser.core.keyed import Keys
    from oneuser.events.block import Block
    from oneuser.events.spec import SourceSpec

_TYPE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,63}")

# shared by all messages of which nothing was dropped
_NONE: list[Reason] = []
_NO_TYPES: list[str] = []

Captured = tuple[list["Link"], list[Reason], list[str]]


class Link(NamedTuple):
    """An identifier and how a message carries it (kinds as in `event_identifiers`)."""

    identifier: Identifier
    link: str


class IdentifierCapture:
    """Captures the identifiers of messages of one source.

    `is_exact` holds where integers come as they were written; without it a message may have to be read again.
    """

    def __init__(self, spec: SourceSpec, keys: Keys, *, is_exact: bool) -> None:
        is_table = spec.is_table
        fields = _fields_by_type(spec)
        self._readers = {
            t.name: IdentifierReader(
                t, keys, is_table=is_table, is_exact=is_exact, fields=fields.get(t.name, ()), decimal=spec.decimal
            )
            for t in spec.id_types
        }
        self._slots = tuple(
            (id_type, self._readers[id_type].read, make_getter(part, is_table=is_table))
            for id_type, part in spec.mapping.identifiers
            if id_type in self._readers
        )
        links = {name: Memo(_linker(reader), MEMO_SIZE) for name, reader in self._readers.items()}
        self._columns = tuple(
            (links[id_type], make_column_reader(part))
            for id_type, part in spec.mapping.identifiers
            if id_type in self._readers
        )
        self._external_ids_column = make_column_reader(spec.mapping.external_ids)
        self._derived = tuple(
            (how.from_type, make_transform(how.transform), self._readers[id_type].read)
            for id_type, how in spec.mapping.derived
            if id_type in self._readers
        )
        self._external_ids = make_getter(spec.mapping.external_ids, is_table=is_table)
        self._previous_id = make_getter(spec.mapping.previous_id, is_table=is_table)
        candidates = (
            (("anonymous_id", "previous_anonymous"), ("user_id", "previous_user"))
            if spec.previous_id_type == "auto"
            else ((spec.previous_id_type, "previous"),)
        )
        self._previous = tuple((self._readers[t].read, link) for t, link in candidates if t in self._readers)

    def capture(self, message: dict[str, Any], *, is_alias: bool) -> Captured:
        """Links of a message, codes of the values that were dropped, and types of external ids that are not linked.

        A value that stands in several places counts once; two values of a type both count.

        Raises:
            RefusedLine: for an alias that does not name both ids.
        """
        links: list[Link] = []
        dropped: list[Reason] = []
        unlinked: list[str] = []
        new_id_type = self._new_id_type(message) if is_alias else None
        for id_type, read, getter in self._slots:
            raw = getter(message)
            if raw is not None:
                _add(read(raw), "alias" if id_type == new_id_type else "event", links, dropped)
        external_ids = self._external_ids(message)
        if type(external_ids) is list:
            self._add_external(external_ids, links, dropped, unlinked)
        elif external_ids is not None and external_ids != "":
            dropped.append(Reason.PART_TYPE)
        if self._derived:
            self._add_derived(links, dropped)
        if is_alias:
            self._add_previous(message, links, dropped)
        return links, dropped, unlinked

    def capture_block(self, block: Block) -> tuple[list[list[Link]], list[list[Reason]], list[list[str]]]:
        """What `capture` gives for each message of a block, in three columns; aliases and rounded integers apart."""
        links: list[list[Link]] = [[] for _ in block.messages]
        dropped: list[list[Reason]] = [_NONE] * len(links)
        unlinked: list[list[str]] = [_NO_TYPES] * len(links)
        closer = {index for index, ids in enumerate(self._external_ids_column(block)) if ids is not None}
        for event_links, read_column in self._columns:
            for index, raw in enumerate(read_column(block)):
                if raw is None:
                    continue
                link = event_links[raw] if type(raw) is str else None
                if link is None:
                    closer.add(index)
                elif link not in links[index]:
                    links[index].append(link)
        if self._derived:
            closer.update(range(len(links)))
        for index in closer:
            try:
                found = self.capture(block.messages[index], is_alias=False)
            except RoundedInteger:
                block.unusual.add(index)
            else:
                links[index], dropped[index], unlinked[index] = found
        return links, dropped, unlinked

    def _new_id_type(self, message: dict[str, Any]) -> str:
        """Type of the id that an alias renames to: the user id, or the anonymous id of a message without one."""
        for id_type, read, getter in self._slots:
            if id_type == "user_id" and isinstance(read(getter(message)), Identifier):
                return "user_id"
        return "anonymous_id"

    def _add_external(self, entries: list[Any], links: list[Link], dropped: list[Reason], unlinked: list[str]) -> None:
        for entry in entries:
            if type(entry) is not dict:
                dropped.append(Reason.ID_TYPE)
                continue
            id_type = entry.get("type")
            reader = self._readers.get(id_type) if type(id_type) is str else None
            if reader is not None:
                _add(reader.read(entry.get("id")), "event", links, dropped)
            elif type(id_type) is str and _TYPE_NAME.fullmatch(id_type):
                unlinked.append(id_type)
            else:
                # a type that is no name may be anything, a value too
                unlinked.append("(other)")

    def _add_derived(self, links: list[Link], dropped: list[Reason]) -> None:
        """Make identifiers of those that the message carries; a previousId is not one of them."""
        for from_type, transform, read in self._derived:
            for source in [link.identifier for link in links if link.identifier.id_type == from_type]:
                _add(read(transform(source.value)), "event", links, dropped)

    def _add_previous(self, message: dict[str, Any], links: list[Link], dropped: list[Reason]) -> None:
        raw = self._previous_id(message)
        found = [(read(raw), link) for read, link in self._previous]
        if found and all(isinstance(result, Reason) for result, _ in found):
            _add(found[0][0], "", links, dropped)
        for result, link in found:
            if isinstance(result, Identifier):
                links.append(Link(result, link))
        kinds = {link.link for link in links}
        if "alias" not in kinds or not any(kind.startswith("previous") for kind in kinds):
            raise RefusedLine(Reason.SPEC_ALIAS, "alias without both ids")


def _fields_by_type(spec: SourceSpec) -> dict[str, list[str]]:
    """Names of the fields that a source's values of each type come from."""
    fields: dict[str, list[str]] = {}
    for id_type, part in spec.mapping.identifiers:
        if isinstance(part, Path):
            fields.setdefault(id_type, []).append(part.keys[-1])
    return fields


def _linker(reader: IdentifierReader) -> Callable[[str], Link | None]:
    """A function from a value to its link to an event; null where the value is no identifier."""

    def link(value: str) -> Link | None:
        found = reader.judge(value)
        return Link(found, "event") if isinstance(found, Identifier) else None

    return link


def _add(found: Identifier | Reason | None, link: str, links: list[Link], dropped: list[Reason]) -> None:
    if type(found) is Reason:
        dropped.append(found)
    elif isinstance(found, Identifier):
        for other in links:
            if other.identifier == found:
                return
        links.append(Link(found, link))
