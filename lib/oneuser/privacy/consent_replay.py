"""What a person's messages say about consent, decided over rows that are at hand. Pure Python, no Spark.

A person is many identifiers, which messages join one after another. Until a message has joined two of them, what one
says does not hold for the other. So the messages are gone through in the order of events, and every set of joined
identifiers has one standing per purpose:

1. A message joins what it carries. Of sets that differ, the refusal stands, whichever was said last.
2. Then what it says stands for the whole set, where it is new. Most sources put preferences on every message: what a
   device has said last already is nothing new, unless it is said by an event that states preferences.

What no message joins, only a link table or a rule, is joined in the end.

A replay can be kept as text and gone on with, by messages that come after all that it has seen.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import orjson

from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    import pyarrow as pa

    from oneuser.core.event_order import Moment

STEPS = RowShape(
    {
        "user_id": "string",
        "at": "bigint",
        "event_order": "binary",
        "identifiers": "array<bigint>",
        "consent": "string",
        "is_stated": "boolean",
        "source": "string",
        "replayed": "string",
    }
)
# of each person, what stands by purpose, and one row without a purpose: how far the replay has come
OUTCOMES = RowShape(
    {
        "user_id": "string",
        "purpose": "string",
        "is_granted": "boolean",
        "at": "bigint",
        "event_order": "binary",
        "source": "string",
        "replayed": "string",
    }
)
_ROWS_PER_BATCH = 50_000
# sources write few texts, again and again
_N_TEXTS = 10_000

Preferences = tuple[tuple[str, bool], ...]


class Standing(NamedTuple):
    """What stands for one purpose, since which message. In order, what is most restrictive comes first, then oldest."""

    is_granted: bool
    since: int
    event_order: bytes
    source: str


class Step(NamedTuple):
    """One message of a person.

    `identifiers` are what it carries, the device that speaks first; `is_stated` tells an event that states preferences.
    """

    at: int
    event_order: bytes
    identifiers: Sequence[int]
    preferences: Preferences
    is_stated: bool
    source: str


def read_preferences(text: str, opt_out_refuses: Collection[str]) -> Preferences:
    """Purposes with whether they are granted, from the `consent` of an event. What opts out grants none of its own."""
    found = orjson.loads(text)
    stated = found.get("categoryPreferences")
    # messages that an earlier version has taken in have whatever their source wrote
    items = stated.items() if type(stated) is dict else ()
    preferences = {purpose: granted for purpose, granted in items if type(granted) is bool}
    if found.get("optOut") is True:
        preferences.update(dict.fromkeys(opt_out_refuses, False))
    return tuple(sorted(preferences.items()))


def decide_consent(steps: Iterable[Step]) -> dict[str, Standing]:
    """What stands for a person, by purpose; a purpose that nothing is said about is not there.

    Args:
        steps: The person's messages that say something or carry several identifiers, in the order of events.
    """
    replay = Replay()
    for step in steps:
        replay.take(step)
    return replay.all_joined()


class Replay:
    """Identifiers of one person, joined by their messages so far, and what stands in each set.

    Grows with the identifiers and purposes, not with the messages.
    """

    def __init__(self) -> None:
        self.last: Moment | None = None
        self._parents: dict[int, int] = {}
        self._standings: dict[int, dict[str, Standing]] = {}
        self._last_said: dict[tuple[int, str], bool] = {}

    @classmethod
    def of_text(cls, text: str, last: Moment) -> Replay:
        """A replay as it was kept: `text`, and the last of its messages."""
        replay, kept = cls(), orjson.loads(text)
        replay.last = last
        for identifiers, standings in kept["sets"]:
            replay._parents |= dict.fromkeys(identifiers, identifiers[0])
            replay._standings[identifiers[0]] = {
                purpose: Standing(is_granted, since, bytes.fromhex(order), source)
                for purpose, is_granted, since, order, source in standings
            }
        replay._last_said = {(device, purpose): is_granted for device, purpose, is_granted in kept["said"]}
        return replay

    def as_text(self) -> str:
        """What of it there is to keep, but for the last message; the same text whichever way it has come to it."""
        members: dict[int, list[int]] = {}
        for identifier in sorted(self._parents):
            members.setdefault(self._root(identifier), []).append(identifier)
        sets = [
            (identifiers, [(purpose, s.is_granted, s.since, s.event_order.hex(), s.source) for purpose, s in standing])
            for root, identifiers in members.items()
            for standing in [sorted(self._standings.get(root, {}).items())]
        ]
        said = [(*key, is_granted) for key, is_granted in sorted(self._last_said.items())]
        return orjson.dumps({"sets": sets, "said": said}).decode()

    def take(self, step: Step) -> None:
        """Take the next message."""
        self.last = step.at, step.event_order
        standings = self._join(step.identifiers)
        device = step.identifiers[0]
        for purpose, is_granted in step.preferences:
            is_new = step.is_stated or self._last_said.get((device, purpose)) is not is_granted
            self._last_said[device, purpose] = is_granted
            stands = standings.get(purpose)
            if is_new and (stands is None or stands.is_granted is not is_granted):
                standings[purpose] = Standing(is_granted, step.at, step.event_order, step.source)

    def all_joined(self) -> dict[str, Standing]:
        """What stands in all sets together."""
        found: dict[str, Standing] = {}
        for standings in self._standings.values():
            _take_over(found, standings)
        return found

    def _join(self, identifiers: Sequence[int]) -> dict[str, Standing]:
        """Make one set of what some identifiers are in; what stands in it, to be changed."""
        root = self._root(identifiers[0])
        standings = self._standings.setdefault(root, {})
        for identifier in identifiers[1:]:
            other = self._root(identifier)
            if other != root:
                self._parents[other] = root
                _take_over(standings, self._standings.pop(other, {}))
        return standings

    def _root(self, identifier: int) -> int:
        parents = self._parents
        parent = parents.setdefault(identifier, identifier)
        while parent != identifier:
            parents[identifier] = parents[parent]
            identifier, parent = parent, parents[parent]
        return identifier


def _take_over(standings: dict[str, Standing], others: dict[str, Standing]) -> None:
    for purpose, other in others.items():
        standings[purpose] = min(standings.get(purpose, other), other)


def replay_people(batches: Iterable[pa.RecordBatch], *, opt_out_refuses: Collection[str]) -> Iterator[pa.RecordBatch]:
    """Decide for the people of one partition, which holds all rows of each of them.

    Args:
        batches: Rows of the shape `STEPS`, ordered by person, time (microseconds) and order of events. What was kept
            of a person has `replayed`, with its last message's time and order, and comes before all others.
        opt_out_refuses: Purposes that a signal against sale and sharing refuses.

    Yields:
        Rows of the shape `OUTCOMES`.
    """

    @lru_cache(_N_TEXTS)
    def preferences(text: str | None) -> Preferences:
        return () if text is None else read_preferences(text, opt_out_refuses)

    person: str | None = None
    replay = Replay()
    rows: list[_Row] = []
    for batch in batches:
        columns = [batch.column(name).to_pylist() for name in STEPS.columns]
        for user_id, at, order, identifiers, text, is_stated, source, replayed in zip(*columns, strict=True):
            if user_id != person:
                rows += _rows_of(person, replay)
                person, replay = user_id, Replay()
                if len(rows) >= _ROWS_PER_BATCH:
                    yield OUTCOMES.batch_of(rows)
                    rows = []
            if replayed is None:
                replay.take(Step(at, order, identifiers, preferences(text), is_stated, source))
            else:
                replay = Replay.of_text(replayed, (at, order))
    yield OUTCOMES.batch_of([*rows, *_rows_of(person, replay)])


_Row = tuple[str, str | None, bool | None, int, bytes, str | None, str | None]


def _rows_of(person: str | None, replay: Replay) -> Iterator[_Row]:
    if person is None or replay.last is None:
        return
    yield person, None, None, *replay.last, None, replay.as_text()
    for purpose, stands in replay.all_joined().items():
        yield person, purpose, stands.is_granted, stands.since, stands.event_order, stands.source, None
