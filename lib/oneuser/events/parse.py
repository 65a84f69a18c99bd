"""One message: from a line's bytes, or a table's row, to the columns of an event. Python, on executors.

The parser of a source is made once per task; what it returns for a line is a plain tuple in the order of
`EVENT_COLUMNS`, or `RefusedLine` is raised with the code of the reason.
"""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson

from oneuser.core.keyed import Keys, message_hasher
from oneuser.core.reasons import Reason
from oneuser.events.capture import IdentifierCapture
from oneuser.events.consent_object import read_consent
from oneuser.events.event_times import EventTimes
from oneuser.events.identifiers import RoundedInteger, identifier_text
from oneuser.events.nobody import is_garbage
from oneuser.events.normalise import has_hidden_characters, has_lost_digits, normalise_trim
from oneuser.events.own_values import OwnValues
from oneuser.events.spec import (
    EVENT_TYPES,
    Concat,
    Expression,
    FirstOf,
    Mapping,
    Path,
    Product,
    SourceSpec,
    Time,
    UrlParam,
)
from oneuser.events.syntax import LineReader, RefusedLine
from oneuser.events.touch import TouchReader, harmless
from oneuser.events.values import decimal_point, make_comma_getter, make_getter, open_text, path_getter, plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

EVENT_COLUMNS = (
    "message_key", "message_id", "type", "event", "event_time", "received_at", "time_flag", "group_id", "identifiers",
    "dropped", "unlinked", "campaign_source", "campaign_medium", "campaign_name", "campaign_term", "campaign_content",
    "click_id_type", "referrer_host", "page_host", "traits", "properties", "consent", "raw", "content_hash",
    "is_keyless",
)  # fmt: skip

EventRow = tuple[Any, ...]
_Tree = tuple[tuple[str, "_Tree"], ...]
# what a refused line has of an event
NO_EVENT: EventRow = (None,) * len(EVENT_COLUMNS)
_MAX_GROUP_CHARACTERS = 1024
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])")
_TYPES = {name: name for name in EVENT_TYPES}


