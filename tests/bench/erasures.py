"""What erasures cost beside a day: a first run, a day more, one person erased, then many who are scattered.

    python -m tests.bench.erasures [--events N ...] [--people N] [--reuse same|any|anew]

Requests wait in the warehouse, and the next run takes them in, as a scheduler starts it; maintenance then removes
files, searches every one that is left, and writes the receipts. Of many people there is one for a thousand events,
or so many as are asked for, evenly drawn from all who have logged in: practically every file holds one of them.
Results are printed and written as JSON, never asserted. Seconds of a processor are those of all processes together.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow.compute as pc
from deltalake import DeltaTable

from oneuser.api.answers import submit
from oneuser.core.identifier_text import NamedIdentifier
from oneuser.privacy.requests import Request
from oneuser.storage.layout import Layout
from oneuser.storage.local_files import LocalFiles
from oneuser.storage.request_files import RequestFiles
from tests.bench import table
from tests.bench.daily_warehouse import REUSE, SAME, DailyWarehouse
from tests.bench.days import DAY, describe_runs, history_of
from tests.bench.hundred_days import maintain
from tests.bench.oneuser_runs import Run
from tests.bench.processes import TIMEOUT, Measured
from tests.bench.results import COUNT, SECONDS, SHARE, TIMES, Row, publish

EVENTS, DAYS = (100_000,), 100
EVENTS_PER_PERSON = 1_000
ONE, MANY = "one person erased", "many people erased"


@dataclass(frozen=True)
class Erasures:
    """The runs after one history: first, a day, one person, many; and the maintenance after each erasure."""

    first: Run
    day: Run
    one: Run
    many: Run
    n_people: int
    after_one: Measured
    after_many: Measured


class _Disk(LocalFiles):
    """Files of a warehouse on this machine's disk, written without Spark."""

    def make_folder(self, path: str) -> None:
        Path(path).mkdir(parents=True, exist_ok=True)

    def write_text(self, path: str, text: str) -> None:
        Path(path).write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every size, print, and write the JSON file. Returns the exit code."""
    parser = argparse.ArgumentParser(description="What erasures cost beside a day.")
    parser.add_argument("--events", type=int, nargs="+", default=list(EVENTS), help="lines before the day")
    parser.add_argument("--people", type=int, help=f"who are erased together; by default one for {EVENTS_PER_PERSON}")
    parser.add_argument("--reuse", choices=REUSE, default=SAME, help="whose first run need not be done again")
    parser.add_argument("--timeout", type=int, default=TIMEOUT, help="seconds that one run may take")
    options = parser.parse_args(arguments)
    measured: dict[int, Erasures] = {}
    for events in options.events:
        warehouse = history_of(events, events // DAYS, timeout=options.timeout)
        n_people = options.people or events // EVENTS_PER_PERSON
        measured[events] = one = measure(warehouse, DAYS, n_people=n_people, reuse=options.reuse)
        print(f"{describe_runs(events, [one.first, one.day, one.one, one.many])}\n", flush=True)
    rows = [row for events, one in measured.items() for row in rows_of(events, one)]
    publish("erasures", rows, {str(events): asdict(one) for events, one in measured.items()})
    return 0


def measure(warehouse: DailyWarehouse, n_days: int, *, n_people: int, reuse: str) -> Erasures:
    """The first run, a day more, one person erased, and so many more; each erasure with its maintenance."""
    first = warehouse.first_run(n_days, reuse=reuse)
    warehouse.arrive(n_days)
    day = warehouse.run(DAY, n_days, n_lines=warehouse.log.events)
    people = scattered(logged_in(warehouse.warehouse), n_people + 1)
    ask(warehouse.warehouse, people[:1], name="one")
    one = warehouse.run(ONE, n_days, n_lines=0)
    after_one = maintain(warehouse)
    ask(warehouse.warehouse, people[1:], name="many")
    many = warehouse.run(MANY, n_days, n_lines=0)
    return Erasures(first, day, one, many, len(people) - 1, after_one, maintain(warehouse))


def logged_in(warehouse: Path) -> list[str]:
    """User ids that are somebody's, in the order of their text."""
    values = DeltaTable(str(warehouse / "raw" / "identifier_values")).to_pyarrow_table()
    owned = DeltaTable(str(warehouse / "tables" / "identifier_map")).to_pyarrow_table(
        columns=["identifier_id", "id_type"]
    )
    of_users = owned.filter(pc.equal(owned["id_type"], "user_id"))
    theirs = values.filter(pc.is_in(values["identifier_id"], value_set=of_users["identifier_id"].combine_chunks()))
    return sorted(theirs["id_value"].to_pylist())


def scattered(values: Sequence[str], n: int) -> list[str]:
    """So many of the values, evenly drawn; all where there are not so many."""
    n = min(n, len(values))
    return [values[place * len(values) // n] for place in range(n)]


def ask(warehouse: Path, user_ids: Sequence[str], *, name: str) -> None:
    """Have the next run erase each of these people by a request of their own; `name` begins the ids of these."""
    files = RequestFiles(_Disk(), Layout.of(str(warehouse), None))  # type: ignore[arg-type]
    for number, user_id in enumerate(user_ids):
        named = (NamedIdentifier("user_id", user_id),)
        submit(files, Request(f"{name}-{number}", "erase", "connected", named))


def rows_of(events: int, one: Erasures) -> list[Row]:
    """What is published of one history."""
    after = f"after {table.events(events)} events"
    single, many = f"one person erased {after}", f"{one.n_people:,} people erased {after}"
    rows = [
        Row(single, one.one.seconds / one.day.seconds, TIMES, "a day", 1.0, one.one.slowest),
        Row(f"{single}, in stages", one.one.stage_seconds / one.day.stage_seconds, TIMES, "a day, in stages"),
        Row(many, one.many.seconds / one.first.seconds, SHARE, "the first run", 0.5, one.many.slowest),
        Row(f"{many}, in stages", one.many.stage_seconds / one.first.stage_seconds, SHARE, "the first run, in stages"),
    ]
    for name, run in (("a first run", one.first), ("a day", one.day), (single, one.one), (many, one.many)):
        rows += [
            Row(f"{name}, as a process", run.seconds, SECONDS),
            Row(f"{name}, of a processor", run.cpu_seconds, SECONDS),
            Row(f"{name}, rows written", run.written.rows, COUNT),
        ]
    for name, done in ((single, one.after_one), (many, one.after_many)):
        rows += [
            Row(f"{name}: maintenance", done.seconds, SECONDS, "removal, search and receipts"),
            Row(f"{name}: maintenance, of a processor", done.cpu_seconds, SECONDS),
        ]
    return rows


if __name__ == "__main__":
    sys.exit(main())
