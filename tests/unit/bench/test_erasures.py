"""Who is erased in a benchmark, how a run gets to know of it, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from oneuser.privacy.requests import Request
from oneuser.storage.layout import Layout
from oneuser.storage.request_files import requests_folder
from tests.bench.erasures import Erasures, ask, rows_of, scattered
from tests.bench.processes import Measured
from tests.unit.bench.test_days import DAY, FIRST


def test_people_are_drawn_evenly_and_each_once() -> None:
    values = [f"u{number:04d}" for number in range(1000)]

    assert scattered(values, 4) == ["u0000", "u0250", "u0500", "u0750"]
    assert scattered(values[:3], 4) == values[:3]


def test_each_person_is_asked_for_by_a_request_that_waits_for_a_run(tmp_path: Path) -> None:
    ask(tmp_path, ["u1", "u2"], name="some")

    folder = Path(requests_folder(Layout.of(str(tmp_path), None)))
    waiting = [Request.from_text(path.read_text()) for path in sorted(folder.iterdir())]
    assert [(one.action, one.scope, one.identities[0].value) for one in waiting] == [
        ("erase", "connected", "u1"),
        ("erase", "connected", "u2"),
    ]


def test_one_person_is_held_against_a_day_and_many_against_a_first_run() -> None:
    many = replace(FIRST, seconds=120.0)
    searched = Measured({}, 9.0, {}, 11.0)
    done = Erasures(FIRST, DAY, replace(DAY, seconds=18.0), many, 100, searched, searched)

    rows = {row.name: row for row in rows_of(100_000, done)}

    one, hundred = rows["one person erased after 100 k events"], rows["100 people erased after 100 k events"]
    assert (one.value, one.is_met) == (0.9, True)
    assert (hundred.value, hundred.is_met) == (0.6, False)
    assert rows["100 people erased after 100 k events: maintenance, of a processor"].value == 11.0
