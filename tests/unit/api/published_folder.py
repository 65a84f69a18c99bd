"""The small warehouse of three people and its one run, written without Spark."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from oneuser.contracts.control import PUBLICATIONS, RUNS
from oneuser.contracts.graph import IDENTIFIERS
from oneuser.contracts.marts import RETENTION
from oneuser.contracts.table import TableContract
from oneuser.core.keyed import identifier_hasher
from oneuser.privacy.keys import load_keys
from oneuser.storage.layout import MARKER, Layout, marker_text
from tests.integration import small_warehouse as small

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def publish_folder(root: Path) -> None:
    """Make a folder that warehouse, and its key beside its tables."""
    root.mkdir()
    (root / MARKER).write_text(marker_text("test"))
    keys = load_keys(f"file:{root}/.secrets/identifiers", deployment="test", may_create=True)
    identifiers = [
        {"identifier_id": n, "id_type": t, "id_key": identifier_hasher(keys, t)(v), "key_id": "k1", "run_seq": 1}
        for n, t, v, _ in small.VALUES
    ]
    tables = small.ROWS | {IDENTIFIERS: identifiers, RETENTION: []}
    for contract, rows in tables.items():
        _write(root, contract, rows)
    run = {
        "run_seq": 1, "attempt": 1, "stage": "", "fence": 1, "recorded_at": NOON, "as_of": NOON, "config_hash": "",
        "code_version": "1", "state": "begun", "record": "begun",
        "details": json.dumps({"inputs": [], "base": {}, "kept_stages": []}),
    }  # fmt: skip
    ended = run | {"record": "ended", "state": "published", "details": "{}", "exit_code": 0}
    _write(root, RUNS, [dict.fromkeys(RUNS.columns) | row for row in (run, ended)])
    claim = {
        "fence": 1, "run_seq": 1, "kind": "run", "state": "published", "holder": "host/1/1.0", "expires_at": NOON,
        "tables": {contract.name: 0 for contract in tables}, "published_at": NOON, "reason": None,
    }  # fmt: skip
    _write(root, PUBLICATIONS, [claim])


def _write(root: Path, contract: TableContract, rows: list[dict[str, Any]]) -> None:
    listed = [{name: _for_arrow(value) for name, value in row.items()} for row in rows]
    table = pa.Table.from_pylist(listed, schema=contract.arrow_schema)
    write_deltalake(Layout.of(str(root)).path(contract), table)


def _for_arrow(value: Any) -> Any:
    return list(value.items()) if isinstance(value, dict) else value
