from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import duckdb
import pytest

from tests.bench.delta_files import Stored
from tests.bench.first_runs import Job, Result, describe, result_of, rows_of
from tests.bench.memory import DRIVER_JVM, WORKERS
from tests.bench.parsing import Parsing, measure_parsing, read_batches
from tests.bench.processes import ROOT, measure_script
from tests.bench.single_thread import SingleThread
from tests.unit.bench.test_days import FIRST

GIB = 1024**3
OURS = replace(
    FIRST, seconds=20.0, run_seconds=15.5, stages={"ingest": 4.0, "graph": 2.0, "identity": 6.0, "retention": 3.0},
    peaks={DRIVER_JVM: GIB, WORKERS: 0, "total": 2 * GIB}, stored=Stored(9, 3 * GIB),
)  # fmt: skip
PLAIN = Job("plain", 10.0, {"start and stop": 4.0, "events": 6.0}, {DRIVER_JVM: GIB, "total": GIB}, Stored(4, GIB))
FLOOR = Job("floor", 2.0, {"start and stop": 1.0, "read": 1.0}, {"total": GIB}, Stored(3, GIB))
RESULT = Result(10_000, 3_000_000, OURS, PLAIN, FLOOR, SingleThread(7, 9, 2, 0.1, 0.002), Parsing(9_000, 21.04, 22.26))


def test_a_first_run_is_a_multiple_of_its_yardsticks() -> None:
    rows = {row.yardstick: row for row in rows_of(RESULT)}

    assert rows["the plain script"].verdict == "goal ≤ 1.50 ×: 2.00 ×, missed"
    assert rows["the plain script"].limit == "identity 30%, start and stop 22%"
    assert rows["all steps of the plain script"].value == 2.0
    assert rows["the floor: DuckDB and SciPy"].value == 10.0
    assert rows["20 s as a process"].verdict == "goal ≤ 20.0 s: 15.0 s, met"
    assert rows["tables of the plain script"].value == 3.0


@pytest.mark.parametrize(("events", "goal"), [(9_999, None), (1_000_000, 1.3), (3_000_000, 1.3), (10_000_000, 1.0)])
def test_the_goal_beside_the_plain_script_depends_on_the_size(events: int, goal: float | None) -> None:
    assert rows_of(replace(RESULT, events=events))[0].goal == goal


def test_every_step_and_all_jobs_are_in_the_description() -> None:
    lines = describe(RESULT).splitlines()

    assert lines[0] == "== 10,000 events, 3.0 MB =="
    assert "oneuser: ingest                           4.00   2,500       20%" in lines
    assert "plain: events                             6.00   1,667       60%" in lines
    assert [line.split() for line in lines if line.startswith(("oneuser  ", "plain  ", "floor  "))] == [
        ["oneuser", "20.0", "500", "1.00", "-", "2.00", "3.00"],
        ["plain", "10.0", "1,000", "1.00", "-", "1.00", "1.00"],
        ["floor", "2.00", "5,000", "-", "-", "1.00", "1.00"],
    ]
    assert any(line.startswith("single thread: 2 components of 7 edges in 0.002 s") for line in lines)
    assert "parsing: 22.3 µs of one processor a line, 21.0 at the least, of 9,000 lines" in lines


def test_a_kept_result_is_the_result_that_was_measured() -> None:
    assert result_of(asdict(RESULT)) == RESULT


def test_the_floor_finds_people_by_shared_identifiers(tmp_path: Path) -> None:
    lines = [
        '{"messageId":"1","anonymousId":" a ","userId":"u","type":"page"}',
        '{"messageId":"1","anonymousId":"a","userId":"u","type":"page"}',
        '{"messageId":"2","anonymousId":"b","traits":{"email":"X@x.org"},"type":"identify"}',
        '{"messageId":"3","userId":"u","context":{"traits":{"email":"x@X.org"}},"type":"track","event":"Order"}',
        '{"messageId":"4","anonymousId":"c","type":"page"}',
        '{"messageId":"5","type":"page"}',
        '{"anonymousId":"d","type":"page"}',
        "no JSON",
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    script = str(ROOT / "tests" / "bench" / "duckdb_job.py")

    seconds = measure_script([script, f"{tmp_path}/*.jsonl", f"{tmp_path}/out"], tmp_path / "log").answer

    events = duckdb.sql(f"SELECT messageId, json FROM '{tmp_path}/out/events.parquet' ORDER BY ALL").fetchall()
    assert events == [(line[14], line) for line in (lines[0], *lines[2:6])]
    resolved = f"SELECT messageId, person FROM '{tmp_path}/out/events_resolved.parquet'"
    people = dict(duckdb.sql(resolved).fetchall())
    assert people["1"] == people["2"] == people["3"] != people["4"]
    assert people["5"] is None
    mapped = f"SELECT person, count(*) FROM '{tmp_path}/out/identifier_map.parquet' GROUP BY ALL"
    assert dict(duckdb.sql(mapped).fetchall()) == {people["1"]: 4, people["4"]: 1}
    assert seconds["read"] <= seconds["total"]


def test_lines_are_parsed_as_often_as_asked_and_no_more_of_them(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    line = '{"messageId":"m","type":"track","userId":"u1","timestamp":"2026-02-01T10:00:00Z"}\n'
    first.write_text(line * 3, encoding="utf-8")
    second.write_text(line * 2, encoding="utf-8")

    batches = read_batches([first, second], most=4)
    parsing = measure_parsing(batches, repeats=2)

    assert [batch.to_pylist() for batch in batches] == [[line.rstrip().encode()] * 4]
    assert parsing.lines == 4
    assert 0 < parsing.least_us <= parsing.median_us
