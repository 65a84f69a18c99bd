"""Whom a request for one's data names, beside somebody who was erased; no run is needed to see it."""

from __future__ import annotations

import json
from pathlib import Path

from pyspark.sql import SparkSession

from oneuser.api.answers import package
from oneuser.contracts.privacy import ERASURES, SUPPRESSIONS
from oneuser.core.keyed import identifier_hasher
from oneuser.privacy.keys import load_keys
from tests.integration import small_warehouse as small

ERASED, DEVICE_OF_BOB = ("email", "gone@example.com"), ("anonymous_id", "=cookie-of-bob")


def test_a_device_beside_whoever_was_erased_is_another_ones_by_now(spark: SparkSession, tmp_path: Path) -> None:
    # given somebody who was erased, and a device that is Bob's alone since then
    root = tmp_path / "warehouse"
    warehouse = small.build(spark, root)
    keys = load_keys(f"file:{root}/.secrets/identifiers", deployment="test", may_create=False)
    key = identifier_hasher(keys, "email")(ERASED[1])
    ended = {
        "run_seq": 1, "request_id": "ask-1", "kind": "user", "message_key": None, "identifier_id": None,
        "user_id": small.GONE, "line_hash": None,
    }  # fmt: skip
    suppressed = {"id_type": "email", "id_key": key, "key_id": "k1", "request_id": "ask-1", "run_seq": 1}
    small.publish(warehouse, 2, {ERASURES: [ended], SUPPRESSIONS: [suppressed]})
    asked = {
        "again": (ERASED, DEVICE_OF_BOB), "bob": (DEVICE_OF_BOB,), "back": (ERASED, ("email", "bob@example.org")),
    }  # fmt: skip
    lines = [
        json.dumps(
            {
                "subject_request_id": name,
                "subject_identities": [{"identity_type": kind, "identity_value": value} for kind, value in named],
            }
        )
        for name, named in asked.items()
    ]
    (tmp_path / "requests.jsonl").write_text("\n".join(lines))
    config = {
        "deployment": "test",
        "warehouse": str(root),
        "sources": {"web": {"path": f"{tmp_path}/in/*.jsonl", "format": "jsonl", "preset": "segment"}},
    }

    found = package(config, [tmp_path / "requests.jsonl"], to=tmp_path / "packages", spark=spark)

    outcomes = {one.request_id: one.outcome for one in found}
    assert outcomes == {"again": "ambiguous", "bob": "found", "back": "found"}
