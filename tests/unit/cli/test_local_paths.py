from __future__ import annotations

from pathlib import Path

import pytest

from oneuser import api
from oneuser.api import jobs
from oneuser.api.validation import find_inputs
from oneuser.cli.local_paths import folder_to_make
from oneuser.cli.main import main

CONFIGURATION = """\
deployment: acme
warehouse: {warehouse}
sources:
  web: {{path: web/*.jsonl, format: jsonl, preset: segment}}
  app: {{path: app, format: jsonl, preset: segment}}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration whose files are not there; Spark must not start."""
    monkeypatch.chdir(tmp_path)
    for name in ("ONEUSER_CONFIG", "HADOOP_CONF_DIR", "PYSPARK_GATEWAY_PORT"):
        monkeypatch.delenv(name, raising=False)

    def start(*_arguments: object) -> None:
        pytest.fail("Spark was started")

    monkeypatch.setattr(jobs, "start_session_for_one_job", start)
    monkeypatch.setattr(api, "open_warehouse", start)
    configure(tmp_path, "./warehouse")
    return tmp_path


def configure(home: Path, warehouse: str) -> None:
    (home / "oneuser.yaml").write_text(CONFIGURATION.format(warehouse=warehouse), encoding="utf-8")


@pytest.mark.parametrize("verb", ["run", "plan"])
def test_a_wrong_path_is_told_before_spark_starts_and_all_of_them_at_once(
    verb: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb]) == 5

    shown = capsys.readouterr().err
    assert "oneuser.yaml:4: sources.web.path: no file matches web/*.jsonl" in shown
    assert "oneuser.yaml:5: sources.app.path: no file matches app" in shown


@pytest.mark.parametrize("verb", ["run", "plan", "status"])
@pytest.mark.parametrize("below", ["", "/below"])
def test_a_warehouse_that_is_a_file_is_named_before_spark_starts(
    verb: str, below: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "taken").touch()
    configure(home, f"./taken{below}")

    assert main([verb]) == 5
    assert f"error: {home / 'taken'} is a file" in capsys.readouterr().err


def test_the_warehouse_named_on_the_command_line_is_looked_at(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "taken").touch()

    assert main(["status", "--warehouse", "taken"]) == 5
    assert f"{home / 'taken'} is a file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("web/*.jsonl", ["web/day.jsonl"]),
        ("web", ["web/day.jsonl"]),
        ("none", []),
        ("file:{home}/web", ["{home}/web/day.jsonl"]),
        ("file://{home}/web", ["{home}/web/day.jsonl"]),
        ("s3a://bucket/day", None),
        ("web/{{a,b}}.jsonl", None),
        ("web/[^a]*.jsonl", None),
        (r"we\b/d\ay.jsonl", ["web/day.jsonl"]),
        (r"web/\*.jsonl", []),
    ],
)
def test_only_what_hadoop_would_find_alike_is_looked_for(path: str, found: list[str] | None, home: Path) -> None:
    (home / "web").mkdir()
    (home / "web" / "day.jsonl").touch()

    assert find_inputs(path.format(home=home)) == (found and [one.format(home=home) for one in found])


def test_a_folder_that_writing_makes_is_the_topmost(tmp_path: Path) -> None:
    assert folder_to_make(tmp_path / "people.csv") is None
    assert folder_to_make(tmp_path / "new" / "people.csv") == tmp_path / "new"
    assert folder_to_make(tmp_path / "new" / "deep" / "people.csv") == tmp_path / "new"


def test_init_says_that_it_has_made_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for expected in (True, False):
        assert main(["init", "--to", str(tmp_path / "conf" / f"{expected}.yaml")]) == 0
        assert (f"made the folder {tmp_path / 'conf'}" in capsys.readouterr().err) == expected


def test_an_address_in_the_name_of_a_file_is_told_and_not_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("ann@example.com.jsonl", "1.jsonl"):
        (home / "web").mkdir(exist_ok=True)
        (home / "web" / name).touch()
    (home / "app").mkdir()
    (home / "app" / "1.jsonl").touch()
    (home / "oneuser.yaml").write_text(CONFIGURATION.format(warehouse="./warehouse"))

    assert main(["validate"]) == 0

    said = capsys.readouterr().err
    assert "paths with an address in them: 1." in said
    assert "ann" not in said
