"""Every engine on a real cluster, which loses an executor as soon as the engine has handed back its result.

The run publishes the people that all engines find, and nothing of what it kept on the way is left. Five JVMs take
minutes on two cores, so this is for `make soak`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from ruamel.yaml import YAML

from oneuser.contracts.control import RUNS
from oneuser.demo.generate import end_of, generate_demo
from oneuser.demo.settings import demo_config
from oneuser.spark.jars import find_jars
from tests.integration.lost_executor_script import CONNECTED, LOST
from tests.integration.published import partition, people
from tests.integration.standalone_cluster import Worker, cluster, environment, process, submit, wait_to_end

SCRIPT = Path(__file__).with_name("lost_executor_script.py")
CONNECT_SECONDS = 300

pytestmark = pytest.mark.soak


@dataclass(frozen=True)
class Running:
    """A cluster, and the log of events that every run on it reads."""

    url: str
    workers: list[Worker]
    scratch: Path
    as_of: str

    def run(self, name: str, graph: dict[str, Any], *, is_adaptive: str = "true") -> Path:
        """A run that loses an executor and must be published; its warehouse."""
        folder = self.scratch / name
        folder.mkdir()
        spark = {"master": None, "shuffle_partitions": 2, "conf": {"spark.sql.adaptive.enabled": is_adaptive}}
        config = demo_config(self.scratch / "demo", folder / "warehouse") | {"spark": spark, "graph": graph}
        YAML().dump(config, folder / "cluster.yaml")
        arguments = [str(folder), "--config", str(folder / "cluster.yaml"), "--as-of", self.as_of, "--quiet"]
        command, log = submit(folder, self.url, arguments, script=SCRIPT), folder / "submit.log"
        with process(command, log, environment(folder)) as job:
            deadline = time.monotonic() + CONNECT_SECONDS
            while not (folder / CONNECTED).exists():
                assert job.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-4000:]
                assert time.monotonic() < deadline, "the engine does not come to an end"
                time.sleep(0.1)
            self.workers[0].kill_executor()
            (folder / LOST).touch()
            wait_to_end(job, log)
        return folder / "warehouse"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    scratch = tmp_path_factory.mktemp("cluster")
    truth = generate_demo(scratch / "demo", events=1_000, days=28, files=4)
    with cluster(scratch, environment(scratch)) as (url, workers):
        yield Running(url, workers, scratch, end_of(truth).isoformat())


@pytest.fixture(scope="module")
def by_one_task(running: Running) -> Path:
    return running.run("one_task", {"engine": "one_task"})


def engine_of(warehouse: Path) -> tuple[str, str]:
    rows = DeltaTable(warehouse / RUNS.zone / RUNS.name).to_pyarrow_table().to_pylist()
    details = next(json.loads(row["details"]) for row in rows if row["stage"] == "graph")
    return details["engine"], details["engine_reason"]


def ends_well(warehouse: Path, by_one_task: Path, engine: str, reason: str) -> None:
    assert engine_of(warehouse) == (engine, reason)
    assert partition(people(warehouse)) == partition(people(by_one_task))
    assert not (warehouse / "raw" / ".checkpoints").exists()


def test_one_task_needs_no_executor_that_is_gone(by_one_task: Path) -> None:
    ends_well(by_one_task, by_one_task, "one_task", "asked for by graph.engine")


def test_what_contraction_found_outlives_an_executor(running: Running, by_one_task: Path) -> None:
    found = running.run("contraction", {"engine": "contraction", "one_task_max_edges": 1})

    ends_well(found, by_one_task, "contraction", "asked for by graph.engine")


@pytest.mark.parametrize("is_adaptive", ["true", "false"])
def test_what_graphframes_found_outlives_an_executor(running: Running, by_one_task: Path, is_adaptive: str) -> None:
    if not any("graphframes-spark" in jar.name for jar in find_jars()):
        pytest.skip("the GraphFrames JARs are not among those that ONEUSER_JARS names")

    found = running.run(f"graphframes-{is_adaptive}", {"engine": "graphframes"}, is_adaptive=is_adaptive)

    ends_well(
        found, by_one_task, "graphframes", "asked for by graph.engine; randomized_contraction of GraphFrames"
    )  # fmt: skip
