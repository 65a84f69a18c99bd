"""The whole job with its sources and its warehouse on `s3a://`, as the command line does it."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from oneuser import open_warehouse
from oneuser.config import load_config
from oneuser.core.errors import EnvironmentProblem
from oneuser.runs.run import RunOptions, open_for_writing, run_pipeline
from oneuser.spark.jars import look_for_s3a_jars
from tests.environments.separate import skip_or_fail
from tests.integration.emulated_s3 import ACCESS, EmulatedS3, emulated_s3, require_s3a, use_bucket

pytestmark = pytest.mark.soak
SECRET = "ONEUSER_TEST_KEY_ON_S3"


def lines_of(day: int, *, n_people: int) -> str:
    """Three events of each person on a day: a visit, a login and an order."""
    lines = []
    for person in range(n_people):
        for number, kind in enumerate(("page", "identify", "track")):
            at = f"2026-03-{day:02}T{9 + number:02}:{person:02}:00Z"
            message = {
                "messageId": f"{day}-{person}-{number}",
                "type": kind,
                "anonymousId": f"browser-{person}-{day}",
                "timestamp": at,
                "receivedAt": at,
            }
            if kind == "identify":
                message["userId"] = f"person-{person}"
            if kind == "track":
                message |= {"event": "Order Completed", "properties": {"revenue": 10 + person}}
            lines.append(json.dumps(message))
    return "\n".join(lines) + "\n"


class Deployment:
    """A bucket with events, and the configuration of a job on it."""

    def __init__(self, store: EmulatedS3, folder: Path) -> None:
        self.store = store
        self.bucket = "whole-job"
        self.root = f"s3a://{self.bucket}/warehouse"
        self.config = folder / "oneuser.json"
        store.make_bucket(self.bucket)
        self.put_day(2, n_people=30)
        conf = {
            "spark.hadoop.fs.s3a.endpoint": store.endpoint,
            "spark.hadoop.fs.s3a.endpoint.region": ACCESS["AWS_REGION"],
            "spark.hadoop.fs.s3a.path.style.access": "true",
        }
        settings = {
            "deployment": "shop",
            "warehouse": self.root,
            "keys": {"identifiers": f"env:{SECRET}"},
            "sources": {"web": {"path": f"s3a://{self.bucket}/events/*.jsonl", "format": "jsonl", "preset": "segment"}},
            "spark": {"master": "local[2]", "driver_memory": "1g", "shuffle_partitions": 2, "conf": conf},
        }
        self.config.write_text(json.dumps(settings))

    def put_day(self, day: int, *, n_people: int) -> None:
        """Events of one more day."""
        self.store.put(f"{self.bucket}/events/day-{day:02}.jsonl", lines_of(day, n_people=n_people))

    def start(self, *command: str) -> subprocess.Popen[str]:
        """A verb in a process of its own, with credentials from the environment."""
        environment = os.environ | ACCESS | {SECRET: "k1 " + "5e" * 32}
        line = [sys.executable, "-m", "oneuser.cli.main", *command, "--config", str(self.config)]
        return subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def do(self, *command: str) -> str:
        """What a verb answers, which ends well."""
        process = self.start(*command)
        answer, said = process.communicate(timeout=600)
        assert process.returncode == 0, said[-4000:]
        return answer

    def published(self) -> dict[str, object]:
        """What `published.json` says."""
        listing: dict[str, object] = json.loads(self.store.read(f"{self.bucket}/warehouse/published.json"))
        return listing

    def n_rows(self, table: str) -> int:
        """Rows of a published table, as delta-rs reads it by the path and version that `published.json` has."""
        entry = self.published()["tables"][table]  # type: ignore[index]
        options = ACCESS | {"AWS_ENDPOINT_URL": self.store.endpoint, "AWS_ALLOW_HTTP": "true"}
        return int(
            DeltaTable(entry["path"], version=entry["version"], storage_options=options).to_pyarrow_table().num_rows
        )


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment whose first run is published."""
    if look_for_s3a_jars() is None:
        skip_or_fail("the JARs for s3a:// are missing: `make environments` fetches them, which needs the network once")
    folder = tmp_path_factory.mktemp("s3")
    with emulated_s3(folder) as store:
        deployment = Deployment(store, folder)
        started = time.monotonic()
        assert json.loads(deployment.do("run", "--json"))["published"] is True
        print(f"first run: {time.monotonic() - started:.0f} s, {len(store.requests())} requests")
        yield deployment


def test_the_job_publishes_and_readers_without_spark_follow(deployment: Deployment) -> None:
    assert deployment.published()["run"] == 1
    assert deployment.n_rows("events") == 90
    assert deployment.n_rows("dim_user") == 30
    asked = deployment.store.requests()
    assert not [line for line in asked if line.startswith("DELETE") and "published.json" in line]
    assert len([line for line in asked if line.startswith("PUT") and "published.json" in line]) == 1


