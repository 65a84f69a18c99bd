"""A run that would change nothing is told without Spark; whatever may be new, or cannot be seen, has a run look."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from oneuser.api import jobs
from oneuser.config import Config, make_config
from oneuser.contracts.control import PUBLICATIONS, RUNS
from oneuser.contracts.graph import EVENT_IDENTIFIERS, FILES
from oneuser.contracts.identity import DIM_USER
from oneuser.contracts.privacy import ERASURES, REQUEST
from oneuser.contracts.reference import REFERENCE_INPUTS
from oneuser.events.instants import micros
from oneuser.runs import nothing_new
from oneuser.runs.nothing_new import find_nothing_new
from oneuser.runs.result import LookedAt, RunResult
from oneuser.storage.input_listing import listing_of
from oneuser.storage.layout import MARKER, PUBLISHED_FILE
from oneuser.storage.local_listing import list_local_files
from tests.integration.emulated_s3 import ACCESS, EmulatedS3, emulated_s3
from tests.unit.runs.completed_warehouse import NOON, CompletedWarehouse


@pytest.fixture
def done(tmp_path: Path) -> CompletedWarehouse:
    return CompletedWarehouse(tmp_path)


def why_not(done: CompletedWarehouse) -> str | None:
    """Why there may be something new; null where there is nothing."""
    with capture_logs() as logs:
        found = find_nothing_new(done.config)
    assert (found is None) == bool(logs)
    return logs[0]["why"] if logs else None


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(file): (file.stat().st_mtime_ns, file.read_bytes()) for file in folder.rglob("*") if file.is_file()}


def test_a_run_that_would_change_nothing_is_answered_with_the_last_one(done: CompletedWarehouse) -> None:
    before = contents(done.home)

    found = find_nothing_new(done.config)

    assert found is not None
    assert (found.run_seq, found.as_of, found.is_published, found.is_nothing_new) == (1, NOON, False, True)
    assert found.published_at == NOON
    assert found.looked_at == LookedAt(n_files=4, n_inputs=3)
    assert found.tables == found.base == done.tables
    assert {name: (stage.state, stage.seconds) for name, stage in found.stages.items()} == {
        "ingest": ("unchanged", 0.0), "identity": ("unchanged", 0.0),
    }  # fmt: skip
    # what the last run read was none of this one's
    assert found.metrics == {"people": 1.0}
    assert contents(done.home) == before


# inputs ---------------------------------------------------------------------------------------------------------------


def add_a_file(done: CompletedWarehouse) -> None:
    (done.home / "in" / "3.jsonl").touch()


def grow_a_file(done: CompletedWarehouse) -> None:
    file = done.home / "in" / "1.jsonl"
    at = file.stat().st_mtime_ns
    file.write_text("{}\n{}\n")
    os.utime(file, ns=(at, at))


def touch(name: str) -> Callable[[CompletedWarehouse], None]:
    def by_a_millisecond(done: CompletedWarehouse) -> None:
        at = (done.home / name).stat().st_mtime_ns + 1_000_000
        os.utime(done.home / name, ns=(at, at))

    return by_a_millisecond


def take_the_files_away(done: CompletedWarehouse) -> None:
    for file in (done.home / "in").iterdir():
        file.unlink()


def know_them_from_another_source(done: CompletedWarehouse) -> None:
    done.values["sources"]["app"] = done.values["sources"].pop("web")
    done.publish(2)


def name_a_remote_source(done: CompletedWarehouse) -> None:
    done.values["sources"]["app"] = {"path": "hdfs://cluster/in", "format": "jsonl", "preset": "segment"}
    done.publish(2)


def name_an_odd_pattern(done: CompletedWarehouse) -> None:
    done.values["sources"]["web"]["path"] = f"{done.home}/{{in/1,in/2}}.jsonl"
    done.publish(2)


def forget_the_ledger(done: CompletedWarehouse) -> None:
    done.log(FILES, 0).unlink()


def test_a_file_that_is_gone_is_nothing_new(done: CompletedWarehouse) -> None:
    (done.home / "in" / "1.jsonl").unlink()

    assert why_not(done) is None


def have_refused_a_record_until(at: datetime) -> Callable[[CompletedWarehouse], None]:
    def refuse(done: CompletedWarehouse) -> None:
        listing = listing_of(list_local_files("links.crm", f"{done.home}/crm.csv"))
        done.write(REFERENCE_INPUTS, {"reference": "links.crm", "listing": listing, "due_us": micros(at)})
        done.tables[REFERENCE_INPUTS.name] = 1
        done.publish(2)

    return refuse


def test_a_record_that_is_refused_for_long_is_nothing_new(done: CompletedWarehouse) -> None:
    have_refused_a_record_until(datetime.now(UTC) + timedelta(days=9))(done)

    assert why_not(done) is None


# what shapes a run ----------------------------------------------------------------------------------------------------


def configure(done: CompletedWarehouse) -> None:
    done.values["sessions"] = {"gap_minutes": 10}


def be_due_to_do_everything(done: CompletedWarehouse) -> None:
    done.values["incremental"] = {"full_every": 2}
    # which found nothing new, and did nothing
    done.run(2, "unchanged")


def lose_the_key(done: CompletedWarehouse) -> None:
    (done.root / ".secrets" / "identifiers").unlink()


def add_a_key(done: CompletedWarehouse) -> None:
    with (done.root / ".secrets" / "identifiers").open("a") as file:
        file.write(f"k2 {'ab' * 32}\n")


def put_another_key_in_its_place(done: CompletedWarehouse) -> None:
    (done.root / ".secrets" / "identifiers").write_text(f"k1 {'ab' * 32}\n")


def forget_which_keys_there_were(done: CompletedWarehouse) -> None:
    done.checks = ()
    done.publish(2)


def name_another_deployment(done: CompletedWarehouse) -> None:
    done.values["deployment"] = "other"
    done.publish(2)


def move_the_raw_zone(done: CompletedWarehouse) -> None:
    done.values["raw_root"] = f"{done.home}/raw"


@pytest.mark.parametrize(
    "values", [{"incremental": {"full_every": 2}}, {"lease": {"ttl_minutes": 1}}, {"report": {"min_people": 9}}]
)
def test_what_shapes_no_table_makes_nothing_new(done: CompletedWarehouse, values: dict[str, object]) -> None:
    done.values |= values

    assert why_not(done) is None


def test_another_version_of_oneuser_has_a_run_look(done: CompletedWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nothing_new, "__version__", "next")

    assert "version of oneuser" in str(why_not(done))


# the record -----------------------------------------------------------------------------------------------------------


def second_run(state: str) -> Callable[[CompletedWarehouse], None]:
    def begin(done: CompletedWarehouse) -> None:
        done.run(2, state)

    return begin


def second_run_by_other_rules(done: CompletedWarehouse) -> None:
    done.run(2, "unchanged", config=make_config(done.values | {"quarantine": {"max_share": 0.5}}))


def second_run_without_its_beginning(done: CompletedWarehouse) -> None:
    done.write(RUNS, {"run_seq": 2, "attempt": 1, "record": "ended", "state": "published"})


def hold_the_lease(done: CompletedWarehouse) -> None:
    done.claim(2, state="leased")


def roll_back(done: CompletedWarehouse) -> None:
    tables = done.tables | {DIM_USER.name: 7}
    done.claim(2, state="published", kind="rollback", run_seq=1, tables=tables, published_at=NOON)
    done.show(1, tables)


def publish_nothing(done: CompletedWarehouse) -> None:
    done.log(PUBLICATIONS, 0).unlink()
    done.claim(1, state="released")


def forget_runs(done: CompletedWarehouse) -> None:
    done.log(RUNS, 0).unlink()


def cut_a_file_of_runs(done: CompletedWarehouse) -> None:
    file = next(Path(done.layout.path(RUNS)).glob("*.parquet"))
    file.write_bytes(file.read_bytes()[:100])


def damage_the_log_of_publications(done: CompletedWarehouse) -> None:
    done.log(PUBLICATIONS, 0).write_text("{nonsense\n")


def test_a_second_run_that_changed_nothing_leaves_nothing_new(done: CompletedWarehouse) -> None:
    done.run(2, "unchanged")

    found = find_nothing_new(done.config)

    # the number is that of the run whose tables readers see
    assert found is not None
    assert found.run_seq == 1


def test_maintenance_makes_nothing_new(done: CompletedWarehouse) -> None:
    # given a table that has been compacted: other files, another version, the same rows
    done.write(EVENT_IDENTIFIERS)
    compacted = done.tables | {EVENT_IDENTIFIERS.name: 1}
    done.claim(2, kind="maintenance", state="published", run_seq=1, tables=compacted, published_at=NOON)
    done.show(1, compacted)

    found = find_nothing_new(done.config)

    assert found is not None
    assert (found.run_seq, found.tables) == (1, compacted)


def test_an_open_run_of_before_is_passed_over(done: CompletedWarehouse) -> None:
    done.run(0, "begun", config=make_config(done.values | {"quarantine": {"max_share": 0.5}}))

    assert why_not(done) is None


def test_a_rollback_to_what_there_is_changes_nothing(done: CompletedWarehouse) -> None:
    done.claim(2, state="published", kind="rollback", run_seq=1, tables=done.tables, published_at=NOON)
    done.claim(3, state="released")

    assert why_not(done) is None


# tables and small files -----------------------------------------------------------------------------------------------


def write_events(done: CompletedWarehouse) -> None:
    done.write(EVENT_IDENTIFIERS, {})


def write_a_table_that_was_not_published(done: CompletedWarehouse) -> None:
    del done.tables[EVENT_IDENTIFIERS.name]
    done.publish(2)


def lose_a_version(done: CompletedWarehouse) -> None:
    done.log(DIM_USER, 0).unlink()


def publish_a_table_that_nobody_knows(done: CompletedWarehouse) -> None:
    done.tables["invented"] = 3
    done.claim(2, state="published", run_seq=2, tables=done.tables, published_at=NOON)
    done.run(2, "published")


def remove(name: str) -> Callable[[CompletedWarehouse], None]:
    return lambda done: (done.root / name).unlink()


def leave_an_old_listing(done: CompletedWarehouse) -> None:
    done.show(1, done.tables | {DIM_USER.name: 7})


def remove_everything(done: CompletedWarehouse) -> None:
    done.root.rename(done.home / "elsewhere")
    done.values["keys"] = {"identifiers": f"file:{done.home}/elsewhere/.secrets/identifiers"}


def test_a_state_that_nobody_published_is_as_good_as_none(done: CompletedWarehouse) -> None:
    # tables that are replaced as a whole are left ahead by runs that failed
    done.write(DIM_USER, {})

    assert why_not(done) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (add_a_file, "source web has new files"),
        (grow_a_file, "source web has new files"),
        (touch("in/1.jsonl"), "source web has new files"),
        (take_the_files_away, "sources.web has no files"),
        (know_them_from_another_source, "source app has new files"),
        (name_a_remote_source, "sources.app is not on this machine's disk"),
        (name_an_odd_pattern, "braces around a slash"),
        (touch("crm.csv"), "a reference input has changed"),
        (touch("accounts.jsonl"), "a reference input has changed"),
        (have_refused_a_record_until(datetime.now(UTC)), "records whose time has come"),
        (forget_the_ledger, "version 0 of table files is missing"),
        (configure, "the configuration or the version"),
        (be_due_to_do_everything, "run 3 is one that does everything"),
        (lose_the_key, "the key cannot be read"),
        (add_a_key, "versions of the key are others"),
        (put_another_key_in_its_place, "versions of the key are others"),
        (forget_which_keys_there_were, "versions of the key are others"),
        (name_another_deployment, "another deployment"),
        (move_the_raw_zone, "published.json is not that"),
        (second_run("begun"), "run 2 is begun"),
        (second_run("failed"), "run 2 is failed"),
        (second_run("planned"), "run 2 is planned"),
        (second_run("refused"), "run 2 is refused"),
        (second_run_by_other_rules, "the configuration or the version"),
        (second_run_without_its_beginning, "the record of runs is damaged"),
        (hold_the_lease, "somebody holds the lease"),
        (roll_back, "readers see other tables"),
        (publish_nothing, "nothing is published"),
        (forget_runs, "nothing is published"),
        (cut_a_file_of_runs, "runs cannot be read"),
        (damage_the_log_of_publications, "publications cannot be read"),
        (write_events, "table event_identifiers is beyond"),
        (write_a_table_that_was_not_published, "table event_identifiers is beyond"),
        (lose_a_version, "version 0 of table dim_user is missing"),
        (publish_a_table_that_nobody_knows, "nothing is known of the tables invented"),
        (remove(MARKER), "oneuser.warehouse cannot be read"),
        (remove(PUBLISHED_FILE), "published.json cannot be read"),
        (leave_an_old_listing, "published.json is not that"),
        (remove_everything, "oneuser.warehouse cannot be read"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_whatever_may_be_new_has_a_run_look(
    done: CompletedWarehouse, change: Callable[[CompletedWarehouse], None], why: str
) -> None:
    change(done)

    assert why in str(why_not(done))


def test_from_python_no_session_is_built_but_for_what_is_asked_for(
    done: CompletedWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def begin(_config: Config, **options: object) -> RunResult:
        asked.append(str(options["stages"] or options["full"]))
        return RunResult(2, NOON, 1, True, {}, {}, {}, {}, 1.0)

    monkeypatch.setattr(jobs, "begin_run", begin)
    monkeypatch.setattr(jobs, "running_session", lambda: None)

    assert jobs.run(done.values).is_nothing_new
    assert not asked
    assert not jobs.run(done.values, full=True).is_nothing_new
    assert not jobs.run(done.values, stages=["retention"]).is_nothing_new
    add_a_file(done)
    assert not jobs.run(done.values).is_nothing_new
    assert asked == ["True", "['retention']", "False"]


# on S3 ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def in_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[EmulatedS3, CompletedWarehouse]]:
    """The same warehouse and its input in a bucket, and the store that it is in."""
    for name in [*os.environ]:
        if name.startswith("AWS_") or name == "SPARK_HOME":
            monkeypatch.delenv(name)
    for name, value in ACCESS.items():
        monkeypatch.setenv(name, value)
    home = tmp_path / "home"
    home.mkdir()
    with emulated_s3(tmp_path) as store:
        store.make_bucket("shop")
        conf = {"spark.hadoop.fs.s3a.endpoint": store.endpoint}
        done = CompletedWarehouse(
            home, "s3a://shop/live", lambda folder: store.put_folder("shop/live", folder), {"spark": {"conf": conf}}
        )
        store.put_folder("shop/live/warehouse", done.root)
        yield store, done


def test_on_s3_nothing_new_is_told_by_looks_alone_and_what_is_new_has_a_run_look(
    in_bucket: tuple[EmulatedS3, CompletedWarehouse],
) -> None:
    store, done = in_bucket
    n_before = len(store.requests())

    found = find_nothing_new(done.config)

    assert found is not None
    assert found.looked_at == LookedAt(n_files=4, n_inputs=3)
    assert {line.partition(" ")[0] for line in store.requests()[n_before:]} <= {"GET", "HEAD"}
    # a session that is running may reach another store by the same name
    hadoop = SimpleNamespace(get={"fs.defaultFS": "file:///"}.get)
    running = SimpleNamespace(_jsc=SimpleNamespace(hadoopConfiguration=lambda: hadoop))
    assert find_nothing_new(done.config, running) is None  # type: ignore[arg-type]
    # what is hidden is no input
    store.put("shop/live/in/_SUCCESS", "")
    assert find_nothing_new(done.config) is not None
    store.put("shop/live/in/2.jsonl", '{"a": 1}')
    assert why_not(done) == "source web has new files"
    store.put("shop/live/in/%C3%A9.jsonl", "{}")
    assert why_not(done) == "a file of sources.web is oddly named"


def test_an_erasure_that_was_cut_short_behind_its_publication_has_a_run_look(done: CompletedWarehouse) -> None:
    sealed, told = done.root / "raw" / "requests", done.root / "control" / "requests"
    for folder in (sealed, told):
        folder.mkdir(parents=True)
    asked = [{"request_id": name, "kind": REQUEST, "run_seq": 2} for name in ("a", "a-1", "b")]
    done.write(ERASURES, *asked)
    done.tables[ERASURES.name] = 0
    done.publish(2)
    # the first is completed, the others wait for maintenance
    for name, state in (("a", "completed"), ("a-1", "in_progress"), ("b", "pending")):
        (told / f"{name}.json").write_text(json.dumps({"state": state}))
        if name != "a":
            (sealed / f"{name}.request.json").write_text("{}")

    # requests are told of one after the other: there was no time for the last
    assert why_not(done) == "what follows an erasure was cut short"
    (told / "b.json").write_text('{"state": "in_')
    assert why_not(done) == "what follows an erasure was cut short"
    (told / "b.json").write_text('{"state": "in_progress"}')
    assert why_not(done) is None
    (told / "b.json").unlink()
    assert why_not(done) is not None


def test_on_s3_a_request_that_was_not_taken_in_has_a_run_look(
    in_bucket: tuple[EmulatedS3, CompletedWarehouse],
) -> None:
    store, done = in_bucket
    store.put("shop/live/warehouse/raw/requests/r1.request.json", "{}")

    assert why_not(done) == "somebody asks about their data"


# surroundings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["HADOOP_CONF_DIR", "PYSPARK_GATEWAY_PORT"])
def test_paths_may_mean_another_storage(done: CompletedWarehouse, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")

    assert "another storage" in str(why_not(done))


@pytest.mark.parametrize(("default", "is_local"), [("file:///", True), ("hdfs://cluster", False)])
def test_a_session_that_is_running_says_what_paths_mean(
    done: CompletedWarehouse, monkeypatch: pytest.MonkeyPatch, default: str, *, is_local: bool
) -> None:
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    hadoop = SimpleNamespace(get={"fs.defaultFS": default}.get)
    running = SimpleNamespace(_jsc=SimpleNamespace(hadoopConfiguration=lambda: hadoop))

    assert (find_nothing_new(done.config, running) is not None) == is_local  # type: ignore[arg-type]


def test_a_remote_warehouse_has_a_run_look(done: CompletedWarehouse) -> None:
    done.values |= {"warehouse": "hdfs://cluster/warehouse", "keys": {"identifiers": "env:NONE"}}

    assert "the warehouse is not on this machine's disk" in str(why_not(done))


def test_without_delta_rs_a_run_looks(done: CompletedWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deltalake", None)

    assert why_not(done) == "there is no delta-rs here"


def test_a_warehouse_under_an_odd_name_has_a_run_look(done: CompletedWarehouse) -> None:
    # delta-rs would read the tables at `a b`
    done.values["warehouse"] = f"{done.home}/a%20b"

    assert "oddly named" in str(why_not(done))
