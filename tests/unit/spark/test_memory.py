from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from oneuser.spark import memory

GIB = 1024**3


@pytest.mark.parametrize(("gib", "expected"), [(1, "1024m"), (6, "2048m"), (24, "8192m"), (96, "8192m")])
def test_a_third_of_the_machine_within_bounds(gib: int, expected: str) -> None:
    assert memory.default_driver_memory(gib * GIB) == expected


@pytest.mark.parametrize(("limit", "expected"), [("max", None), ("", None), (str(2 * GIB), 2 * GIB)])
def test_a_container_that_has_less_than_its_machine_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, expected: int | None
) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    monkeypatch.setattr(memory, "_LIMITS", (tmp_path / "memory.max", tmp_path / "is not there"))

    assert memory.memory_of_machine() == (expected or psutil.virtual_memory().total)
