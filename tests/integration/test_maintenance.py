"""Maintenance gives back what no kept run needs, and nothing else, whatever reads, runs or ends meanwhile."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import subprocess
import sys
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from oneuser import open_warehouse
from oneuser.cli.main import main
from oneuser.config import Config, make_config
from oneuser.contracts.raw import EVENTS
from oneuser.core.errors import ConfigError, EnvironmentProblem
from oneuser.demo.generate import generate_demo
from oneuser.demo.settings import demo_config
from oneuser.runs.claim_rows import load_claims, published
from oneuser.runs.maintain import MaintenanceResult, maintain_warehouse
from oneuser.runs.run import RunOptions, run_pipeline
from oneuser.stages.context import RunContext
from oneuser.stages.declaration import Stage
from oneuser.stages.registry import STAGES as REAL_STAGES
from oneuser.storage.warehouse import Warehouse
from tests.integration import maintained_warehouse as small
from tests.integration import two_stages as two
from tests.integration.both_readers import assert_same_answers, assert_same_rows, both
from tests.integration.published import contents, copied, published_versions

ROOT = Path(__file__).resolve().parents[2]
SEED = 20_260_310
TABLES = ("identifier_values", "user_redirects")


@pytest.fixture(autouse=True)
def small_stages_only(monkeypatch: pytest.MonkeyPatch) -> None:
    small.use_small_stages(monkeypatch)


@dataclass(frozen=True)
class Base:
    """A warehouse of three published runs, and what somebody was told who maintained it while one was under way."""

    root: Path
    code: int
    said: str


@dataclass(frozen=True)
class Calm:
    """The same after maintenance, its answer and its commits; whether readers saw what they should at each of these.

    Somebody who ran it meanwhile ended with `code`.
    """

    root: Path
    done: MaintenanceResult
    commits: list[str]
    readers: list[bool]
    code: int


def written_config(root: Path) -> str:
    file = root.parent / "oneuser.json"
    file.write_text(json.dumps(small.settings(root)))
    return str(file)


@pytest.fixture(scope="module")
def base(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Base:
    root = tmp_path_factory.mktemp("base") / "warehouse"
    codes: list[int] = []
    said = io.StringIO()

    def maintain() -> None:
        with redirect_stderr(said):
            codes.append(main(["maintain", "--config", written_config(root)]))

    with pytest.MonkeyPatch.context() as patch:
        small.use_small_stages(patch)
        for _ in range(2):
            small.run(spark, root)
        small.run(spark, root, at="after user_redirects 1", action=maintain)
    return Base(root, codes[0], said.getvalue())


@pytest.fixture(scope="module")
def calm(spark: SparkSession, base: Base, tmp_path_factory: pytest.TempPathFactory) -> Calm:
    root = copied(base.root, tmp_path_factory.mktemp("calm"))
    codes: list[int] = []
    readers: list[bool] = []
    with pytest.MonkeyPatch.context() as patch:
        small.use_small_stages(patch)
        run = ["run", "--quiet", "--config", written_config(root)]
        watch = two.AtCommit("after identifier_values 1", lambda: codes.append(main(run)))

        def look(when: str, table: str) -> None:
            watch(when, table)
            rows = small.rows_at(root, "user_redirects", published_versions(root)["user_redirects"])
            readers.append(rows == of_runs(1, 2, 3) and shows_to_spark(spark, root, 2))

        done = small.maintain(spark, root, on_commit=look)
    return Calm(root, done, watch.seen, readers, codes[0])


@pytest.fixture
def root(base: Base, tmp_path: Path) -> Path:
    """A warehouse of one's own in which three runs are published."""
    return copied(base.root, tmp_path)


def of_runs(*runs: int) -> list[int]:
    """What a table holds of these runs: the run of each row."""
    return sorted(small.N_ROWS * [*runs])


def seen(rows: DataFrame) -> list[int]:
    return sorted(row["run_seq"] for row in rows.select("run_seq").collect())


def shows_to_spark(spark: SparkSession, root: Path, run: int) -> bool:
    """Whether whoever asks for a kept run with Spark sees its rows."""
    then = open_warehouse(root, spark=spark).as_of(run=run)
    return all(seen(then.table(name)) == of_runs(*range(1, run + 1)) for name in TABLES)


