"""The run record: rows that only grow, and the state of runs that they add up to."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oneuser.contracts.control import RUNS
from oneuser.storage.table_reader import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from oneuser.storage.commit_tags import CommitTag
    from oneuser.storage.table_reader import Row, TableReader
    from oneuser.storage.warehouse import Warehouse

# the stage that reads input: what it did with that in one run is nothing of another
READING_STAGE = "ingest"
# of a stage that was not done again, and of a run in which every one was so
UNCHANGED = "unchanged"
COMPLETED_STATES = ("published", UNCHANGED)
# where the record of a stage keeps whether it was planned for small data
IS_SMALL = "is_small"
OPEN_STATES = ("begun", "failed", "interrupted", "planned")
# what is recorded in one instant still has its order
_ORDER = {"begun": 0, "stage": 1, "ended": 2}
# a commit costs a second or two
SECONDS_AT_RISK = 30.0


@dataclass
class StageRecord:
    """A stage that is done: what it read, as a hash, and what it left."""

    stage: str
    attempt: int
    state: str
    fingerprint: str
    tables: dict[str, int]
    metrics: dict[str, float]
    details: dict[str, Any]
    seconds: float


@dataclass
class RunRecord:
    """One run as its rows tell it."""

    run_seq: int
    as_of: datetime
    config_hash: str
    code_version: str
    inputs: list[dict[str, Any]]
    base: dict[str, int]
    state: str = "begun"
    attempt: int = 1
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    message: str | None = None
    stages: dict[str, StageRecord] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether the same command continues it."""
        return self.state in OPEN_STATES

    @property
    def tables(self) -> dict[str, int]:
        """Version of each table that the run's finished stages leave."""
        merged = dict(self.base)
        for record in self.stages.values():
            merged |= record.tables
        return merged

    def of_reading(self, name: str) -> Any:
        """What the stage that reads input has kept under a name; null where it has kept nothing of it."""
        reading = self.stages.get(READING_STAGE)
        return reading.details.get(name) if reading else None

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of all its stages."""
        return {name: value for record in self.stages.values() for name, value in record.metrics.items()}


def load_runs(tables: TableReader) -> list[RunRecord]:
    """All runs, oldest first. Grows with the number of runs, a dozen short rows each."""
    return fold_rows(read_rows(tables, RUNS, tables.head(RUNS)))


def fold_rows(rows: Iterable[Row]) -> list[RunRecord]:
    """Add rows up to runs."""
    runs: dict[int, RunRecord] = {}
    for row in sorted(rows, key=lambda r: (r["run_seq"], r["attempt"], _ORDER[r["record"]], r["recorded_at"])):
        details = json.loads(row["details"] or "{}")
        seq = row["run_seq"]
        if row["record"] == "begun":
            run = runs.setdefault(
                seq,
                RunRecord(
                    seq,
                    row["as_of"],
                    row["config_hash"],
                    row["code_version"],
                    details["inputs"],
                    details["base"],
                    begun_at=row["recorded_at"],
                ),
            )
            run.attempt, run.state, run.ended_at = row["attempt"], "begun", None
            run.stages = {name: run.stages[name] for name in details["kept_stages"] if name in run.stages}
        elif row["record"] == "stage":
            runs[seq].stages[row["stage"]] = StageRecord(
                row["stage"],
                row["attempt"],
                row["state"],
                row["fingerprint"] or "",
                dict(row["tables"] or {}),
                dict(row["metrics"] or {}),
                details,
                row["seconds"] or 0.0,
            )
        else:
            run = runs[seq]
            run.state, run.ended_at, run.exit_code = row["state"], row["recorded_at"], row["exit_code"]
            run.message = details.get("message")
    return [runs[seq] for seq in sorted(runs)]


class RunLog:
    """Appends rows of one run to `runs`.

    Finished stages are written down together: at the latest before the publication, with the end of the attempt, or as
    soon as `seconds_at_risk` of work would be lost by a crash.
    """

    def __init__(
        self, warehouse: Warehouse, run: RunRecord, tag: CommitTag, *, seconds_at_risk: float = SECONDS_AT_RISK
    ) -> None:
        self._warehouse = warehouse
        self._run = run
        self._tag = tag
        self._seconds_at_risk = seconds_at_risk
        self._pending: list[dict[str, Any]] = []
        self._is_unsure = False

    def begun(self, now: datetime, *, kept_stages: Iterable[str]) -> None:
        """Make the attempt durable, with the inputs and table versions it starts from."""
        details = {"inputs": self._run.inputs, "base": self._run.base, "kept_stages": list(kept_stages)}
        self._add("begun", "", "begun", now, details=details)
        self.flush()

    def stage(self, now: datetime, done: StageRecord) -> None:
        """Record a finished stage, with others that follow soon. One whose record is lost is done again."""
        self._add(
            "stage",
            done.stage,
            done.state,
            now,
            details=done.details,
            fingerprint=done.fingerprint,
            tables=done.tables,
            metrics=done.metrics,
            seconds=done.seconds,
        )
        if sum(row.get("seconds") or 0.0 for row in self._pending) >= self._seconds_at_risk:
            self.flush()

    def ended(self, now: datetime, *, state: str, exit_code: int, message: str | None, seconds: float) -> None:
        """Record how the attempt ended."""
        self._add("ended", "", state, now, details={"message": message}, seconds=seconds, exit_code=exit_code)
        self.flush()

    def flush(self) -> None:
        """Make durable what was recorded, in one commit. A publication without its record would have no metrics."""
        if self._is_unsure:
            self._forget_what_landed()
        if self._pending:
            self._is_unsure = True
            rows = RUNS.frame(self._warehouse.spark, self._pending).coalesce(1)
            self._warehouse.append(RUNS, rows, self._tag, are_few=True)
            self._pending, self._is_unsure = [], False

    def _forget_what_landed(self) -> None:
        """Do not write again what a commit has left that failed for us: it may have landed, and its answer was lost."""
        rows = self._warehouse.read(RUNS, self._warehouse.head(RUNS))
        ours = rows.where(f"run_seq = {self._run.run_seq} AND attempt = {self._tag.attempt}")
        landed = {tuple(row) for row in ours.select(*RUNS.key).collect()}
        self._pending = [row for row in self._pending if tuple(row[name] for name in RUNS.key) not in landed]

    def _add(self, record: str, stage: str, state: str, now: datetime, **facts: Any) -> None:
        row = {
            "run_seq": self._run.run_seq,
            "attempt": self._tag.attempt,
            "record": record,
            "stage": stage,
            "state": state,
            "fence": self._tag.fence,
            "recorded_at": now,
            "as_of": self._run.as_of,
            "config_hash": self._run.config_hash,
            "code_version": self._run.code_version,
        } | facts
        row["details"] = json.dumps(facts.get("details") or {}, sort_keys=True, default=str)
        self._pending.append(row)
