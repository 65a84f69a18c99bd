"""Which runs stay readable, and what is said of the others."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oneuser.core.errors import ConfigError
from oneuser.runs.claim_rows import Publication
from oneuser.runs.readable import kept_runs, require_published, require_readable, withdrawn_runs

START = datetime(2026, 3, 1, tzinfo=UTC)
LONG_AGO, LATER = START - timedelta(days=1000), START + timedelta(days=1000)


def publication(number: int, run_seq: int, kind: str = "run", *, day: int | None = None) -> Publication:
    at = START + timedelta(days=number if day is None else day)
    return Publication(number, run_seq, kind, {"events": number}, at)


def daily(n_runs: int) -> list[Publication]:
    return [publication(n, n) for n in range(1, n_runs + 1)]


def test_the_newest_stay() -> None:
    assert kept_runs(daily(20), n_newest=3, since=LATER) == {18, 19, 20}
    assert kept_runs(daily(2), n_newest=3, since=LATER) == {1, 2}
    assert kept_runs([], n_newest=3, since=LATER) == set()


def test_what_readers_see_stays_however_old_it_is() -> None:
    rolled_back = [*daily(20), publication(21, 4, "rollback")]

    assert kept_runs(rolled_back, n_newest=2, since=LATER) == {4, 19, 20}


def test_what_readers_were_shown_of_late_stays_however_many_followed() -> None:
    # given a run that was shown for a week, until three others came within a day
    publications = [publication(n, n, day=day) for n, day in enumerate([0, 1, 8, 8, 8], start=1)]

    # when it is the eighth day
    kept = kept_runs(publications, n_newest=1, since=START + timedelta(days=7, hours=12))

    # then who began to read it just before can go on, and the first one has been gone for a week
    assert kept == {2, 3, 4, 5}


@pytest.mark.parametrize("seed", range(100))
def test_it_is_as_if_one_asked_every_reader(seed: int) -> None:
    """A reader begins at some time with what is shown then; whoever began after the bound may go on."""
    chance = random.Random(seed)
    publications: list[Publication] = []
    day = n_runs = 0
    for number in range(1, chance.randint(2, 15)):
        is_back = n_runs > 0 and chance.random() < 0.3
        n_runs += not is_back
        run_seq = chance.randint(1, n_runs) if is_back else n_runs
        day += chance.randint(1, 3)
        publications.append(publication(number, run_seq, "rollback" if is_back else "run", day=day))
    since, n_newest = START + timedelta(days=chance.randint(-1, day + 2), hours=12), chance.randint(1, 4)

    kept = kept_runs(publications, n_newest=n_newest, since=since)

    readers = [since + timedelta(hours=hour) for hour in range(24 * (day + 3))]
    begun_with = [[one.run_seq for one in publications if one.published_at <= moment][-1:] for moment in readers]
    newest = range(max(n_runs - n_newest, 0) + 1, n_runs + 1)
    assert kept == {*newest, *(run for shown in begun_with for run in shown)}


def claim(fence: int, run_seq: int, kind: str, state: str, reason: str | None = None, **tables: int) -> dict[str, Any]:
    return {
        "fence": fence, "run_seq": run_seq, "kind": kind, "state": state, "reason": reason, "tables": tables,
        "published_at": START,
    }  # fmt: skip


CLAIMS: list[Any] = [
    claim(1, 1, "run", "withdrawn", "maintenance keeps the newest 2", events=1),
    claim(2, 0, "run", "released"),
    claim(3, 2, "run", "published", events=2),
    claim(4, 3, "run", "published", events=3),
    claim(5, 3, "maintenance", "published", events=4),
    claim(6, 2, "rollback", "published", "wrong block list", events=2),
]


def test_a_run_shows_what_maintenance_has_made_of_it() -> None:
    assert require_readable(CLAIMS, 3, key="--to").tables == {"events": 4}
    assert require_readable(CLAIMS, 2, key="--to").tables == {"events": 2}


def test_a_run_that_is_not_kept_is_refused_with_the_reason_and_those_that_are() -> None:
    with pytest.raises(ConfigError) as refused:
        require_readable(CLAIMS, 1, key="--to")

    assert str(refused.value).splitlines()[0] == (
        "--to: run 1 can no longer be read: maintenance keeps the newest 2; runs that can: 2, 3"
    )
    assert "`maintenance` in the configuration" in refused.value.next_step
    assert withdrawn_runs(CLAIMS) == {1: "maintenance keeps the newest 2"}
    require_published(CLAIMS, 1, key="runs diff")


def test_a_run_that_never_was_published_is_refused_as_such() -> None:
    with pytest.raises(ConfigError, match="run 7 was never published; published runs: 2, 3"):
        require_readable(CLAIMS, 7, key="as_of")
    with pytest.raises(ConfigError, match="published runs: none"):
        require_published([], 1, key="as_of")