def shows(spark: SparkSession, root: Path, run: int) -> bool:
    """Whether a kept run shows its rows, to other programs at every version that was published of it."""
    of_run = [one for one in published(load_claims(Warehouse(spark, str(root)))) if one.run_seq == run]
    expected = of_runs(*range(1, run + 1))
    versions = {(name, one.tables[name]) for one in of_run for name in TABLES}
    return shows_to_spark(spark, root, run) and all(small.rows_at(root, *one) == expected for one in versions)


def holds(spark: SparkSession, root: Path) -> bool:
    """Whether runs 2 and 3 can be read as before, and readers see run 3, with Spark and without."""
    now = published_versions(root)
    expected = of_runs(1, 2, 3)
    opened = open_warehouse(root, spark=spark)
    return (
        shows(spark, root, 2)
        and shows(spark, root, 3)
        and all(seen(opened.table(name)) == small.rows_at(root, name, now[name]) == expected for name in TABLES)
    )


def needed_files(spark: SparkSession, root: Path, name: str) -> set[str]:
    """Files that kept publications and the newest version name, as another program lists them."""
    versions = {one.tables[name] for one in published(load_claims(Warehouse(spark, str(root)))) if name in one.tables}
    return set[str]().union(*(small.files_at(root, name, v) for v in {*versions, small.n_commits(root)[name]}))


def is_maintained(spark: SparkSession, root: Path) -> bool:
    """Whether it is as after maintenance: few files in what is shown, none that nothing needs, old change sets gone."""
    now = published_versions(root)
    runs = {one.run_seq for one in published(load_claims(Warehouse(spark, str(root))))}
    return (
        runs == {2, 3}
        and len(small.files_at(root, "identifier_values", now["identifier_values"])) == 1
        and small.changes_of_runs(root, now["changes"]) == {2, 3}
        and all(small.data_files(root, name) == needed_files(spark, root, name) for name in (*TABLES, "changes"))
    )


def test_a_dry_run_says_what_would_go_and_changes_nothing(
    root: Path, calm: Calm, capsys: pytest.CaptureFixture[str]
) -> None:
    before = small.all_files(root)

    assert main(["maintain", "--config", written_config(root), "--dry-run", "--json"]) == 0

    would = json.loads(capsys.readouterr().out)
    assert small.all_files(root) == before
    assert (would["kept_runs"], would["withdrawn_runs"], would["notes"]) == ([2, 3], [1], [])
    facts, done = ({one["table"]: one for one in tables} for tables in (would["tables"], as_dicts(calm.done)))
    for name in (*TABLES, "changes"):
        said = ("is_compacted", "n_versions_withdrawn", "n_files_before", "n_bytes_before")
        assert [facts[name][key] for key in said] == [done[name][key] for key in said], name
    assert facts["user_redirects"]["n_files_after"] == done["user_redirects"]["n_files_after"]
    assert facts["user_redirects"]["n_files_after"] < facts["user_redirects"]["n_files_before"]


def as_dicts(done: MaintenanceResult) -> list[dict[str, Any]]:
    return [asdict(one) for one in done.tables]


def test_what_is_not_kept_is_gone_and_what_is_reads_as_before(spark: SparkSession, calm: Calm) -> None:
    assert (calm.done.kept_runs, calm.done.withdrawn_runs, calm.done.notes) == ([2, 3], [1], [])
    assert is_maintained(spark, calm.root)
    assert holds(spark, calm.root)
    # readers did not notice
    assert len(calm.readers) > 10
    assert all(calm.readers)
    # of the log, what comes before the checkpoint that the oldest kept version is read from
    log = small.folder(calm.root, "user_redirects") / "_delta_log"
    assert {path.name for path in log.glob("*.json")} == {f"{version:020d}.json" for version in (1, 2)}


def test_what_is_kept_is_read_without_spark_as_with_it(spark: SparkSession, calm: Calm) -> None:
    readers = both(spark, calm.root)

    assert_same_rows(*readers)
    assert_same_rows(*(reader.as_of(run=2) for reader in readers))
    assert_same_answers(*readers, about=[], pairs=[])
    for reader in readers:
        with pytest.raises(ConfigError, match="run 1 can no longer be read"):
            reader.as_of(run=1)


