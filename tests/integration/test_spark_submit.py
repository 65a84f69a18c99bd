"""spark-submit to a real cluster: a master, two workers, the package as a zip, Delta by `--jars`.

Five JVMs take minutes on two cores, so the cluster is for `make soak`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark
import pytest
from ruamel.yaml import YAML

from oneuser.contracts.control import RUNS
from oneuser.demo.generate import DemoTruth, end_of, generate_demo
from oneuser.demo.measure import measure
from oneuser.demo.settings import demo_config
from oneuser.spark.jars import find_jars
from tests.integration.published import people, read_table

ROOT = Path(__file__).resolve().parents[2]
SPARK_HOME = Path(pyspark.__file__).parent
HOST = "127.0.0.1"
START_SECONDS, JOB_SECONDS, STOP_SECONDS = 60, 600, 20
# five JVMs for a minute on few cores: none lives long enough to win back the time of its optimising compiler
QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
# only the zip says so: what a run records as its code is then what came with --py-files
VERSION_IN_ZIP = "0.0.0+zip"
READ_PACKAGE_DATA = """
import sys
import oneuser
from oneuser.cli.main import main
from oneuser.events.mapping import load_preset, preset_names
from oneuser.marts.sessions.channel_rules import default_rules
from oneuser.report import page
assert oneuser.__file__.startswith(sys.argv[1]), oneuser.__file__
assert default_rules() and preset_names()
for name in preset_names():
    load_preset(name)
from jinja2 import Environment, PackageLoader
assert Environment(loader=PackageLoader("oneuser.report"), autoescape=True).list_templates()
sys.exit(main(["init", "--to", sys.argv[2]]))
"""


@dataclass(frozen=True)
class Submitted:
    """What a submitted run leaves."""

    warehouse: Path
    truth: DemoTruth
    folder: Path
    workers: list[Path]


def zip_package(target: Path) -> Path:
    """The package as `make dist` lays it out: `oneuser/` at the root of a zip."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((ROOT / "lib" / "oneuser").rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                name = str(path.relative_to(ROOT / "lib"))
                added = f'\n__version__ = "{VERSION_IN_ZIP}"\n' if name == "oneuser/core/version.py" else ""
                archive.writestr(name, path.read_bytes() + added.encode())
    return target


def environment(scratch: Path) -> dict[str, str]:
    """This environment without what the session of the other tests has put there, and without the source tree."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key != "PYTHONPATH" and not key.startswith(("PYSPARK", "SPARK"))
    }
    return kept | {
        "SPARK_HOME": str(SPARK_HOME),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_LOCAL_DIRS": str(scratch / "local"),
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": QUICK_START,
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
    }


@contextmanager
def process(command: list[str], log: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, which ends with the block and takes its children along."""
    with log.open("wb") as written:
        started = subprocess.Popen(command, env=env, stdout=written, stderr=written, start_new_session=True)
    try:
        yield started
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(started.pid, number)
                started.wait(STOP_SECONDS)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_logged(log: Path, text: str, daemon: subprocess.Popen[bytes]) -> None:
    """Wait until a daemon has said something."""
    deadline = time.monotonic() + START_SECONDS
    while text not in log.read_text(encoding="utf-8", errors="replace"):
        assert daemon.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-2000:]
        assert time.monotonic() < deadline, f"not within {START_SECONDS} s: {text}"
        time.sleep(0.1)


@contextmanager
def cluster(scratch: Path, env: dict[str, str]) -> Iterator[tuple[str, list[Path]]]:
    """A master and two workers of one core each: its URL, and the workers' folders."""
    spark_class = str(SPARK_HOME / "bin" / "spark-class")
    port = free_port()
    url = f"spark://{HOST}:{port}"
    place = ["--host", HOST, "--webui-port", "0", "--port"]
    with ExitStack() as running:
        log = scratch / "master.log"
        command = [spark_class, "org.apache.spark.deploy.master.Master", *place, str(port)]
        master = running.enter_context(process(command, log, env))
        wait_until_logged(log, f"Starting Spark master at {url}", master)
        folders = [scratch / "worker-1", scratch / "worker-2"]
        daemons = []
        for folder in folders:
            command = [spark_class, "org.apache.spark.deploy.worker.Worker", *place, "0"]
            command += ["--cores", "1", "--memory", "1g", "--work-dir", str(folder), url]
            daemons.append(running.enter_context(process(command, folder.with_suffix(".log"), env)))
        for folder, daemon in zip(folders, daemons, strict=True):
            wait_until_logged(folder.with_suffix(".log"), "Successfully registered with master", daemon)
        yield url, folders


