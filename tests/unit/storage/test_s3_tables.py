"""What is left to Spark of a warehouse on S3: whatever may mean another store, and whatever the store does not give."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from oneuser.contracts.graph import FILES
from oneuser.storage.layout import MARKER, Layout
from oneuser.storage.s3_tables import S3Tables
from oneuser.storage.table_reader import read_rows
from oneuser.storage.uncertain import UncertainError
from tests.integration.emulated_s3 import ACCESS, EmulatedS3, emulated_s3

ENDPOINT = "spark.hadoop.fs.s3a.endpoint"
ROOT = "s3a://people/warehouse"


@pytest.fixture(autouse=True)
def access(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says of a store: this, and nothing else."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name == "SPARK_HOME":
            monkeypatch.delenv(name)
    for name, value in ACCESS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedS3]:
    """A store with a warehouse of no tables."""
    with emulated_s3(tmp_path_factory.mktemp("s3")) as store:
        store.make_bucket("people")
        store.put(f"people/warehouse/{MARKER}", "é\n")
        yield store


def test_the_store_is_told_by_spark_s_configuration_else_by_the_environment(
    store: EmulatedS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = store.endpoint.removeprefix("http://")
    told = [{ENDPOINT: store.endpoint}, {ENDPOINT: host, "spark.hadoop.fs.s3a.connection.ssl.enabled": "false"}]

    for conf in told:
        # the configuration counts more
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        assert S3Tables(Layout.of(ROOT), conf).text(MARKER) == "é\n"
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
    tables = S3Tables(Layout.of(ROOT), {ENDPOINT: "s3.amazonaws.com", "spark.hadoop.fs.s3a.attempts.maximum": "3"})

    assert (tables.root, tables.exists(), tables.head(FILES), read_rows(tables, FILES, None)) == (ROOT, True, None, [])


@pytest.mark.parametrize(
    "conf",
    [
        {"spark.hadoop.fs.s3a.bucket.people.endpoint": "https://s3.example.com"},
        {"spark.hadoop.fs.s3a.aws.credentials.provider": "com.example.Provider"},
        {"spark.delta.logStore.s3a.impl": "io.delta.storage.S3DynamoDBLogStore"},
    ],
    ids=lambda conf: next(iter(conf)),
)
def test_settings_that_are_not_known_are_left_to_spark(conf: dict[str, str]) -> None:
    with pytest.raises(UncertainError, match="more of the store than is known"):
        S3Tables(Layout.of(ROOT), conf)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("AWS_ACCESS_KEY_ID", None, "no keys"),
        ("AWS_SECRET_ACCESS_KEY", None, "no keys"),
        ("AWS_REGION", None, "region"),
        ("AWS_PROFILE", "work", "elsewhere"),
        ("SPARK_HOME", "/opt/spark", "elsewhere"),
        ("AWS_ACCESS_KEY_ID", "two\nlines", "no request"),
        ("AWS_SESSION_TOKEN", "two\nlines", "no request"),
        ("AWS_ENDPOINT_URL", "https://", "no request"),
        ("AWS_ENDPOINT_URL", "https://s3.example.com:99999", "no request"),
        ("AWS_ENDPOINT_URL", "https://not a host", "no request"),
    ],
)
def test_an_environment_that_does_not_say_all_is_left_to_spark(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None, why: str
) -> None:
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)

    with pytest.raises(UncertainError, match=why):
        S3Tables(Layout.of(ROOT), {})


@pytest.mark.parametrize("root", ["gs://people/warehouse", "s3://people/warehouse", "s3a://people/a%20b", "s3a://_/a"])
def test_other_storages_and_odd_names_are_left_to_spark(root: str) -> None:
    with pytest.raises(UncertainError, match="not on s3a"):
        S3Tables(Layout.of(root), {})
    with pytest.raises(UncertainError, match="not on s3a"):
        S3Tables(Layout.of(ROOT, raw_root=root), {})


def test_what_the_store_does_not_give_is_left_to_spark(store: EmulatedS3) -> None:
    here = {ENDPOINT: store.endpoint}
    nothing = S3Tables(Layout.of("s3a://people/nothing"), here)
    no_bucket = S3Tables(Layout.of("s3a://no-such-bucket/warehouse"), here)
    silent = S3Tables(Layout.of(ROOT), {ENDPOINT: "http://127.0.0.1:9"})

    with pytest.raises(UncertainError, match="no warehouse, or no bucket"):
        nothing.exists()
    for tables in (no_bucket, silent):
        with pytest.raises(UncertainError):
            tables.exists()
        with pytest.raises(UncertainError, match="files cannot be read"):
            tables.head(FILES)
        with pytest.raises(UncertainError, match="files cannot be read"):
            read_rows(tables, FILES, 0)
        with pytest.raises(UncertainError, match=rf"{MARKER} cannot be read"):
            tables.text(MARKER)
