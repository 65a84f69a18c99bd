from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from oneuser.events.instants import make_day_reader, make_time_reader, micros
from oneuser.events.spec import Limits
from tests.unit.events.parsing import SEGMENT, line, parse, parse_row, table_spec

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


@pytest.mark.parametrize(
    "written",
    [
        "2026-05-01 10:00:00.123456 UTC",
        "2026-05-01 10:00:00.123456 GMT",
        "2026-05-01 10:00:00.123456 Z",
        "2026-05-01 10:00:00.123456UTC",
        "2026-05-01t10:00:00.123456z",
        "2026-05-01T10:00:00,123456Z",
        "2026-05-01T10:00:00.123456789Z",
        "2026-05-01T10:00:00,123456789 utc",
        "2026-05-01T12:00:00.123456+02",
        "2026-05-01T12:00:00.123456+0200",
        "2026-05-01 12:00:00.123456 +02:00",
        "2026-05-01 12:00:00.123456 +0200",
        "2026-05-01 12:00:00.123456 UTC+02:00",
        "20260501T100000.123456Z",
        "20260501T100000,123456789 Z",
        "2026-05-01T12:00:00.123456+02:00[Europe/Berlin]",
        " 2026-05-01 10:00:00.123456 UTC ",
        1777629600.123456,
        "1777629600.123456",
        "1.777629600123456E9",
        "1777629600123456789",
    ],
)
def test_every_form_that_names_its_zone_is_the_same_instant(written: Any) -> None:
    instant, flag = make_time_reader()(written)

    assert instant == micros(MOMENT)
    assert flag is None or flag.startswith("time.epoch")


@pytest.mark.parametrize(
    "written",
    [
        "Fri, 01 May 2026 10:00:00 GMT",
        "Fri, 1 May 2026 12:00:00 +0200",
        "1 May 2026 10:00 UT",
        "Fri May 01 2026 12:00:00 GMT+0200 (Central European Summer Time)",
        "2026-05-01 10:00 UTC",
        "2026-05-01T10:00Z",
        "2026-05-01T12:00+02",
    ],
)
def test_whole_seconds_are_read_in_the_forms_of_mails_and_browsers_too(written: str) -> None:
    assert make_time_reader()(written) == (micros(MOMENT.replace(microsecond=0)), None)


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-04-30T24:00:00Z", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-04-30 24:00 UTC", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-12-31T24:00:00.000+01:00", datetime(2026, 12, 31, 23, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31 23:59:60.25 UTC", datetime(2017, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)),
        ("2017-01-01T05:29:60+05:30", datetime(2017, 1, 1, tzinfo=UTC)),
    ],
)
def test_midnight_may_end_a_day_and_a_leap_second_is_the_first_after_it(written: str, instant: datetime) -> None:
    assert make_time_reader()(written) == (micros(instant), None)


@pytest.mark.parametrize("zone", ["CST", "IST", "EST", "PST", "BST", "Europe/Berlin", "A", "GMT+1"])
def test_a_word_that_may_mean_several_zones_is_not_guessed(zone: str) -> None:
    read = make_time_reader()

    assert read(f"2026-05-01 10:00:00 {zone}") == (None, "time.invalid")
    assert read(f"Fri, 01 May 2026 10:00:00 {zone}") == (None, "time.invalid")


@pytest.mark.parametrize(
    ("digits", "instant"),
    [
        (20260501, datetime(2026, 5, 1, tzinfo=UTC)),
        (202605011030, datetime(2026, 5, 1, 10, 30, tzinfo=UTC)),
        (20260501103007, datetime(2026, 5, 1, 10, 30, 7, tzinfo=UTC)),
        (202604302400, datetime(2026, 5, 1, tzinfo=UTC)),
        (19991231, datetime(1999, 12, 31, tzinfo=UTC)),
    ],
)
def test_digits_of_a_calendar_are_a_local_time_as_number_and_as_text(digits: int, instant: datetime) -> None:
    read = make_time_reader()

    for written in (digits, str(digits), float(digits), Decimal(digits), f"{digits}.0", f" {digits}"):
        assert read(written) == (micros(instant), "time.no_zone"), written
    assert make_time_reader(None, "Etc/GMT-2")(digits) == (micros(instant) - 7200 * 10**6, None)


@pytest.mark.parametrize(
    "number",
    [
        *(0, -1, 7, 45689, 45689.4375, 20261301, 20260532, 202605012500, 20260501103099, 946684799, 946684799999),
        *(4102444800, 94668479999, 9999999999, 99999999999999, 946684799999999, 10**17, 20260501.5),
    ],
)
def test_a_number_that_is_no_credible_epoch_and_no_calendar_time_is_no_time(number: float) -> None:
    read = make_time_reader()

    for written in (number, str(number), float(number), Decimal(str(number))):
        assert read(written) == (None, "time.implausible"), written


def test_an_epoch_whose_digits_were_lost_is_no_time() -> None:
    assert make_time_reader()("1.77763E+09") == (None, "time.implausible")


