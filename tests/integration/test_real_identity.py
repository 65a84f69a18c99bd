"""The commit history of a real project, with its known answer: people, runs, blocks and what comes back."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from oneuser.config import Config, make_config
from oneuser.runs.nothing_new import find_nothing_new
from oneuser.runs.result import RunResult
from oneuser.runs.run import RunOptions, run_pipeline
from tests.integration.identity_only import IDENTITY_STAGES, identity_only
from tests.integration.published import commits, partition, people, published_versions, read_table

__all__ = ["identity_only"]  # fixture

# with some 20 MB of lines it is not small
pytestmark = pytest.mark.usefixtures("planned_for_many_rows")
FOLDER = "git-identity-numpy"


def config(warehouse: Path, events: str, *, blocked_file: Path | None = None) -> Config:
    email: dict[str, Any] = {"priority": 2, "known": True, "normaliser": "email"}
    if blocked_file:
        email["blocked_file"] = str(blocked_file)
    return make_config(
        {
            "deployment": "git",
            "warehouse": str(warehouse),
            "keys": {"identifiers": f"file:{warehouse}/.secrets/identifiers"},
            "sources": {"git": {"path": events, "format": "jsonl", "preset": "segment"}},
            "identity": {
                "id_types": {
                    "user_id": {"priority": 1, "known": True},
                    "email": email,
                    "anonymous_id": {"priority": 9, "known": False},
                }
            },
        }
    )


def expected(folder: Path, name: str) -> set[frozenset[Any]]:
    with gzip.open(folder / name, "rt") as file:
        return partition({(row["id_type"], row["id_value"]): row["component"] for row in csv.DictReader(file)})


def run(spark: SparkSession, settings: Config) -> RunResult:
    return run_pipeline(spark, settings, RunOptions())


@pytest.fixture(scope="module")
def git_folder(shared_data: Path) -> Path:
    folder = shared_data / FOLDER
    if not folder.is_dir():
        pytest.skip(f"{FOLDER} is not among the sample data")
    return folder


def split_by_receipt(source: Path, folder: Path) -> None:
    """Messages received before 2015, and the rest, in two files."""
    with gzip.open(source, "rt") as lines:
        parts: dict[bool, list[str]] = {True: [], False: []}
        for line in lines:
            parts[json.loads(line)["receivedAt"] < "2015-01-01"].append(line)
    folder.mkdir()
    for is_early, name in ((True, "early.jsonl"), (False, "late.jsonl")):
        (folder / name).write_text("".join(parts[is_early]))


def test_people_are_those_of_the_known_answer_run_after_run(
    spark: SparkSession, git_folder: Path, tmp_path: Path
) -> None:
    warehouse, inputs = tmp_path / "warehouse", tmp_path / "inputs"
    split_by_receipt(git_folder / "events.jsonl.gz", tmp_path / "parts")
    inputs.mkdir()
    plain, with_block = (
        config(warehouse, f"{inputs}/*.jsonl"),
        config(warehouse, f"{inputs}/*.jsonl", blocked_file=git_folder / "blocked_emails.csv"),
    )

    # given the people of some years
    (tmp_path / "parts" / "early.jsonl").rename(inputs / "early.jsonl")
    first = run(spark, plain)
    early = people(warehouse)
    assert first.metrics["people"] == 357

    # when the rest arrives, then there are the 2,169 people of the known answer, row by row
    (tmp_path / "parts" / "late.jsonl").rename(inputs / "late.jsonl")
    second = run(spark, plain)
    late = people(warehouse)
    assert second.metrics["people"] == 2_169
    assert partition(late) == expected(git_folder, "expected_components_plain.csv.gz")

    # and every ID of the first run is live, or redirects to a live one that owns what it owned
    redirects = {row["user_id"]: row["redirect_to"] for row in read_table(warehouse, "user_redirects").to_pylist()}
    live = set(late.values())
    assert len(redirects) == second.metrics["ids_merged"] == 42
    assert set(redirects.values()) <= live
    assert set(early.values()) == (set(early.values()) & live) | set(redirects)
    assert all(late[identifier] == redirects.get(user, user) for identifier, user in early.items())

    # and a run of the same input commits to no table but those of the record, and publishes nothing
    versions, made = published_versions(warehouse), commits(warehouse)
    third = run(spark, plain)
    assert (third.run_seq, third.is_nothing_new, third.is_published) == (3, True, False)
    assert published_versions(warehouse) == versions
    assert {table for table, names in commits(warehouse).items() if names != made[table]} == {
        "control/runs", "control/publications",
    }  # fmt: skip
    # after which nobody need look again
    assert find_nothing_new(plain) is not None
    assert find_nothing_new(with_block) is None
    assert {name: stage.state for name, stage in third.stages.items() if name != "ingest"} == dict.fromkeys(
        (stage.name for stage in IDENTITY_STAGES if stage.name != "ingest"), "unchanged"
    )

    # when a placeholder is blocked, then its people part
    run(spark, with_block)
    assert partition(people(warehouse)) == expected(git_folder, "expected_components_blocked.csv.gz")

    # and when the block is taken back, then everybody has the former ID again
    run(spark, plain)
    assert people(warehouse) == late
    resolved = read_table(warehouse, "events_resolved")
    assert resolved.num_rows == 59_067
    assert resolved.column("user_id").null_count == 0