def test_a_run_that_is_not_kept_is_refused_in_words(calm: Calm, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", written_config(calm.root)]
    for command in (["rollback", "--to", "1", "--yes"], ["report", "--run", "1"]):
        assert main([*command, *config]) == 2
        said = capsys.readouterr().err
        assert "run 1 can no longer be read: maintenance keeps the newest 2 runs; runs that can: 2, 3" in said

    assert main(["runs", "list", *config, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {one["run"]: one["is_readable"] for one in listed} == {1: False, 2: True, 3: True}


def test_maintenance_and_a_run_exclude_each_other(base: Base, calm: Calm) -> None:
    assert (base.code, calm.code) == (4, 4)
    assert f"/{os.getpid()}/" in base.said


def test_the_next_run_goes_on_from_compacted_tables_and_does_nothing_again(
    spark: SparkSession, calm: Calm, tmp_path: Path
) -> None:
    root = copied(calm.root, tmp_path)
    before, shown = small.n_commits(root), published_versions(root)

    # when nothing is new, then no stage is done again and no table is committed to
    (root.parent / small.NOTHING_NEW).touch()
    assert small.run(spark, root)["show"].state == "unchanged"
    assert small.n_commits(root) == before
    assert published_versions(root) == shown

    # when something is new, then it comes to the rows that were there
    (root.parent / small.NOTHING_NEW).unlink()
    small.run(spark, root)
    assert shows(spark, root, 3)
    now = published_versions(root)
    found = {name: set(small.rows_at(root, name, now[name])) - {1, 2, 3} for name in TABLES}
    assert [len(new) for new in found.values()] == [1, 1]


@pytest.mark.soak
def test_a_run_that_stopped_goes_on_after_maintenance(spark: SparkSession, root: Path) -> None:
    # given a run whose first stage is done and on record
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small.run(spark, root, at="before user_redirects 1", action=stop, seconds_at_risk=0.0)

    # when maintenance comes in between
    done = small.maintain(spark, root)
    assert done.notes == ["run 4 is open and has written to tables: not compacted: changes, identifier_values"]
    assert holds(spark, root)

    # then the run is continued, not begun anew
    stages = small.run(spark, root)
    assert (stages["gather"].attempt, stages["show"].attempt) == (1, 2)
    assert shows(spark, root, 3)
    assert shows(spark, root, 4)


@pytest.mark.soak
def test_what_a_rollback_shows_stays_shown(spark: SparkSession, root: Path) -> None:
    open_warehouse(root, spark=spark, config=small.config(root)).rollback(1)

    done = small.maintain(spark, root, keep=1)

    # then what is seen is kept, though it is not among the newest
    assert done.kept_runs == [1, 3]
    assert done.notes == ["readers see run 1 by a rollback: no table is compacted"]
    now = published_versions(root)
    assert {name: small.rows_at(root, name, now[name]) for name in TABLES} == dict.fromkeys(TABLES, of_runs(1))
    # until the next run, which goes on from the newest one
    small.run(spark, root)
    assert small.maintain(spark, root, keep=1).kept_runs == [4]
    assert shows(spark, root, 4)
    with pytest.raises(ConfigError, match="run 1 can no longer be read"):
        open_warehouse(root, spark=spark).as_of(run=1)


@pytest.mark.soak
def test_a_commit_by_somebody_else_is_not_published(spark: SparkSession, root: Path) -> None:
    def write() -> None:
        rows = spark.read.format("delta").load(str(small.folder(root, "identifier_values"))).limit(1)
        rows.write.format("delta").mode("append").save(str(small.folder(root, "identifier_values")))

    intruder = two.AtCommit("after identifier_values 1", write)
    with pytest.raises(EnvironmentProblem, match="table identifier_values"):
        small.maintain(spark, root, on_commit=intruder)

    assert holds(spark, root)
    small.maintain(spark, root)
    assert is_maintained(spark, root)
    assert holds(spark, root)


@pytest.mark.soak
def test_a_table_of_which_a_file_is_gone_is_left_alone(spark: SparkSession, root: Path) -> None:
    lost = next(iter(small.files_at(root, "user_redirects", 1)))
    next(root.rglob(lost)).unlink()
    before = small.data_files(root, "user_redirects")

    done = small.maintain(spark, root)

    assert done.notes == ["files of versions that are kept are gone: nothing is removed of user_redirects"]
    assert small.data_files(root, "user_redirects") == before


# killed ---------------------------------------------------------------------------------------------------------------


def kill(root: Path, point: str) -> None:
    """Maintenance that is killed at a commit."""
    done = subprocess.run(
        [sys.executable, str(Path(small.__file__)), written_config(root), point],
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'lib'}:{ROOT}"},
        start_new_session=True,
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == -9, f"not killed {point}: {done.stderr.decode()[-2000:]}"


def is_ended_by_the_same_command(spark: SparkSession, base: Base, point: str, scratch: Path) -> bool:
    root = copied(base.root, scratch)
    kill(root, point)
    is_unharmed = holds(spark, root)
    small.maintain(spark, root)
    return is_unharmed and holds(spark, root) and is_maintained(spark, root)


def test_maintenance_that_is_killed_is_ended_by_the_same_command(
    spark: SparkSession, base: Base, calm: Calm, tmp_path: Path
) -> None:
    point = random.Random(SEED).choice(calm.commits)

    assert is_ended_by_the_same_command(spark, base, point, tmp_path), point


@pytest.mark.soak
def test_maintenance_that_is_killed_at_any_commit_is_ended_by_the_same_command(
    spark: SparkSession, base: Base, calm: Calm, tmp_path: Path
) -> None:
    for number, point in enumerate(calm.commits):
        print(point)
        assert is_ended_by_the_same_command(spark, base, point, tmp_path / str(number)), point


@pytest.mark.soak
@pytest.mark.parametrize("point", ["after identifier_values 1", "after publications 2", "after user_redirects 1"])
def test_a_run_after_killed_maintenance_goes_on_as_if_there_had_been_none(
    spark: SparkSession, root: Path, point: str
) -> None:
    kill(root, point)

    small.run(spark, root)

    assert all(shows(spark, root, run) for run in (2, 3, 4))
    small.maintain(spark, root)
    assert shows(spark, root, 3)
    assert shows(spark, root, 4)


# many days ------------------------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_files_and_bytes_are_bounded_over_many_days(spark: SparkSession, tmp_path: Path) -> None:
    root = tmp_path / "warehouse"
    counts: list[tuple[int, int, int]] = []
    for day in range(1, 31):
        small.run(spark, root)
        small.maintain(spark, root, keep=3)
        files = [path for path in root.rglob("*") if path.is_file()]
        n_changes = len(small.rows_at(root, "changes", published_versions(root)["changes"])) if day > 1 else 0
        counts.append((len(files), sum(path.stat().st_size for path in files), n_changes))
        print(f"day {day}: {counts[-1][0]} files, {counts[-1][1]} bytes, {n_changes} rows of changes")

    # the highest of ten days, since compacting comes in waves
    middle, last = (
        tuple(max(column) for column in zip(*counts[first : first + 10], strict=True)) for first in (10, 20)
    )
    assert last[0] <= 1.1 * middle[0]
    # rows, records and publications of ten more days
    assert last[1] <= 1.3 * middle[1]
    assert last[2] == 3 * small.N_ROWS
    assert all(shows(spark, root, run) for run in (28, 29, 30))


@pytest.mark.soak
def test_real_runs_leave_the_same_with_and_without_maintenance(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oneuser.runs.run.STAGES", REAL_STAGES)
    monkeypatch.setenv("ONEUSER_TEST_SECRET", "k1 " + "5e" * 32)
    # nearly every table is compacted every time
    monkeypatch.setattr("oneuser.storage.expiry._MANY_SMALL_FILES", 2)
    generate_demo(tmp_path / "demo", events=1_000, days=14, files=14)
    inputs = tmp_path / "inputs"
    (inputs / "events").mkdir(parents=True)
    *most, last = sorted((tmp_path / "demo" / "events").glob("day=*"))

    def config_of(root: Path) -> Config:
        rules = {"keep_publications": 1, "keep_days": 0}
        keys, incremental = {"identifiers": "env:ONEUSER_TEST_SECRET"}, {"above_mb": 0, "full_every": None}
        return make_config(
            demo_config(inputs, root) | {"keys": keys, "incremental": incremental, "maintenance": rules, "product": {}}
        )

    def arrive_and_run(days: list[Path], as_of: datetime, *roots: Path) -> list[bool]:
        """Whether stages did what was touched alone."""
        for day in days:
            shutil.copytree(day, inputs / "events" / day.name)
        results = [run_pipeline(spark, config_of(root), RunOptions(as_of=as_of)) for root in roots]
        return [stage.details["is_incremental"] for result in results for stage in result.stages.values()]

    # given a run, after which one of two warehouses is maintained
    maintained = tmp_path / "maintained" / "warehouse"
    arrive_and_run(most, datetime(2027, 1, 1, tzinfo=UTC), maintained)
    left_alone = copied(maintained, tmp_path / "left-alone")
    assert [one.table for one in maintain_warehouse(spark, config_of(maintained)).tables if one.is_compacted]

    # when both do a day, and it is maintained again
    assert all(arrive_and_run([last], datetime(2027, 1, 2, tzinfo=UTC), maintained, left_alone))
    assert maintain_warehouse(spark, config_of(maintained)).kept_runs == [2]

    # then they hold the same, but for the change sets of runs that are gone
    names = [name for name in published_versions(left_alone) if name != "changes"]
    assert not [name for name in names if contents(maintained, name) != contents(left_alone, name)]
    assert small.changes_of_runs(maintained, published_versions(maintained)["changes"]) == {2}
    # it is what the stored messages amount to, and a run without news does no stage again
    assert open_warehouse(maintained, config=config_of(maintained), spark=spark).verify().holds
    after = run_pipeline(spark, config_of(maintained))
    assert {stage.state for name, stage in after.stages.items() if name != "ingest"} == {"unchanged"}


def test_payload_is_emptied_once_its_days_are_over(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "warehouse"
    settings = make_config(small.settings(root, keep=1) | {"raw": {"keep_days": 30}})

    def take_in(ctx: RunContext) -> None:
        rows = [message(ctx.run_seq, days=days) for days in (1, 40)]
        ctx.append(EVENTS, EVENTS.frame(ctx.spark, rows), n_rows=len(rows))

    def shown() -> dict[str, tuple[str | None, str | None, str | None, int]]:
        table = DeltaTable(small.folder(root, "events"), version=published_versions(root)["events"]).to_pyarrow_table()
        return {
            row["message_id"]: (row["raw"], row["traits"], row["properties"], len(row["identifiers"]))
            for row in table.to_pylist()
        }

    monkeypatch.setattr(
        "oneuser.runs.run.STAGES", (Stage("take_in", take_in, reads=(), writes=(EVENTS,), sections=()),)
    )
    run_pipeline(spark, settings, RunOptions())
    whole = ('{"said": 1}', '{"name": "Ann"}', '{"price": 9}', 1)
    assert shown() == {"1 of 1 days": whole, "1 of 40 days": whole}
    before = small.n_commits(root)

    told = maintain_warehouse(spark, settings, is_dry_run=True)
    assert [note.partition(" of before")[0] for note in told.notes] == ["payload of 1 messages"]
    assert told.notes[0].endswith("would be emptied")
    assert small.n_commits(root) == before
    done = maintain_warehouse(spark, settings)
    assert done.notes[0].endswith("UTC emptied")
    emptied = (None, None, '{"price": 9}', 1)
    assert shown() == {"1 of 1 days": whole, "1 of 40 days": emptied}

    # the same again changes nothing
    before = small.n_commits(root)
    assert maintain_warehouse(spark, settings).notes == []
    assert small.n_commits(root) == before

    # the next run goes on from there, and files with payload go with the run that still shows them
    run_pipeline(spark, settings, RunOptions(is_full=True))
    assert shown() == {"1 of 1 days": whole, "1 of 40 days": emptied, "2 of 1 days": whole, "2 of 40 days": whole}
    maintain_warehouse(spark, settings)
    assert shown() == {"1 of 1 days": whole, "1 of 40 days": emptied, "2 of 1 days": whole, "2 of 40 days": emptied}
    files = [pq.read_table(small.folder(root, "events") / name) for name in small.data_files(root, "events")]
    kept = {name for table in files for name, raw in table.select(["message_id", "raw"]).to_pandas().values if raw}
    assert kept == {"1 of 1 days", "2 of 1 days", "2 of 40 days"}


def message(run: int, *, days: int) -> dict[str, Any]:
    """A message of so many days ago with payload."""
    at, name = datetime.now(UTC) - timedelta(days=days), f"{run} of {days} days"
    identifier = {"id_type": "email", "id_key": b"k", "id_value": "ann@example.com", "link": "event"}
    return {
        "message_key": name.encode(), "message_id": name, "source": "web", "type": "track", "event": "Seen",
        "event_time": at, "received_at": at, "identifiers": [identifier], "dropped": [], "traits": '{"name": "Ann"}',
        "properties": '{"price": 9}', "raw": '{"said": 1}', "content_hash": 0, "file": "f", "run_seq": run,
    }  # fmt: skip
