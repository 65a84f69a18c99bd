"""One script in a process of its own: what it prints last, how long it takes, how much memory it holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.bench.memory import MemorySampler

ROOT = Path(__file__).resolve().parents[2]
SCRATCH = ROOT / ".bench"
TIMEOUT = 7200


@dataclass(frozen=True)
class Measured:
    """One process, and all below it.

    `answer` is the JSON document it printed last, `seconds` are wall-clock ones, `peaks` those of memory in bytes by
    role, `cpu_seconds` what it had of a processor.
    """

    answer: dict[str, Any]
    seconds: float
    peaks: dict[str, int]
    cpu_seconds: float = 0.0


def measure_script(command: list[str], log: Path, *, timeout: int = TIMEOUT) -> Measured:
    """Run a script, or a module after `-m`, in a new process. What it says beside its answer goes to `log`.

    Raises:
        SystemExit: where the script fails or takes too long.
    """
    what = command[1] if command[0] == "-m" else command[0]
    env = {**os.environ, "PYSPARK_PYTHON": sys.executable}
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, *command], stdout=subprocess.PIPE, stderr=errors, env=env, cwd=ROOT
        ) as process,
        MemorySampler(process.pid) as sampler,
    ):
        try:
            written, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            stop(process.pid)
            sys.exit(f"{what} took more than {timeout} s")
    seconds = time.monotonic() - started
    if process.returncode:
        sys.exit(f"{what} failed with exit code {process.returncode}, see {log}")
    # a library may have printed ahead of it
    text = written.decode()
    return Measured(json.loads(text[max(text.find("{"), 0) :]), seconds, sampler.peaks, sampler.cpu_seconds)


def stop(pid: int) -> None:
    """End a process and all below it."""
    root = psutil.Process(pid)
    for process in [*root.children(recursive=True), root]:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def say(line: str) -> None:
    """Progress, beside the answer."""
    print(line, file=sys.stderr, flush=True)
