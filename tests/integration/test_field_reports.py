"""Trouble that people have reported in public, each run as they would run it, with its right answer.

The reports are sample data (`field-reports`); each is copied, made the working directory and run by its own
configuration, in one session for all.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

import oneuser
from oneuser.cli.main import main
from tests.integration.published import partition, people, read_table

pytestmark = [pytest.mark.soak, pytest.mark.usefixtures("spark")]

AS_OF = "2025-03-01"
FEBRUARY = datetime(2025, 2, 1, tzinfo=UTC)


@dataclass
class Report:
    """A report in its folder, which is the working directory."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse"

    @property
    def is_published(self) -> bool:
        return (self.warehouse / "published.json").exists()

    def call(self, *arguments: str) -> tuple[int, str]:
        """The exit code of a verb and what it says, without the breaks of lines."""
        self.capsys.readouterr()
        code = main(list(arguments))
        said = self.capsys.readouterr()
        return code, " ".join((said.out + said.err).split())

    def run(self, config: str = "config.yaml", *arguments: str, code: int = 0) -> str:
        found, said = self.call("run", "--config", config, "--as-of", AS_OF, *arguments)
        assert found == code, said
        return said

    def table(self, name: str) -> list[dict[str, Any]]:
        return read_table(self.warehouse, name).to_pylist()

    def events(self) -> dict[str, dict[str, Any]]:
        return {row["message_id"]: row for row in self.table("events")}

    def people(self) -> set[frozenset[tuple[str, str]]]:
        return partition(people(self.warehouse))

    def codes(self) -> Counter[str]:
        return Counter(row["code"] for row in self.table("quarantine"))

    def dropped(self) -> Counter[str]:
        return Counter(code for row in self.table("events") for code in row["dropped"] or ())

    def owners(self) -> dict[str, str]:
        """User ID by the id of a message."""
        keys = {row["message_key"]: row["message_id"] for row in self.table("events")}
        return {keys[row["message_key"]]: row["user_id"] for row in self.table("events_resolved")}

    def orders(self) -> dict[str, tuple[Decimal, str]]:
        """Value and currency of conversions by the id of their message."""
        keys = {row["message_key"]: row["message_id"] for row in self.table("events")}
        return {
            keys[row["message_key"]]: (Decimal(row["value_minor"]) / 100, row["currency"])
            for row in self.table("conversions")
        }


