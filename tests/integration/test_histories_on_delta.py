"""Random histories through the real job, on Spark and Delta: it publishes what the plain oracle says."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.integration.delta_histories import RealDeployment, RotatedDeployment
from tests.oracle.side_by_side import history_for_the_job

# histories side by side in one warehouse, so that a run of the job is a run of all of them
N_TOGETHER = 25


# in `make test` the texts of conf/simulate go through the job, by test_simulate_equals_run
@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1010))
def test_the_job_publishes_what_the_oracle_says(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    compare(RealDeployment(spark, tmp_path), seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1010, 1015))
def test_with_a_rotation_before_every_run_as_well(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    compare(RotatedDeployment(spark, tmp_path), seed)


def compare(deployment: RealDeployment, seed: int) -> None:
    for n_run, run in enumerate(history_for_the_job(seed, N_TOGETHER)):
        found, wanted = deployment.beside(run)
        for part, expected in wanted.items():
            assert found[part] == expected, (seed, n_run, part)
