"""Faults around a run of two small stages: what was shown stays, and the same command again ends as if nothing was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from py4j.protocol import Py4JNetworkError
from pyspark.sql import SparkSession

from oneuser import open_warehouse
from oneuser.cli.main import main
from oneuser.contracts.control import PUBLICATIONS, RUNS
from oneuser.contracts.identity import USER_REDIRECTS
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.core.errors import EnvironmentProblem, LockedError, OneUserError
from oneuser.pipeline.boundary import own_errors
from oneuser.pipeline.lease import Lease, load_claims
from oneuser.pipeline.records import load_runs
from oneuser.pipeline.run import RunOptions, run_pipeline
from oneuser.storage.warehouse import Warehouse
from tests.integration import two_stages as two
from tests.integration.published import read_table

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _two_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oneuser.pipeline.run.STAGES", two.STAGES)


@pytest.fixture(scope="module")
def after_one_run(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse whose run 1 is published, to be copied."""
    root = tmp_path_factory.mktemp("base") / "warehouse"
    watch = two.AtCommit("", None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("oneuser.pipeline.run.STAGES", two.STAGES)
        run_pipeline(spark, two.config(root), RunOptions(on_commit=watch, seconds_at_risk=0.0))
    assert [point.removeprefix("before ") for point in watch.seen if point.startswith("before")] == two.COMMITS
    return root


def copied(warehouse: Path, to: Path) -> Path:
    """A copy of a warehouse; its `published.json` names paths."""
    root = Path(shutil.copytree(warehouse, to / "warehouse"))
    listing = root / "published.json"
    listing.write_text(listing.read_text().replace(str(warehouse), str(root)))
    return root


@pytest.fixture
def root(after_one_run: Path, tmp_path: Path) -> Path:
    """A warehouse of one's own whose run 1 is published."""
    return copied(after_one_run, tmp_path)


@pytest.fixture
def config_file(root: Path) -> Path:
    file = root.parent / "oneuser.json"
    file.write_text(json.dumps(two.settings(root)))
    return file


def run(spark: SparkSession, root: Path, at: str = "", action: object = None) -> list[str]:
    """A run as the command line does it; returns its commits."""
    watch = two.AtCommit(at, action)
    with own_errors(str(root)):
        run_pipeline(spark, two.config(root), RunOptions(on_commit=watch, seconds_at_risk=0.0))
    assert not at or at in watch.seen
    return watch.seen


def shown_to_spark(spark: SparkSession, root: Path) -> tuple[list[int], list[int]]:
    """Runs whose rows a reader sees, in the table that grows and in the one that is replaced."""
    opened = open_warehouse(root, spark=spark)
    values, redirects = opened.table("identifier_values"), opened.table("user_redirects")
    return tuple(sorted(row["run_seq"] for row in rows.collect()) for rows in (values, redirects))


def shown_without_spark(root: Path) -> tuple[list[int], list[int]]:
    """The same by `published.json` and deltalake."""
    tables = (read_table(root, name) for name in ("identifier_values", "user_redirects"))
    return tuple(sorted(table.column("run_seq").to_pylist()) for table in tables)


def holds(spark: SparkSession, root: Path, *, run: int) -> bool:
    """Whether all readers see what a run leaves, whole: two rows of each run so far in both tables."""
    seqs = sorted(2 * [*range(1, run + 1)])
    return shown_to_spark(spark, root) == shown_without_spark(root) == (seqs, seqs)


def has_repeated_rows(spark: SparkSession, root: Path) -> list[str]:
    """Tables, the record included, in which a key occurs twice."""
    warehouse = Warehouse(spark, str(root))
    found = []
    for contract in (RUNS, PUBLICATIONS, IDENTIFIER_VALUES, USER_REDIRECTS):
        rows = warehouse.read(contract, warehouse.head(contract)).select(*contract.key).collect()
        found += [contract.name for n in Counter(rows).values() if n > 1]
    return found


def outsider(spark: SparkSession, root: Path, table: str) -> None:
    """Somebody else appends to a table what is in it already."""
    path = str(next(root.glob(f"*/{table}")))
    rows = spark.createDataFrame(spark.read.format("delta").load(path).limit(1).collect(), schema=None)
    rows.coalesce(1).write.format("delta").mode("append").save(path)


# a commit that landed though nobody was told --------------------------------------------------------------------------


@pytest.mark.soak
def test_a_commit_whose_response_is_lost_is_not_made_twice(spark: SparkSession, root: Path) -> None:
    def lose() -> None:
        raise Py4JNetworkError("Answer from Java side is empty")

    # when every commit of run 2 up to its publication, one attempt after the other, lands without an answer; the first
    # stage is on record after four of them, so that the last one is that of the second stage
    for commit in ("publications 1", "runs 1", "identifier_values 1", "runs 2", "user_redirects 1", "runs 2"):
        with pytest.raises(OneUserError):
            run(spark, root, f"after {commit}", lose)
        assert holds(spark, root, run=1), commit

    # then the same command again leaves what an undisturbed run leaves
    run(spark, root)
    assert holds(spark, root, run=2)
    assert not has_repeated_rows(spark, root)


# two runs at once -----------------------------------------------------------------------------------------------------


def test_a_second_run_exits_at_once_and_the_first_goes_on(
    spark: SparkSession, root: Path, config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found: dict[str, float] = {}

    def second() -> None:
        started = time.monotonic()
        found["code"] = main(["run", "--config", str(config_file), "--quiet"])
        found["seconds"] = time.monotonic() - started

    run(spark, root, "after identifier_values 1", second)

    assert found["code"] == 4
    assert found["seconds"] < 15
    assert f"/{os.getpid()}/" in capsys.readouterr().err
    assert holds(spark, root, run=2)
    assert load_runs(Warehouse(spark, str(root)))[-1].attempt == 1


@pytest.mark.parametrize("is_first", [True, False], ids=["in a new warehouse", "in one that has runs"])
def test_of_two_racers_for_the_lease_one_gets_it(
    spark: SparkSession, root: Path, tmp_path: Path, *, is_first: bool
) -> None:
    where = tmp_path / "new" if is_first else root
    line = threading.Barrier(2, timeout=60)
    got: list[Lease | LockedError] = []

    def race() -> None:
        waits = [line.wait]  # before the claim, not before what the winner commits later

        def start_together(when: str, _table: str) -> None:
            if when == "before" and waits:
                waits.pop()()

        try:
            got.append(Lease.acquire(Warehouse(spark, str(where), on_commit=start_together), ttl=timedelta(minutes=1)))
        except LockedError as problem:
            got.append(problem)

    racers = [threading.Thread(target=race) for _ in range(2)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    assert sorted(type(result).__name__ for result in got) == ["Lease", "LockedError"]
    held = [row for row in load_claims(Warehouse(spark, str(where))) if row["state"] == "leased"]
    leases = [result for result in got if isinstance(result, Lease)]
    assert [row["fence"] for row in held] == [lease.fence for lease in leases]
    leases[0].release()  # or it goes on renewing itself under the tests that follow


# somebody else writes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["identifier_values", pytest.param("user_redirects", marks=pytest.mark.soak)])
def test_a_commit_by_somebody_else_before_ours_stops_the_run(spark: SparkSession, root: Path, table: str) -> None:
    with pytest.raises(EnvironmentProblem, match=f"somebody else wrote to table {table}"):
        run(spark, root, f"before {table} 1", lambda: outsider(spark, root, table))

    assert holds(spark, root, run=1)
    run(spark, root)
    assert holds(spark, root, run=2)


@pytest.mark.parametrize("table", ["identifier_values", "user_redirects"])
def test_a_commit_by_somebody_else_after_ours_is_never_shown(spark: SparkSession, root: Path, table: str) -> None:
    run(spark, root, "before publications 2", lambda: outsider(spark, root, table))
    assert holds(spark, root, run=2)

    # nor by the next run
    run(spark, root)
    assert holds(spark, root, run=3)


# storage fails --------------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "oneuser-test", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.soak
def test_a_full_or_read_only_disk_leaves_the_old_publication(
    spark: SparkSession, after_one_run: Path, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copied(after_one_run, disk)
    file = after_one_run.parent / "on-disk.json"
    file.write_text(json.dumps(two.settings(root) | {"sources": two.settings(after_one_run)["sources"]}))
    command = ["run", "--config", str(file), "--quiet"]

    # when it may only be read
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert main(command) == 5
    said = capsys.readouterr().err
    assert str(root) in said
    assert holds(spark, root, run=1)
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)

    # when the disk is full
    filling = disk / "full"
    with suppress(OSError), filling.open("wb") as full:
        while True:
            full.write(b"0" * 4096)
    assert main(command) == 5
    said = capsys.readouterr().err
    assert "no space left" in said
    assert str(root) in said
    assert "next" in said
    assert holds(spark, root, run=1)
    filling.unlink()

    # then, with room again, the same command does the run
    assert main(command) == 0
    assert holds(spark, root, run=2)


def test_a_target_that_cannot_be_made_is_an_error_of_the_environment(
    tmp_path: Path, spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    file = tmp_path / "oneuser.json"
    file.write_text(json.dumps(two.settings(tmp_path / "warehouse") | {"warehouse": str(tmp_path / "taken" / "it")}))

    assert main(["run", "--config", str(file), "--quiet"]) == 5
    assert str(tmp_path / "taken" / "it") in capsys.readouterr().err


# readers and interruptions --------------------------------------------------------------------------------------------


def test_a_reader_on_the_old_publication_is_not_disturbed_by_the_next(spark: SparkSession, root: Path) -> None:
    reader = open_warehouse(root, spark=spark)
    rows = reader.table("user_redirects")
    seen: list[int] = []

    # given a reader whose question is answered while the next run publishes, and again when all is done
    run(spark, root, "before publications 2", lambda: seen.append(rows.count()))

    assert seen == [2]
    assert rows.count() == reader.table("user_redirects").count() == 2
    assert reader.refresh().table("user_redirects").count() == 4


def start(config_file: Path, *arguments: str, slow: Path | None = None) -> subprocess.Popen[bytes]:
    """A run in a process group of its own, as a terminal would start it."""
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'lib'}:{ROOT}"} | ({two.SLOW: str(slow)} if slow else {})
    command = [sys.executable, str(Path(two.__file__)), str(config_file), *arguments]
    return subprocess.Popen(command, env=env, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.soak
def test_a_kill_between_publication_and_its_file_is_mended_by_the_next_run(
    spark: SparkSession, root: Path, config_file: Path
) -> None:
    process = start(config_file, "after publications 2")
    _, said = process.communicate(timeout=600)
    assert process.returncode == -signal.SIGKILL, said.decode()[-2000:]

    # then readers with Spark see the new run, those without still the old one: both whole
    assert shown_to_spark(spark, root)[0] == [1, 1, 2, 2]
    assert shown_without_spark(root)[0] == [1, 1]

    # and the next run brings the file up to date before it writes anything
    seen: list[list[int]] = []
    run(spark, root, "before runs 1", lambda: seen.append(shown_without_spark(root)[0]))
    assert seen == [[1, 1, 2, 2]]
    assert holds(spark, root, run=3)


@pytest.mark.soak
def test_an_interrupted_run_gives_the_lease_back_and_goes_on_when_asked(
    spark: SparkSession, root: Path, config_file: Path, tmp_path: Path
) -> None:
    slow = tmp_path / "under-way"
    process = start(config_file, slow=slow)
    deadline = time.monotonic() + 600
    while not slow.exists():
        assert process.poll() is None, process.communicate()[1].decode()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.1)

    # when somebody presses Ctrl-C in the middle of a job: the whole process group hears of it
    os.killpg(process.pid, signal.SIGINT)
    interrupted = time.monotonic()
    _, said = process.communicate(timeout=300)

    assert process.returncode == 130, said.decode()[-2000:]
    # the job that was under way would have taken minutes more
    assert time.monotonic() - interrupted < 200
    assert "interrupted: nothing was published" in said.decode()
    warehouse = Warehouse(spark, str(root))
    assert load_claims(warehouse)[-1]["state"] == "released"
    last = load_runs(warehouse)[-1]
    assert (last.run_seq, last.state, last.exit_code) == (2, "interrupted", 130)
    assert holds(spark, root, run=1)

    run(spark, root)
    assert holds(spark, root, run=2)
    assert load_runs(warehouse)[-1].attempt == 2
