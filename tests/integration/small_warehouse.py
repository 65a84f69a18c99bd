"""A warehouse of three people, written table by table: what reading must make of it is known row by row.

Ann and Bob have shared a browser, which is contested. An address that too many people have is nobody's. Carla hangs
together by one address alone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from oneuser.config import LeaseRules
from oneuser.contracts.graph import COMPONENTS, EDGES, IDENTIFIERS, REFUSED_EDGES
from oneuser.contracts.identity import (
    DIM_USER,
    IDENTIFIER_HISTORY,
    IDENTIFIER_MAP,
    IDENTIFIER_OWNERSHIP,
    LINEAGE,
    USER_IDS,
)
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.contracts.table import TableContract
from oneuser.core.keyed import identifier_hasher
from oneuser.privacy.keys import load_keys
from oneuser.runs.claim_rows import newest
from oneuser.runs.lease import Lease
from oneuser.runs.publication import write_published
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.warehouse import Warehouse

ANN, BOB, OLD_BOB, GONE, CARLA = (f"usr_{letter * 26}" for letter in "abcde")
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
TUESDAY = MONDAY + timedelta(days=1)
KEY = b"\x07" * 16
# number, type and value of each identifier, and whose it is; null where too many people share it
VALUES = [
    (1, "user_id", "1042", ANN),
    (2, "email", "ann@example.com", ANN),
    (3, "anonymous_id", "cookie-of-ann-1", ANN),
    (4, "email", "bob@example.org", BOB),
    (5, "anonymous_id", "=cookie-of-bob", BOB),
    (6, "user_id", "2077", CARLA),
    (7, "email", "carla@example.net", CARLA),
    (8, "email", "accounts@example.net", CARLA),
    (9, "email", "info@example.com", None),
]
OWNED: list[tuple[int, str, str, str]] = [(n, t, v, u) for n, t, v, u in VALUES if u is not None]
COMPONENT = {ANN: 1, BOB: 4, CARLA: 6}
CONTESTED = 3
PRIORITY = {"user_id": 1, "email": 2, "anonymous_id": 9}
LINKS = [(1, 2, 3), (2, 3, 7), (4, 5, 1), (3, 4, 2), (6, 8, 2), (7, 8, 4)]
REFUSED = [("unique", 3, 4), ("over_shared", 2, 9), ("over_shared", 4, 9)]
RECORDED = {"recorded_run": 1, "recorded_at": TUESDAY, "superseded_run": None, "superseded_at": None}
ROWS: dict[TableContract, list[dict[str, Any]]] = {
    IDENTIFIER_VALUES: [{"identifier_id": n, "id_type": t, "id_value": v, "run_seq": 1} for n, t, v, _ in VALUES],
    IDENTIFIER_MAP: [
        {
            "identifier_id": n, "id_type": t, "user_id": u, "strength": s, "is_known": s < 9,
            "is_contested": n == CONTESTED, "is_cut_off": False, "first_seen_at": MONDAY, "last_seen_at": TUESDAY,
            "n_events": n,
        }
        for n, t, _, u in OWNED
        for s in [PRIORITY[t]]
    ],
    EDGES: [
        {
            "src": a, "dst": b, "source": "event", "n_events": n, "first_event_time": MONDAY, "first_event_order": KEY,
            "last_event_time": TUESDAY, "last_event_order": KEY, "priority": None, "first_run": 1, "last_run": 1,
        }
        for a, b, n in LINKS
    ],
    REFUSED_EDGES: [
        {
            "rule": rule, "src": a, "dst": b, "first_event_time": MONDAY, "last_event_time": TUESDAY, "opened_run": 1,
            "closed_run": None,
        }
        for rule, a, b in REFUSED
    ],
    IDENTIFIER_HISTORY: [
        {"identifier_id": n, "user_id": u, "effective_from": MONDAY} | RECORDED for n, _, _, u in OWNED
    ],
    IDENTIFIER_OWNERSHIP: [
        {
            "identifier_id": n, "interval": i, "user_id": u, "valid_from": start, "valid_to": end,
            "valid_from_event_order": start and KEY, "valid_to_event_order": end and KEY,
        } | RECORDED
        for n, i, u, start, end in [
            *((n, 0, u, None, None) for n, _, _, u in OWNED if n != CONTESTED),
            (CONTESTED, 0, BOB, None, TUESDAY), (CONTESTED, 1, ANN, TUESDAY, None),
        ]
    ],
    USER_IDS: [
        {
            "user_id": user, "status": status, "redirect_to": target, "anchor_identifier_id": anchor, "anchors": [],
            "last_anchor_identifier_id": None,
            "minted_run": 1, "minted_first_seen_at": MONDAY, "minted_first_event_order": KEY, "minted_key": KEY,
            "status_run": 1,
        }
        for user, status, target, anchor in [
            (ANN, "live", None, 1), (BOB, "live", None, 4), (OLD_BOB, "retired", BOB, None),
            (GONE, "erased", None, None), (CARLA, "live", None, 6),
        ]
    ],
    LINEAGE: [
        {"run_seq": 1, "change": "merged", "user_id": OLD_BOB, "other_user_id": BOB, "identifier_id": 4,
         "edge_src": 4, "edge_dst": 5},
    ],
    COMPONENTS: [
        {
            "identifier_id": n, "component_id": COMPONENT[u], "candidate_id": COMPONENT[u], "id_type": t, "id_key": KEY,
            "priority": s, "is_known": s < 9, "is_contested": n == CONTESTED, "is_cut_off": False,
            "first_seen_at": MONDAY, "first_event_order": KEY,
            "last_seen_at": TUESDAY, "n_events": n,
        }
        for n, t, _, u in OWNED
        for s in [PRIORITY[t]]
    ],
    DIM_USER: [
        {
            "user_id": user, "kind": "known", "first_seen_at": MONDAY, "last_seen_at": TUESDAY, "n_identifiers": n,
            "identifiers_by_type": {"email": 1}, "account_id": account, "account_ids": [account] if account else [],
        }
        for user, n, account in [(ANN, 3, "acme"), (BOB, 2, None), (CARLA, 3, None)]
    ],
}  # fmt: skip


def build(spark: SparkSession, root: Path) -> Warehouse:
    """Write and publish the three people as run 1."""
    warehouse = Warehouse(spark, str(root))
    warehouse.create("test")
    keys = load_keys(f"file:{root}/.secrets/identifiers", deployment="test", may_create=True)
    identifiers = [
        {"identifier_id": n, "id_type": t, "id_key": identifier_hasher(keys, t)(v), "key_id": "k1", "run_seq": 1}
        for n, t, v, _ in VALUES
    ]
    publish(warehouse, 1, ROWS | {IDENTIFIERS: identifiers})
    return warehouse


def publish(warehouse: Warehouse, run_seq: int, rows: dict[TableContract, list[dict[str, Any]]]) -> dict[str, int]:
    """Put rows in place of what tables hold, and show them to readers, beside the tables that they see already."""
    lease = Lease.acquire(warehouse, LeaseRules())
    before = newest(lease.earlier)
    tables = (before.tables if before else {}) | replace(warehouse, run_seq, rows, fence=lease.fence)
    lease.publish(run_seq, tables)
    write_published(warehouse, run_seq, tables)
    return tables


def replace(
    warehouse: Warehouse, run_seq: int, rows: dict[TableContract, list[dict[str, Any]]], *, fence: int
) -> dict[str, int]:
    """Put rows in place of what tables hold, and show them to nobody."""
    tag = CommitTag(run_seq, 1, fence)
    tables = {}
    for contract, records in rows.items():
        listed = [tuple(record[name] for name in contract.columns) for record in records]
        frame = warehouse.spark.createDataFrame(listed, contract.schema).coalesce(1)
        tables[contract.name], _ = warehouse.replace(contract, frame, tag, are_few=True)
    return tables
