"""One demo on disk: made once, taken up again, deleted only where it is a demo's."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from oneuser.config import load_config
from oneuser.core.errors import ConfigError
from oneuser.demo.folder import DemoFolder
from oneuser.demo.generate import DemoTruth, generate_demo


@pytest.fixture
def place(tmp_path: Path) -> DemoFolder:
    return DemoFolder(tmp_path / "demo", tmp_path / "warehouse")


def make_warehouse(place: DemoFolder, deployment: str) -> None:
    place.warehouse.mkdir()
    (place.warehouse / "oneuser.warehouse").write_text(json.dumps({"deployment": deployment}), encoding="utf-8")


def test_a_demo_is_made_once_and_its_configuration_is_the_readers(place: DemoFolder) -> None:
    assert not place.has_log
    truth = place.prepare(events=1000, seed=3)
    assert load_config(place.config).deployment == "demo"
    place.config.write_text("# mine\n", encoding="utf-8")

    assert place.has_log
    assert place.prepare(events=1000, seed=3) == truth
    assert place.config.read_text(encoding="utf-8") == "# mine\n"


def test_of_two_that_are_begun_at_once_one_makes_the_demo_and_the_other_takes_it_up(
    place: DemoFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = []

    def slowly(folder: Path, *, events: int, seed: int) -> DemoTruth:
        generated.append(events)
        time.sleep(0.5)
        return generate_demo(folder, events=events, seed=seed)

    monkeypatch.setattr("oneuser.demo.folder.generate_demo", slowly)
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(lambda _: place.prepare(events=1000, seed=3), range(2))

    assert (generated, first) == ([1000], second)


@pytest.mark.parametrize("other", [{"events": 1000, "seed": 4}, {"events": 1001, "seed": 3}])
def test_another_demo_does_not_take_its_place(place: DemoFolder, other: dict[str, int]) -> None:
    place.prepare(events=1000, seed=3)

    with pytest.raises(ConfigError, match="holds a demo of 1,000 events with seed 3") as caught:
        place.prepare(**other)
    assert "--fresh" in caught.value.next_step


def test_deleting_takes_what_was_generated_and_the_demos_warehouse(place: DemoFolder) -> None:
    place.prepare(events=1000, seed=3)
    make_warehouse(place, "demo")
    (place.path / "notes.txt").touch()

    place.delete()

    assert [path.name for path in place.path.iterdir()] == ["notes.txt"]
    assert not place.warehouse.exists()


@pytest.mark.parametrize("deployment", ["acme", None])
def test_a_warehouse_of_somebody_is_not_deleted_nor_anything_beside_it(
    place: DemoFolder, deployment: str | None
) -> None:
    place.prepare(events=1000, seed=3)
    if deployment:
        make_warehouse(place, deployment)
    else:
        place.warehouse.mkdir()

    with pytest.raises(ConfigError, match="nothing was deleted"):
        place.delete()
    assert place.has_log
    assert place.warehouse.exists()
