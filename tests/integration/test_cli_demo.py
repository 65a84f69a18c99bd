"""The whole job by its verbs: one demo, the same again, and what everybody can read afterwards."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyspark.sql import SparkSession

import oneuser
from oneuser.cli.main import main
from oneuser.config import load_config
from oneuser.runs.nothing_new import find_nothing_new

ROOT = Path(__file__).resolve().parents[2]
EVENTS = 2000


def answer(*arguments: str) -> Any:
    """The JSON document that a verb answers with."""
    with redirect_stdout(io.StringIO()) as written:
        assert main([*arguments, "--json"]) == 0, written.getvalue()
    return json.loads(written.getvalue())


def demo(home: Path) -> dict[str, Any]:
    where = ["--folder", str(home / "demo"), "--warehouse", str(home / "warehouse")]
    found: dict[str, Any] = answer("demo", "--events", str(EVENTS), *where)
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def first(spark: SparkSession, home: Path) -> dict[str, Any]:
    """The first demo. What it leaves is read by all tests here."""
    return demo(home)


@pytest.fixture(scope="module")
def config(first: dict[str, Any]) -> str:
    """The configuration that the demo wrote."""
    return str(first["config"])


def test_the_demo_finds_people_as_well_as_the_evidence_allows(first: dict[str, Any]) -> None:
    agreement = first["agreement"]

    assert agreement["n_missing"] == 0
    # shared browsers and placeholder addresses would tie people together, were merges not protected
    assert agreement["precision"] > 0.99
    assert agreement["recall"] >= agreement["reachable_recall"] > 0.6


def test_every_line_of_the_demo_is_accounted_for(first: dict[str, Any]) -> None:
    metrics, truth = first["run"]["metrics"], first["truth"]

    assert metrics["lines|accepted"] == truth["accepted"] == first["headline"]["events"]
    assert metrics["lines|quarantined"] == truth["quarantined"]
    assert metrics["lines|duplicate"] == truth["duplicates"]


def test_the_demo_runs_every_stage_and_draws_the_report(first: dict[str, Any]) -> None:
    stages = {stage["stage"]: stage["state"] for stage in first["run"]["stages"]}

    assert set(stages.values()) == {"done"}
    assert list(stages) == ["ingest", "graph", "identity", "consent", "sessions", "attribution", "retention", "product"]
    page = Path(first["report"]).read_text(encoding="utf-8")
    assert "<html" in page
    assert len(page.encode()) < 5_000_000


def test_attributed_revenue_is_the_revenue_that_was_planted(first: dict[str, Any]) -> None:
    planted = {currency: minor / 100 for currency, minor in first["truth"]["revenue_minor"].items()}

    assert first["headline"]["revenue"] == pytest.approx(planted)
    assert first["headline"]["top_channels"]


def test_the_same_demo_again_changes_nothing(first: dict[str, Any], home: Path) -> None:
    again = demo(home)

    assert {stage["state"] for stage in again["run"]["stages"]} == {"unchanged"}
    assert (again["run"]["run"], again["run"]["published"], again["run"]["nothing_new"]) == (1, False, True)
    assert again["run"]["tables"] == first["run"]["tables"]
    assert again["headline"] == first["headline"]
    assert again["agreement"] == first["agreement"]


def run_without_java(config: str, *more: str) -> subprocess.CompletedProcess[str]:
    """The command as a scheduler starts it, on a machine on which no session can be started."""
    env = dict(os.environ)
    command = [sys.executable, "-m", "oneuser.cli.main", "run", "--config", config, *more]
    env |= {"PATH": "/nowhere", "JAVA_HOME": "/nowhere", "PYTHONPATH": str(ROOT / "lib")}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_where_nothing_is_new_no_session_is_started_and_nothing_is_written(
    first: dict[str, Any], config: str, home: Path
) -> None:
    before = {file: file.stat().st_mtime_ns for file in (home / "warehouse").rglob("*")}

    answered = run_without_java(config)

    assert (answered.returncode, answered.stderr) == (0, "")
    assert answered.stdout == (
        f"nothing new since run 1 of {first['run']['as_of'].replace('T', ' ').replace('Z', ' UTC')}, nothing done: "
        "looked at 15 files of 1 input\n"
    )
    assert {file: file.stat().st_mtime_ns for file in (home / "warehouse").rglob("*")} == before
    assert answer("status", "--config", config)["shown"]["run_seq"] == 1
    # what is asked for is done all the same, and it is said what takes its time
    without = run_without_java(config, "--full")
    assert (without.returncode, without.stderr.splitlines()[0]) == (5, "starting Spark")


def test_where_something_may_be_new_a_session_is_started(first: dict[str, Any], config: str, home: Path) -> None:
    file = next((home / "demo").rglob("*.jsonl"))
    at = file.stat().st_mtime_ns

    os.utime(file, ns=(at, at + 1_000_000))
    touched = find_nothing_new(load_config(config))
    os.utime(file, ns=(at, at))

    assert touched is None
    assert find_nothing_new(load_config(config, ["sessions.gap_minutes=10"])) is None
    assert find_nothing_new(load_config(config)) is not None


def test_another_demo_does_not_replace_this_one(
    first: dict[str, Any], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--folder", str(home / "demo"), "--warehouse", str(home / "warehouse")]

    assert main(["demo", "--events", str(EVENTS), "--seed", "8", *where]) == 2
    assert "--fresh" in capsys.readouterr().err


def test_people_of_the_truth_are_found_by_their_addresses(config: str, home: Path) -> None:
    with (home / "demo" / "truth" / "people.csv").open(encoding="utf-8") as file:
        address = next(row["id_value"] for row in csv.DictReader(file) if row["id_type"] == "email")

    found = answer("lookup", "--type", "email", "--value", address.upper(), "--config", config)

    assert found["status"] == "live"
    assert found["kind"] == "known"
    assert address in [known["value"] for known in found["identifiers"]]
    again = answer("lookup", "--user-id", found["user_id"], "--config", config)
    assert again["user_id"] == found["user_id"]
    assert address not in json.dumps(again)
    explained = answer("explain", found["user_id"], "--config", config)
    assert explained["changes"][0]["change"] == "minted"


def test_runs_and_status_tell_how_it_went(first: dict[str, Any], config: str) -> None:
    status = answer("status", "--config", config)
    runs = answer("runs", "list", "--config", config)
    shown = answer("runs", "show", "1", "--config", config)

    assert status["shown"]["run_seq"] in status["published_runs"]
    assert status["holder"] is None
    counted = ("events", "people", "identifiers")
    assert [status["counts"]["all_runs"][name] for name in counted] == [first["headline"][name] for name in counted]
    assert first["run"]["counts"]["lines"] == first["truth"]["lines"]
    assert runs[0]["state"] == "published"
    assert shown["stages"] == first["run"]["stages"]


def test_tables_reach_files_and_other_engines(first: dict[str, Any], config: str, home: Path) -> None:
    identities = home / "identities.csv"
    exported = answer("export", "identities", "--to", str(identities), "--config", config)
    sql = answer("export", "sql", "duckdb", "--config", config)["sql"]
    with duckdb.connect() as connection:
        connection.execute(sql)
        counted = connection.execute(
            "SELECT (SELECT count(*) FROM dim_user), (SELECT count(DISTINCT user_id) FROM identifier_map),"
            " (SELECT sum(credit_minor) FROM attribution_credits WHERE model = 'first'),"
            " (SELECT sum(value_minor) FROM conversions)"
        ).fetchone()

    assert exported["rows"] == first["headline"]["identifiers"]
    assert counted is not None
    assert counted[0] == counted[1] == first["headline"]["people"]
    assert counted[2] == counted[3]
    assert "identifier_values" not in sql


def test_from_python_it_is_the_same(first: dict[str, Any], config: str, spark: SparkSession) -> None:
    warehouse = oneuser.open_warehouse(config=config, spark=spark)

    assert warehouse.users().count() == first["headline"]["people"]
    assert {row["model"] for row in warehouse.attribution(model="linear").select("model").collect()} == {"linear"}
    assert warehouse.runs().first()["state"] == "published"
    assert warehouse.events().where("user_id IS NULL").count() < first["headline"]["events"]
    retention = warehouse.retention()
    assert retention.where("NOT is_observed AND rate IS NOT NULL").count() == 0
    assert retention.where("offset = 0").count() > 0
    for rows in (warehouse.identifiers(), warehouse.accounts(), warehouse.credits()):
        assert rows.first() is not None


def test_a_stage_before_its_turn_is_refused(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = f"warehouse={tmp_path / 'other'}"
    key = f"keys.identifiers=file:{tmp_path / 'key'}"

    assert main(["run", "--config", config, "--set", elsewhere, "--set", key, "--stages", "graph"]) == 1
    assert "do ingest first" in capsys.readouterr().err
    assert main(["run", "--config", config, "--stages", "nothing"]) == 2
