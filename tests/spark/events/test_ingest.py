from __future__ import annotations

import bz2
import datetime as dt
import gzip
import json
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from oneuser.core.errors import EnvironmentProblem, GateError
from oneuser.storage.inputs import ChangedFileError
from tests.frames import assert_rows
from tests.spark.events.staging import AS_OF, Ingest, dispositions, lines_source
from tests.unit.events.parsing import line
from tests.unit.events.poison import REFUSED, WOUNDED


@pytest.fixture
def ingest(spark: SparkSession, warehouse_path: Path) -> Ingest:
    return Ingest(spark, warehouse_path)


def good(n: int, *, first: int = 0, **parts: Any) -> list[bytes]:
    return [line(messageId=f"g{i}", anonymousId=f"a{i % 7}", **parts) for i in range(first, first + n)]


def write(path: Path, lines: list[bytes]) -> Path:
    path.write_bytes(b"".join(one + b"\n" for one in lines))
    return path


def test_few_lines_are_committed_by_this_process_and_many_by_spark(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def engine_of_last_commit() -> str:
        log = max((ingest.root / "raw" / "events" / "_delta_log").glob("*.json"))
        actions = map(json.loads, log.read_text(encoding="utf-8").splitlines())
        return str(next(one["commitInfo"]["engineInfo"] for one in actions if "commitInfo" in one)).partition("/")[0]

    write(tmp_path / "1.jsonl", good(3))
    ingest.run(web=lines_source(tmp_path / "*.jsonl"))
    assert engine_of_last_commit() == "oneuser"

    monkeypatch.setattr("oneuser.stages.ingest.stage._FEW_LINES", 2)
    write(tmp_path / "2.jsonl", good(3, first=2))
    metrics = ingest.run(web=lines_source(tmp_path / "*.jsonl"))

    assert engine_of_last_commit() == "Apache-Spark"
    assert dispositions(metrics) == {"accepted": 2, "quarantined": 0, "suppressed": 0, "duplicate": 1}
    assert ingest.table("events").count() == 5


def test_every_poison_line_is_accounted_for_among_good_ones(ingest: Ingest, tmp_path: Path) -> None:
    poison = [raw for raw, _ in REFUSED.values()]
    wounded = [raw.replace(b'"m1"', b'"w%d"' % i) for i, (raw, _, _) in enumerate(WOUNDED.values())]
    mixed = [one for pair in zip(good(len(poison)), poison, strict=True) for one in pair]
    write(tmp_path / "mixed.jsonl", mixed + wounded + poison[:3])
    write(tmp_path / "alone.jsonl", poison)

    metrics = ingest.run(web=lines_source(tmp_path / "*.jsonl"))

    refused = Counter(code for _, code in REFUSED.values())
    duplicated = Counter([code for _, code in REFUSED.values()][:3])
    expected = {code: 2 * n + duplicated[code] for code, n in refused.items()}
    assert_rows(ingest.table("quarantine").groupBy("code").count(), "code string, count bigint", *expected.items())
    assert dispositions(metrics) == {
        "accepted": len(poison) + len(wounded),
        "quarantined": 2 * len(poison) + 3,
        "suppressed": 0,
        "duplicate": 0,
    }
    longest = ingest.table("quarantine").agg(F.max(F.octet_length("line"))).collect()[0][0]
    assert longest == len(REFUSED["long line"][0])
    keys = ingest.table("quarantine").select("source", "file", "line_hash", "occurrence")
    assert keys.distinct().count() == keys.count()


def test_the_same_file_is_read_once_and_a_copy_of_it_is_duplicates(ingest: Ingest, tmp_path: Path) -> None:
    lines = good(20, userId="u1")
    write(tmp_path / "a.jsonl", lines)
    first = ingest.run(web=lines_source(tmp_path / "*.jsonl"))
    before = dict(ingest.tables)

    again = ingest.run(web=lines_source(tmp_path / "*.jsonl"))
    unchanged = dict(ingest.tables)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b"\n".join([*lines, *good(5, first=20)])))
    copied = ingest.run(web=lines_source(tmp_path / "*.jsonl*"))

    assert dispositions(first)["accepted"] == 20
    assert sum(dispositions(again).values()) == 0
    assert unchanged == before
    assert dispositions(copied) == {"accepted": 5, "quarantined": 0, "suppressed": 0, "duplicate": 20}
    assert ingest.table("events").count() == 25


