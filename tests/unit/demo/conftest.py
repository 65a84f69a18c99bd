"""One small demo, shared by the tests that only read it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from oneuser.demo.generate import DemoTruth, generate_demo


class Demo(NamedTuple):
    folder: Path
    truth: DemoTruth

    def lines(self) -> list[bytes]:
        files = sorted(self.folder.glob("events/day=*/*.jsonl"))
        return [line for file in files for line in file.read_bytes().split(b"\n")[:-1]]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    return Demo(folder, generate_demo(folder, events=6_000))
