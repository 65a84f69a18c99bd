"""Generate the demo: an event log in Segment's shape whose truth is known.

`FOLDER/events/day=YYYY-MM-DD/part-0.jsonl` holds one message per line in order of receipt by day, a file for one day or
several in a row. `FOLDER/truth/people.csv` says who is behind each identifier, `FOLDER/truth/summary.json` what was
planted. The same arguments and the same numpy give the same bytes.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from oneuser.core.errors import OneUserError
from oneuser.demo.delivery import Delivery, Quota
from oneuser.demo.message_lines import LineWriter, Tally
from oneuser.demo.names import name_all
from oneuser.demo.poison import POISONS
from oneuser.demo.times import Clock
from oneuser.demo.truth import count_people, occurrences, true_identifiers, write_people
from oneuser.demo.visits import draw_visits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from oneuser.demo.names import Names
    from oneuser.demo.population import People
    from oneuser.demo.visits import Visits

MIN_EVENTS = 1_000
MIN_DAYS = 14
FIRST_DAY = date(2026, 2, 1)  # with 120 days, four whole months

# Hidden, so that no reader of the events sees it.
_MARKER = ".oneuser-demo"
_DUPLICATES, _DAMAGED, _ODD = 0.01, 0.003, 0.004
_LARGE = 2_000_000
_FEW_FILES = 16
_DAY_SECONDS = 86_400
_VISIT_SECONDS = 4 * 3600


@dataclass(frozen=True)
class DemoTruth:
    """What was planted. Counts are lines unless they say otherwise.

    `lines` = `messages` (each once) + `duplicates` + all `poison`; it equals `events`, as asked for. Of these, ingest
    must quarantine `quarantined`, find `duplicates`, and accept the rest, which is `accepted`.

    Attributes:
        kinds: Messages by event name or type.
        revenue_minor: Sum of the values of all orders by currency, in minor units.
        poison: Lines by class, with the code of quarantine, or the flag of those that are accepted.
        conflicts: Those of the duplicates that come with another payload.
        late: Messages received an hour to three weeks after they happened.
        skewed: Messages of devices with a wrong clock.
        identifiers: Rows of the truth by kind.
    """

    events: int
    seed: int
    days: int
    first_day: str
    n_files: int
    lines: int
    messages: int
    accepted: int
    quarantined: int
    duplicates: int
    conflicts: int
    keyless: int
    late: int
    skewed: int
    conversions: int
    revenue_minor: dict[str, int]
    kinds: dict[str, int]
    poison: dict[str, dict[str, Any]]
    population: dict[str, int]
    identifiers: dict[str, int]


def generate_demo(
    folder: Path, *, events: int = 10_000, seed: int = 7, days: int = 120, files: int | None = None
) -> DemoTruth:
    """Write a log of `events` lines, duplicates and poison included, and its truth; an older demo there goes.

    Args:
        folder: Where `events/` and `truth/` are made.
        events: Lines to write, at least 1,000.
        seed: Another seed is another log.
        days: Length of the log, at least 14.
        files: How many files at most; by default 16, for large logs one per day.

    Raises:
        OneUserError: for too few events or days, or where the folder holds events that are no demo's.
    """
    if events < MIN_EVENTS or days < MIN_DAYS:
        raise OneUserError(
            found=f"{events} events over {days} days",
            expected=f"at least {MIN_EVENTS} events over at least {MIN_DAYS} days",
        )
    _make_room(folder / "events")
    n_files = max(1, min(days, files or (_FEW_FILES if events < _LARGE else days)))
    n_extra = [round(events * share) for share in (_DUPLICATES, _DAMAGED, _ODD)]
    n_messages = events - sum(n_extra)
    people, visits = draw_visits(_draws(seed, 0), n_messages=n_messages, days=days)
    visits = _without_endless_delays(visits, days)
    names = name_all(_draws(seed, 1), n_cookies=int(visits.cookie.max()) + 1, has_placeholder=people.has_placeholder)
    tally = Tally()
    duplicates, damaged, odd = (Quota(n, n_messages) for n in n_extra)
    delivery = Delivery(days=days, duplicates=duplicates, damaged=damaged, odd=odd)
    parts = _lines_by_day(seed, visits, LineWriter(names, tally), delivery, days)
    n_written = _write_days(folder / "events", parts, n_files=n_files, days=days)
    identifiers = _write_people(folder, people, visits, names)
    faults = delivery.faults
    poison = {p.name: {"lines": faults.poison[p.name], "code": p.code, "flag": p.flag} for p in POISONS}
    quarantined = sum(faults.poison[p.name] for p in POISONS if p.code is not None)
    truth = DemoTruth(
        events=events, seed=seed, days=days, first_day=FIRST_DAY.isoformat(), n_files=n_written,
        lines=n_messages + faults.duplicates + faults.poison.total(), messages=n_messages,
        accepted=n_messages + faults.poison.total() - quarantined, quarantined=quarantined,
        duplicates=faults.duplicates, conflicts=faults.conflicts, keyless=tally.n_keyless, late=tally.n_late,
        skewed=tally.n_skewed, conversions=tally.kinds["Order Completed"],
        revenue_minor=dict(sorted(tally.revenue.items())),
        kinds=dict(sorted(tally.kinds.items())), poison=poison,
        population=count_people(people, visits), identifiers=identifiers,
    )  # fmt: skip
    summary = orjson.dumps(asdict(truth), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (folder / "truth" / "summary.json").write_bytes(summary)
    return truth


def end_of(truth: DemoTruth) -> datetime:
    """The instant just after the last day of a demo, UTC: a run as of then sees all of it."""
    first = date.fromisoformat(truth.first_day)
    return datetime.combine(first + timedelta(days=truth.days), time(), tzinfo=UTC)


def _make_room(events: Path) -> None:
    """Make an empty folder, in the place of an older demo's. Events that nobody generated are somebody's and stay."""
    marker = events / _MARKER
    if events.exists():
        if not marker.exists():
            raise OneUserError(
                found=f"{events} exists and is no demo's",
                expected="an empty folder, or that of an earlier demo",
                next_step="choose another folder",
            )
        shutil.rmtree(events)
    events.mkdir(parents=True)
    marker.write_text("Generated; another demo here takes the place of this one.\n", encoding="utf-8")


def _draws(seed: int, *stream: int) -> np.random.Generator:
    """Draws of their own for each part, so that one part's need does not change another's."""
    return np.random.Generator(np.random.PCG64([seed, *stream]))


def _without_endless_delays(visits: Visits, days: int) -> Visits:
    """What would arrive after the last day was never late."""
    began = visits.day.astype(np.int64) * _DAY_SECONDS + visits.second
    arrives = began + visits.late_seconds + _VISIT_SECONDS
    late = np.where(arrives < days * _DAY_SECONDS, visits.late_seconds, 0)
    return replace(visits, late_seconds=late.astype(np.int32))


def _lines_by_day(seed: int, visits: Visits, writer: LineWriter, delivery: Delivery, days: int) -> Iterator[list[str]]:
    """The lines received on each day; one day is in memory at a time."""
    order = np.lexsort((visits.person, visits.second, visits.day))
    bounds = np.searchsorted(visits.day[order], np.arange(days + 1))
    for day in range(days):
        of_day = visits.take(order[bounds[day] : bounds[day + 1]])
        clock = Clock(FIRST_DAY + timedelta(days=day))
        rng = _draws(seed, 2, day)
        messages = writer.lines_of(rng, of_day, clock)
        yield delivery.lines_of(rng, day, messages, clock)


def _write_days(folder: Path, parts: Iterator[list[str]], *, n_files: int, days: int) -> int:
    """Write days in a row to one file after another; returns how many files there are."""
    days_per_file = math.ceil(days / n_files)
    paths = set()
    for day, lines in enumerate(parts):
        first = FIRST_DAY + timedelta(days=day - day % days_per_file)
        path = folder / f"day={first.isoformat()}" / "part-0.jsonl"
        if not lines:
            continue
        paths.add(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            # poison carries bytes that are no text
            file.write("\n".join([*lines, ""]).encode("utf-8", "surrogateescape"))
    return len(paths)


def _write_people(folder: Path, people: People, visits: Visits, names: Names) -> dict[str, int]:
    truth = folder / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    return write_people(truth / "people.csv", true_identifiers(people, names, occurrences(people, visits)))