@pytest.fixture
def report(
    request: pytest.FixtureRequest, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Report:  # fmt: skip
    reports = shared_data / "field-reports"
    if not reports.is_dir():
        pytest.skip(f"the field reports are not there: expected {reports.name} in the sample data")
    folder = Path(shutil.copytree(reports / request.param, tmp_path / request.param))
    monkeypatch.chdir(folder)
    return Report(folder, capsys)


def of(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("report", [name], indirect=True)


@of("01-whole-numbers-as-decimals")
def test_a_whole_number_is_one_customer_with_or_without_zeros_after_its_point(report: Report) -> None:
    report.run()

    assert report.people() == {
        frozenset({("user_id", "13085"), ("anonymous_id", "cookie-1")}),
        frozenset({("user_id", "17850"), ("anonymous_id", "cookie-2")}),
    }
    assert report.orders() == {"o1": (Decimal("12.50"), "GBP"), "o2": (Decimal("8.00"), "GBP")}
    owners = report.owners()
    assert owners["e1"] == owners["j1"] == owners["o1"] != owners["e2"] == owners["j2"] == owners["o2"]
    assert report.codes() == {"spec.no_identity": 1}


@of("02-numbers-in-scientific-notation")
def test_a_number_whose_digits_are_lost_names_nobody(report: Report) -> None:
    said = report.run()

    assert report.people() == {frozenset({("email", f"{name}@example.com")}) for name in ("ann", "bob", "cy", "dee")}
    assert len(report.events()) == report.dropped()["id.rounded"] == 4
    assert "id.rounded" in said


@of("03-placeholders")
def test_what_programs_write_when_they_know_nobody_is_nobody(report: Report) -> None:
    said = report.run()

    names = ["kim", "lee", "mo", "ned", "oz", "pat", "quin", "rae", "wes", "xan", "yve", "zoe"]
    assert report.people() == {
        frozenset({("email", f"{name}@example.com"), ("anonymous_id", f"browser-{name}")}) for name in names
    }
    assert report.dropped() == {"id.blocked": 12}
    assert "id.blocked" in said


@of("04-numbers-that-are-no-epoch")
def test_a_number_that_is_no_epoch_is_no_time_of_1970(report: Report) -> None:
    report.run()

    events = report.events()
    assert len(events) == 9
    half_past, receipt = datetime(2025, 2, 1, 10, 30, tzinfo=UTC), datetime(2025, 2, 1, 10, 31, tzinfo=UTC)
    assert {name: (row["event_time"], row["time_flag"]) for name, row in events.items()} == {
        "compact-minute": (half_past, "time.no_zone"),
        "compact-second": (half_past, "time.no_zone"),
        "compact-day": (FEBRUARY, "time.no_zone"),
        "serial": (receipt, "time.implausible"),
        "zero": (receipt, "time.implausible"),
        "dead-clock": (receipt, "time.too_early"),
        "no-receipt": (half_past, "time.no_zone"),
        "seconds": (half_past, "time.epoch_s"),
        "milliseconds": (half_past, "time.epoch_ms"),
    }
    assert {row["cohort"] for row in report.table("retention")} == {date(2025, 2, 1)}


@of("05-parquet-nanoseconds")
def test_nanoseconds_are_cut_where_they_are_mapped_and_do_not_matter_elsewhere(report: Report) -> None:
    report.run()

    moment = datetime(2025, 2, 1, 9, 18, 26, 123456, tzinfo=UTC)
    assert [row["event_time"] for row in report.table("events")] == [moment] * 3
    assert len(report.people()) == 3


@of("06-parquet-types-drift")
def test_a_customer_is_one_person_though_the_column_changes_its_type(report: Report) -> None:
    report.run()

    (person,) = report.people()
    assert ("user_id", "13085") in person
    assert {id_type for id_type, _ in person - {("user_id", "13085")}} == {"email"}
    assert len(person) == 4
    assert len(report.events()) == 3


@of("07-colon-in-file-name")
def test_a_colon_in_the_name_of_a_file_stops_nothing(report: Report) -> None:
    report.run()

    assert len(report.events()) == len(report.people()) == 2


@of("08-times-of-a-warehouse-export")
def test_a_zone_may_be_a_word(report: Report) -> None:
    report.run()

    moment = datetime(2025, 2, 1, 9, 18, 26, tzinfo=UTC)
    assert {name: (row["event_time"], row["time_flag"]) for name, row in report.events().items()} == {
        "whole": (moment, None),
        "fraction": (moment.replace(microsecond=123456), None),
    }


@of("09-escaped-ampersands")
def test_an_ampersand_that_was_escaped_is_one(report: Report) -> None:
    report.run()

    touches = report.table("touches")
    assert len(touches) == 3
    campaigns = {(row["campaign_source"], row["campaign_medium"], row["campaign_name"]) for row in touches}
    assert campaigns == {("news", "email", "feb")}
    assert {row["channel"] for row in touches} == {"Email"}


@of("10-patterns-that-cannot-be-meant")
def test_a_pattern_that_cannot_be_meant_is_refused_with_what_to_write_instead(report: Report) -> None:
    for config, line, said in (
        ("month-and-minute.yaml", 12, ("'mm' is the minute", "'MM' is the month", "yyyy-MM-dd HH:mm:ss")),
        ("half-day-clock.yaml", 12, ("'hh' is an hour of half a day", "yyyy-MM-dd HH:mm:ss")),
    ):
        for verb in ("validate", "run"):
            code, text = report.call(verb, "--config", config)
            assert code == 2
            assert f"{config}:{line}" in text
            assert all(part in text for part in said), text
    assert not report.is_published

    for config in ("config.yaml", "optional-part.yaml"):
        assert report.call("validate", "--config", config)[0] == 0
        shutil.rmtree(report.warehouse, ignore_errors=True)
        report.run(config)
        assert {name: row["event_time"] for name, row in report.events().items()} == {
            "o1": datetime(2025, 2, 1, 11, 5, 26, tzinfo=UTC),
            "o2": datetime(2025, 2, 1, 12, 30, tzinfo=UTC),
        }


@of("12-switchboard")
def test_an_extension_names_a_desk_and_the_number_without_it_a_company(report: Report) -> None:
    report.run()

    number = "+14155550132"
    assert report.people() == {
        frozenset({("email", "ann@corp.example"), ("phone", f"{number};ext=5")}),
        frozenset({("email", "bob@corp.example"), ("phone", f"{number};ext=7")}),
        frozenset({("email", "cy@corp.example"), ("phone", f"{number};ext=9")}),
        frozenset({("email", "dee@corp.example"), ("email", "dan@corp.example"), ("phone", number)}),
    }


@of("13-working-directory-of-a-notebook")
def test_every_relative_path_starts_at_the_present_working_directory(
    report: Report, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for name, user in (("first", "ann"), ("second", "bob")):
        folder = report.folder / name
        folder.mkdir()
        shutil.copy(report.folder / "config.yaml", folder)
        event = json.loads((report.folder / "events.jsonl").read_text()) | {"userId": user}
        (folder / "events.jsonl").write_text(json.dumps(event) + "\n", encoding="utf-8")
        monkeypatch.chdir(folder)
        oneuser.run("config.yaml", as_of=datetime(2025, 3, 1, tzinfo=UTC))
        found[name] = partition(people(folder / "warehouse"))

    assert found == {"first": {frozenset({("user_id", "ann")})}, "second": {frozenset({("user_id", "bob")})}}
    monkeypatch.chdir(report.folder)
    report.run()
    assert report.people() == {frozenset({("user_id", "u1")})}


@of("14-columns-that-are-not-there")
def test_a_mapping_of_columns_that_are_not_there_publishes_nothing_and_names_them(report: Report) -> None:
    for config, file, said in (
        ("config.yaml", "orders.csv", ("order_no", "customer_id", "e-mail", "did you mean customer?")),
        ("semicolon.yaml", "semicolon.csv", ('separator: ";"', 'decimal: ","')),
        ("capitals.yaml", "capitals.csv", ("order", "did you mean Order?", "did you mean Customer?")),
    ):
        for verb in ("validate", "run"):
            code, text = report.call(verb, "--config", config)
            assert code == 2, text
            assert file in text
            assert all(part in text for part in said), text
    assert not report.is_published

    report.run("semicolon.yaml", "--set", "sources.shop.separator=;", "--set", "sources.shop.decimal=,")
    assert report.orders() == {"o1": (Decimal("12.50"), "EUR"), "o2": (Decimal("1299.00"), "EUR")}


@of("15-csv-in-windows-1252")
def test_text_in_another_encoding_is_refused_or_read_and_never_replaced(report: Report) -> None:
    said = report.run(code=3)

    assert "csv.encoding" in said
    assert "encoding" in said
    assert not report.is_published

    report.run("config.yaml", "--set", "sources.shop.encoding=windows-1252")
    assert report.orders() == {
        "o1": (Decimal("12.50"), "EUR"), "o2": (Decimal("13.50"), "EUR"), "o3": (Decimal("14.50"), "EUR"),
    }  # fmt: skip
    users = {value for person in report.people() for id_type, value in person if id_type == "user_id"}
    assert users == {"jürgen", "jörgen", "9"}
    assert {row["event"] for row in report.table("events")} == {"Kauf bestätigt"}


@of("16-nothing-accepted")
def test_a_source_of_which_nothing_is_accepted_is_not_published(report: Report) -> None:
    said = report.run(code=3)

    assert "none of the 3 lines of source 'web' was accepted (spec.no_type 3)" in said
    assert "columns of a warehouse, not messages" in said
    assert not report.is_published


@of("17-mailbox-that-nobody-owns")
def test_a_mailbox_that_everybody_writes_is_nobodys_though_no_type_is_unique(report: Report) -> None:
    said = report.run()

    assert report.people() == {frozenset({("phone", f"+493090182{number:02}")}) for number in range(30)}
    assert len(set(report.owners().values())) == 30
    assert Counter(row["kind"] for row in report.table("dim_user")) == {"known": 30}
    assert "suspects" in said
    code, listed = report.call("suspects", "--config", "config.yaml")
    assert code == 0
    assert "n***@s***.example" in listed