@pytest.mark.parametrize("few_lines", [100, 2])
def test_lines_that_bring_no_event_leave_the_tables_that_others_read_alone(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_lines: int
) -> None:
    monkeypatch.setattr("oneuser.stages.ingest.stage._FEW_LINES", few_lines)
    write(tmp_path / "1.jsonl", good(3))
    ingest.run(web=lines_source(tmp_path / "*.jsonl"))
    before = dict(ingest.tables)
    write(tmp_path / "2.jsonl", [*good(3), b"no line"])

    metrics = ingest.run(web=lines_source(tmp_path / "*.jsonl"))

    assert dispositions(metrics) == {"accepted": 0, "quarantined": 1, "suppressed": 0, "duplicate": 3}
    changed = {name for name, version in ingest.tables.items() if before.get(name) != version}
    assert changed == {"files", "quarantine"}
    # what is known brings no new identifier
    write(tmp_path / "3.jsonl", good(1, first=14))
    ingest.run(web=lines_source(tmp_path / "*.jsonl"))
    assert [ingest.tables[name] - before[name] for name in ("events", "identifiers", "identifier_values")] == [1, 0, 0]


def test_whatever_comes_first_the_copy_received_first_counts(ingest: Ingest, tmp_path: Path) -> None:
    late = line(messageId="x", userId="late", receivedAt="2026-05-01T12:00:00Z")
    early = line(messageId="x", userId="early", receivedAt="2026-05-01T11:00:00Z")
    write(tmp_path / "1.jsonl", [late, *good(3)])
    ingest.run(web=lines_source(tmp_path / "1.jsonl"))
    write(tmp_path / "2.jsonl", [early, line(messageId="x", userId="later", receivedAt=None)])

    metrics = ingest.run(web=lines_source(tmp_path / "*.jsonl"))

    kept = ingest.table("events").where(F.col("message_id") == "x").collect()
    assert [row["identifiers"][0]["id_value"] for row in kept] == ["early"]
    assert dispositions(metrics) == {"accepted": 0, "quarantined": 0, "suppressed": 0, "duplicate": 2}
    assert metrics["message_conflicts"] == 2
    links = ingest.table("event_identifiers").join(ingest.table("identifier_values"), "identifier_id")
    carried = {row["id_value"] for row in links.where(F.col("message_key") == F.lit(kept[0]["message_key"])).collect()}
    assert carried == {"early", "a1"}


def test_of_equal_copies_from_two_sources_the_first_by_name_counts_whichever_comes_first(
    ingest: Ingest, tmp_path: Path
) -> None:
    for name in "ab":
        write(tmp_path / f"{name}.jsonl", good(1))
    app, web = (lines_source(tmp_path / f"{name}.jsonl", id_space="all") for name in "ab")
    ingest.run(web=web)

    metrics = ingest.run(web=web, app=app)

    assert [row["source"] for row in ingest.table("events").collect()] == ["app"]
    assert dispositions(metrics) == {"accepted": 0, "quarantined": 0, "suppressed": 0, "duplicate": 1}
    assert metrics["message_conflicts"] == 0


def test_equal_rows_without_an_id_stay_separate_and_meet_their_replay(ingest: Ingest, tmp_path: Path) -> None:
    row = line(messageId=None)
    write(tmp_path / "1.jsonl", [row, row, row, line(messageId=None, event="Other")])
    ingest.run(web=lines_source(tmp_path / "1.jsonl"))
    write(tmp_path / "2.jsonl", [row, row, row, row])

    metrics = ingest.run(web=lines_source(tmp_path / "*.jsonl"))

    assert dispositions(metrics) == {"accepted": 1, "quarantined": 0, "suppressed": 0, "duplicate": 3}
    assert ingest.table("events").count() == 5


