from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from oneuser.events.instants import make_time_reader, micros
from tests.unit.events.parsing import line, parse, parse_row, table_spec

MOMENT = datetime(2026, 5, 1, 10, 0, 0, 123456, tzinfo=UTC)
RECEIVED = micros(datetime(2026, 5, 1, 10, 0, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("written", "flag"),
    [
        ("2026-05-01T10:00:00.123456Z", None),
        ("2026-05-01T12:00:00.123456+02:00", None),
        ("2026-05-01 10:00:00.123456+00:00", None),
        ("2026-05-01T10:00:00.123456", "time.no_zone"),
        (1777629600123456, "time.epoch_us"),
        ("1777629600123456", "time.epoch_us"),
        (1777629600123456789, "time.epoch_ns"),
        (Decimal("1777629600.123456"), "time.epoch_s"),
    ],
)
def test_a_time_is_read_in_every_common_form(written: Any, flag: str | None) -> None:
    assert make_time_reader()(written) == (micros(MOMENT), flag)


def test_milliseconds_are_no_seconds() -> None:
    assert make_time_reader()(1777629600123) == (1777629600123000, "time.epoch_ms")


@pytest.mark.parametrize("written", ["", None, "  "])
def test_nothing_is_a_missing_time(written: Any) -> None:
    assert make_time_reader()(written) == (None, "time.missing")


@pytest.mark.parametrize("written", ["soon", "2026-13-01", True, [], {}, float("nan"), "9" * 80, 10**25])
def test_what_is_no_time_is_invalid(written: Any) -> None:
    assert make_time_reader()(written) == (None, "time.invalid")


def test_a_declared_pattern_and_zone_give_the_instant() -> None:
    read = make_time_reader("dd/MM/yyyy HH:mm", "Europe/London")

    assert read("01/07/2026 09:30") == (micros(datetime(2026, 7, 1, 8, 30, tzinfo=UTC)), None)
    assert read("01/01/2026 09:30") == (micros(datetime(2026, 1, 1, 9, 30, tzinfo=UTC)), None)


def test_an_hour_that_happens_twice_means_the_first() -> None:
    read = make_time_reader(None, "Europe/London")

    assert read("2026-10-25 01:30:00") == (micros(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)), "time.dst_overlap")


def test_an_hour_that_never_happens_is_read_with_the_offset_before_it() -> None:
    read = make_time_reader(None, "Europe/London")

    assert read("2026-03-29 01:30:00") == (micros(datetime(2026, 3, 29, 1, 30, tzinfo=UTC)), "time.dst_gap")


@pytest.mark.parametrize(
    ("timestamp", "flag"),
    [
        (None, "time.missing"),
        ("soon", "time.invalid"),
        ("1969-01-01T00:00:00Z", "time.before_1970"),
        ("2026-05-03T10:00:00Z", "time.future"),
    ],
)
def test_a_time_that_cannot_be_gives_way_to_the_receipt(timestamp: str | None, flag: str) -> None:
    event = parse(line(timestamp=timestamp))

    assert (event["event_time"], event["time_flag"]) == (RECEIVED, flag)


def test_the_skew_of_a_clock_is_taken_out_where_nobody_has_done_so() -> None:
    # the device's clock is an hour ahead
    event = parse(line(timestamp=None, originalTimestamp="2026-05-01T10:59:50Z", sentAt="2026-05-01T11:00:01Z"))

    assert event["event_time"] == micros(datetime(2026, 5, 1, 9, 59, 50, tzinfo=UTC))
    assert event["time_flag"] == "time.skew"


def test_a_corrected_time_is_not_corrected_again() -> None:
    event = parse(line(originalTimestamp="2026-05-01T10:59:50Z", sentAt="2026-05-01T11:00:01Z"))

    assert event["event_time"] == micros(datetime(2026, 5, 1, 10, tzinfo=UTC))
    assert event["time_flag"] is None


def test_a_time_of_a_typed_column_is_read_as_it_is() -> None:
    spec = table_spec(type={"const": "track"}, event_time="at", identifiers={"customer_id": "who"})

    assert parse_row({"at": MOMENT, "who": 7}, spec)["event_time"] == micros(MOMENT)
