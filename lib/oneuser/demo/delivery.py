"""Delivery: lines arrive late, twice, or broken. From a day's messages to the lines of that day's part of the log."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from oneuser.demo.poison import DAMAGED, MAX_OVERSIZE, ODD, Poison, Sample

if TYPE_CHECKING:
    from oneuser.demo.message_lines import Line
    from oneuser.demo.times import Clock

_MILLIS = 1000
_DAY_SECONDS = 86_400
_ID_BYTES = 12
_CONFLICT_EVERY = 20
_REDELIVERED_LATER = 0.5
_MAX_REDELIVERY_DAYS = 14


class Quota:
    """Spreads a number of extra lines evenly over the messages of a log, as these are written."""

    def __init__(self, n_extra: int, n_messages: int) -> None:
        self._n_extra, self._n_messages = n_extra, n_messages
        self._seen = self._given = 0

    def due(self, n_messages: int) -> int:
        """How many extra lines belong to the next `n_messages`."""
        self._seen += n_messages
        due = self._n_extra * self._seen // self._n_messages - self._given
        self._given += due
        return due

    def put_back(self, n_extra: int) -> None:
        """Lines that found no place now and are due again."""
        self._given -= n_extra


@dataclass
class Faults:
    """What was planted so far, in lines."""

    duplicates: int = 0
    conflicts: int = 0
    poison: Counter[str] = field(default_factory=Counter)


class Delivery:
    """Holds back what arrives later and adds what should not be there. Days must be delivered in order."""

    def __init__(self, *, days: int, duplicates: Quota, damaged: Quota, odd: Quota) -> None:
        self.faults = Faults()
        self._days = days
        self._duplicates, self._damaged, self._odd = duplicates, damaged, odd
        self._waiting: defaultdict[int, list[str]] = defaultdict(list)
        self._n_poison = {"damaged": 0, "odd": 0}

    def lines_of(self, rng: np.random.Generator, day: int, messages: list[Line], clock: Clock) -> list[str]:
        """The lines received on a day: its messages but for the late ones, earlier days' late ones, and faults.

        Args:
            rng: Draws of this day.
            day: From 0.
            messages: Messages of the day, in order.
            clock: Writes times of this day.
        """
        lines = self._waiting.pop(day, [])
        for message in messages:
            if message.late_seconds:
                arrives = day + (message.milli // _MILLIS + message.late_seconds) // _DAY_SECONDS
                self._arrive(message.text, arrives, day, lines)
            else:
                lines.append(message.text)
        self._add_duplicates(rng, day, messages, lines)
        self._add_poison(rng, lines, messages, clock)
        return lines

    def _arrive(self, text: str, arrives: int, day: int, lines: list[str]) -> None:
        """Nothing arrives after the last day."""
        arrives = min(arrives, self._days - 1)
        (lines if arrives == day else self._waiting[arrives]).append(text)

    def _add_duplicates(self, rng: np.random.Generator, day: int, messages: list[Line], lines: list[str]) -> None:
        due = self._duplicates.due(len(messages))
        with_id = [n for n, message in enumerate(messages) if message.has_id and not message.late_seconds]
        if due > len(with_id):
            self._duplicates.put_back(due - len(with_id))
            due = len(with_id)
        chosen = rng.choice(len(with_id), due, replace=False).tolist() if due else []
        later = np.where(rng.random(due) < _REDELIVERED_LATER, rng.integers(1, _MAX_REDELIVERY_DAYS, due), 0).tolist()
        for n, delay in zip(chosen, later, strict=True):
            text = messages[with_id[n]].text
            self.faults.duplicates += 1
            if self.faults.duplicates % _CONFLICT_EVERY == 1:
                # another payload under the same id
                self.faults.conflicts += 1
                text = text.replace('"context":{', '"context":{"retried":true,', 1)
            self._arrive(text, day + delay, day, lines)

    def _add_poison(self, rng: np.random.Generator, lines: list[str], messages: list[Line], clock: Clock) -> None:
        makers = [self._next("damaged", DAMAGED) for _ in range(self._damaged.due(len(messages)))]
        makers += [self._next("odd", ODD) for _ in range(self._odd.due(len(messages)))]
        if not makers:
            return
        samples = rng.integers(0, len(messages), len(makers)).tolist()
        places = rng.random(len(makers)).tolist()
        digits = rng.bytes(_ID_BYTES * len(makers)).hex()
        for n, (poison, place) in enumerate(zip(makers, places, strict=True)):
            good = messages[samples[n]]
            message_id = f"bad-{digits[2 * _ID_BYTES * n : 2 * _ID_BYTES * (n + 1)]}"
            bad = poison.make(Sample(good.text, good.anonymous_id, clock, good.milli, message_id))
            if lines:
                at = int(place * len(lines))
                lines[at] = f"{lines[at]}\n{bad}"
            else:
                lines.append(bad)

    def _next(self, group: str, classes: tuple[Poison, ...]) -> Poison:
        """Classes take turns; the oversize class leaves the round when there is enough of it."""
        poison = classes[self._n_poison[group] % len(classes)]
        self._n_poison[group] += 1
        if poison.name == "oversize" and self.faults.poison["oversize"] >= MAX_OVERSIZE:
            return self._next(group, classes)
        self.faults.poison[poison.name] += 1
        return poison
