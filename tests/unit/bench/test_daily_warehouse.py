"""A first run is kept for the commit that did it; days after it have not arrived yet."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.bench.daily_log import DailyLog
from tests.bench.daily_warehouse import ANEW, ANY, DailyWarehouse
from tests.bench.oneuser_runs import Run
from tests.unit.bench.test_days import FIRST


@dataclass(frozen=True)
class Played(DailyWarehouse):
    """Its runs leave a file in the warehouse and take no time."""

    done: list[str] = field(default_factory=list)

    def run(self, name: str, *_: object, **__: object) -> Run:
        self.done.append(name)
        self.warehouse.mkdir(exist_ok=True)
        (self.warehouse / "tables.json").write_text(f"{name} {len(self.done)}", encoding="utf-8")
        return replace(FIRST, name=name)


def played(folder: Path, commit: str | None) -> Played:
    return Played(folder, DailyLog(200), commit)


def test_what_the_same_commit_has_done_is_there_again(tmp_path: Path) -> None:
    first = played(tmp_path, "a").first_run(3)
    later = played(tmp_path, "a")
    later.arrive(3)
    (later.warehouse / "tables.json").write_text("a day later", encoding="utf-8")

    again = later.first_run(3)

    assert (again, later.done) == (first, [])
    assert (later.warehouse / "tables.json").read_text(encoding="utf-8") == "first run 1"
    assert len(list((tmp_path / "events").iterdir())) == 3


@pytest.mark.parametrize(
    ("before", "now", "reuse", "n_runs"),
    [("a", "b", "same", 1), ("a", "b", ANY, 0), ("a", "a", ANEW, 1), (None, None, "same", 1)],
)
def test_another_commit_does_it_again_unless_told_otherwise(
    tmp_path: Path, before: str | None, now: str | None, reuse: str, n_runs: int
) -> None:
    played(tmp_path, before).first_run(1)
    warehouse = played(tmp_path, now)

    warehouse.first_run(1, reuse=reuse)

    assert len(warehouse.done) == n_runs
