"""Warehouses of the two small stages, and what a reader sees in them. Tests import the fixtures they ask for."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from oneuser import open_warehouse
from oneuser.contracts.control import PUBLICATIONS, RUNS
from oneuser.contracts.identity import USER_REDIRECTS
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.runs.boundary import own_errors
from oneuser.runs.run import RunOptions, run_pipeline
from oneuser.storage.warehouse import Warehouse
from tests.integration import two_stages as two
from tests.integration.published import copied, read_table


@pytest.fixture(autouse=True)
def two_stages_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oneuser.runs.run.STAGES", two.STAGES)


@pytest.fixture(scope="module")
def after_one_run(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse whose run 1 is published, to be copied."""
    root = tmp_path_factory.mktemp("base") / "warehouse"
    watch = two.AtCommit("", None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("oneuser.runs.run.STAGES", two.STAGES)
        run_pipeline(spark, two.config(root), RunOptions(on_commit=watch, seconds_at_risk=0.0))
    assert [point.removeprefix("before ") for point in watch.seen if point.startswith("before")] == two.COMMITS
    return root


@pytest.fixture
def root(after_one_run: Path, tmp_path: Path) -> Path:
    """A warehouse of one's own whose run 1 is published."""
    return copied(after_one_run, tmp_path)


@pytest.fixture
def config_file(root: Path) -> Path:
    file = root.parent / "oneuser.json"
    file.write_text(json.dumps(two.settings(root)))
    return file


def run(spark: SparkSession, root: Path, at: str = "", action: object = None) -> list[str]:
    """A run as the command line does it; returns its commits."""
    watch = two.AtCommit(at, action)
    with own_errors(str(root)):
        run_pipeline(spark, two.config(root), RunOptions(on_commit=watch, seconds_at_risk=0.0))
    assert not at or at in watch.seen
    return watch.seen


def shown_to_spark(spark: SparkSession, root: Path) -> tuple[list[int], list[int]]:
    """Runs whose rows a reader sees, in the table that grows and in the one that is replaced."""
    opened = open_warehouse(root, spark=spark)
    values, redirects = opened.table("identifier_values"), opened.table("user_redirects")
    return tuple(sorted(row["run_seq"] for row in rows.collect()) for rows in (values, redirects))


def shown_without_spark(root: Path) -> tuple[list[int], list[int]]:
    """The same by `published.json` and deltalake."""
    tables = (read_table(root, name) for name in ("identifier_values", "user_redirects"))
    return tuple(sorted(table.column("run_seq").to_pylist()) for table in tables)


def holds(spark: SparkSession, root: Path, *, run: int) -> bool:
    """Whether all readers see what a run leaves, whole: two rows of each run so far in both tables."""
    seqs = sorted(2 * [*range(1, run + 1)])
    return shown_to_spark(spark, root) == shown_without_spark(root) == (seqs, seqs)


def has_repeated_rows(spark: SparkSession, root: Path) -> list[str]:
    """Tables, the record included, in which a key occurs twice."""
    warehouse = Warehouse(spark, str(root))
    found = []
    for contract in (RUNS, PUBLICATIONS, IDENTIFIER_VALUES, USER_REDIRECTS):
        rows = warehouse.read(contract, warehouse.head(contract)).select(*contract.key).collect()
        found += [contract.name for n in Counter(rows).values() if n > 1]
    return found
