"""Questions from the command line need no Spark: a process that answers them has not even loaded it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog
from py4j.protocol import Py4JError

from oneuser.api.questions import Questions
from oneuser.cli.main import main
from oneuser.config import Config
from oneuser.contracts.declared_by import DECLARED_BY
from oneuser.contracts.registry import TABLES
from oneuser.core.errors import ConfigError, EnvironmentProblem, OneUserError
from oneuser.inspection.published_rows import require_warehouse
from oneuser.report.record import published_before
from oneuser.runs.claim_rows import load_claims
from oneuser.runs.readable import as_published
from oneuser.runs.records import load_runs
from oneuser.storage.layout import MARKER, Layout, marker_text
from oneuser.storage.local_files import LocalFiles
from oneuser.storage.local_tables import LocalTables
from tests.integration import small_warehouse as small
from tests.integration.emulated_s3 import ACCESS, emulated_s3
from tests.unit.api.published_folder import publish_folder
from tests.unit.runs.completed_warehouse import NOON, CompletedWarehouse

VALUE = "ann@example.com"
# what a question must not load; each takes a good part of a second
HEAVY = {"pyspark", "py4j", "delta", "pandas", "altair", "vl_convert", "scipy"}
# questions, and what the answer says
ASKED = [
    (["status"], '"run_seq": 1'),
    (["runs", "list"], '"is_readable": true'),
    (["runs", "show"], '"published"'),
    (["lookup", f"email: {VALUE}"], small.ANN),
    (["explain", f"email:{VALUE}"], "is live with 3 identifiers"),
    (["explain", small.ANN, small.CARLA], "different people"),
    (["export", "table", "dim_user", "--to", "users.jsonl"], '"rows": 3'),
    (["export", "sql", "duckdb"], "CREATE OR REPLACE VIEW dim_user"),
]
# which consent an export needs is said by a configuration here
ASKED_OF_CONFIGURED = [(["export", "identities", "--to", "people.csv"], '"rows": 8')]
# those that look at whole tables by their columns, or draw: what does that may load more than a row takes
ASKED_BY_COLUMNS = [
    (["report", "--to", "report.html"], "report.html"),
    (["suspects"], '"n_people": 2'),
    (["runs", "diff", "1", "1"], '"counts": {}'),
]
SCRIPT = f"""
import sys
from oneuser.cli.main import main
code = main(sys.argv[1:])
print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)
sys.exit(code)
"""
# the same for several questions, one after the other
SCRIPT_OF_ALL = f"""
import json, sys
from oneuser.cli.main import main
for asked in json.loads(sys.argv[1]):
    assert main([*asked, "--config", "oneuser.json", "--json"]) == 0
