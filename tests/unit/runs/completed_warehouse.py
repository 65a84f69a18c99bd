"""A warehouse as one published run leaves it, a row or two in each of some tables, written without Spark."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake
from pyspark.sql.pandas.types import to_arrow_schema

from oneuser.config import Config, config_hash, make_config
from oneuser.contracts.control import PUBLICATIONS, RUNS
from oneuser.contracts.graph import EVENT_IDENTIFIERS, FILES, IDENTIFIERS
from oneuser.contracts.identity import DIM_USER
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.contracts.reference import REFERENCE_INPUTS
from oneuser.contracts.table import TableContract
from oneuser.core.version import __version__
from oneuser.privacy.keys import load_keys
from oneuser.runs.fingerprints import LAST_FULL
from oneuser.runs.publication import published_text
from oneuser.runs.run_keys import KEY_CHECKS
from oneuser.storage.input_listing import InputFile, listing_of
from oneuser.storage.layout import MARKER, PUBLISHED_FILE, Layout, marker_text
from oneuser.storage.local_listing import list_local_files
from oneuser.storage.s3_listing import list_s3_files

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_VALUES: dict[str, Any] = {"string": "", "binary": b"", "bigint": 0, "int": 0, "boolean": False, "timestamp": NOON}


@dataclass
class CompletedWarehouse:
    """The folder, its input, and what it was made of; `write` and its like change it as runs and others do.

    `seen_at` is where a run finds the folder, of which `bring` brings the input there; itself where it is empty.
    """

    home: Path
    seen_at: str = ""
    bring: Callable[[Path], None] | None = None
    values: dict[str, Any] = field(default_factory=dict)
    checks: tuple[tuple[str, str], ...] = ()
    tables: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.home / "in").mkdir()
        (self.home / "in" / "1.jsonl").write_text("{}\n")
        (self.home / "in" / "2.jsonl").write_text("{}\n")
        (self.home / "crm.csv").write_text("a,b\n")
        (self.home / "accounts.jsonl").write_text("{}\n")
        place = self.seen_at or str(self.home)
        key = self.home / ("key" if self.seen_at else "warehouse/.secrets/identifiers")
        self.values |= {
            "deployment": "acme",
            "warehouse": f"{place}/warehouse",
            "keys": {"identifiers": f"file:{key}"},
            "sources": {"web": {"path": f"{place}/in/*.jsonl", "format": "jsonl", "preset": "segment"}},
            "links": {"crm": {"path": f"{place}/crm.csv", "format": "csv"}},
            "accounts": {"files": {"accounts": {"path": f"{place}/accounts.jsonl", "format": "jsonl"}}},
        }
        if self.bring is not None:
            self.bring(self.home)
        self.root.mkdir()
        (self.root / MARKER).write_text(marker_text("acme"))
        self.checks = load_keys(self.config.keys.identifiers, deployment="acme", may_create=True).checks
        self._write_tables()
        self.publish(1)

    def publish(self, run_seq: int) -> None:
        """A run that leaves `tables` under the configuration as it is now, and shows them."""
        self.claim(run_seq, state="published", run_seq=run_seq, tables=self.tables, published_at=NOON)
        self.run(run_seq, "published")
        self.show(run_seq, self.tables)

    @property
    def root(self) -> Path:
        """The warehouse."""
        return self.home / "warehouse"

    @property
    def config(self) -> Config:
        """The configuration as `values` say it now."""
        return make_config(self.values)

    @property
    def layout(self) -> Layout:
        """Where its tables are."""
        return Layout.of(str(self.root))

    def _list(self, name: str, path: str) -> list[InputFile]:
        if self.seen_at:
            return list_s3_files(name, f"{self.seen_at}/{path}", self.config.spark.conf)
        return list_local_files(name, f"{self.home}/{path}")

    def _write_tables(self) -> None:
        files = self._list("web", "in/*.jsonl")
        ledger = [
            {"source": "web", "file": one.path, "n_bytes": one.n_bytes, "modified_at": one.modified_at} for one in files
        ]
        references = [
            {"reference": name, "listing": listing_of(self._list(name, path))}
            for name, path in (("links.crm", "crm.csv"), ("accounts.files.accounts", "accounts.jsonl"))
        ]
        self.write(FILES, *ledger)
        self.write(REFERENCE_INPUTS, *references)
        self.write(IDENTIFIERS, {"key_id": "k1"})
        self.write(EVENT_IDENTIFIERS, {})
        self.write(IDENTIFIER_VALUES, {})
        self.write(DIM_USER, {})
        written = (FILES, REFERENCE_INPUTS, IDENTIFIERS, EVENT_IDENTIFIERS, IDENTIFIER_VALUES, DIM_USER)
        self.tables = {contract.name: 0 for contract in written}

    def write(self, contract: TableContract, *rows: dict[str, Any]) -> None:
        """Append rows; what they do not say is null, or nothing where that may not be."""
        schema = to_arrow_schema(contract.schema, timezone="UTC")
        absent = {one.name: None if one.nullable else _VALUES.get(one.dtype, []) for one in contract.fields}
        table = pa.Table.from_pylist([absent | row for row in rows], schema=schema)
        write_deltalake(self.layout.path(contract), table, mode="append")

    def claim(self, fence: int, **facts: Any) -> None:
        """A row of `publications`."""
        row = {"fence": fence, "kind": "run", "holder": "host/1/1.0"} | facts
        self.write(PUBLICATIONS, row | {"tables": list(facts["tables"].items()) if "tables" in facts else None})

    def run(self, run_seq: int, state: str, *, config: Config | None = None, code_version: str = __version__) -> None:
        """The rows of a run that did everything in one stage, or kept it, and ended so; an open one has no end."""
        shape = {"config_hash": config_hash(config or self.config), "code_version": code_version}
        details = {KEY_CHECKS: self.checks, LAST_FULL: run_seq}
        common = {"run_seq": run_seq, "attempt": 1, "stage": "", "details": "{}", "as_of": NOON} | shape
        rows = [
            {"record": "begun", "state": "begun", "details": json.dumps({"inputs": [], "base": {}, "kept_stages": []})},
            {
                "record": "stage", "stage": "ingest", "state": "done", "tables": list(self.tables.items()),
                "metrics": [("lines_in|web", 2.0)], "seconds": 9.0, "details": json.dumps(details),
            },
            {"record": "stage", "stage": "identity", "state": "done", "tables": [], "metrics": [("people", 1.0)],
             "details": json.dumps(details)},
        ]  # fmt: skip
        if state != "begun":
            rows.append({"record": "ended", "state": state, "exit_code": 0})
        self.write(RUNS, *[common | row for row in rows])

    def show(self, run_seq: int, tables: dict[str, int]) -> None:
        """What `published.json` says."""
        (self.root / PUBLISHED_FILE).write_text(published_text(Layout.of(self.config.warehouse), run_seq, tables))

    def log(self, contract: TableContract, version: int) -> Path:
        """The commit of a version."""
        return Path(self.layout.log(contract)) / f"{version:020d}.json"