def test_files_are_read_in_every_compression_and_refused_one_by_one(ingest: Ingest, tmp_path: Path) -> None:
    text = b"\n".join(good(400))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"\n".join(good(3, first=1000))))
    (tmp_path / "b.jsonl.bz2").write_bytes(bz2.compress(b"\n".join(good(3, first=2000))))
    with pa.CompressedOutputStream(str(tmp_path / "c {1} é.jsonl.zst"), "zstd") as stream:
        stream.write(b"\n".join(good(3, first=3000)))
    whole = gzip.compress(text)
    (tmp_path / "truncated.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jsonl").write_bytes(b"")
    (tmp_path / "utf16.jsonl").write_bytes(b"\n".join(good(3)).decode().encode("utf-16"))

    metrics = ingest.run(web=lines_source(tmp_path / "*.jsonl*"))
    again = ingest.run(web=lines_source(tmp_path / "*.jsonl*"))

    refused = ingest.table("quarantine").where("line IS NULL").collect()
    assert {Path(row["file"]).name: row["code"] for row in refused} == {
        "truncated.jsonl.gz": "file.truncated",
        "empty.jsonl": "file.empty",
        "utf16.jsonl": "file.encoding",
    }
    assert all(len(row["sha256"]) == 64 for row in refused)
    assert dispositions(metrics) == {"accepted": 9, "quarantined": 0, "suppressed": 0, "duplicate": 0}
    assert again["files_ingested"] == 0
    assert ingest.table("files").count() == 6
    # one is mended, one touched
    (tmp_path / "truncated.jsonl.gz").write_bytes(whole)
    os.utime(tmp_path / "empty.jsonl", (1_700_000_000, 1_700_000_000))
    mended = ingest.run(web=lines_source(tmp_path / "*.jsonl*"))
    left = [row["code"] for row in ingest.table("quarantine").collect()]
    assert (sorted(left), mended["lines|accepted"]) == (["file.empty", "file.encoding"], 400)
    assert ingest.table("files").count() == 6
    files = {row["file"] for row in ingest.table("files").collect()}
    assert {row["file"] for row in ingest.table("events").select("file").distinct().collect()} < files


def test_a_changed_file_is_an_error_and_a_touched_one_is_not(ingest: Ingest, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", good(4))
    ingest.run(web=lines_source(path))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    touched = ingest.run(web=lines_source(path))
    write(path, good(5))

    with pytest.raises(ChangedFileError, match=r"other content[\s\S]*a\.jsonl"):
        ingest.run(web=lines_source(path))

    assert sum(dispositions(touched).values()) == 0
    assert ingest.table("files").count() == 1


def test_too_much_damage_stops_the_run_before_anything_is_written(ingest: Ingest, tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [*good(10), b"{", line(anonymousId=None)])

    with pytest.raises(GateError, match=r"8\.3%"):
        ingest.run(max_share=0.05, web=lines_source(tmp_path / "a.jsonl"))

    assert not ingest.tables


def test_what_happened_before_the_run_began_is_taken_in_though_it_is_as_of_an_earlier_time(
    ingest: Ingest, tmp_path: Path
) -> None:
    def happened(after: dt.timedelta) -> list[bytes]:
        at = (AS_OF + after).isoformat()
        return [line(messageId=f"{after}", timestamp=at, receivedAt=None)]

    ingest.begun_at = AS_OF + dt.timedelta(days=7)
    write(tmp_path / "1.jsonl", happened(dt.timedelta(days=5)))
    assert dispositions(ingest.run(web=lines_source(tmp_path / "*.jsonl")))["accepted"] == 1

    write(tmp_path / "2.jsonl", happened(dt.timedelta(days=9)))
    with pytest.raises(GateError, match=r"time\.future 1") as refused:
        ingest.run(max_share=0.05, web=lines_source(tmp_path / "*.jsonl"))
    assert "later than 2026-06-09 00:00 UTC" in refused.value.next_step
    assert "mapping" not in refused.value.next_step


def test_a_source_without_files_is_named(ingest: Ingest, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="'web' has no files"):
        ingest.run(web=lines_source(tmp_path / "nothing-*.jsonl"))


def test_delimited_files_keep_every_row_and_refuse_those_that_do_not_fit(ingest: Ingest, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        'at,who,note,"a.b"\n2026-05-01 10:00:00,007,"two\nlines, ""quoted""",x\n2026-05-01 10:00:00,8\n'
        "at,who,note,a.b\n2026-05-01 11:00:00,9,,y\n2026-05-01 11:00:00,,n,y\n"
    )
    (tmp_path / "b.csv").write_text("who,at\r\n10,2026-05-01 12:00:00\r\n")
    mapping = {
        "type": {"const": "track"},
        "event_time": {"column": "at", "format": "yyyy-MM-dd HH:mm:ss", "zone": "Europe/London"},
        "identifiers": {"customer_id": "who"},
        "properties": {"note": "note", "dotted": "a.b"},
    }

    metrics = ingest.run(shop={"path": f"{tmp_path}/*.csv", "format": "csv", "mapping": mapping})

    codes = Counter(row["code"] for row in ingest.table("quarantine").collect())
    assert codes == {"csv.syntax": 1, "csv.header": 1, "spec.no_identity": 1}
    assert dispositions(metrics)["accepted"] == 3
    events = {row["identifiers"][0]["id_value"]: row for row in ingest.table("events").collect()}
    assert set(events) == {"007", "9", "10"}
    assert json.loads(events["007"]["properties"]) == {"note": 'two\nlines, "quoted"', "dotted": "x"}


def test_parquet_files_give_rows_and_a_torn_one_is_refused(ingest: Ingest, tmp_path: Path) -> None:
    # the last column has an address for a name
    table = pa.table(
        {"who": [13085.0, None], "qty": [2, 3], "at": ["2026-05-01 10:00:00"] * 2, "ann@example.com": [1, 1]}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-9])
    mapping = {"type": {"const": "track"}, "event_time": "at", "identifiers": {"customer_id": "who"}}

    metrics = ingest.run(shop={"path": f"{tmp_path}/*.parquet", "format": "parquet", "mapping": mapping})

    codes = Counter(row["code"] for row in ingest.table("quarantine").collect())
    assert codes == {"file.truncated": 1, "spec.no_identity": 1}
    assert dispositions(metrics)["accepted"] == 1
    assert metrics["columns_left_out|shop"] == 1
    assert ingest.table("identifier_values").collect()[0]["id_value"] == "13085"


