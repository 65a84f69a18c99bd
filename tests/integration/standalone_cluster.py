"""A cluster of this machine alone, and submitting to it: the package as a zip, JARs by `--jars`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyspark

from oneuser.spark.jars import find_jars

ROOT = Path(__file__).resolve().parents[2]
SPARK_HOME = Path(pyspark.__file__).parent
HOST = "127.0.0.1"
START_SECONDS, JOB_SECONDS, STOP_SECONDS = 60, 600, 20
# five JVMs for a minute on few cores: none lives long enough to win back the time of its optimising compiler
QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
# only the zip says so: what a run records as its code is then what came with --py-files
VERSION_IN_ZIP = "0.0.0+zip"


@dataclass(frozen=True)
class Worker:
    """A worker of the cluster: where it puts what its executors write, and its process."""

    folder: Path
    daemon: subprocess.Popen[bytes]

    def kill_executor(self) -> None:
        """Kill the worker's executor with everything that it keeps; the worker starts another."""
        below = psutil.Process(self.daemon.pid).children(recursive=True)
        executors = [one for one in below if any("CoarseGrainedExecutorBackend" in part for part in one.cmdline())]
        assert executors, "the worker has no executor"
        for executor in executors:
            executor.kill()


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
def cluster(
    scratch: Path, env: dict[str, str], *, n_workers: int = 2, memory: str = "1g"
) -> Iterator[tuple[str, list[Worker]]]:
    """A master and workers of one core each: its URL, and the workers."""
    spark_class = str(SPARK_HOME / "bin" / "spark-class")
    port = free_port()
    url = f"spark://{HOST}:{port}"
    place = ["--host", HOST, "--webui-port", "0", "--port"]
    with ExitStack() as running:
        log = scratch / "master.log"
        command = [spark_class, "org.apache.spark.deploy.master.Master", *place, str(port)]
        master = running.enter_context(process(command, log, env))
        wait_until_logged(log, f"Starting Spark master at {url}", master)
        workers = []
        for folder in (scratch / f"worker-{number}" for number in range(1, n_workers + 1)):
            command = [spark_class, "org.apache.spark.deploy.worker.Worker", *place, "0"]
            command += ["--cores", "1", "--memory", memory, "--work-dir", str(folder), url]
            workers.append(Worker(folder, running.enter_context(process(command, folder.with_suffix(".log"), env))))
        for worker in workers:
            wait_until_logged(worker.folder.with_suffix(".log"), "Successfully registered with master", worker.daemon)
        yield url, workers


def submit(
    scratch: Path,
    url: str,
    arguments: list[str],
    *,
    script: Path = ROOT / "jobs" / "run.py",
    more_conf: Mapping[str, str] | None = None,
) -> list[str]:
    """The command line that submits the whole job, or a script that does it in its own way."""
    conf: dict[str, str] = {
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
        **(more_conf or {}),
    }
    command = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", url, "--deploy-mode", "client"]
    command += ["--py-files", str(zip_package(scratch / "oneuser.zip"))]
    jars = find_jars()
    if jars:
        command += ["--jars", ",".join(str(jar) for jar in jars)]
    for key, value in conf.items():
        command += ["--conf", f"{key}={value}"]
    return [*command, str(script), *arguments]


def run_to_end(command: list[str], log: Path, env: dict[str, str]) -> None:
    """Run a submitted job; it must end with exit code 0."""
    with process(command, log, env) as job:
        wait_to_end(job, log)


def wait_to_end(job: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a submitted job; it must end with exit code 0."""
    try:
        code = job.wait(JOB_SECONDS)
    except subprocess.TimeoutExpired:
        code = None
    assert code == 0, log.read_text(encoding="utf-8", errors="replace")[-4000:]
