from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from oneuser.core.errors import ConfigError
from oneuser.core.zoned_times import checked_bound, checked_instant

NAIVE = datetime(2026, 3, 1, 6)  # noqa: DTZ001 - without a zone, which is what is refused
MOMENT = datetime(2026, 3, 1, 6, 0, 0, 1, tzinfo=UTC)
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    "written",
    [
        MOMENT,
        MOMENT.astimezone(ZoneInfo(BERLIN)),
        "2026-03-01T06:00:00.000001Z",
        "2026-03-01 07:00:00.000001+01:00",
        "20260301T060000.000001+0000",
    ],
)
def test_an_instant_is_one_however_it_is_written(written: object) -> None:
    assert checked_instant("watermark", written) == checked_bound("since", written, BERLIN) == MOMENT
    assert checked_instant("watermark", written).tzinfo is UTC


def test_a_kind_of_time_with_an_arithmetic_of_its_own_is_read_as_any_other() -> None:
    class Own(datetime):
        def __sub__(self, other: Any) -> Any:
            raise AttributeError(other)

    written = Own(2026, 3, 1, 7, 0, 0, 1, tzinfo=ZoneInfo(BERLIN))

    found = checked_instant("watermark", written)

    assert (found, type(found)) == (MOMENT, datetime)
    assert checked_bound("since", written, BERLIN) == MOMENT


@pytest.mark.parametrize(
    ("day", "zone", "begins"),
    [
        (date(2026, 3, 1), "UTC", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01", BERLIN, datetime(2026, 2, 28, 23, tzinfo=UTC)),
        # clocks skip the hour from midnight on
        (date(2018, 11, 4), "America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
        # and show it twice
        (date(2026, 11, 1), "America/Havana", datetime(2026, 11, 1, 4, tzinfo=UTC)),
    ],
)
def test_a_range_may_begin_with_a_day(day: object, zone: str, begins: datetime) -> None:
    assert checked_bound("since", day, zone) == begins
    with pytest.raises(ConfigError, match="watermark: "):
        checked_instant("watermark", day)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (NAIVE, "2026-03-01 06:00:00 has no time zone, so it is another instant on every machine; write for example d"),
        ("2026-03-01T06:00", "has no time zone, so it is another instant on every machine; write for example 2026-"),
        ("yesterday", "found 'yesterday'"),
        (1_772_323_200, "found 1772323200"),
        (None, "found None"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), "lies outside the years 1 to 9999"),
    ],
)
def test_what_is_no_instant_is_refused_in_words(written: Any, said: str) -> None:
    for check in (checked_instant, lambda name, moment: checked_bound(name, moment, BERLIN)):
        with pytest.raises(ConfigError) as caught:
            check("since", written)
        assert str(caught.value).startswith("since: ")
        assert said in str(caught.value)