def test_parquet_files_that_differ_in_types_are_one_feed(ingest: Ingest, tmp_path: Path) -> None:
    at = dt.datetime(2026, 5, 1, 10, 0, 0, 123456, tzinfo=dt.UTC)
    days: dict[str, dict[str, Any]] = {
        "1": {"who": [13085], "at": pa.array([at], pa.timestamp("us", "UTC")), "mail": ["a@example.com"]},
        "2": {"who": ["13085"], "at": pa.array([at], pa.timestamp("ns", "UTC")), "mail": pa.nulls(1)},
        "3": {"who": [13085.0, None], "at": ["2026-05-01 10:00:00.123456Z"] * 2, "mail": ["b@example.com", None]},
        # another case, a time of day that nobody asks for, and a column less
        "4": {"WHO": [Decimal("13085.00")], "at": [at], "clock": pa.array([1], pa.time64("ns"))},
        "5": {"who": pa.array([1.5], pa.float16()), "at": [at], "mail": ["c@example.com"]},
    }
    for day, columns in days.items():
        pq.write_table(pa.table(columns), tmp_path / f"day {day}: events.parquet")
    mapping = {"type": {"const": "track"}, "event_time": "at", "identifiers": {"customer_id": "who", "email": "mail"}}

    metrics = ingest.run(shop={"path": f"{tmp_path}/*.parquet", "format": "parquet", "mapping": mapping})

    refused = ingest.table("quarantine").collect()
    assert {row["code"]: row["detail"] and row["detail"].partition(";")[0] for row in refused} == {
        "file.schema": "column who is optional fixed_len_byte_array(2) who (FLOAT16)",
        "spec.no_identity": None,
    }
    assert dispositions(metrics) == {"accepted": 4, "quarantined": 1, "suppressed": 0, "duplicate": 0}
    values = ingest.table("identifier_values").collect()
    assert {row["id_value"] for row in values if row["id_type"] == "customer_id"} == {"13085"}
    times = {row["event_time"] for row in ingest.table("events").collect()}
    assert times == {at.replace(tzinfo=None)}


