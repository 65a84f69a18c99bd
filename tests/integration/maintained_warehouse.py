"""Runs of two small stages that leave much to maintain. As a script, maintenance that is killed at a commit.

The first stage appends a small file in each run and tells of them, the second replaces a table by all rows so far.
`python maintained_warehouse.py CONFIG COMMIT` ends with SIGKILL; a commit is named by its number among those of its
table, such as `after changes 1`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from oneuser.config import Config, make_config
from oneuser.contracts.changes import CHANGES, LINKED_IDENTIFIERS
from oneuser.contracts.identity import USER_REDIRECTS
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.contracts.registry import TABLES
from oneuser.runs.maintain import MaintenanceResult, maintain_warehouse
from oneuser.runs.records import SECONDS_AT_RISK, StageRecord
from oneuser.runs.run import RunOptions, run_pipeline
from oneuser.stages.context import RunContext
from oneuser.stages.declaration import Stage
from oneuser.storage.warehouse import CommitHook
from tests.integration import two_stages as two

N_ROWS = 6
# beside the warehouse: while it is there, the first stage finds nothing
NOTHING_NEW = "nothing-new"


def settings(warehouse: Path, *, keep: int = 2) -> dict[str, Any]:
    return two.settings(warehouse) | {"maintenance": {"keep_publications": keep, "keep_days": 0}}


def config(warehouse: Path, *, keep: int = 2) -> Config:
    return make_config(settings(warehouse, keep=keep))


def _gather(ctx: RunContext) -> None:
    if (Path(ctx.config.warehouse).parent / NOTHING_NEW).exists():
        return
    number = ctx.run_seq
    rows = ctx.spark.range(N_ROWS).selectExpr(
        f"{1000 * number} + id AS identifier_id", "'email' AS id_type", f"concat(id, '@run-{number}') AS id_value",
        f"{number}L AS run_seq",
    )  # fmt: skip
    ctx.append(IDENTIFIER_VALUES, rows)
    if ctx.base:
        ctx.tell(LINKED_IDENTIFIERS, rows.selectExpr("identifier_id", "'new' AS reason").coalesce(1))


def _show(ctx: RunContext) -> None:
    rows = ctx.read(IDENTIFIER_VALUES).selectExpr(
        "concat('usr_', identifier_id) AS user_id", "'usr_0' AS redirect_to", "'merged' AS reason", "run_seq"
    )
    ctx.replace(USER_REDIRECTS, USER_REDIRECTS.conform(rows).coalesce(1))


STAGES = (
    Stage("gather", _gather, reads=(), writes=(IDENTIFIER_VALUES,), sections=(), gives=(LINKED_IDENTIFIERS,)),
    Stage("show", _show, reads=(IDENTIFIER_VALUES,), writes=(USER_REDIRECTS,), sections=()),
)


def run(
    spark: SparkSession, root: Path, *, at: str = "", action: Any = None, seconds_at_risk: float = SECONDS_AT_RISK
) -> dict[str, StageRecord]:
    """A run by the command line's way; returns its stages. `action` is called at one of its commits."""
    watch = two.AtCommit(at, action)
    result = run_pipeline(spark, config(root), RunOptions(on_commit=watch, seconds_at_risk=seconds_at_risk))
    assert not at or at in watch.seen
    return result.stages


def maintain(
    spark: SparkSession, root: Path, *, keep: int = 2, on_commit: CommitHook | None = None
) -> MaintenanceResult:
    return maintain_warehouse(spark, config(root, keep=keep), on_commit=on_commit)


def use_small_stages(patch: pytest.MonkeyPatch) -> None:
    """Runs of these stages, and maintenance that takes a few files, and a few commits of a log, for many."""
    patch.setattr("oneuser.runs.run.STAGES", STAGES)
    patch.setattr("oneuser.storage.expiry._MANY_SMALL_FILES", 3)
    patch.setattr("oneuser.storage.expiry._MANY_COMMITS", 1)


def folder(root: Path, table: str) -> Path:
    return next(root.glob(f"*/{table}"))


def rows_at(root: Path, table: str, version: int) -> list[int]:
    """Of each row the run that made it, as another program reads a version."""
    read: pa.Table = DeltaTable(folder(root, table), version=version).to_pyarrow_table()
    return sorted(read.column("run_seq").to_pylist())


def files_at(root: Path, table: str, version: int) -> set[str]:
    """Data files of a version, as another program lists them."""
    return {uri.rpartition("/")[2] for uri in DeltaTable(folder(root, table), version=version).file_uris()}


def data_files(root: Path, table: str) -> set[str]:
    return {path.name for path in folder(root, table).rglob("*.parquet") if path.parent.name != "_delta_log"}


def all_files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def n_commits(root: Path) -> dict[str, int]:
    """Newest version of each table but those of the control zone."""
    tables = [one for one in TABLES.values() if one.zone != "control" and [*root.glob(f"*/{one.name}")]]
    return {one.name: DeltaTable(folder(root, one.name)).version() for one in tables}


def changes_of_runs(root: Path, version: int) -> set[int]:
    return set(rows_at(root, CHANGES.name, version))


def main() -> None:
    from oneuser.config import load_config
    from oneuser.spark.session import SparkSettings, build_session

    use_small_stages(pytest.MonkeyPatch())
    spark = build_session(
        SparkSettings(master="local[2]", driver_memory="1g", shuffle_partitions=2, is_little_work=True)
    )
    maintain_warehouse(spark, load_config(sys.argv[1]), on_commit=two.AtCommit(sys.argv[2], two.kill_group))


if __name__ == "__main__":
    main()