print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small warehouse of three people, written without Spark, and its one run."""
    root = tmp_path_factory.mktemp("small") / "warehouse"
    publish_folder(root)
    return root


@pytest.mark.parametrize(
    ("asked", "said"),
    [*ASKED, *ASKED_BY_COLUMNS],
    ids=lambda value: " ".join(value[:2]).partition(":")[0] if isinstance(value, list) else "",
)
def test_a_question_loads_no_spark(root: Path, tmp_path: Path, asked: list[str], said: str) -> None:
    command = [sys.executable, "-c", SCRIPT, *asked, "--warehouse", str(root), "--json", "-vv"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)

    assert said in done.stdout
    loaded = set(json.loads(done.stderr.splitlines()[-1].replace("'", '"')))
    assert loaded <= ({"altair", "pandas", "vl_convert"} if (asked, said) in ASKED_BY_COLUMNS else set())
    # not even what is logged at most has the value that was asked for
    assert VALUE not in done.stderr


def test_identities_leave_only_where_somebody_says_which_consent_that_needs(root: Path, tmp_path: Path) -> None:
    (asked, _), *_ = ASKED_OF_CONFIGURED
    command = [sys.executable, "-c", SCRIPT, *asked, "--warehouse", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    assert done.returncode == 2
    assert "which purposes of consent an export needs" in done.stderr
    assert not (tmp_path / "people.csv").exists()
    assert json.loads(done.stderr.splitlines()[-1].replace("'", '"')) == []


def test_on_s3_answers_are_those_of_the_disk_and_load_no_spark(root: Path, tmp_path: Path) -> None:
    # given a copy of the warehouse in a bucket, without its key, and a configuration of either
    with emulated_s3(tmp_path) as store:
        store.make_bucket("people")
        store.put_folder("people/shop/warehouse", root)
        n_before = len(store.requests())
        places = {"disk": str(root), "s3": "s3a://people/shop/warehouse"}
        conf = {"spark.hadoop.fs.s3a.endpoint": store.endpoint, "spark.hadoop.fs.s3a.path.style.access": True}

        # when the same things are asked
        answers, exports = {}, {}
        for name, warehouse in places.items():
            folder = tmp_path / name
            folder.mkdir()
            settings = {
                "deployment": "test",
                "warehouse": warehouse,
                "keys": {"identifiers": f"file:{root}/.secrets/identifiers"},
                "sources": {"web": {"path": "/in/*.jsonl", "format": "jsonl", "preset": "segment"}},
                "spark": {"conf": conf},
            }
            (folder / "oneuser.json").write_text(json.dumps(settings))
            questions_asked = [asked for asked, _ in (*ASKED, *ASKED_OF_CONFIGURED, *ASKED_BY_COLUMNS)]
            command = [sys.executable, "-c", SCRIPT_OF_ALL, json.dumps(questions_asked)]
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, cwd=folder, env=os.environ | ACCESS
            )
            assert not {"pyspark", "py4j"} & set(json.loads(done.stderr.splitlines()[-1].replace("'", '"')))
            answers[name] = done.stdout.replace(warehouse, "WAREHOUSE").replace(str(folder), "FOLDER")
            exports[name] = [(folder / file).read_text() for file in ("users.jsonl", "people.csv", "report.html")]

        # then the answers are the same, and nothing was put but that identities were exported
        assert answers["s3"] == answers["disk"]
        assert exports["s3"] == exports["disk"]
        assert all(exports["disk"])
        put = [line for line in store.requests()[n_before:] if line.partition(" ")[0] not in {"GET", "HEAD"}]
        assert {line.split()[1].rpartition("/")[0] for line in put} == {"/people/shop/warehouse/control/exports"}


def test_from_python_a_question_starts_no_session(root: Path) -> None:
    script = f"""
from oneuser import open_warehouse
opened = open_warehouse({str(root)!r})
assert opened.explain("{small.ANN}").a == opened.lookup("{small.ANN}")
assert opened.resolve_user_id("{small.OLD_BOB}") == "{small.BOB}"
from oneuser.spark.session import running_session
assert running_session() is None
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def questions(root: Path) -> Questions:
    """Without Spark, whatever runs in this process."""
    tables = LocalTables(Layout.of(str(root)))
    return Questions(tables, require_warehouse(tables))


def test_people_are_found_by_what_they_are_called(root: Path) -> None:
    asked = questions(root)

    assert asked.lookup(small.OLD_BOB).retired_id == small.OLD_BOB
    assert asked.lookup("email: ANN@example.com").user_id == small.ANN
    assert asked.lookup("email:info@example.com").status == "unowned"
    assert asked.lookup("email:zed@example.com").status == "unknown"
    assert [known.value for known in asked.lookup(small.ANN).identifiers] == ["***", "a***@e***.com", "co***"]
    with pytest.raises(ConfigError, match="did you mean email"):
        asked.lookup("emial:zed@example.com")
    assert asked.explain(small.BOB).changes[0].other_user_id == small.BOB


def test_what_is_no_warehouse_or_has_nothing_published_is_told_without_spark(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="there is no warehouse here"):
        questions(tmp_path)
    (tmp_path / MARKER).write_text(marker_text("test"))
    empty = questions(tmp_path)

    assert (empty.status().shown, empty.run_records(), empty.readable_runs()) == (None, [], [])
    with pytest.raises(OneUserError, match="nothing has been published yet"):
        empty.lookup(small.ANN)


@pytest.mark.parametrize("marker", ["", "{", "{}", "[]", "1"])
def test_a_damaged_marker_is_told(tmp_path: Path, marker: str) -> None:
    (tmp_path / MARKER).write_text(marker)

    with pytest.raises(EnvironmentProblem, match="is damaged"):
        questions(tmp_path)