def test_a_run_that_finds_nothing_new_looks_and_leaves_what_readers_follow_alone(deployment: Deployment) -> None:
    before, began = len(deployment.store.requests()), processor_seconds()

    answer = json.loads(deployment.do("run", "--json"))

    assert (answer["published"], answer["nothing_new"]) == (False, True)
    took, asked = processor_seconds() - began, deployment.store.requests()[before:]
    print(f"nothing new: {took:.1f} s of a processor, {len(asked)} requests")
    assert {line.partition(" ")[0] for line in asked} == {"GET", "HEAD"}
    # a Java alone takes more of either; a processor's seconds are the same on a busy machine, or nearly
    assert took < 3
    assert len(asked) < 200


def processor_seconds() -> float:
    """Of processes that this one has started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_of_two_drivers_at_once_one_publishes_and_the_other_is_told_to_come_later(deployment: Deployment) -> None:
    run_before = deployment.published()["run"]
    deployment.put_day(3, n_people=40)

    both = [deployment.start("run", "--json") for _ in range(2)]
    said = [one.communicate(timeout=900)[0] for one in both]

    assert sorted(one.returncode for one in both) == [0, 4], said
    loser = next(json.loads(text) for one, text in zip(both, said, strict=True) if one.returncode == 4)
    assert loser["exit_code"] == 4
    assert deployment.published()["run"] != run_before
    assert deployment.n_rows("events") == 90 + 120
    assert deployment.n_rows("dim_user") == 40


def test_a_rollback_shows_an_earlier_run_again(deployment: Deployment) -> None:
    deployment.do("rollback", "--to", "1", "--yes", "--json")

    assert deployment.published()["run"] == 1
    assert deployment.n_rows("events") == 90


def test_a_commit_that_was_put_over_one_of_ours_after_its_stage_is_never_shown(
    spark: SparkSession, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a driver that has lost its lease, and whose late commit takes the place of ours, as S3 lets it
    require_s3a(spark)
    use_bucket(spark, deployment.store.options(deployment.bucket))
    monkeypatch.setenv(SECRET, "k1 " + "5e" * 32)
    config = load_config(deployment.config)
    deployment.put_day(4, n_people=5)
    before = deployment.published()

    class StaleDriver:
        def stage_begins(self, stage: str, number: int, n_stages: int) -> None:
            pass

        def stage_ends(self, record: object) -> None:
            if getattr(record, "stage", None) == "retention":
                overwrite_commit()

    def overwrite_commit() -> None:
        log = f"{deployment.bucket}/warehouse/tables/event_identifiers/_delta_log"
        names = open_for_writing(spark, config).files.names(f"s3a://{log}")
        newest = max(name for name in names if name.endswith(".json"))
        text = deployment.store.read(f"{log}/{newest}")
        assert '\\"fence\\": ' in text
        deployment.store.put(f"{log}/{newest}", text.replace('\\"fence\\": ', '\\"fence\\": 9'))

    # then the run ends without publishing
    with pytest.raises(EnvironmentProblem, match="was not written by this run"):
        run_pipeline(spark, config, RunOptions(listener=StaleDriver()))
    assert deployment.published() == before

    # and what it left is not gone on from
    result = run_pipeline(spark, config)
    assert (result.is_published, result.attempt) == (True, 1)
    assert open_warehouse(config=config, spark=spark).table("events").count() == 90 + 120 + 15


def test_whoever_is_erased_is_searched_for_in_every_object(deployment: Deployment, tmp_path: Path) -> None:
    request = tmp_path / "ask.json"
    identity = {"identity_type": "user_id", "identity_value": "person-1"}
    request.write_text(json.dumps({"subject_request_id": "ask-1", "subject_identities": [identity]}))

    (state,) = json.loads(
        deployment.do("privacy", "erase", str(request), "--scope", "connected", "--yes", "--purge-now", "--json")
    )

    scan = state["receipt"]["scan"]
    assert (state["state"], state["receipt"]["outcome"], scan["is_done"]) == ("completed", "done", True)
    assert scan["n_files"] > 50
    assert deployment.n_rows("dim_user") == 29
    (proof,) = json.loads(deployment.do("privacy", "prove", str(request), "--json"))
    assert (proof["left"], proof["n_files"] > 50) == ([], True)

    # what somebody has left there is found, be it packed or hidden
    for name in ("control/notes.txt", "control/.notes.gz", "tables/.hidden/notes.txt"):
        text = b"called Person-1, no answer"
        content = gzip.compress(text) if name.endswith(".gz") else text
        assert deployment.store.ask("PUT", f"{deployment.bucket}/warehouse/{name}", content).status == 200
    process = deployment.start("privacy", "prove", str(request), "--json")
    answer, said = process.communicate(timeout=600)
    assert process.returncode == 1, said[-4000:]
    (proof,) = json.loads(answer)
    assert [path.removeprefix(f"{deployment.root}/") for path in proof["left"]] == [
        "control/.notes.gz", "control/notes.txt", "tables/.hidden/notes.txt",
    ]  # fmt: skip
