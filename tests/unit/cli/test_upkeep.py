"""What `maintain` says: by table what went, in sizes that people read; with --json everything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oneuser import api
from oneuser.cli.main import main
from oneuser.core.meanwhile import say
from oneuser.runs.maintain import MaintenanceResult, TableMaintenance

EDGES = TableMaintenance("edges", True, 3, 40, 12, 2_500_000, 900_000)
RUNS = TableMaintenance("runs", False, 0, 5, 5, 999, 999)
DONE = MaintenanceResult(False, [4, 9, 10, 11], [1, 2, 3], [EDGES, RUNS], ["run 12 is open"])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration and a warehouse, and maintenance that ends without Spark."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ONEUSER_CONFIG", raising=False)
    (tmp_path / "warehouse").mkdir()
    source = "sources: {web: {path: day.jsonl, format: jsonl, preset: segment}}\n"
    (tmp_path / "oneuser.yaml").write_text(f"deployment: acme\nwarehouse: ./warehouse\n{source}", encoding="utf-8")
    monkeypatch.setattr(api, "maintain", maintain)
    return tmp_path


def maintain(_config: object, **_options: object) -> MaintenanceResult:
    for table in DONE.tables:
        say(f"clearing {table.table}")
    return DONE


@pytest.mark.usefixtures("home")
def test_tables_that_changed_are_listed_and_everything_is_added_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["maintain"]) == 0

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "edges 3 40 12 2.5 MB 900.0 kB compacted" in lines
    assert not [line for line in lines if line.startswith("runs ") and "999" in line]
    assert lines[-4:] == [
        "run 12 is open",
        "runs kept 4, 9-11",
        "runs withdrawn 1-3",
        "maintenance left 17 of 45 files, 901.0 kB of 2.5 MB",
    ]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("options", "told"), [([], ["clearing edges", "clearing runs"]), (["--quiet"], []), (["--json"], [])]
)
def test_each_table_is_told_as_its_turn_comes(
    options: list[str], told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["maintain", *options]) == 0
    assert capsys.readouterr().err.splitlines() == told

    say("nobody listens any more")
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("home")
def test_a_scheduler_logs_each_table_beside_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["maintain", "--json", "-v"]) == 0

    shown = capsys.readouterr()
    assert json.loads(shown.out)["kept_runs"] == DONE.kept_runs
    logged = [json.loads(line) for line in shown.err.splitlines()]
    assert [(one["level"], one["event"]) for one in logged] == [("info", "clearing edges"), ("info", "clearing runs")]


@pytest.mark.usefixtures("home")
def test_as_json_every_table_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["maintain", "--json", "--dry-run"]) == 0

    answer = json.loads(capsys.readouterr().out)
    assert [table["table"] for table in answer["tables"]] == ["edges", "runs"]
    assert answer["tables"][0]["n_files_after"] == 12
