"""The fast path: lines of the usual form, a block at a time and column by column, several times faster than one by one.

Usual is a line of well-formed JSON, no key twice, with a message that has a type, an identity, an id, and a time in
the usual form. What is unusual about any other is for `parse` to say, which is also what this must agree with.
"""

from __future__ import annotations

from functools import partial
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson

from oneuser.events.block import Block, make_column_reader
from oneuser.events.consent_object import read_consent
from oneuser.events.identifiers import identifier_text
from oneuser.events.memo import Memo
from oneuser.events.nobody import are_garbage
from oneuser.events.parse import EVENT_COLUMNS, NO_EVENT, MessageParser, object_getter
from oneuser.events.syntax import RefusedLine
from oneuser.events.touch import CAMPAIGN_COLUMNS, harmless
from oneuser.events.values import plain_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from oneuser.core.keyed import Keys
    from oneuser.events.block import ColumnReader
    from oneuser.events.spec import Expression, SourceSpec

    Columns = dict[str, list[Any]]

_BLOCK_SIZE = 128
_N_NAMES = 10_000
# an alias never takes it: its ids mean something else
_FAST_TYPES = {name: name for name in ("identify", "track", "page", "screen", "group")}
_sorted_json = partial(orjson.dumps, option=orjson.OPT_SORT_KEYS)
_HASHER = blake2b(digest_size=8)
_CONSTANT = {"time_flag": None, "raw": None, "is_keyless": False}


class LineParser:
    """Parses lines of one source: those of the usual form together, others one by one."""

    def __init__(self, spec: SourceSpec, keys: Keys, *, horizon: int) -> None:
        self._parser = MessageParser(spec, keys, horizon=horizon)
        self._fast_path = FastPath(self._parser, spec)
        self._takes_fast_path = True

    def parse(self, lines: pa.Array[Any], sizes: Sequence[int]) -> tuple[Columns, dict[int, RefusedLine]]:
        """Columns of events, null in lines that are none, and the refusals of those by their index."""
        if self._takes_fast_path:
            columns = self._fast_path.parse(lines, sizes)
        else:
            columns = {name: [None] * len(lines) for name in EVENT_COLUMNS}
        refusals: dict[int, RefusedLine] = {}
        unusual = [index for index, key in enumerate(columns["message_key"]) if key is None]
        for index in unusual:
            try:
                row = self._parser.parse_line(lines[index].as_py(), sizes[index])
            except RefusedLine as refusal:
                row, refusals[index] = NO_EVENT, refusal
            for name, value in zip(EVENT_COLUMNS, row, strict=True):
                columns[name][index] = value
        # of a source that writes its lines in another way all are unusual
        self._takes_fast_path = self._takes_fast_path and 2 * len(unusual) <= len(lines)
        return columns, refusals


