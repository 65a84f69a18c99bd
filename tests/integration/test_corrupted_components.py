"""Components that are written wrongly are never published: the certificate reads what lies in the table."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.cli.main import main
from oneuser.contracts.graph import COMPONENTS
from oneuser.runs.claim_rows import current_publication
from oneuser.storage.warehouse import Warehouse

# who was seen together: two people of three identifiers, and a visitor nobody knows
MESSAGES = [
    ("1042", "ann@example.com", "c1"),
    ("1042", None, "c2"),
    ("77", "bob@example.org", "c3"),
    (None, None, "c4"),
]
pytestmark = pytest.mark.soak
Corruption = Callable[[DataFrame, list[list[int]]], DataFrame]


def relabelled(rows: DataFrame, parts: list[list[int]]) -> DataFrame:
    return rows.withColumn("component_id", where_member(parts[0][-1], F.lit(parts[1][0])))


def lost(rows: DataFrame, parts: list[list[int]]) -> DataFrame:
    return rows.where(F.col("identifier_id") != parts[0][-1])


def lonely_lost(rows: DataFrame, parts: list[list[int]]) -> DataFrame:
    return rows.where(F.col("identifier_id") != parts[-1][0])


def merged(rows: DataFrame, parts: list[list[int]]) -> DataFrame:
    both = F.col("component_id").isin(parts[0][0], parts[1][0])
    return rows.withColumn("component_id", F.when(both, min(parts[0][0], parts[1][0])).otherwise(F.col("component_id")))


def where_member(number: int, label: Column) -> Column:
    return F.when(F.col("identifier_id") == number, label).otherwise(F.col("component_id"))


CORRUPTIONS: dict[str, tuple[Corruption, str]] = {
    "a vertex relabelled": (relabelled, "run between two components"),
    "a vertex lost": (lost, "labelled identifiers are not the"),
    "a lone vertex lost": (lonely_lost, "labelled identifiers are not the"),
    "two components merged": (merged, "components were lumped"),
}


def parts_of(rows: DataFrame) -> list[list[int]]:
    """Members of each component, the largest first."""
    parts: dict[int, list[int]] = {}
    for row in rows.select("component_id", "identifier_id").collect():
        parts.setdefault(row["component_id"], []).append(row["identifier_id"])
    return sorted((sorted(members) for members in parts.values()), key=len, reverse=True)


@pytest.fixture(scope="module")
def ingested(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a run that has done its first stage."""
    folder = tmp_path_factory.mktemp("corrupted")
    lines = [
        {
            "type": "track", "event": "Seen", "messageId": f"m{n}", "timestamp": "2026-03-02T09:00:00Z",
            "userId": user, "anonymousId": cookie, "context": {"traits": {"email": email}},
        }
        for n, (user, email, cookie) in enumerate(MESSAGES)
    ]  # fmt: skip
    (folder / "lines.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    values: dict[str, Any] = {
        "deployment": "corrupted",
        "warehouse": str(folder / "warehouse"),
        "keys": {"identifiers": f"file:{folder}/key"},
        "sources": {"web": {"path": str(folder / "lines.jsonl"), "format": "jsonl", "preset": "segment"}},
        "identity": {
            "id_types": {
                "user_id": {"priority": 1, "known": True},
                "email": {"priority": 2, "known": True, "normaliser": "email"},
                "anonymous_id": {"priority": 9, "known": False},
            }
        },
    }
    file = folder / "oneuser.json"
    file.write_text(json.dumps(values))
    assert main(["run", "--config", str(file), "--quiet", "--stages", "ingest"]) == 0
    return file


@pytest.fixture
def config_file(ingested: Path, tmp_path: Path) -> Path:
    """The same run in a warehouse of one's own: the graph is left to do."""
    shutil.copytree(ingested.parent / "warehouse", tmp_path / "warehouse")
    values = json.loads(ingested.read_text()) | {"warehouse": str(tmp_path / "warehouse")}
    file = tmp_path / "oneuser.json"
    file.write_text(json.dumps(values))
    return file


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_corrupted_components_fail_certification_and_nothing_is_published(
    spark: SparkSession,
    config_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    corruption: str,
) -> None:
    corrupt, problem = CORRUPTIONS[corruption]
    write = Warehouse.replace

    def write_wrongly(warehouse: Warehouse, contract: Any, rows: DataFrame, tag: Any) -> tuple[int, int]:
        written = corrupt(rows, parts_of(rows)) if contract.name == COMPONENTS.name else rows
        return write(warehouse, contract, written, tag)

    # when the table of components is written wrongly, behind the engine's back
    monkeypatch.setattr(Warehouse, "replace", write_wrongly)
    code = main(["run", "--config", str(config_file), "--quiet", "--stages", "graph"])

    # then the run fails and says how, nothing is shown, and later stages have no graph to start from
    assert code == 1
    assert problem in capsys.readouterr().err
    warehouse = config_file.parent / "warehouse"
    assert current_publication(Warehouse(spark, str(warehouse))) is None
    assert not (warehouse / "published.json").exists()
    assert main(["run", "--config", str(config_file), "--quiet", "--stages", "identity"]) == 1
    assert "do graph first" in capsys.readouterr().err


def test_the_same_components_written_rightly_are_certified(config_file: Path) -> None:
    assert main(["run", "--config", str(config_file), "--quiet", "--stages", "graph"]) == 0