def test_values_that_python_has_no_form_for_end_no_job(ingest: Ingest, tmp_path: Path) -> None:
    names = pa.Array.from_buffers(pa.string(), 2, pa.array([b"j\xfc", b"ann"]).buffers())
    at = pa.array([1_515_700_000_000_000_000, 1_777_600_000_000_000], pa.timestamp("us", "UTC"))
    traits = pa.array([[("plan", "pro")]] * 2, pa.map_(pa.string(), pa.string()))
    pq.write_table(pa.table({"who": ["1", "2"], "name": names, "at": at, "traits": traits}), tmp_path / "a.parquet")
    mapping = {"type": {"const": "track"}, "event_time": "at", "identifiers": {"customer_id": "who"}}
    source = {"path": str(tmp_path), "format": "parquet", "mapping": {**mapping, "traits": "traits"}}

    metrics = ingest.run(shop=source)

    assert {row["code"] for row in ingest.table("quarantine").collect()} == {"time.invalid"}
    assert dispositions(metrics)["accepted"] == 1
    assert json.loads(ingest.table("events").collect()[0]["traits"]) == {"plan": "pro"}


def test_a_file_that_is_refused_alone_is_named_where_it_stops_the_run(ingest: Ingest, tmp_path: Path) -> None:
    pq.write_table(pa.table({"who": pa.array([1.5], pa.float16()), "at": ["2026-05-01"]}), tmp_path / "a.parquet")
    mapping = {"type": {"const": "track"}, "event_time": "at", "identifiers": {"customer_id": "who"}}

    with pytest.raises(GateError, match=r"file\.schema 1[\s\S]*a\.parquet: column who is optional"):
        ingest.run(max_share=0.05, shop={"path": str(tmp_path), "format": "parquet", "mapping": mapping})


def test_a_relative_path_starts_where_python_is_and_not_where_java_was_started(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second [2]"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "events.jsonl", [line(messageId=name, userId=name)])
        monkeypatch.chdir(tmp_path / name)
        ingest.run(web=lines_source("events.jsonl"))

    assert {row["message_id"] for row in ingest.table("events").collect()} == {"first", "second [2]"}


def test_the_messages_of_the_segment_specification_are_all_accounted_for(ingest: Ingest, shared_data: Path) -> None:
    path = shared_data / "segment-spec-messages" / "messages.jsonl"

    metrics = ingest.run(spec=lines_source(path, root="message"))

    classes = ingest.table("quarantine").groupBy("code").count()
    counts = [("spec.no_type", 39), ("spec.no_identity", 3), ("time.missing", 27)]
    assert_rows(classes, "code string, count bigint", *counts)
    # the documentation prints the same message id on several pages
    assert dispositions(metrics) == {"accepted": 3, "quarantined": 69, "suppressed": 0, "duplicate": 5}


def test_identifiers_get_dense_numbers_in_the_order_of_their_keys(ingest: Ingest, tmp_path: Path) -> None:
    write(tmp_path / "1.jsonl", [line(messageId=f"m{i}", anonymousId=f"a{i}", userId=f"u{i % 3}") for i in range(50)])
    ingest.run(web=lines_source(tmp_path / "*.jsonl"))
    write(tmp_path / "2.jsonl", [line(messageId=f"n{i}", anonymousId=f"a{i}") for i in range(40, 60)])
    ingest.run(web=lines_source(tmp_path / "*.jsonl"))

    rows = sorted(ingest.table("identifiers").collect(), key=lambda row: row["identifier_id"])
    first = [(row["id_type"], bytes(row["id_key"])) for row in rows if row["run_seq"] == 1]
    second = [(row["id_type"], bytes(row["id_key"])) for row in rows if row["run_seq"] == 2]

    assert [row["identifier_id"] for row in rows] == list(range(1, 64))
    assert (first, len(first)) == (sorted(first), 53)
    assert (second, len(second)) == (sorted(second), 10)
    numbers = {(row["id_type"], bytes(row["id_key"])): row["identifier_id"] for row in rows}
    carried = ingest.table("events").select("message_key", F.explode("identifiers").alias("one")).collect()
    expected = {(bytes(row[0]), numbers[row["one"]["id_type"], bytes(row["one"]["id_key"])]) for row in carried}
    links = ingest.table("event_identifiers").collect()
    assert ({(bytes(row["message_key"]), row["identifier_id"]) for row in links}, len(links)) == (expected, 120)
    values = {row["identifier_id"]: row["id_value"] for row in ingest.table("identifier_values").collect()}
    assert {numbers[row["one"]["id_type"], bytes(row["one"]["id_key"])] for row in carried} == set(values)
    assert all(
        values[numbers[row["one"]["id_type"], bytes(row["one"]["id_key"])]] == row["one"]["id_value"] for row in carried
    )
