from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from oneuser.cli import setting_up
from oneuser.cli.app import build_app
from oneuser.cli.errors import error_document
from oneuser.cli.main import main
from oneuser.core.errors import (
    CheckError,
    ConfigError,
    ConfigProblem,
    EnvironmentProblem,
    GateError,
    LockedError,
    OneUserError,
)
from oneuser.core.standing import note_what_stands

ROOT = Path(__file__).resolve().parents[3]


def verbs(group: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """All verbs of the command line, such as `export table`, as words."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from verbs(command, (*before, name))
        else:
            yield (*before, name)


VERBS = sorted(verbs(get_command(build_app())))


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ONEUSER_CONFIG", raising=False)
    return tmp_path


def cut_short() -> RuntimeError:
    """What a call into Java that was interrupted may end with."""
    try:
        try:
            raise KeyboardInterrupt  # noqa: TRY301 - as it happens
        except KeyboardInterrupt:
            raise RuntimeError("the connection was closed")  # noqa: B904 - as it happens
    except RuntimeError as problem:
        return problem


def after_publication() -> RuntimeError:
    """The same of a command that had published something."""
    problem = cut_short()
    note_what_stands(problem.__context__, "run 4 is published: readers see it")
    return problem


def failing_verb(monkeypatch: pytest.MonkeyPatch, problem: BaseException) -> None:
    def fail(_path: object, _overrides: object = ()) -> None:
        raise problem

    monkeypatch.setattr("oneuser.config.load_config", fail)
    monkeypatch.setenv("ONEUSER_CONFIG", "any.yaml")


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_has_the_common_options_and_examples(
    verb: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*verb, "--help"]) == 0

    shown = capsys.readouterr().out
    assert all(option in shown for option in ("--config", "--set", "--json", "--quiet", "-v", "--no-color"))
    assert f"oneuser {' '.join(verb)}" in shown.split("Examples:")[1]


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (OneUserError(found="it failed"), 1),
        (CheckError(found="lines do not add up"), 1),
        (RuntimeError("anything"), 1),
        (ConfigError.single("graph.engine", "no such engine"), 2),
        (GateError(found="too many merges"), 3),
        (LockedError(holder="host/1/1.00"), 4),
        (EnvironmentProblem(found="no Java"), 5),
        (PermissionError(13, "Permission denied", "warehouse"), 5),
        (OSError(28, "No space left on device", "warehouse"), 5),
        (KeyboardInterrupt(), 130),
        (cut_short(), 130),
    ],
)
def test_every_failure_has_its_exit_code(
    problem: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing_verb(monkeypatch, problem)

    assert main(["config", "show"]) == code

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err
    assert "Traceback" not in shown.err


def test_an_error_says_what_where_and_what_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing_verb(
        monkeypatch, EnvironmentProblem(found="disk full", expected="room", where="/data", next_step="make room")
    )

    main(["config", "show"])

    assert capsys.readouterr().err.splitlines() == [
        "error: disk full", "  expected: room", "  where: /data", "  next: make room",
    ]  # fmt: skip


@pytest.mark.parametrize("named", [["--config", "my own.yaml"], ["--config=my own.yaml"]])
def test_what_to_do_next_is_for_the_configuration_that_was_named(
    named: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing_verb(monkeypatch, OneUserError(found="failed"))

    main(["config", "show", *named])

    assert "`oneuser status --config 'my own.yaml'` shows" in capsys.readouterr().err


def test_an_error_is_a_json_document_where_json_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing_verb(
        monkeypatch, ConfigError([ConfigProblem("graph.engin", "unknown key", "a.yaml", 7, "config.unknown_key")])
    )

    assert main(["config", "show", "--json"]) == 2

    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 2
    assert document["error"]["problems"] == [
        {"key": "graph.engin", "message": "unknown key", "file": "a.yaml", "line": 7, "code": "config.unknown_key"}
    ]


@pytest.mark.parametrize(
    "arguments",
    [["rum"], ["run", "--no-such-option"], ["lookup", "--value"], ["export", "table"], ["runs", "show", "two"]],
    ids=" ".join,
)
def test_a_wrong_command_line_is_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "Error" in capsys.readouterr().err


def test_without_a_configuration_the_next_step_is_init(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run"]) == 2
    assert "oneuser init" in capsys.readouterr().err


def test_a_wrong_as_of_is_refused_before_anything_starts(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--as-of", "yesterday"]) == 2
    assert "--as-of" in capsys.readouterr().err


def test_init_writes_a_configuration_that_is_valid_and_never_replaces_one(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init"]) == 0
    written = Path("oneuser.yaml").read_text(encoding="utf-8")
    assert main(["config", "show"]) == 0

    assert main(["init"]) == 2
    assert Path("oneuser.yaml").read_text(encoding="utf-8") == written
    assert "stays as it is" in capsys.readouterr().err


def test_init_warns_where_commands_would_answer_from_another_file(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ONEUSER_CONFIG", "demo/oneuser.yaml")
    assert main(["init"]) == 0
    said = capsys.readouterr().err
    assert "ONEUSER_CONFIG names demo/oneuser.yaml" in said
    assert "`export ONEUSER_CONFIG=oneuser.yaml`" in said

    Path("oneuser.yaml").unlink()
    monkeypatch.setenv("ONEUSER_CONFIG", str(elsewhere / "oneuser.yaml"))
    assert main(["init"]) == 0
    assert "ONEUSER_CONFIG" not in capsys.readouterr().err


def test_the_file_that_init_writes_is_the_one_in_conf() -> None:
    shipped = Path(setting_up.__file__).with_name("starter.yaml").read_text(encoding="utf-8")

    assert shipped == (ROOT / "conf" / "local.yaml").read_text(encoding="utf-8")


def test_validate_names_every_source_without_input(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init"])
    capsys.readouterr()

    assert main(["validate"]) == 2
    path_at = next(n for n, line in enumerate(Path("oneuser.yaml").read_text().splitlines(), 1) if "    path:" in line)
    assert f"oneuser.yaml:{path_at}: sources.web.path: no file matches ./demo-events" in capsys.readouterr().err

    Path("demo-events").mkdir()
    Path("demo-events/day.jsonl").touch()
    assert main(["validate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files_by_source"] == {"web": 1}

    links = "links.crm={path: crm.csv, format: csv, a: {user_id: x}, b: {email: y}}"
    assert main(["validate", "--set", links]) == 2
    assert "links.crm.path" in capsys.readouterr().err

    parents = "accounts.files.parents={path: parents.csv, format: csv}"
    assert main(["validate", "--set", parents]) == 2
    assert "accounts.files.parents.path" in capsys.readouterr().err
    Path("parents.csv").touch()
    assert main(["validate", "--set", parents]) == 0
    assert "account file parents: 1 file\n" in capsys.readouterr().out


def test_validate_names_the_lines_of_manual_rules_that_contradict_each_other(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init"])
    Path("demo-events").mkdir()
    Path("demo-events/day.jsonl").touch()
    header = "action,id_type_a,id_value_a,id_type_b,id_value_b,reason"
    rules = ["include,email,Canary@example.com,user_id,u1,", "exclude,user_id,u1,email,canary@example.com,twins"]
    Path("rules.csv").write_text("\n".join([header, *rules]), encoding="utf-8")
    capsys.readouterr()

    assert main(["validate", "--set", "identity.manual_rules=rules.csv"]) == 2

    shown = capsys.readouterr()
    assert "rules.csv:3: identity.manual_rules: excludes a pair that line 2 includes" in shown.err
    assert "anary" not in shown.out + shown.err


def test_the_schema_is_json(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["warehouse"]


def test_doctor_says_plainly_that_java_is_missing(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(elsewhere))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    assert main(["doctor"]) == 5

    shown = capsys.readouterr()
    assert "FAIL  Java" in shown.out
    assert "install Java 17" in shown.err
    assert "Traceback" not in shown.err


def test_doctor_answers_in_json(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--json"])

    findings = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert {"Python", "Worker Python", "Java", "Spark", "Delta", "GraphFrames", "Memory"} <= set(findings)
    assert findings["Python"]["found"].startswith(sys.version.split()[0])


@pytest.mark.parametrize(
    ("there", "state", "said"),
    [
        (
            ["spark4_2.13", "graphx-spark4_2.13"],
            "ok",
            "graphframes-spark4_2.13-0.12.3.jar, graphframes-graphx-spark4_2",
        ),
        (["spark4_2.13"], "problem", "graphframes-graphx-spark4_2.13:0.12.3 beside it"),
        (["graphx-spark4_2.13"], "problem", "graphframes-spark4_2.13:0.12.3 beside it"),
        ([], "note", "everything else works"),
    ],
    ids=["both", "without GraphX", "GraphX alone", "none"],
)
def test_doctor_names_both_jars_of_graphframes(
    elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    there: list[str],
    state: str,
    said: str,
) -> None:
    folder = elsewhere / "jars"
    folder.mkdir()
    for name in (
        *(f"graphframes-{part}-0.12.3" for part in there),
        "delta-spark_4.2_2.13-4.4.0",
        "delta-storage-4.4.0",
    ):
        (folder / f"{name}.jar").touch()
    monkeypatch.setenv("ONEUSER_JARS", str(folder))

    main(["doctor", "--json"])

    finding = next(f for f in json.loads(capsys.readouterr().out)["findings"] if f["name"] == "GraphFrames")
    assert finding["state"] == state
    assert said in finding["found"] + finding["meaning"]


def test_doctor_refuses_a_warehouse_that_cannot_be_written(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init"])
    blocked = elsewhere / "a-file"
    blocked.touch()

    assert main(["doctor", "--set", f"warehouse={blocked}"]) == 5
    assert "FAIL  Warehouse" in capsys.readouterr().out


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("oneuser 0.")


def closed_early(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """A command line whose answer nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "oneuser.cli.main", *arguments]
    env = os.environ | {"PYTHONPATH": str(ROOT / "lib")}
    ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=env, check=False)
    os.close(writer)
    return ended


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["config", "schema"], ["config", "schema", "--json"], ["--version"]],
    ids=" ".join,
)  # fmt: skip
def test_a_reader_who_has_seen_enough_is_no_failure(arguments: list[str]) -> None:
    ended = closed_early(*arguments)

    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_failure_stays_one_where_nobody_reads(elsewhere: Path) -> None:
    ended = closed_early("validate", "--config", "none.yaml", "--json")

    assert (ended.returncode, ended.stderr) == (2, b"")


