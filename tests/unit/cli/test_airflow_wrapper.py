"""The script around spark-submit that the page on Airflow shows, with a stub in Java's place."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "jobs" / "airflow" / "README.md"
# Java starts Python, ends with its code, and goes at once when it is told to end
JAVA = """
import subprocess, sys
script = next(i for i, one in enumerate(sys.argv) if one.endswith("jobs/run.py"))
sys.exit(subprocess.call([sys.executable, *sys.argv[script:]]))
"""
# oneuser gives its lease back first
RUN = """
import pathlib, signal, sys, time
def end(*_):
    time.sleep(0.3)
    pathlib.Path("given-back").touch()
    sys.exit(130)
signal.signal(signal.SIGTERM, end)
pathlib.Path("arguments").write_text(" ".join(sys.argv[1:]))
if "--code" in sys.argv:
    sys.exit(4)
time.sleep(60)
"""


@pytest.fixture
def wrapper(tmp_path: Path) -> list[str]:
    script = re.search(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert script is not None
    (tmp_path / "jobs").mkdir()
    files = {
        "wrapper": script[1].replace("/opt/oneuser", str(tmp_path)),
        "spark-submit": f'#!/bin/sh\nexec {sys.executable} java.py "$@"\n',
        "java.py": JAVA,
        "jobs/run.py": RUN,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    return [str(tmp_path / "wrapper"), "run", "--json"]


def start(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    path = f"{folder}:{os.environ['PATH']}"
    return subprocess.Popen(command, cwd=folder, env={**os.environ, "PATH": path}, start_new_session=True)


def test_a_task_that_is_ended_has_python_end_first(wrapper: list[str], tmp_path: Path) -> None:
    process = start(wrapper, tmp_path)
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / "arguments").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.terminate()

        assert process.wait(timeout=30) == 130
        assert (tmp_path / "given-back").exists()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_its_exit_code_is_that_of_oneuser(wrapper: list[str], tmp_path: Path) -> None:
    assert start([*wrapper, "--code"], tmp_path).wait(timeout=30) == 4
    assert (tmp_path / "arguments").read_text(encoding="utf-8") == "--json --code"