def test_what_is_not_in_utf_8_is_told_without_being_said(root: Path) -> None:
    # as Python has bytes of a command line that are none
    with pytest.raises(ConfigError, match="not in UTF-8") as caught:
        questions(root).lookup("email: ann\udcff@example.com")

    assert "ann" not in str(caught.value)


def test_nobody_is_said_to_be_unknown_by_another_key(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANOTHER_KEY", "k1 " + "ab" * 32)
    asked = Questions(LocalTables(Layout.of(str(root))), "test", keys="env:ANOTHER_KEY")

    with pytest.raises(EnvironmentProblem, match="hashed with another key"):
        asked.lookup(f"email: {VALUE}")
    with pytest.raises(EnvironmentProblem, match="hashed with another key"):
        asked.explain(f"email: {VALUE}")


def test_what_is_stored_and_nobodys_is_not_told_to_be_misspelt(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lookup", "email:info@example.com", "--warehouse", str(root)]) == 1
    said = capsys.readouterr().err
    assert "this email is stored, and nobody's" in said
    assert "`oneuser explain email:VALUE` says why" in said

    assert main(["lookup", "email:zed@example.com", "--warehouse", str(root)]) == 1
    assert "nobody has this email" in capsys.readouterr().err


def test_a_table_that_was_never_computed_is_none_without_rows(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "funnels.csv"

    assert main(["export", "table", "funnels", "--to", str(file), "--warehouse", str(root)]) == 2

    said = capsys.readouterr().err
    assert "run 1 did not compute funnels" in said
    assert "declare it under `product.funnels`" in said
    assert not file.exists()

    assert main(["export", "table", "retention", "--to", str(file), "--warehouse", str(root)]) == 0
    assert file.read_text(encoding="utf-8").startswith("name,cohort,")


@pytest.mark.parametrize(("name", "key"), sorted(DECLARED_BY.items()))
def test_what_is_to_be_declared_for_a_table_is_a_key_of_the_configuration(name: str, key: str) -> None:
    assert name in TABLES
    model: Any = Config
    for part in key.split("."):
        model = model.model_fields[part].annotation if model is not None else None
        assert model is not None


def test_a_run_that_died_behind_its_publication_is_published(tmp_path: Path) -> None:
    done = CompletedWarehouse(tmp_path)
    done.claim(2, state="published", run_seq=2, tables=done.tables, published_at=NOON)
    done.run(2, "begun")
    done.run(3, "begun")

    asked = Questions(LocalTables(done.layout), "acme")

    records = asked.run_records()
    assert [run.state for run in records] == ["published", "published", "begun"]
    # so that the reports of those that follow have it behind them
    assert [run.run_seq for run in published_before(records, 3)] == [1, 2, 3]
    claims = load_claims(asked.tables)
    withdrawn = [row | {"state": "withdrawn"} for row in claims if row["run_seq"] == 2]
    assert [run.state for run in as_published(load_runs(asked.tables), withdrawn)] == [
        "published",
        "published",
        "begun",
    ]


@pytest.mark.parametrize(
    "problem",
    [PermissionError(), EnvironmentProblem(found="no session"), Py4JError("403")],
)
def test_who_may_only_read_exports_all_the_same(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    class Unwritable(LocalFiles):
        def make_folder(self, path: str) -> None:  # noqa: ARG002 - as the other has it
            raise problem

    asked = questions(root)
    monkeypatch.setattr(asked, "_files", Unwritable)
    log = structlog.testing.CapturingLogger()
    monkeypatch.setattr("oneuser.api.questions._log", log)
    file = tmp_path / "values.jsonl"

    assert asked.export("identifier_values", file, raw=True)
    assert file.exists()
    assert ("warning", ("no receipt will name this export",)) in [(one.method_name, one.args) for one in log.calls]

    # a mistake of ours is no matter of rights
    problem = ValueError()
    with pytest.raises(ValueError):  # noqa: PT011 - it has no text
        asked.export("identifier_values", file, raw=True)
