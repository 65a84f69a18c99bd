"""A warehouse on `s3a://`: small files, the lease, and what is said of a store that cannot be used."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from oneuser.cli.main import main
from oneuser.config import LeaseRules
from oneuser.core.errors import EnvironmentProblem, LockedError
from oneuser.runs.boundary import own_errors
from oneuser.runs.claim_rows import load_claims
from oneuser.runs.fencing import FencedClaim, FenceFiles
from oneuser.runs.holder import holder_name
from oneuser.runs.lease import Lease
from oneuser.storage.files import Files
from oneuser.storage.warehouse import Warehouse
from tests.integration.emulated_s3 import EmulatedS3, emulated_s3, require_s3a, use_bucket, without_conditions

BUCKET = "people"
ELSEWHERE = "another-host/1/1.00"


@pytest.fixture(scope="module")
def store(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedS3]:
    """A store with one bucket that the session can reach."""
    require_s3a(spark)
    with emulated_s3(tmp_path_factory.mktemp("s3")) as store:
        store.make_bucket(BUCKET)
        use_bucket(spark, store.options(BUCKET))
        yield store


@pytest.fixture
def warehouse(spark: SparkSession, store: EmulatedS3, request: pytest.FixtureRequest) -> Warehouse:
    """A warehouse of one's own in the bucket, in which nothing is yet."""
    name = re.sub(r"\W+", "-", request.node.name)
    return Warehouse(spark, f"s3a://{BUCKET}/{name}")


# small files ----------------------------------------------------------------------------------------------------------


def test_a_small_file_is_put_over_the_old_one_and_never_missing(spark: SparkSession, store: EmulatedS3) -> None:
    files, path = Files(spark), f"s3a://{BUCKET}/small/published.json"

    # when it is written, written again the same, and changed
    for text in ("one", "one", "two"):
        files.write_text(path, text)

    # then by one put each time that it says something else, without a file beside it
    assert files.read_text(path) == "two"
    asked = [line for line in store.requests() if "/small" in line]
    assert [line for line in asked if line.startswith("PUT")] == [f"PUT /{BUCKET}/small/published.json 200"] * 2
    assert not [line for line in asked if line.startswith("DELETE") and "published.json" in line]
    assert not [line for line in asked if ".part" in line]


def test_of_two_who_put_a_file_on_condition_one_is_told_that_it_is_its_own(
    spark: SparkSession, store: EmulatedS3
) -> None:
    files, path = Files(spark), f"s3a://{BUCKET}/once/7.json"

    assert [files.create_text(path, "first"), files.create_text(path, "second")] == [True, False]

    assert files.read_text(path) == "first"


# the lease ------------------------------------------------------------------------------------------------------------


