"""A run of two small stages over real tables: all around the stages is the real thing, and a run takes seconds.

The first stage appends two rows for each run, the second replaces a table by one row for each of those. As a script it
runs in a process of its own, which can be killed or interrupted: `python two_stages.py CONFIG [COMMIT]`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from oneuser.config import Config, make_config
from oneuser.contracts.identity import USER_REDIRECTS
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.runs import run as run_module
from oneuser.stages.context import RunContext
from oneuser.stages.declaration import Stage

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
# names the file that the first stage makes while its job is under way, which then takes minutes
SLOW = "ONEUSER_TEST_SLOW"
SECRET = "ONEUSER_TEST_SECRET"


def settings(warehouse: Path) -> dict[str, Any]:
    """A configuration; its only input file lies beside the warehouse."""
    lines = warehouse.parent / "lines.jsonl"
    lines.touch()
    os.environ.setdefault(SECRET, "k1 " + "5e" * 32)
    return {
        "deployment": "two",
        "warehouse": str(warehouse),
        "keys": {"identifiers": f"env:{SECRET}"},
        "sources": {"web": {"path": str(lines), "format": "jsonl", "preset": "segment"}},
        "identity": {"id_types": {"email": {"priority": 1, "known": True}}},
    }


def config(warehouse: Path) -> Config:
    """The same, loaded."""
    return make_config(settings(warehouse))


def rows_of(run_seq: int) -> list[tuple[int, str, str, int]]:
    """What the first stage appends in a run."""
    return [(10 * run_seq + n, "email", f"{n}@run-{run_seq}.example", run_seq) for n in (1, 2)]


def _gather(ctx: RunContext) -> None:
    rows = ctx.spark.createDataFrame(rows_of(ctx.run_seq), IDENTIFIER_VALUES.schema).coalesce(1)
    marker = os.environ.get(SLOW)
    if marker:
        rows = rows.mapInArrow(_slowly(marker), IDENTIFIER_VALUES.schema)
    ctx.append(IDENTIFIER_VALUES, rows)


def _slowly(marker: str) -> Any:
    def wait(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        Path(marker).touch()
        time.sleep(300)
        yield from batches

    return wait


def _show(ctx: RunContext) -> None:
    rows = ctx.read(IDENTIFIER_VALUES).selectExpr(
        "concat('usr_', identifier_id) AS user_id", "'usr_0' AS redirect_to", "'merged' AS reason", "run_seq"
    )
    ctx.replace(USER_REDIRECTS, USER_REDIRECTS.conform(rows).coalesce(1))


STAGES = (
    Stage("gather", _gather, reads=(), writes=(IDENTIFIER_VALUES,), sections=()),
    Stage("show", _show, reads=(IDENTIFIER_VALUES,), writes=(USER_REDIRECTS,), sections=()),
)
# every commit of a run, in order, where each stage is recorded as it ends
COMMITS = [
    "publications 1", "runs 1", "identifier_values 1", "runs 2", "user_redirects 1", "runs 3", "publications 2",
    "runs 4",
]  # fmt: skip


class AtCommit:
    """Calls something before or after one commit of a run, such as `after user_redirects 1`; notes all it has seen."""

    def __init__(self, wanted: str, action: Any) -> None:
        self._wanted = wanted
        self._action = action
        self.seen: list[str] = []
        self._counted: Counter[str] = Counter()

    def __call__(self, when: str, table: str) -> None:
        self._counted[f"{when} {table}"] += 1
        self.seen.append(f"{when} {table} {self._counted[f'{when} {table}']}")
        if self.seen[-1] == self._wanted:
            self._action()


def kill_group() -> None:
    """SIGKILL to everything that this process has started, and to itself."""
    os.killpg(os.getpgid(0), signal.SIGKILL)


def main() -> int:
    """A run by the command line, or one that is killed at a commit."""
    from oneuser.cli.main import main as command_line
    from oneuser.config import load_config
    from oneuser.spark.session import SparkSettings, build_session

    # whoever started this in the background has it ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    patch = pytest.MonkeyPatch()
    patch.setattr(run_module, "STAGES", STAGES)
    spark = build_session(
        SparkSettings(master="local[2]", driver_memory="1g", shuffle_partitions=2, is_little_work=True)
    )
    if len(sys.argv) == 2:
        return command_line(["run", "--config", sys.argv[1], "--quiet"])
    options = run_module.RunOptions(on_commit=AtCommit(sys.argv[2], kill_group), seconds_at_risk=0.0)
    run_module.run_pipeline(spark, load_config(sys.argv[1]), options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
