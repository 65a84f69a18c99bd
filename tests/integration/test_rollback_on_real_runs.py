"""Rollback and refusal on the history of a real project, as another engine reads what is published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from pyspark.sql import SparkSession

from oneuser import open_warehouse
from oneuser.cli.main import main
from oneuser.config import Config
from oneuser.config.model import Gates
from oneuser.core.errors import GateError
from oneuser.runs.nothing_new import find_nothing_new
from tests.integration.published import people
from tests.integration.test_real_identity import FOLDER, config, run, split_by_receipt

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def git_folder(shared_data: Path) -> Path:
    folder = shared_data / FOLDER
    if not folder.is_dir():
        pytest.skip(f"{FOLDER} is not among the sample data")
    return folder


@dataclass(frozen=True)
class TwoRuns:
    """The history in two runs, and who had which User ID after each."""

    warehouse: Path
    settings: Config
    owners: tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]


@pytest.fixture(scope="module")
def two_runs(spark: SparkSession, git_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> TwoRuns:
    scratch = tmp_path_factory.mktemp("two-runs")
    warehouse, inputs = scratch / "warehouse", scratch / "inputs"
    split_by_receipt(git_folder / "events.jsonl.gz", scratch / "parts")
    inputs.mkdir()
    settings = config(warehouse, f"{inputs}/*.jsonl")
    owners = []
    for part in ("early.jsonl", "late.jsonl"):
        (scratch / "parts" / part).rename(inputs / part)
        run(spark, settings)
        owners.append(people(warehouse))
    return TwoRuns(warehouse, settings, (owners[0], owners[1]))


def n_people_by_duckdb(spark: SparkSession, warehouse: Path) -> tuple[int, int, int]:
    """Rows of `dim_user`, owners in the map, and messages with an owner, as another engine reads what is published."""
    views = open_warehouse(warehouse, spark=spark).views("duckdb")
    with duckdb.connect() as connection:
        connection.execute(views)
        found = connection.execute(
            "SELECT (SELECT count(*) FROM dim_user), (SELECT count(DISTINCT user_id) FROM identifier_map),"
            " (SELECT count(user_id) FROM events_resolved)"
        ).fetchone()
    assert found is not None
    return found[0], found[1], found[2]


def test_a_refused_run_shows_nothing_and_a_rollback_changes_what_is_shown_and_nothing_else(
    spark: SparkSession, two_runs: TwoRuns
) -> None:
    warehouse, (early, late) = two_runs.warehouse, two_runs.owners
    all_messages = 59_067
    assert n_people_by_duckdb(spark, warehouse) == (2_169, 2_169, all_messages)

    # when a gate refuses a run that would show other people, then readers still see those of before
    strict = two_runs.settings.model_copy(update={"gates": Gates(max_largest_component=1)})
    with pytest.raises(GateError) as refusal:
        run(spark, strict)
    assert "max_largest_component" in refusal.value.gate
    assert n_people_by_duckdb(spark, warehouse) == (2_169, 2_169, all_messages)

    # when the first run is shown again, then its people are there, and an ID that only the second knows is vacant
    assert main(["rollback", "--to", "1", "--reason", "test", "--yes", "--warehouse", str(warehouse)]) == 0
    n_early, n_owners, n_messages = n_people_by_duckdb(spark, warehouse)
    assert n_early == n_owners == 357
    assert 0 < n_messages < all_messages
    assert people(warehouse) == early
    only_late = min(set(late.values()) - set(early.values()))
    assert open_warehouse(warehouse, spark=spark).resolve_user_id(only_late) == "vacant"

    # and the next run goes on from the second, though there is nothing new
    assert find_nothing_new(two_runs.settings) is None
    assert run(spark, two_runs.settings).is_published
    assert n_people_by_duckdb(spark, warehouse) == (2_169, 2_169, all_messages)
    assert people(warehouse) == late