def test_an_epoch_is_believed_from_the_configured_year_on() -> None:
    read = make_time_reader(earliest=0)

    assert read(7) == (7_000_000, "time.epoch_s")
    assert read(946684799999) == (946684799999000, "time.epoch_ms")
    # of a number that may be both, the calendar is the more telling
    assert read(20260501) == read("20260501") == (micros(datetime(2026, 5, 1, tzinfo=UTC)), "time.no_zone")


def test_a_day_of_a_typed_column_is_its_midnight() -> None:
    assert make_time_reader()(MOMENT.date()) == (micros(datetime(2026, 5, 1, tzinfo=UTC)), "time.no_zone")


def test_a_declared_pattern_holds_for_numbers_too() -> None:
    read = make_time_reader("ddMMyyyy")

    assert read(12052026) == read("12052026") == (micros(datetime(2026, 5, 12, tzinfo=UTC)), "time.no_zone")
    assert read(1777629600) == read("1777629600") == (None, "time.invalid")


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
        ("1970-01-01T00:00:07Z", "time.too_early"),
        ("1999-12-31T23:59:59Z", "time.too_early"),
        (19991231, "time.too_early"),
        ("2026-05-03T10:00:00Z", "time.future"),
        (1777800000, "time.future"),
        (0, "time.implausible"),
        (45689.4375, "time.implausible"),
        ("45689.4375", "time.implausible"),
    ],
)
def test_a_time_that_cannot_be_gives_way_to_the_receipt(timestamp: Any, flag: str) -> None:
    event = parse(line(timestamp=timestamp))

    assert (event["event_time"], event["time_flag"]) == (RECEIVED, flag)


@pytest.mark.parametrize(
    ("timestamp", "code"),
    [
        (45689.4375, "time.invalid"),
        ("0", "time.invalid"),
        ("1970-01-01T00:00:07Z", "time.too_early"),
        ("1969-12-31T00:00:00Z", "time.before_1970"),
    ],
)
def test_without_a_receipt_it_is_refused(timestamp: Any, code: str) -> None:
    assert parse(line(timestamp=timestamp, receivedAt=None))["code"] == code
    # nor is a receipt believed that cannot be
    assert parse(line(timestamp=timestamp, receivedAt="1970-01-01T00:00:08Z"))["code"] == code
    assert parse(line(timestamp=timestamp, receivedAt=45689))["code"] == code


def test_old_history_is_right_however_late_it_is_received() -> None:
    event = parse(line(timestamp="2003-04-05T06:07:08Z"))

    assert (event["event_time"], event["time_flag"]) == (micros(datetime(2003, 4, 5, 6, 7, 8, tzinfo=UTC)), None)


def test_a_clock_that_was_never_set_still_tells_how_long_before_it_sent_something_happened() -> None:
    event = parse(line(timestamp=None, originalTimestamp="1970-01-01T00:00:07Z", sentAt="1970-01-01T00:00:17Z"))

    assert (event["event_time"], event["time_flag"]) == (RECEIVED - 10_000_000, "time.skew")


def test_the_first_credible_day_is_configured() -> None:
    early = replace(SEGMENT, limits=Limits(earliest_time=micros(datetime(2020, 1, 1, tzinfo=UTC))))

    assert parse(line(timestamp="2019-12-31T23:59:59Z"), early)["time_flag"] == "time.too_early"
    assert parse(line(timestamp=1577836799), early)["time_flag"] == "time.implausible"
    assert parse(line(timestamp=1577836800), early)["time_flag"] == "time.epoch_s"


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


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize(
    ("written", "pattern"),
    [
        ("2026-01-01", None),
        ("2026-01-01+13:00", None),
        ("20260101", None),
        ("01/01/2026", "dd/MM/yyyy"),
        ("2026-01-01T00:00:00", None),
        ("2026-01-01T00:00:00+01:00", None),
        ("2026-01-01T23:59:59.999999-08:00", None),
        ("2026-01-01 23:30 +0000", "yyyy-MM-dd HH:mm xx"),
        ("Thu, 01 Jan 2026 23:30:00 GMT", None),
    ],
)
def test_a_day_is_the_one_that_is_written_wherever_it_is(written: str, pattern: str | None, zone: str | None) -> None:
    found, _ = make_day_reader(pattern, zone)(written)
    assert found == (date(2026, 1, 1) - date(1970, 1, 1)).days


def test_an_epoch_is_the_day_that_it_is_in_the_declared_zone_and_what_is_no_time_is_no_day() -> None:
    midnight_in_berlin = str(micros(datetime(2025, 12, 31, 23, tzinfo=UTC)) // 1000)
    days = [make_day_reader(zone=zone)(midnight_in_berlin)[0] for zone in (None, "Europe/Berlin")]
    assert days == [20453, 20454]
    assert make_day_reader()("2026-02-30") == make_time_reader()("2026-02-30")
    assert make_day_reader(zone="Europe/Berlin")("5")[0] is None
