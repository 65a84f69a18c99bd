"""Environments that tests use beside oneuser's own: `make environments` makes one for each lock file in this folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]


def separate_python(name: str) -> Path:
    """The Python of an environment. Whoever asks is skipped where it was not made; under CI that is a failure."""
    folder = ROOT / ".environments" / name
    if not (folder / ".ready").is_file():
        skip_or_fail(f"the environment {name} is missing: `make environments` makes it, which needs the network once")
    return folder / "bin" / "python"


def skip_or_fail(problem: str) -> NoReturn:
    """Skip a test that something is missing for; under CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(problem)
    pytest.skip(problem)
