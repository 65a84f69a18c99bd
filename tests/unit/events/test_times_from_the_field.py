"""Reports from the field about times, where they lie beside the project: what each of their lines is read as."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from oneuser.config import load_config
from oneuser.core.errors import ConfigError
from oneuser.events.instants import make_time_reader, micros
from tests.unit.events.parsing import parse

RECEIVED = datetime(2025, 2, 1, 10, 31, tzinfo=UTC)
HALF_PAST_TEN = datetime(2025, 2, 1, 10, 30, tzinfo=UTC)
NUMBERS = {
    "compact-minute": (HALF_PAST_TEN, "time.no_zone"),
    "compact-second": (HALF_PAST_TEN, "time.no_zone"),
    "compact-day": (datetime(2025, 2, 1, tzinfo=UTC), "time.no_zone"),
    "serial": (RECEIVED, "time.implausible"),
    "zero": (RECEIVED, "time.implausible"),
    "dead-clock": (RECEIVED, "time.too_early"),
    "no-receipt": (HALF_PAST_TEN, "time.no_zone"),
    "seconds": (HALF_PAST_TEN, "time.epoch_s"),
    "milliseconds": (HALF_PAST_TEN, "time.epoch_ms"),
}
EXPORT = {
    "whole": (datetime(2025, 2, 1, 9, 18, 26, tzinfo=UTC), None),
    "fraction": (datetime(2025, 2, 1, 9, 18, 26, 123456, tzinfo=UTC), None),
}


def reports(shared_data: Path) -> Path:
    folder = shared_data / "field-reports"
    if not folder.is_dir():
        pytest.skip("the reports from the field are not among the sample data: ../shared/data/field-reports")
    return folder


@pytest.mark.parametrize(
    ("report", "expected"), [("04-numbers-that-are-no-epoch", NUMBERS), ("08-times-of-a-warehouse-export", EXPORT)]
)
def test_every_time_of_a_report_is_read_as_it_should(shared_data: Path, report: str, expected: Any) -> None:
    lines = (reports(shared_data) / report / "events.jsonl").read_bytes().splitlines()
    events = [parse(line) for line in lines]

    assert {event["message_id"]: (event["event_time"], event["time_flag"]) for event in events} == {
        message_id: (micros(moment), flag) for message_id, (moment, flag) in expected.items()
    }


@pytest.mark.parametrize("name", ["month-and-minute", "half-day-clock"])
def test_a_pattern_of_a_report_that_cannot_be_meant_is_refused(shared_data: Path, name: str) -> None:
    folder = reports(shared_data) / "10-patterns-that-cannot-be-meant"

    with pytest.raises(ConfigError) as caught:
        load_config(folder / f"{name}.yaml")

    (problem,) = caught.value.problems
    assert problem.key == "sources.shop.mapping.event_time.format"
    assert problem.line == 12
    assert problem.message.endswith("write yyyy-MM-dd HH:mm:ss")


@pytest.mark.parametrize("name", ["config", "optional-part"])
def test_a_pattern_of_a_report_that_is_right_reads_both_orders(shared_data: Path, name: str) -> None:
    folder = reports(shared_data) / "10-patterns-that-cannot-be-meant"
    mapping = load_config(folder / f"{name}.yaml").sources["shop"].mapping
    assert mapping is not None
    column: Any = mapping.event_time
    read = make_time_reader(column.format, column.zone)

    assert read("2025-02-01 12:05:26") == (micros(datetime(2025, 2, 1, 11, 5, 26, tzinfo=UTC)), None)
    assert read("2025-02-01 13:30:00") == (micros(datetime(2025, 2, 1, 12, 30, tzinfo=UTC)), None)
