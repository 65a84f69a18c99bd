"""Two makes at once in one folder: what is set up is made by one of them, in programs' places that say what they do."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.environments.separate import ROOT

# In the place of Python, and of what a virtual environment has: says that it begins and, a second later, that it ends.
PYTHON = """#!/bin/sh
real={real}
case "$*" in
    "-c "*) exec "$real" "$@" ;;
    "-m venv "*)
        for last; do true; done
        mkdir -p "$last/bin"
        for name in pip python uv oneuser; do cp "$0" "$last/bin/$name"; done ;;
    "-m oneuser.spark.jars "*) mkdir -p "$3" ;;
    "config list") exit ;;
esac
echo "begins $*" >> {said}
sleep 1
echo "ends $*" >> {said}
"""


class Project:
    """The Makefile and what it looks at, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = folder / "said.txt"
        for name in ("Makefile", "requirements.lock", "lib/oneuser/spark/jars.py", "tests/environments/duckdb.lock"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
        self.python = folder / "python"
        self.python.write_text(PYTHON.format(real=sys.executable, said=self.said), encoding="utf-8")
        self.python.chmod(0o755)

    def make(self, *targets: str) -> subprocess.Popen[str]:
        kept = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "ONEUSER_JARS")}
        return subprocess.Popen(
            ["make", f"PYTHON={self.python}", *targets], cwd=self.folder, env=kept, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def make_at_once(self, *targets: str) -> list[str]:
        """What both say."""
        both = [self.make(*targets), self.make(*targets)]
        said = [one.communicate(timeout=120)[0] for one in both]
        assert [one.returncode for one in both] == [0, 0], said
        return said

    def steps(self) -> list[str]:
        return self.said.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_what_is_set_up_is_made_once_by_one_of_two_makes(project: Project) -> None:
    said = project.make_at_once(".jars/.archived", ".environments/duckdb/.ready")

    steps = project.steps()
    # one step after the other, each once
    assert steps[::2] == [step.replace("ends", "begins", 1) for step in steps[1::2]]
    assert len(set(steps)) == len(steps)
    assert [step for step in steps if "quick_start" in step] == [
        "begins -m oneuser.spark.quick_start",
        "ends -m oneuser.spark.quick_start",
    ]
    assert sum("Waiting for another make" in text for text in said) >= 1
    # and nothing is left to do
    project.make_at_once(".jars/.archived", ".environments/duckdb/.ready")
    assert project.steps() == steps


def test_what_is_there_is_not_waited_for_while_something_else_is_made(project: Project) -> None:
    project.make_at_once(".jars/.ready")
    archiving = project.make(".jars/.archived")
    wait_for(project, "begins -m oneuser.spark.quick_start")

    other = project.make(".jars/.ready")
    said = other.communicate(timeout=120)[0]

    assert "Waiting" not in said
    assert "ends -m oneuser.spark.quick_start" not in project.steps()
    archiving.communicate(timeout=120)
    assert archiving.returncode == 0


def test_a_demo_leaves_the_archive_to_a_make_in_the_background(project: Project) -> None:
    demo = project.make("demo")

    assert "In the background" in demo.communicate(timeout=120)[0]
    assert project.steps()[-1] == "ends demo --events 10000"
    wait_for(project, "ends -m oneuser.spark.quick_start")
    wait((project.folder / ".jars" / ".archived").exists)


def test_a_make_that_is_killed_is_waited_for_no_longer(project: Project) -> None:
    killed = project.make(".jars/.ready")
    wait_for(project, "begins -m venv")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()

    other = project.make(".jars/.ready")

    assert other.communicate(timeout=120)[0].count("Waiting") == 0
    assert other.returncode == 0


def wait_for(project: Project, step: str) -> None:
    wait(lambda: project.said.exists() and any(line.startswith(step) for line in project.steps()))


def wait(is_there: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not is_there():
        assert time.monotonic() < ends
        time.sleep(0.02)
