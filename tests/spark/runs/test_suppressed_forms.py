"""A rule that would let in again who is suppressed is refused, by what is suppressed in the tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from oneuser.config import Config, make_config
from oneuser.contracts.privacy import SUPPRESSIONS
from oneuser.core.errors import ConfigError
from oneuser.runs.records import READING_STAGE, RunRecord, StageRecord
from oneuser.runs.suppressed_forms import FORMS, forms_of, require_recognised
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.warehouse import Warehouse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def config(**of_email: Any) -> Config:
    types = {
        "email": {"priority": 1, "known": True, "normaliser": "email"} | of_email,
        "phone": {"priority": 2, "known": True, "normaliser": "phone", "default_region": "DE"},
    }
    sources = {"site": {"path": "/in/*.jsonl", "format": "jsonl", "preset": "segment"}}
    return make_config({"deployment": "d", "warehouse": "/w", "sources": sources, "identity": {"id_types": types}})


@pytest.fixture
def warehouse(spark: SparkSession, tmp_path: Path) -> Warehouse:
    made = Warehouse(spark, str(tmp_path / "warehouse"))
    made.create("test")
    return made


def test_only_a_rule_of_what_is_suppressed_is_refused(warehouse: Warehouse) -> None:
    # given a run with an address that two requests have suppressed
    rows = [("email", bytearray(b"k"), "k1", request, 1) for request in ("ask-1", "ask-2")]
    version, _ = warehouse.replace(
        SUPPRESSIONS, warehouse.spark.createDataFrame(rows, SUPPRESSIONS.schema), CommitTag(1, 1, 1)
    )
    reading = StageRecord(READING_STAGE, 1, "done", "", {}, {}, {FORMS: forms_of(config(), None)}, 0.0)
    before = RunRecord(
        1, NOON, "c", "v", [], {}, stages={READING_STAGE: replace(reading, tables={SUPPRESSIONS.name: version})}
    )
    folded = config(gmail=True)

    # then another rule of addresses is refused, the same or one of something else is not
    with pytest.raises(ConfigError) as refused:
        require_recognised(warehouse, folded, before)
    assert [one.key for one in refused.value.problems] == ["identity.id_types.email"]
    assert "(email)" in refused.value.problems[0].message
    require_recognised(warehouse, config(), before)
    of_phones = replace(reading, details={FORMS: forms_of(config(), None) | {"phone": ["phone", "AT", False, 3]}})
    require_recognised(
        warehouse, config(), replace(before, stages={READING_STAGE: replace(of_phones, tables=before.tables)})
    )

    # nor is anything of a first run, or where nobody was ever suppressed
    require_recognised(warehouse, folded, None)
    require_recognised(warehouse, folded, replace(before, stages={READING_STAGE: reading}))