class FastPath:
    """Parses lines of one source that have the usual form, with the parts of its `parser`."""

    def __init__(self, parser: MessageParser, spec: SourceSpec) -> None:
        mapping = spec.mapping
        self._parser = parser
        self._limits = spec.limits
        self._message_id = make_column_reader(mapping.message_id)
        self._type = make_column_reader(mapping.type)
        self._event = make_column_reader(mapping.event)
        self._event_time = make_column_reader(mapping.event_time)
        self._received_at = make_column_reader(mapping.received_at)
        self._group_id = make_column_reader(mapping.group_id)
        self._names = Memo(harmless, _N_NAMES)
        self._traits = _object_reader(mapping.traits)
        self._properties = _object_reader(mapping.properties)
        self._consent = _object_reader(mapping.consent)
        self._opt_out = make_column_reader(mapping.opt_out)

    def parse(self, lines: pa.Array[Any], sizes: Sequence[int]) -> Columns:
        """Columns of events, one value per line; `message_key` is null for lines that are unusual."""
        columns: Columns = {name: [] for name in EVENT_COLUMNS}
        longest, read = self._limits.max_line_bytes, self._parser.read_plain
        for start in range(0, len(lines), _BLOCK_SIZE):
            some: list[Any] = lines.slice(start, _BLOCK_SIZE).to_pylist()
            messages = [
                None if size > longest else read(line)
                for line, size in zip(some, sizes[start : start + _BLOCK_SIZE], strict=True)
            ]
            for name, values in self._parse_block(Block(messages)).items():
                columns[name] += values
        event_times, receipts = self._parser.times.read_plain(columns["event_time"], columns["received_at"])
        columns.update(event_time=event_times, received_at=receipts)
        if None in event_times:
            keys = zip(columns["message_key"], event_times, strict=True)
            columns["message_key"] = [None if event_time is None else key for key, event_time in keys]
        columns.update((name, [value] * len(lines)) for name, value in _CONSTANT.items())
        return columns

    def _parse_block(self, block: Block) -> Columns:
        """Columns of a block, with times as they are written."""
        columns: Columns = {"event_time": self._event_time(block), "received_at": self._received_at(block)}
        columns["type"] = [_FAST_TYPES.get(kind) if type(kind) is str else None for kind in self._type(block)]
        block.require(columns["type"])
        if not self._parser.misspelled.isdisjoint(chain.from_iterable(block.messages)):
            count = self._parser.count_misspelled
            block.unusual.update(index for index, message in enumerate(block.messages) if count(message))
        columns.update(self._read_identity(block, columns["type"]))
        names = self._names
        columns["event"] = [
            names[event] if type(event) is str else harmless(plain_text(event)) for event in self._event(block)
        ]
        columns.update(self._parser.touches.read_block(block))
        self._withhold_own_values(columns)
        columns.update(self._read_objects(block))
        texts = [value if type(value) is str else identifier_text(value) or "" for value in self._message_id(block)]
        # the content of a message without an id has to serve as one
        message_ids = [None if garbage else text for text, garbage in zip(texts, are_garbage(texts), strict=True)]
        block.require(message_ids)
        columns["message_id"] = message_ids
        columns["content_hash"] = self._hash_contents(block)
        hash_message, unusual = self._parser.hash_message, block.unusual
        columns["message_key"] = [
            None if text is None or index in unusual else hash_message(text.encode())
            for index, text in enumerate(message_ids)
        ]
        return columns

    def _read_identity(self, block: Block, kinds: Sequence[str | None]) -> Columns:
        links, dropped, unlinked = self._parser.capture.capture_block(block)
        group_ids: list[str | None] = list(block.nothing)
        for index, raw in enumerate(self._group_id(block)):
            if raw is not None:
                dropped[index] = [*dropped[index]]
                group_ids[index] = self._parser.read_group(raw, dropped[index])
        for index, (kind, observed, group_id) in enumerate(zip(kinds, links, group_ids, strict=True)):
            if group_id is None and (not observed or kind == "group"):
                block.unusual.add(index)
        return {"identifiers": links, "dropped": dropped, "unlinked": unlinked, "group_id": group_ids}

    def _withhold_own_values(self, columns: Columns) -> None:
        campaigns = zip(*[columns[name] for name in CAMPAIGN_COLUMNS], strict=True)
        for index, (parts, links) in enumerate(zip(campaigns, columns["identifiers"], strict=True)):
            if any(parts):
                for name, part in zip(CAMPAIGN_COLUMNS, self._parser.own_values.without(parts, links), strict=True):
                    columns[name][index] = part

    def _read_objects(self, block: Block) -> Columns:
        traits, properties = block.objects(self._traits(block)), block.objects(self._properties(block))
        consents = map(read_consent, block.objects(self._consent(block)), self._opt_out(block))
        for index, value in enumerate(traits):
            if len(value) > self._limits.max_traits:
                block.unusual.add(index)
        # as text, since what is written is as large as a kilobyte at least until it is copied
        return {
            "traits": [_sorted_json(value).decode() if value else None for value in traits],
            "properties": [_sorted_json(value).decode() if value else None for value in properties],
            "consent": [None if value is None else _sorted_json(value).decode() for value in consents],
        }

    def _hash_contents(self, block: Block) -> list[bytes]:
        for key in self._parser.transport:
            for message in block.messages:
                message.pop(key, None)
        digests = []
        for message in block.messages:
            # a copy is quicker made than a hasher
            state = _HASHER.copy()
            state.update(_sorted_json(message))
            digests.append(state.digest())
        return digests


def _object_reader(mapped: Expression | tuple[tuple[str, Expression], ...] | None) -> ColumnReader:
    """A reader of traits, properties or consent, which may be put together from declared parts."""
    if not isinstance(mapped, tuple):
        return make_column_reader(mapped)
    getter = object_getter(mapped, is_table=False)
    return lambda block: [getter(message) for message in block.messages]