class MessageParser:
    """Parses lines or rows of one source.

    `horizon` is the latest instant, in microseconds, that an event may claim. Parts without an underscore are shared
    with the fast path.
    """

    def __init__(self, spec: SourceSpec, keys: Keys, *, horizon: int) -> None:
        mapping, is_table = spec.mapping, spec.is_table
        self._root = path_getter(spec.root) if spec.root else None
        self._lines = LineReader(_watched(spec), spec.limits)
        self._limits = spec.limits
        self.hash_message = message_hasher(keys, spec.id_space)
        self.capture = IdentifierCapture(spec, keys, is_exact=is_table)
        self._exact_capture = IdentifierCapture(spec, keys, is_exact=True)
        self.times = EventTimes(mapping, is_table=is_table, earliest=spec.limits.earliest_time, horizon=horizon)
        self.touches = TouchReader(mapping, is_table=is_table)
        self.own_values = OwnValues(spec.id_types)
        self._message_id = make_getter(mapping.message_id, is_table=is_table)
        self._type = make_getter(mapping.type, is_table=is_table)
        self._event = make_getter(mapping.event, is_table=is_table)
        self._group_id = make_getter(mapping.group_id, is_table=is_table)
        self._traits = object_getter(mapping.traits, is_table=is_table)
        self._properties = object_getter(mapping.properties, is_table=is_table, decimal=spec.decimal)
        self._consent = object_getter(mapping.consent, is_table=is_table)
        self._opt_out = make_getter(mapping.opt_out, is_table=is_table)
        self._objects = _as_tree(_object_paths(mapping))
        # the columns of a table are looked at once, in its header
        self._meant = {} if is_table else _other_spellings(mapping)
        self.misspelled = frozenset(self._meant)
        # a duplicate differs in these and is no other message for it
        self.transport = tuple(_top_keys(mapping.received_at, mapping.sent_at))

    def parse_line(self, line: bytes, n_bytes: int) -> EventRow:
        """The event in a line of JSON; `raw` is null where the line itself is to be kept.

        Raises:
            RefusedLine: where the line cannot be an event.
        """
        if n_bytes > self._limits.max_line_bytes:
            raise RefusedLine(Reason.LIMIT_LINE, f"longer than {self._limits.max_line_bytes} bytes")
        found, is_clean = self._lines.read(line)
        raw = None if is_clean and line[:1] == b"{" else canonical_json(found)
        try:
            return self._parse(self._rooted(found), raw, self.capture)
        except RoundedInteger:
            return self._parse(self._rooted(self._lines.read_exactly(line)), raw, self._exact_capture)

    def read_plain(self, line: bytes) -> dict[str, Any] | None:
        """The message in a line that needs no closer look; null for any other line."""
        found = self._lines.read_plain(line)
        if found is None or self._root is None:
            return found
        message = self._root(found)
        return message if type(message) is dict else None

    def parse_row(self, row: dict[str, Any]) -> EventRow:
        """The event in a row of a table; `raw` is the row as JSON with sorted keys.

        Raises:
            RefusedLine: where the row cannot be an event.
        """
        return self._parse(row, canonical_json(row), self.capture)

    def count_misspelled(self, message: dict[str, Any]) -> int:
        """How many keys of a message are there in another spelling only than the one that is read."""
        if self.misspelled.isdisjoint(message):
            return 0
        found = ((value, self._meant[key]) for key, value in message.items() if key in self.misspelled)
        return sum(value is not None and value != "" and message.get(meant) is None for value, meant in found)

    def _rooted(self, found: dict[str, Any]) -> dict[str, Any]:
        if self._root is None:
            return found
        message = self._root(found)
        if type(message) is not dict:
            raise RefusedLine(Reason.SPEC_NO_ROOT, "no object where the message should sit")
        return message

    def _parse(self, message: dict[str, Any], raw: bytes | None, capture: IdentifierCapture) -> EventRow:
        kind = self._read_type(message)
        traits = _as_object(self._traits(message))
        if type(traits) is dict and len(traits) > self._limits.max_traits:
            raise RefusedLine(Reason.LIMIT_TRAITS, f"more than {self._limits.max_traits} traits")
        identifiers, dropped, unlinked = capture.capture(message, is_alias=kind == "alias")
        if n_misplaced := _count_misplaced(message, self._objects):
            dropped += [Reason.PART_TYPE] * n_misplaced
        if n_misspelled := self.count_misspelled(message):
            dropped += [Reason.PART_SPELLING] * n_misspelled
        group_id = self.read_group(self._group_id(message), dropped)
        if not identifiers and group_id is None:
            raise RefusedLine(Reason.SPEC_NO_IDENTITY)
        if kind == "group" and group_id is None:
            raise RefusedLine(Reason.SPEC_GROUP, "group message without group id")
        event_time, received_at, time_flag = self.times.read(message)
        event = self._event(message)
        touch = self.touches.read(message)
        consent = read_consent(_as_object(self._consent(message)), self._opt_out(message))
        properties = _as_object(self._properties(message))
        message_id = identifier_text(self._message_id(message))
        is_keyless = message_id is None or is_garbage(message_id)
        if is_keyless:
            # the id of a message that has none is its content: a replay in another file is the same message
            message_key = self.hash_message(b"\0" + canonical_json(message))
        else:
            message_key = self.hash_message(message_id.encode())  # type: ignore[union-attr]
        return (
            message_key,
            None if is_keyless else message_id,
            kind,
            harmless(event if type(event) is str else plain_text(event)),
            event_time,
            received_at,
            time_flag,
            group_id,
            identifiers,
            dropped,
            unlinked,
            *self.own_values.without(touch.campaign, identifiers),
            touch.click_id_type,
            touch.referrer_host,
            touch.page_host,
            canonical_json(traits).decode() if type(traits) is dict and traits else None,
            canonical_json(properties).decode() if type(properties) is dict and properties else None,
            canonical_json(consent).decode() if consent else None,
            raw,
            self._content_hash(message),
            is_keyless,
        )

    def _read_type(self, message: dict[str, Any]) -> str:
        kind = self._type(message)
        known = _TYPES.get(kind) if type(kind) is str else None
        if known is None:
            if kind is None:
                raise RefusedLine(Reason.SPEC_NO_TYPE)
            known = _TYPES.get(kind.strip().lower()) if isinstance(kind, str) else None
            if known is None:
                raise RefusedLine(Reason.SPEC_UNKNOWN_TYPE)
        return known

    @staticmethod
    def read_group(raw: Any, dropped: list[Reason]) -> str | None:
        """The id of an account; null for what cannot be one, whose code is added to `dropped`."""
        if raw is None:
            return None
        text = identifier_text(raw)
        if text is None:
            dropped.append(Reason.ID_TYPE)
        elif has_lost_digits(text):
            dropped.append(Reason.ID_ROUNDED)
        elif has_hidden_characters(text.strip()):
            dropped.append(Reason.ID_CHARSET)
        elif len(text) > _MAX_GROUP_CHARACTERS:
            dropped.append(Reason.ID_LENGTH)
        elif is_garbage(text):
            dropped.append(Reason.ID_BLOCKED)
        else:
            return normalise_trim(text)
        return None

    def _content_hash(self, message: dict[str, Any]) -> bytes:
        for key in self.transport:
            message.pop(key, None)
        return blake2b(canonical_json(message), digest_size=8).digest()


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no spaces; times and exact numbers of tables as text."""
    try:
        return orjson.dumps(value, default=_as_text, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, TypeError):
        # integers beyond 64 bits
        return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_as_text).encode()


def _as_text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes | bytearray) else str(value)


def object_getter(
    mapped: Expression | tuple[tuple[str, Expression], ...] | None, *, is_table: bool, decimal: str = "."
) -> Callable[[dict[str, Any]], Any]:
    """A getter of traits, properties or consent: an object of the message, or one put together from declared parts.

    Where `decimal` is a comma, numbers of it come with a point: `1.299,00` becomes `1299.00`.
    """
    if not isinstance(mapped, tuple):
        whole = make_getter(mapped, is_table=is_table)
        return _with_decimal_points(whole) if decimal == "," else whole
    make = make_comma_getter if decimal == "," else make_getter
    getters = tuple((name, make(part, is_table=is_table)) for name, part in mapped)

    def get_object(message: dict[str, Any]) -> dict[str, Any]:
        values = ((name, getter(message)) for name, getter in getters)
        return {name: value for name, value in values if value is not None}

    return get_object


def _with_decimal_points(getter: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    def get_pointed(message: dict[str, Any]) -> Any:
        found = getter(message)
        if type(found) is not dict:
            return found
        return {name: decimal_point(value) if type(value) is str else value for name, value in found.items()}

    return get_pointed


def _as_object(value: Any) -> Any:
    """A part of a message as the object that it is, or that its text holds; null for any other value."""
    return value if value is None or type(value) is dict else open_text(value)


def _count_misplaced(value: dict[str, Any], objects: _Tree) -> int:
    """How many parts of an object are none where one should be; what is inside them is not read."""
    n_misplaced = 0
    for key, inside in objects:
        found = value.get(key)
        if type(found) is not dict:
            if found is None or found == "":
                continue
            found = open_text(found)
            if found is None:
                n_misplaced += 1
                continue
        if inside:
            n_misplaced += _count_misplaced(found, inside)
    return n_misplaced


def _object_paths(mapping: Mapping) -> set[tuple[str, ...]]:
    """Paths of a message at which objects belong: on the way to a value, and parts that are objects themselves."""
    wholes = (mapping.traits, mapping.properties, mapping.consent, mapping.campaign)
    scalars = [mapping.event_time, mapping.received_at, mapping.group_id, mapping.page_url, mapping.page_search]
    scalars += [mapping.referrer, mapping.external_ids, *(part for _, part in mapping.identifiers)]
    found = {keys for whole in wholes if not isinstance(whole, tuple) for keys in paths_of(whole)}
    found |= {keys[:end] for part in scalars for keys in paths_of(part) for end in range(1, len(keys))}
    return found


def _other_spellings(mapping: Mapping) -> dict[str, str]:
    """Keys of ids and times at the top of a message as others spell them, each with the key that is read.

    What preset and mapping read in `userId` comes as `user_id` from warehouses, `UserId` or `userid` from others.
    """
    ids = [mapping.message_id, mapping.group_id, mapping.event_time, mapping.received_at]
    ids += [part for _, part in mapping.identifiers]
    read = {keys[0] for part in ids for keys in paths_of(part) if len(keys) == 1}
    spellings: dict[str, str] = {}
    for key in sorted(read):
        words = [word.lower() for word in _WORD.findall(key)]
        capital = [word.capitalize() for word in words]
        camel = "".join([*words[:1], *capital[1:]])
        written = {camel, "".join(words), "".join(capital), *(sign.join(words) for sign in "_-. ")}
        spellings.update((one, key) for one in sorted({*written, *map(str.upper, written)}) if one not in read)
    return spellings


def _as_tree(paths: Iterable[tuple[str, ...]]) -> _Tree:
    """Paths by their first key, and so on below it."""
    below: dict[str, list[tuple[str, ...]]] = {}
    for first, *rest in paths:
        below.setdefault(first, []).extend([tuple(rest)] if rest else [])
    return tuple((first, _as_tree(inside)) for first, inside in sorted(below.items()))


def _watched(spec: SourceSpec) -> Iterator[tuple[str, ...]]:
    """Paths of identifiers, times and type, from the top of a line."""
    mapping = spec.mapping
    parts = [mapping.message_id, mapping.type, mapping.event_time, mapping.original_time, mapping.sent_at]
    parts += [mapping.received_at, mapping.group_id, mapping.previous_id]
    parts += [part for _, part in mapping.identifiers]
    for part in parts:
        for path in paths_of(part):
            yield spec.root + path
    for path in paths_of(mapping.external_ids):
        yield spec.root + path
        yield (*spec.root, *path, "id")
        yield (*spec.root, *path, "type")


def paths_of(expression: Expression | None) -> Iterator[tuple[str, ...]]:
    """All paths that an expression reads."""
    if isinstance(expression, Path):
        yield expression.keys
    elif isinstance(expression, FirstOf | Concat | Product):
        for part in expression.parts:
            yield from paths_of(part)
    elif isinstance(expression, Time | UrlParam):
        yield from paths_of(expression.part)


def _top_keys(*expressions: Expression | None) -> Iterator[str]:
    for expression in expressions:
        for keys in paths_of(expression):
            if len(keys) == 1:
                yield keys[0]