def test_of_two_drivers_at_once_one_gets_the_lease_and_keeps_it(warehouse: Warehouse, store: EmulatedS3) -> None:
    # given two that have both seen that nobody holds it
    line = threading.Barrier(2, timeout=60)
    got: list[Lease | LockedError] = []

    class Slow(FenceFiles):
        def put(self, claim: FencedClaim) -> None:
            line.wait()
            super().put(claim)

    def race() -> None:
        try:
            got.append(Lease.acquire(Warehouse(warehouse.spark, warehouse.root), LeaseRules()))
        except LockedError as problem:
            got.append(problem)

    # when both claim it
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("oneuser.runs.lease.FenceFiles", Slow)
        racers = [threading.Thread(target=race) for _ in range(2)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()

    # then one has a file, and the other one's put was refused by the store
    lease = next(one for one in got if isinstance(one, Lease))
    assert sorted(type(one).__name__ for one in got) == ["Lease", "LockedError"]
    assert [(row["fence"], row["state"]) for row in load_claims(warehouse)] == [(1, "leased")]
    assert any(line.startswith("PUT") and line.endswith("/control/lease/1.json 412") for line in store.requests())

    # when a third one comes, and then one that takes it over, such as after a long silence of the first
    with pytest.raises(LockedError):
        Lease.acquire(Warehouse(warehouse.spark, warehouse.root), LeaseRules())
    fences = FenceFiles(warehouse)
    fences.put(FencedClaim(2, ELSEWHERE, datetime.now(UTC) + timedelta(minutes=5)))

    # then the first one can publish no more, and the number that it had is gone
    with pytest.raises(LockedError, match="took the lease over"):
        lease.publish(1, {})
    assert [row["state"] for row in load_claims(warehouse)] == ["leased"]
    assert warehouse.files.names(f"{warehouse.root}/control/lease") == ["2.json"]


def test_who_ended_between_its_file_and_its_row_is_waited_for_until_it_is_known_to_be_gone(
    warehouse: Warehouse,
) -> None:
    fences, now = FenceFiles(warehouse), datetime.now(UTC)

    # given a claim of another host that has no row
    fences.put(FencedClaim(1, ELSEWHERE, now + timedelta(minutes=5)))
    with pytest.raises(LockedError, match=ELSEWHERE):
        Lease.acquire(warehouse, LeaseRules())

    # when its time is over, and when one of this host has ended
    fences.put(FencedClaim(2, ELSEWHERE, now - timedelta(seconds=1)))
    fences.put(FencedClaim(3, holder_name().replace("/", "/9", 1), now + timedelta(minutes=5)))
    lease = Lease.acquire(warehouse, LeaseRules())
    lease.release()

    # then the next number is claimed
    assert [(row["fence"], row["state"]) for row in load_claims(warehouse)] == [(4, "released")]


def test_a_store_that_puts_whatever_the_condition_is_refused_unless_somebody_answers_for_it(
    spark: SparkSession, store: EmulatedS3
) -> None:
    store.make_bucket("heedless")
    with without_conditions(store) as heedless:
        use_bucket(spark, heedless.options("heedless"))
        warehouse = Warehouse(spark, "s3a://heedless/warehouse")

        with pytest.raises(EnvironmentProblem, match="cannot keep two runs apart") as refused:
            Lease.acquire(warehouse, LeaseRules())
        assert "lease.single_driver" in refused.value.next_step
        assert warehouse.files.stored_in(warehouse.root) == []

        Lease.acquire(warehouse, LeaseRules(single_driver=True)).release()
        assert [row["state"] for row in load_claims(warehouse)] == ["released"]


# what is said ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bucket", "option", "found", "next_step"),
    [
        ("no-such-bucket", {}, "does not exist", "make it"),
        ("silent", {"endpoint": "http://127.0.0.1:9"}, "does not answer", "endpoint"),
        (
            "locked",
            {"aws.credentials.provider": "org.apache.hadoop.fs.s3a.TemporaryAWSCredentialsProvider"},
            "credentials",
            "AWS_ACCESS_KEY_ID",
        ),
    ],
    ids=["no bucket", "no answer", "no permission"],
)
def test_a_store_that_cannot_be_used_is_named_with_what_to_do(
    spark: SparkSession, store: EmulatedS3, bucket: str, option: dict[str, str], found: str, next_step: str
) -> None:
    use_bucket(spark, store.options(bucket, attempts=1))
    use_bucket(spark, {f"fs.s3a.bucket.{bucket}.{name}": value for name, value in option.items()})

    with pytest.raises(EnvironmentProblem, match=found) as problem, own_errors("/somewhere/else"):
        Files(spark).exists(f"s3a://{bucket}/warehouse/oneuser.warehouse")

    assert problem.value.where == f"s3a://{bucket}"
    assert next_step in problem.value.next_step


def test_doctor_tries_the_storage_of_the_warehouse(
    spark: SparkSession, store: EmulatedS3, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "oneuser.json"
    (tmp_path / "lines.jsonl").touch()
    settings = {
        "deployment": "shop",
        "warehouse": f"s3a://{BUCKET}/looked-at",
        "keys": {"identifiers": f"file:{tmp_path}/key"},
        "sources": {"web": {"path": str(tmp_path / "lines.jsonl"), "format": "jsonl", "preset": "segment"}},
    }
    file.write_text(json.dumps(settings))

    main(["doctor", "--online", "--json", "--config", str(file)])

    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)["findings"]}
    assert found["S3A"]["state"] == "ok"
    assert found["Storage"] == {
        "name": "Storage",
        "state": "ok",
        "found": f"files put, one of them on condition, listed and deleted below s3a://{BUCKET}/looked-at",
        "meaning": "",
    }
    assert Files(spark).names(f"s3a://{BUCKET}/looked-at") == []
