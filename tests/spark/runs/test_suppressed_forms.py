"""A rule that would let in again who is suppressed is refused, by what is suppressed in the tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from oneuser.config import Config, make_config
from oneuser.contracts.privacy import ERASURES, SUPPRESSIONS
from oneuser.core.errors import ConfigError
from oneuser.runs.records import READING_STAGE, RunRecord, StageRecord
from oneuser.runs.suppressed_forms import FORMS, forms_of, require_recognised
from oneuser.runs.suppressed_places import PLACES, places_by_source, require_met
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
    # and a number of somebody erased that files name
    rows.append(("(file) phone", bytearray(b"p"), "k1", "ask-1", 1))
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
    with pytest.raises(ConfigError, match="phone"):
        require_recognised(
            warehouse, config(), replace(before, stages={READING_STAGE: replace(of_phones, tables=before.tables)})
        )

    # nor is anything of a first run, or where nobody was ever suppressed
    require_recognised(warehouse, folded, None)
    require_recognised(warehouse, folded, replace(before, stages={READING_STAGE: reading}))


def with_sources(id_types: dict[str, Any], ingest: dict[str, str], **sources: dict[str, str]) -> Config:
    """Sources by name, with columns by type."""
    declared = {
        name: {
            "path": f"/in/{name}.csv", "format": "csv",
            "mapping": {"type": {"const": "track"}, "event_time": "at", "identifiers": columns},
        }
        for name, columns in sources.items()
    }  # fmt: skip
    identity = {"id_types": {name: {"priority": n, "known": True} for name, n in id_types.items()}}
    return make_config(
        {"deployment": "d", "warehouse": "/w", "sources": declared, "identity": identity, "ingest": ingest}
    )


def test_a_run_that_no_longer_meets_what_is_suppressed_is_refused(warehouse: Warehouse) -> None:
    # given a suppressed address and an erased message
    rows = [("email", bytearray(b"k"), "k1", "ask", 1), ("(file) login", bytearray(b"l"), "k1", "ask", 1)]
    made = {SUPPRESSIONS: rows, ERASURES: [(1, "ask", "message", bytearray(b"m"), None, None, None)]}
    tables = {
        contract.name: warehouse.replace(
            contract, warehouse.spark.createDataFrame(some, contract.schema), CommitTag(1, 1, 1)
        )[0]
        for contract, some in made.items()
    }
    both = {"email": 2, "login": 1}
    first = with_sources(both, {}, web={"email": "mail", "login": "id"}, shop={"email": "mail"})
    details = {FORMS: forms_of(first, None), PLACES: places_by_source(first)}
    reading = StageRecord(READING_STAGE, 1, "done", "", tables, {}, details, 0.0)
    before = RunRecord(1, NOON, "c", "v", [], {}, stages={READING_STAGE: reading})

    def refused(id_types: dict[str, int], ingest: dict[str, str], **sources: dict[str, str]) -> list[str]:
        try:
            require_met(warehouse, with_sources(id_types, ingest, **sources), before)
        except ConfigError as error:
            steps.append(error.next_step)
            return [one.key for one in error.problems]
        return []

    steps: list[str] = []

    # then it is refused that the type is gone, or a place of it, or that messages get other keys
    accept = {"fewer_places": "accept"}
    assert refused({"login": 1}, accept, web={"login": "id"}) == ["identity.id_types.email"]
    assert "fewer_places" not in steps[-1]
    # be it suppressed in files alone, which sources are not looked at for
    assert refused({"email": 2}, accept, web={"email": "mail"}) == ["identity.id_types.login"]
    assert refused(both, {}, web={"login": "id"}) == ["sources.web"]
    assert "fewer_places: accept" in steps[-1]
    assert refused(both, {}, web={"email": "mail"}) == []
    assert refused(both, {}, web={"email": "mail", "login": "id"}, site={"email": "mail"}) == ["sources.site.id_space"]
    # but not where it was said, or where a source is gone for good
    assert refused(both, accept, web={"login": "id"}) == []
    require_met(warehouse, with_sources({"login": 1}, {}, web={"login": "id"}), None)
