"""The recipes in conf, on public data with a known answer: declared rules, imported pairs, pairs withdrawn."""

from __future__ import annotations

import csv
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from oneuser.config import Config, load_config
from oneuser.runs.run import run_pipeline
from tests.integration.published import partition, people, published_versions, read_table

pytestmark = pytest.mark.soak  # five whole runs

RECIPES = Path(__file__).resolve().parents[2] / "conf" / "recipes"


def recipe(name: str, warehouse: Path, *overrides: str) -> Config:
    places = (f"warehouse={warehouse}", f"keys.identifiers=file:{warehouse}/.secrets/identifiers")
    return load_config(RECIPES / name, [*places, *overrides])


def folder_of(shared_data: Path, name: str) -> Path:
    folder = shared_data / name
    if not folder.is_dir():
        pytest.skip(f"{name} is not among the sample data")
    return folder


def groups(warehouse: Path, id_type: str) -> set[frozenset[str]]:
    """The values of one type that each person has."""
    return partition({value: user for (kind, value), user in people(warehouse).items() if kind == id_type})


def pairs_of(found: set[frozenset[str]]) -> set[tuple[str, str]]:
    return {pair for group in found for pair in combinations(sorted(group), 2)}


def test_imported_pairs_find_who_an_email_does_not_and_give_them_back_when_withdrawn(
    spark: SparkSession, shared_data: Path, warehouse_path: Path
) -> None:
    folder = folder_of(shared_data, "splink-fake-1000")
    with (folder / "fake_1000.csv").open(encoding="utf-8") as file:
        truth = partition({f"r-{row['unique_id']}": row["cluster"] for row in csv.DictReader(file)})
    records = f"sources.records.path={folder}/fake_1000.csv"
    emails = recipe("splink.yaml", warehouse_path, records, "links={}")
    # clerical labels in place of a linker's guesses: half of the pairs are said to be none
    labels = (
        f"links.splink.path={folder}/fake_1000_labels.csv",
        "links.splink.format=csv",
        "links.splink.where={clerical_match_score: {at_least: 0.5}}",
    )
    linked = recipe("splink.yaml", warehouse_path, records, *labels)

    # e-mails alone, typing errors and all
    run_pipeline(spark, emails)
    before = people(warehouse_path)
    by_email = groups(warehouse_path, "record_id")
    assert (len(by_email), len(pairs_of(by_email) & pairs_of(truth)), len(pairs_of(by_email))) == (635, 682, 682)
    assert len(pairs_of(truth)) == 2_031

    # with the pairs
    second = run_pipeline(spark, linked)
    assert groups(warehouse_path, "record_id") == truth
    assert second.metrics["records_in|links.splink"] == 3_176
    assert second.metrics["links|splink"] == 2_031
    assert second.metrics["link_records_left_out|splink"] == 1_145
    assert Counter(row["source"] for row in read_table(warehouse_path, "edges").to_pylist())["splink"] == 2_031

    # once more: nothing is written
    versions = published_versions(warehouse_path)
    assert run_pipeline(spark, linked).stages["graph"].state == "unchanged"
    assert published_versions(warehouse_path) == versions

    # withdrawn: everybody has the former ID again
    run_pipeline(spark, emails)
    assert people(warehouse_path) == before


def test_accounts_are_rolled_up_to_persons_by_declared_rules(
    spark: SparkSession, shared_data: Path, warehouse_path: Path
) -> None:
    folder = folder_of(shared_data, "video-accounts")
    settings = recipe(
        "accounts.yaml",
        warehouse_path,
        f"sources.accounts.path={folder}/entity.csv",
        f"sources.plays.path={folder}/video_play.csv",
    )

    result = run_pipeline(spark, settings)

    # accounts 1, 301 and 601 are one person, and so on
    assert groups(warehouse_path, "login") == {frozenset({str(n), str(n + 300), str(n + 600)}) for n in range(1, 301)}
    assert result.metrics["people"] == 300
    assert result.metrics["lines|accepted"] == 10_900
    # header lines that are repeated with a number in place of `id`: "play_date" is no date
    assert result.metrics["lines_quarantined|time.invalid"] == result.metrics["lines|quarantined"] == 9
    viewers = {
        row["user_id"] for row in read_table(warehouse_path, "events_resolved").to_pylist() if row["source"] == "plays"
    }
    assert len(viewers) == 300
    assert None not in viewers
