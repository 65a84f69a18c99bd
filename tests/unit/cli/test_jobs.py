from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from oneuser.cli import main as cli
from oneuser.stages.registry import STAGES

JOBS = Path(__file__).resolve().parents[3] / "jobs"


VERBS = {"run": ["run"], "maintain": ["maintain"], "privacy": ["privacy"]} | {
    stage.name: ["run", "--stages", stage.name] for stage in STAGES
}


def test_there_is_a_script_for_the_run_for_each_stage_for_maintenance_and_for_requests() -> None:
    assert {path.stem for path in JOBS.glob("*.py")} == set(VERBS)


@pytest.mark.parametrize("script", sorted(JOBS.glob("*.py")), ids=lambda path: path.stem)
def test_a_script_is_a_verb_with_the_same_options_and_exit_code(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []

    def remember(arguments: list[str]) -> int:
        called.append(arguments)
        return 4

    monkeypatch.setattr(cli, "main", remember)
    monkeypatch.setattr(sys, "argv", [str(script), "--config", "conf/cluster.yaml"])

    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")

    assert called == [[*VERBS[script.stem], "--config", "conf/cluster.yaml"]]
    assert ended.value.code == 4


@pytest.mark.parametrize("script", sorted(JOBS.glob("*.py")), ids=lambda path: path.stem)
def test_a_script_that_is_sent_without_oneuser_names_what_is_missing(script: Path) -> None:
    there = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    # -S: nothing that is installed is there either
    ended = subprocess.run([sys.executable, "-S", script], env=there, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout) == (5, "")
    assert ended.stderr.splitlines()[0] == "error: Python cannot import oneuser"
    assert "--py-files oneuser.zip" in ended.stderr
