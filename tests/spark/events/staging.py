"""What the tests of ingest share: a configuration of sources and a stage context on a warehouse of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from pyspark.sql import DataFrame, SparkSession

from oneuser.config import make_config
from oneuser.contracts.registry import TABLES
from oneuser.runs.new_files import plan_inputs
from oneuser.stages.context import RunContext
from oneuser.stages.ingest.stage import ingest
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.warehouse import Warehouse
from tests.unit.events.parsing import KEYS

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
ID_TYPES = {
    "user_id": {"priority": 1, "known": True},
    "email": {"priority": 2, "known": True, "normaliser": "email"},
    "customer_id": {"priority": 3, "known": True},
    "anonymous_id": {"priority": 9, "known": False},
}


@dataclass
class Ingest:
    """Runs the ingest stage again and again on one warehouse."""

    spark: SparkSession
    root: Path
    tables: dict[str, int] = field(default_factory=dict)
    run_seq: int = 0
    as_of: datetime = AS_OF
    links: dict[str, Any] = field(default_factory=dict)
    accounts: dict[str, Any] = field(default_factory=dict)
    commercial: dict[str, Any] = field(default_factory=dict)
    manual_rules: Path | None = None
    begun_at: datetime | None = None

    def run(self, *, max_share: float = 1.0, **sources: dict[str, Any]) -> dict[str, float]:
        """Ingest what is new; returns the metrics."""
        context = self.context(max_share=max_share, **sources)
        try:
            ingest(context)
        finally:
            context.release()
        return context.metrics

    def context(self, *, max_share: float = 1.0, **sources: dict[str, Any]) -> RunContext:
        """The context of the next run."""
        self.run_seq += 1
        config = make_config(
            {
                "deployment": "tests",
                "warehouse": str(self.root),
                "keys": {"identifiers": f"file:{self.root}/key"},
                "sources": sources,
                "links": self.links,
                "accounts": self.accounts,
                **self.commercial,
                "identity": {
                    "id_types": ID_TYPES,
                    "manual_rules": None if self.manual_rules is None else str(self.manual_rules),
                },
                "quarantine": {"max_share": max_share},
            }
        )
        warehouse = Warehouse(self.spark, str(self.root))
        return RunContext(
            spark=self.spark,
            config=config,
            warehouse=warehouse,
            keys=KEYS,
            tag=CommitTag(self.run_seq, 1, self.run_seq),
            as_of=self.as_of,
            begun_at=self.begun_at,
            inputs=plan_inputs(warehouse, config, self.tables),
            tables=self.tables,
            log=structlog.get_logger(),
        )

    def table(self, name: str) -> DataFrame:
        """Rows of a table as the last run left it."""
        return Warehouse(self.spark, str(self.root)).read(TABLES[name], self.tables.get(name))


def lines_source(path: Path | str, **more: Any) -> dict[str, Any]:
    """A source of Segment lines."""
    return {"path": str(path), "format": "jsonl", "preset": "segment", **more}


def dispositions(metrics: dict[str, float]) -> dict[str, int]:
    """Where the lines went."""
    names = ("accepted", "quarantined", "suppressed", "duplicate")
    return {name: int(metrics.get(f"lines|{name}", 0)) for name in names}
