from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from oneuser.core.time_patterns import compile_time_pattern, moment_of

MOMENT = datetime(2010, 12, 1, 8, 26)  # noqa: DTZ001 - without a zone, as it is written


def read(pattern: str, text: str) -> datetime | None:
    found = compile_time_pattern(pattern).fullmatch(text)
    return moment_of(found) if found else None


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-MM-dd HH:mm:ss", "2010-12-01 08:26:00"),
        ("yyyy-MM-dd'T'HH:mm:ss", "2010-12-01T08:26:00"),
        ("d/M/yy h:mm a", "1/12/10 8:26 AM"),
        ("dd MMM yyyy 'at' HH 'o''clock,' mm%", "01 Dec 2010 at 08 o'clock, 26%"),
        ("yyyyMMddHHmmss", "20101201082600"),
        ("EEEE, MMMM d, uuuu H:mm", "Wednesday, december 1, 2010 8:26"),
        ("HH:mm dd.MM.yyyy", "8:26 1.12.2010"),
        ("ss:mm:HH dd/MM/yyyy", "00:26:08 01/12/2010"),
        ("HH:mm '['yyyy']' MM/dd", "08:26 [2010] 12/01"),
    ],
)
def test_a_java_pattern_reads_what_it_describes(pattern: str, text: str) -> None:
    assert read(pattern, text) == MOMENT


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2010-12-01", datetime(2010, 12, 1)),  # noqa: DTZ001
        ("2010-12-01 08:26", MOMENT),
        ("2010-12-01 08:26:00", MOMENT),
        ("2010-12-01 08:26:00.123456789", MOMENT.replace(microsecond=123456)),
        ("2010-12-01 08:26Z", MOMENT.replace(tzinfo=UTC)),
        ("2010-12-01 08:26+01", MOMENT.replace(tzinfo=timezone(timedelta(hours=1)))),
        ("2010-12-01 08:26:00-0530", MOMENT.replace(tzinfo=timezone(-timedelta(hours=5, minutes=30)))),
        ("2010-12-01 08:26.5", None),
        ("2010-12-01 08", None),
    ],
)
def test_what_stands_in_brackets_may_be_missing(text: str, moment: datetime | None) -> None:
    found = read("yyyy-MM-dd[ HH:mm[:ss[.SSSSSSSSS]]][XXX]", text)

    assert found == moment
    assert found is None or found.tzinfo == (moment and moment.tzinfo)


def test_digits_beside_digits_are_as_many_as_the_pattern_says() -> None:
    assert read("yyyyMMddHHmmssSSS", "20101201082600250") == MOMENT.replace(microsecond=250_000)
    assert read("yyyyMMddHHmm", "20101201826") is None


def test_midnight_may_end_a_day_and_a_leap_second_a_minute() -> None:
    pattern = "yyyy-MM-dd HH:mm:ss[.SSS]"

    assert read(pattern, "2010-12-31 24:00:00") == datetime(2011, 1, 1)  # noqa: DTZ001
    assert read(pattern, "2016-12-31 23:59:60.5") == datetime(2017, 1, 1, 0, 0, 0, 500_000)  # noqa: DTZ001
    for wrong in ("2010-12-31 24:00:01", "2010-12-31 23:59:61", "2010-02-29 00:00:00", "2010-12-31 25:00:00"):
        with pytest.raises(ValueError, match=r"must be in|out of range"):
            read(pattern, wrong)


def test_twelve_is_the_first_hour_of_half_a_day() -> None:
    pattern = "yyyy-MM-dd hh:mm a"

    assert read(pattern, "2010-12-01 12:05 AM") == datetime(2010, 12, 1, 0, 5)  # noqa: DTZ001
    assert read(pattern, "2010-12-01 12:05 pm") == datetime(2010, 12, 1, 12, 5)  # noqa: DTZ001
    with pytest.raises(ValueError, match="half a day"):
        read(pattern, "2010-12-01 13:05 PM")


@pytest.mark.parametrize(("pattern", "letters"), [("yyyy-JJ", "'JJ'"), ("%Y-%m", "'Y'"), ("yyyy-MM-ddTHH", "'T'")])
def test_letters_without_a_counterpart_are_refused_by_name(pattern: str, letters: str) -> None:
    with pytest.raises(ValueError, match=letters):
        compile_time_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        ("yyyy-mm-dd hh:MM:ss", "yyyy-MM-dd HH:mm:ss"),
        ("yyyy-mm-dd HH:mm:ss", "yyyy-MM-dd HH:mm:ss"),
        ("yyyy-MM-dd HH:MM:ss", "yyyy-MM-dd HH:mm:ss"),
        ("HH:MM dd/mm/yyyy", "HH:mm dd/MM/yyyy"),
        ("yyyy-dd-mm HH:MM", "yyyy-dd-MM HH:mm"),
        ("mm/dd/yyyy", "MM/dd/yyyy"),
        ("yyyy-MM-dd hh:mm:ss", "yyyy-MM-dd HH:mm:ss"),
        ("yyyy-MM-dd HH:mm:ss a", "yyyy-MM-dd hh:mm:ss a"),
        ("YYYY-MM-DD HH:mm:ss", "yyyy-MM-dd HH:mm:ss"),
        ("MM/DD/YYYY h:mm A", "MM/dd/yyyy h:mm a"),
        ("yyyyMMddHHMMSS", "yyyyMMddHHmmss"),
        ("yyyy-MM-dd HH:mm:SS", "yyyy-MM-dd HH:mm:ss"),
        ("yyyy-MM-ddTHH:mm:ssXXX", "yyyy-MM-dd'T'HH:mm:ssXXX"),
    ],
)
def test_a_pattern_that_cannot_be_meant_is_refused_with_what_to_write_instead(pattern: str, instead: str) -> None:
    with pytest.raises(ValueError, match=": write ") as problem:
        compile_time_pattern(pattern)

    assert str(problem.value).endswith(f": write {instead}")
    compile_time_pattern(instead)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("HH:mm", "needs a year, a month, a day"),
        ("yyyy-MM", "needs a day"),
        ("yyyy-MM[-dd]", "needs a day, which"),
        ("yyyy-MM-dd yyyy", "year stands there twice"),
        ("yyyy-MM-dd HH hh a", "goes without a"),
        ("yyyy-MM-dd hh:mm[ a]", "go together"),
        ("yyyy-MM-dd HH:ss", "second without the minute"),
        ("yyyy-MM-dd[ HH]:mm", "minute without the hour"),
        ("yyyy-MM-dd SSS", "fraction without the second"),
        ("yyyy-MM-dd SSS HH:mm:ss", "after its second"),
        ("yyyy-MM-dd kk:mm", "write HH"),
        ("y-M-d", "write yyyy"),
        ("yyyy-MM-dd HH:mm z", "write XXX"),
        ("yyyy-MM-dd'T", "quote is not closed"),
        ("yyyy-MM-dd''T", "needs quotes"),
        ("yyyy-MM-dd[ HH:mm", "bracket has no other"),
        ("yyyy-MM-dd] [HH:mm", "bracket has no other"),
        ("yyyy-MM-dd {HH:mm}", "reserved"),
        ("yyyy#MM#dd", "reserved"),
        ("[[[[[[yyyy]]]]]]", "5 parts"),
        ("", "needs a year"),
    ],
)
def test_a_pattern_that_reads_no_time_is_refused_with_its_reason(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        compile_time_pattern(pattern)
