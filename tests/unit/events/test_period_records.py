from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from oneuser.events.instants import make_time_reader, micros
from oneuser.events.period_records import judge_period

BEGIN = micros(datetime(2026, 3, 1, tzinfo=UTC))


def judged(begin: str | None, end: str | None, **rules: Any) -> tuple[str | None, str | None, int | None, int | None]:
    return judge_period(make_time_reader(rules.get("pattern"), rules.get("zone", "UTC")), None, None, begin, end)


@pytest.mark.parametrize("written", ["2026-03-01", "20260301", "1772323200", "2026-03-01 00:00:00 UTC"])
def test_a_period_begins_in_any_form_of_a_time(written: str) -> None:
    assert judged(written, None) == (None, None, BEGIN, None)


def test_a_period_may_begin_before_there_were_logs_and_end_after_the_run() -> None:
    long_ago, far_ahead = (micros(datetime(year, 1, 1, tzinfo=UTC)) for year in (1961, 2099))

    assert judged("1961-01-01", "2099-01-01") == (None, None, long_ago, far_ahead)
    assert judged("1961-01-01", "9999-12-31 23:59:59") == (None, None, long_ago, None)


@pytest.mark.parametrize("written", ["12:30", "2026-02-30", "1.4.2026", "45689", "0"])
def test_what_is_no_time_is_refused_with_its_column(written: str) -> None:
    assert judged(None, written)[:2] == ("reference.time", "valid_to")
    assert judged(written, written)[:2] == ("reference.time", "valid_from")


def test_a_period_without_an_instant_is_refused_unless_the_record_has_been() -> None:
    read = make_time_reader(None, "UTC")

    assert judged("2026-03-01", "2026-03-01")[:2] == ("reference.period", "valid_to is not after valid_from")
    assert judge_period(read, "reference.missing", "account_id", "2026-03-01", "soon") == (
        "reference.missing", "account_id", BEGIN, None,
    )  # fmt: skip


def test_the_zone_of_periods_is_declared_and_a_pattern_may_name_another() -> None:
    in_winter, in_summer = BEGIN - 3600 * 10**6, micros(datetime(2026, 7, 9, 22, tzinfo=UTC))

    assert judged("2026-03-01", "2026-07-10", zone="Europe/Berlin")[2:] == (in_winter, in_summer)
    assert judged("01.03.2026 03:00+03:00", None, pattern="dd.MM.yyyy HH:mmXXX", zone="Europe/Berlin")[2] == BEGIN
