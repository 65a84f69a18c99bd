"""What `init` sees in files: real ones, and what it must not take for something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from oneuser.cli.first_look import configuration_for, look_at
from oneuser.cli.main import main
from oneuser.config import make_config
from oneuser.core.errors import ConfigError


def written(*paths: str) -> dict[str, Any]:
    """The sources of the configuration for some files."""
    text = configuration_for(look_at(paths), deployment="shop", warehouse="./warehouse")
    sources: dict[str, Any] = YAML(typ="safe").load(text)["sources"]
    return sources


def put(folder: Path, name: str, text: str) -> str:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize(
    ("file", "time", "event", "identifiers"),
    [
        ("ecom-sessions/ecom.csv.gz", "timestamp", "event", {"user_id": "user_id"}),
        (
            "online-retail-ii-2009-2010/online_retail_2009_2010.parquet",
            "InvoiceDate",
            {"const": "online_retail_2009_2010"},
            {"user_id": "Customer ID"},
        ),
        ("posthog-captured-events/batch_export_events.jsonl", "timestamp", "event", {"anonymous_id": "distinct_id"}),
        (
            "snowplow-web-0.15.2/source_events.csv",
            "collector_tstamp",
            "event_name",
            {"user_id": "user_id", "anonymous_id": "domain_userid", "network_id": "network_userid"},
        ),
    ],
    ids=["csv", "parquet", "jsonl", "snowplow"],
)
def test_a_real_table_is_mapped_by_its_columns(
    shared_data: Path, file: str, time: str, event: object, identifiers: dict[str, str]
) -> None:
    sources = written(str(shared_data / file))

    (source,) = sources.values()
    assert source["mapping"]["event_time"] == time
    assert source["mapping"]["event"] == event
    assert source["mapping"]["identifiers"] == identifiers
    assert make_config({"deployment": "shop", "warehouse": "./warehouse", "sources": sources})


@pytest.mark.parametrize(
    ("file", "root"),
    [("git-identity-numpy/events.jsonl.gz", None), ("segment-spec-messages/messages.jsonl", "message")],
)
def test_messages_in_segments_form_need_no_mapping(shared_data: Path, file: str, root: str | None) -> None:
    (source,) = written(str(shared_data / file)).values()

    assert (source["preset"], source.get("root"), source.get("mapping")) == ("segment", root, None)


def test_another_separator_is_declared_and_quoted_fields_are_one(tmp_path: Path) -> None:
    text = '\n\nE-Mail;Remark;Order Date;Total\nann@example.com;"first; of two";2026-03-01;12,50\n'

    (source,) = written(put(tmp_path, "2026-orders.csv", text)).values()

    assert (source["separator"], source["decimal"]) == (";", ",")
    assert source["mapping"]["event_time"] == "Order Date"
    assert source["mapping"]["identifiers"] == {"email": "E-Mail"}


def test_another_encoding_is_declared(shared_data: Path) -> None:
    sources = written(str(shared_data / "field-reports" / "15-csv-in-windows-1252" / "orders.csv"))

    assert sources["orders"]["encoding"] == "windows-1252"
    assert sources["orders"]["mapping"]["identifiers"] == {"email": "email"}


def test_a_source_is_called_like_its_file_or_the_folder_above_a_pattern(tmp_path: Path) -> None:
    day = tmp_path / "Web Events" / "day=1"
    day.mkdir(parents=True)
    put(day, "part-0.jsonl", '{"userId": "1", "type": "track"}\n')

    assert list(written(str(tmp_path / "Web Events" / "day=*" / "*.jsonl"))) == ["web_events"]
    assert list(written(str(day / "part-0.jsonl"))) == ["part_0"]


def test_a_column_that_is_only_called_like_a_time_is_none(tmp_path: Path) -> None:
    (source,) = written(put(tmp_path, "a.csv", "time,user_id\n12:30,1\n17:45,2\n\n")).values()

    assert "event_time" not in source["mapping"]


def test_two_files_of_one_name_are_two_sources(tmp_path: Path) -> None:
    line = json.dumps({"type": "track", "userId": "1"}) + "\n"
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()

    sources = written(*(put(tmp_path / folder, "events.jsonl", line) for folder in ("a", "b")))

    assert list(sources) == ["events", "events_2"]


def test_a_number_that_a_file_has_is_not_given_to_another(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    names = ("a.csv", "a_2.csv", "a_3.csv", "b/a.csv")

    sources = written(*(put(tmp_path, name, "user_id,timestamp\n1,2026-03-01\n") for name in names))

    assert [source["path"] for source in sources.values()] == [str(tmp_path / name) for name in names]


def test_a_name_with_a_line_end_in_it_ends_no_comment(tmp_path: Path) -> None:
    line = json.dumps({"a\nb: 1": 1, "c\u2028d": 2, "Größe in cm": 3, "timestamp": "2026-03-01"})

    text = configuration_for(look_at([put(tmp_path, "a.jsonl", line)]), deployment="shop", warehouse="./warehouse")

    assert YAML(typ="safe").load(text)["sources"]["a"]["mapping"]["event_time"] == "timestamp"
    assert r'# there are: "a\nb: 1", "c\u2028d", "Größe in cm", timestamp' in text


def test_a_name_that_begins_with_a_sign_is_one(tmp_path: Path) -> None:
    (source,) = written(put(tmp_path, "a.csv", "@timestamp,user_id\n2026-03-01T10:00:00Z,1\n")).values()

    assert source["mapping"]["event_time"] == "@timestamp"


@pytest.mark.parametrize("first", ["ann@example.com,10420815,12.50", "10420815,2026-03-01T10:00:00Z,12.50"])
def test_a_row_in_the_place_of_a_header_is_not_told(tmp_path: Path, first: str) -> None:
    file = put(tmp_path, "a.csv", f"{first}\nbob@example.com,7,1\n")

    text = configuration_for(look_at([file]), deployment="shop", warehouse="./warehouse")

    assert "no columns that could be read" in text
    assert "10420815" not in text


def test_what_is_not_there_or_not_read_is_named_all_at_once(tmp_path: Path) -> None:
    book = put(tmp_path, "book.xlsx", "")

    with pytest.raises(ConfigError) as refused:
        look_at([str(tmp_path / "none.csv"), book])

    assert [problem.message.split(str(tmp_path))[0] for problem in refused.value.problems] == [
        "no local file matches ",
        "",
    ]
    assert "ends in none of" in str(refused.value)


def test_init_for_files_is_valid_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "My Shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("ONEUSER_CONFIG", raising=False)
    put(folder, "orders.csv", "customer_id,timestamp\n1,2026-03-01T10:00:00Z\n2,2026-03-02T10:00:00Z\n")

    assert main(["init", "orders.csv"]) == 0
    assert main(["validate"]) == 0

    assert "source orders: 1 file" in capsys.readouterr().out
    assert 'deployment: "my-shop"' in Path("oneuser.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("files", [[], ["orders.csv"]], ids=["no files", "files"])
@pytest.mark.parametrize(
    ("owner", "expected"), [("demo", "./warehouse-shop"), ("shop", "./warehouse"), (None, "./warehouse")]
)
def test_init_takes_no_warehouse_of_another_deployment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], owner: str | None, expected: str
) -> None:
    # given a folder in which a demo was made, or what is said here before
    folder = tmp_path / "Shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    put(folder, "orders.csv", "customer_id,timestamp\n1,2026-03-01T10:00:00Z\n")
    if owner:
        (folder / "warehouse").mkdir()
        put(folder / "warehouse", "oneuser.warehouse", json.dumps({"deployment": owner}))

    assert main(["init", *files]) == 0

    written = YAML(typ="safe").load(Path("oneuser.yaml").read_text(encoding="utf-8"))
    assert (written["deployment"], written["warehouse"]) == ("shop", expected)
