"""What all tests share: one Spark session, a warehouse of their own, and the sample data."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from pyspark.sql import SparkSession

from oneuser.spark.session import SparkSettings, build_session, has_graphframes, running_session
from oneuser.spark.temporarily import session_settings
from tests.plans import AS_ASKED, FOR_MANY_ROWS, LITTLE_JAVA

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")

# The same examples on every run; a slow machine is no failure.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The one session of a test run: two cores, two shuffle partitions, UTC, plans as asked: for few rows."""
    scratch = tmp_path_factory.mktemp("spark")
    session = build_session(
        SparkSettings(
            master="local[2]",
            driver_memory="2g",
            shuffle_partitions=2,
            conf={
                "spark.sql.warehouse.dir": str(scratch / "warehouse"),
                "spark.local.dir": str(scratch / "local"),
                # nobody looks at what is over
                "spark.sql.ui.retainedExecutions": "10",
                "spark.ui.retainedJobs": "10",
                "spark.ui.retainedStages": "10",
                **LITTLE_JAVA,
                **AS_ASKED,
            },
            uses_s3a=True,
        ),
        app_name="oneuser-tests",
    )
    session.sparkContext.setCheckpointDir(str(scratch / "checkpoints"))
    yield session
    session.stop()


@pytest.fixture(scope="module", autouse=True)
def _begin_with_plans_as_asked() -> None:
    """A command line that a test called has left the session as a user's configuration wants it."""
    session = running_session()
    if session is not None:
        for key, value in AS_ASKED.items():
            session.conf.set(key, value)


@pytest.fixture
def planned_for_many_rows(spark: SparkSession) -> Iterator[None]:
    """The session plans as for large data: with compiled code, and with plans that are adapted on the way."""
    with session_settings(spark, FOR_MANY_ROWS):
        yield


@pytest.fixture
def warehouse_path(tmp_path: Path) -> Path:
    """Where a test may put its warehouse. The folder does not exist yet."""
    return tmp_path / "warehouse"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real sample data beside the project. Tests of it are skipped where it is not."""
    folder = Path(os.environ.get("ONEUSER_SHARED_DATA", SHARED_DATA))
    if not folder.is_dir():
        pytest.skip("the sample data is not there: put it beside the project as ../shared/data")
    return folder


@pytest.fixture(scope="session")
def browser() -> str:
    """The program of a headless Chromium."""
    found = next((program for name in BROWSERS if (program := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on this machine")
    return found


@pytest.fixture(autouse=True)
def _skip_where_something_is_missing(request: pytest.FixtureRequest) -> None:
    """Skip tests marked `graphframes` or `browser`, with the reason, where theirs is not there."""
    if request.node.get_closest_marker("browser"):
        request.getfixturevalue("browser")
    if request.node.get_closest_marker("graphframes") and not has_graphframes(request.getfixturevalue("spark")):
        pytest.skip("the GraphFrames JAR is not on the class path")
