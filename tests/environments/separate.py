"""Environments that tests use beside oneuser's own: `make environments` makes one for each lock file in this folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def separate_python(name: str) -> Path:
    """The Python of an environment. Whoever asks is skipped where it was not made; under CI that is a failure."""
    folder = ROOT / ".environments" / name
    if not (folder / ".ready").is_file():
        problem = f"the environment {name} is missing: `make environments` makes it, which needs the network once"
        if os.environ.get("CI"):
            pytest.fail(problem)
        pytest.skip(problem)
    return folder / "bin" / "python"
