from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from oneuser.cli import main as cli
from oneuser.stages.registry import STAGES

JOBS = Path(__file__).resolve().parents[3] / "jobs"


def test_there_is_a_script_for_the_run_and_one_per_stage() -> None:
    assert {path.stem for path in JOBS.glob("*.py")} == {"run", *(stage.name for stage in STAGES)}


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

    stage = [] if script.stem == "run" else ["--stages", script.stem]
    assert called == [["run", *stage, "--config", "conf/cluster.yaml"]]
    assert ended.value.code == 4