def test_what_cannot_be_imported_is_a_problem_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing_verb(monkeypatch, ModuleNotFoundError("No module named 'deltalake'", name="deltalake"))

    assert main(["config", "show"]) == 5
    assert "error: Python cannot import deltalake\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "variable", "is_json"),
    [([], None, False), (["--json"], None, True), ([], "json", True), (["--json"], "text", False)],
)
def test_what_is_logged_has_the_form_of_the_answer_unless_asked_otherwise(
    arguments: list[str],
    variable: str | None,
    is_json: bool,  # noqa: FBT001 - a case
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if variable:
        monkeypatch.setenv("ONEUSER_LOG", variable)
    failing_verb(monkeypatch, ConfigError.single("x", "wrong"))
    main(["config", "show", *arguments])
    capsys.readouterr()

    logging.getLogger("oneuser.run").warning("file refused")

    logged = capsys.readouterr().err
    assert "file refused" in logged
    assert logged.startswith("{") is is_json


INTERRUPTED_WHILE_IT_LOADS = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
from oneuser.cli.main import main
sys.exit(main(["doctor"]))
"""


@pytest.mark.parametrize("module", ["typer", "rich.console", "oneuser.api.health", "pyspark"])
def test_ctrl_c_says_one_line_from_the_first_moment_on(module: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED_WHILE_IT_LOADS, module]
    env = os.environ | {"PYTHONPATH": str(ROOT / "lib")}
    ended = subprocess.run(command, capture_output=True, text=True, env=env, check=False)

    assert (ended.returncode, ended.stderr) == (130, "interrupted: nothing was published\n")


@pytest.mark.parametrize(
    ("problem", "stands"),
    [
        (KeyboardInterrupt(), "nothing was published"),
        (cut_short(), "nothing was published"),
        (after_publication(), "run 4 is published: readers see it"),
    ],
    ids=["nothing", "nothing, in Java", "a run"],
)
def test_an_interruption_says_what_stands(
    problem: BaseException, stands: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing_verb(monkeypatch, problem)

    assert main(["config", "show"]) == 130
    assert capsys.readouterr().err == f"interrupted: {stands}\n"

    assert main(["config", "show", "--json"]) == 130
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 130
    assert document["error"]["found"] == f"interrupted: {stands}"
    assert document["error"].keys() == error_document(OneUserError(found="it failed"))["error"].keys()


class EndsByACall:
    """Its end is where the interruption falls."""

    def __del__(self) -> None:
        raise KeyboardInterrupt


def test_an_interruption_at_the_end_of_an_object_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(_path: object, _overrides: object = ()) -> None:
        ended = EndsByACall()
        del ended
        time.sleep(60)

    monkeypatch.setattr("oneuser.config.load_config", load)
    monkeypatch.setenv("ONEUSER_CONFIG", "any.yaml")

    assert main(["config", "show"]) == 130
    assert capsys.readouterr().err == "interrupted: nothing was published\n"


def test_a_call_into_java_that_was_cut_short_prints_no_stack_trace(capfd: pytest.CaptureFixture[str]) -> None:
    main(["--version"])
    traced = logging.LogRecord(
        "root", logging.ERROR, "/python/py4j/java_gateway.py", 1070, "Exception while sending command.", (), None
    )

    handler = logging.StreamHandler()
    logging.getLogger().addHandler(handler)
    try:
        logging.getLogger().handle(traced)
    finally:
        logging.getLogger().removeHandler(handler)

    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "help_of"),
    [
        (["simulate"], "simulate"),
        (["privacy", "package", "ask.json", "--to", "x", "--format", "xml"], "privacy package"),
        (["run", "--as-of", "yesterday"], "run"),
    ],
)
def test_a_call_that_is_wrong_is_told_of_the_help_of_its_verb(
    arguments: list[str],
    help_of: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    source = "sources: {web: {path: day.jsonl, format: jsonl, preset: segment}}\n"
    (tmp_path / "oneuser.yaml").write_text(f"deployment: acme\nwarehouse: ./warehouse\n{source}", encoding="utf-8")

    assert main(arguments) == 2

    said = capsys.readouterr().err
    assert f"`oneuser {help_of} --help`" in said


NOT_THERE = [
    ["quarantine", "list"], ["quarantine", "replay"], ["audience", "list"], ["audience", "show"], ["audience", "diff"],
    ["confirm"], ["fail"], ["export", "crosswalk"], ["export", "audience"], ["export", "dbt"], ["run", "--from"],
]  # fmt: skip


@pytest.mark.parametrize("verb", NOT_THERE, ids=" ".join)
def test_what_the_readme_says_is_not_there_is_refused(verb: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    limits = (ROOT / "README.md").read_text(encoding="utf-8").split("Not there at all yet:")[1].split("By design:")[0]

    assert f"`{' '.join(verb)}`" in " ".join(limits.split())
    assert main([*verb, "x"]) == 2
    assert "No such" in capsys.readouterr().err