def submit(scratch: Path, url: str, arguments: list[str]) -> list[str]:
    """The command line that submits the whole job."""
    conf = {
        "spark.driver.memory": "1g",
        "spark.driver.extraJavaOptions": QUICK_START,
        "spark.executor.extraJavaOptions": QUICK_START,
        "spark.driver.host": HOST,
        "spark.driver.bindAddress": HOST,
        "spark.executor.memory": "640m",
        "spark.executor.cores": "1",
        "spark.cores.max": "2",
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",  # begin when both executors are there
        "spark.ui.enabled": "false",
        # Delta and file listings plan for large clusters
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
        "spark.sql.warehouse.dir": str(scratch / "spark-warehouse"),
    }
    command = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", url, "--deploy-mode", "client"]
    command += ["--py-files", str(zip_package(scratch / "oneuser.zip"))]
    jars = find_jars()
    if jars:
        command += ["--jars", ",".join(str(jar) for jar in jars)]
    for key, value in conf.items():
        command += ["--conf", f"{key}={value}"]
    return [*command, str(ROOT / "jobs" / "run.py"), *arguments]


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Submitted:
    """One submitted run on a demo; it must end with exit code 0."""
    scratch = tmp_path_factory.mktemp("submit")
    folder, warehouse = scratch / "demo", scratch / "warehouse"
    truth = generate_demo(folder, events=1000, days=28, files=4)
    config = demo_config(folder, warehouse) | {"spark": {"master": None, "shuffle_partitions": 2}}
    YAML().dump(config, scratch / "cluster.yaml")
    arguments = ["--config", str(scratch / "cluster.yaml"), "--as-of", end_of(truth).isoformat(), "--quiet"]
    env, log = environment(scratch), scratch / "submit.log"
    with cluster(scratch, env) as (url, workers), process(submit(scratch, url, arguments), log, env) as job:
        try:
            code = job.wait(JOB_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
    assert code == 0, log.read_text(encoding="utf-8", errors="replace")[-4000:]
    return Submitted(warehouse, truth, folder, workers)


@pytest.mark.soak
def test_a_submitted_run_publishes_what_it_was_given(submitted: Submitted) -> None:
    assert json.loads((submitted.warehouse / "published.json").read_text())["run"] == 1
    assert read_table(submitted.warehouse, "events_resolved").num_rows == submitted.truth.accepted


@pytest.mark.soak
def test_a_submitted_run_finds_everybody(submitted: Submitted) -> None:
    owners = people(submitted.warehouse)

    agreement = measure(submitted.folder / "truth" / "people.csv", [(*key, user) for key, user in owners.items()])

    assert agreement.n_missing == 0
    assert agreement.recall >= agreement.reachable_recall > 0
    assert None not in owners.values()


@pytest.mark.soak
def test_both_executors_take_part_and_run_the_code_from_the_zip(submitted: Submitted) -> None:
    from deltalake import DeltaTable

    records = DeltaTable(submitted.warehouse / RUNS.zone / RUNS.name).to_pyarrow_table(columns=["code_version"])

    assert set(records.column("code_version").to_pylist()) == {VERSION_IN_ZIP}
    assert [len(list(folder.glob("app-*/*/oneuser.zip"))) for folder in submitted.workers] == [1, 1]


def test_data_of_the_package_is_read_from_a_zip(tmp_path: Path) -> None:
    archive = zip_package(tmp_path / "oneuser.zip")
    starter = tmp_path / "oneuser.yaml"

    subprocess.run(
        [sys.executable, "-c", READ_PACKAGE_DATA, str(archive), str(starter)],
        env=environment(tmp_path) | {"PYTHONPATH": str(archive)}, cwd=tmp_path, check=True, timeout=120,
    )  # fmt: skip

    assert "sources:" in starter.read_text(encoding="utf-8")
