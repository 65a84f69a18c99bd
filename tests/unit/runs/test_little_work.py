"""What is little to go through, told by the files that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oneuser.config import Config, SparkRules, make_config
from oneuser.runs.little_work import is_little_work

MEGABYTE = 1024 * 1024


def config(folder: Path, *, small_mb: int = 1, **more: Any) -> Config:
    sources = {"web": {"path": f"{folder}/events/*.jsonl*", "format": "jsonl", "preset": "segment"}}
    made = make_config({"deployment": "test", "warehouse": str(folder / "warehouse"), "sources": sources, **more})
    return made.model_copy(update={"spark": SparkRules(small_mb=small_mb)})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("PYSPARK_GATEWAY_PORT", "HADOOP_CONF_DIR", "YARN_CONF_DIR", "SPARK_CONF_DIR"):
        monkeypatch.delenv(name, raising=False)
    put(tmp_path / "events" / "1.jsonl", MEGABYTE)
    return tmp_path


def put(path: Path, n_bytes: int) -> None:
    """A file of so many bytes, which takes no room."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(n_bytes)


def test_a_little_input_without_a_warehouse_is_little(folder: Path) -> None:
    assert is_little_work(config(folder))
    assert not is_little_work(config(folder, small_mb=0))


@pytest.mark.parametrize(
    ("name", "n_megabytes"),
    [("events/2.jsonl", 15), ("events/2.jsonl.gz", 2), ("warehouse/tables/events/part-0.parquet", 4)],
)
def test_lines_and_tables_count_as_what_they_hold(folder: Path, name: str, n_megabytes: int) -> None:
    put(folder / name, n_megabytes * MEGABYTE - MEGABYTE // 2)
    assert is_little_work(config(folder))
    put(folder / name, n_megabytes * MEGABYTE)
    assert not is_little_work(config(folder))


def test_a_raw_zone_elsewhere_counts(folder: Path) -> None:
    put(folder / "raw" / "events" / "part-0.parquet", 4 * MEGABYTE)

    assert is_little_work(config(folder))
    assert not is_little_work(config(folder, raw_root=str(folder / "raw")))


def test_what_cannot_be_seen_from_here_is_not_little(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_little_work(config(folder, warehouse="s3a://bucket/warehouse", keys={"identifiers": "env:KEY"}))
    (folder / "events" / "1.jsonl").unlink()
    assert not is_little_work(config(folder))
    put(folder / "events" / "1.jsonl", 1)
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    assert not is_little_work(config(folder))
