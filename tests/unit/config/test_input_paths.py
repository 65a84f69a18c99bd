"""Whether a configuration names paths of S3."""

from __future__ import annotations

from typing import Any

import pytest

from oneuser.config import make_config
from oneuser.config.input_paths import names_s3a

LOCAL: dict[str, Any] = {
    "deployment": "shop",
    "warehouse": "/data/warehouse",
    "keys": {"identifiers": "env:KEY"},
    "sources": {"web": {"path": "/data/web.jsonl", "format": "jsonl", "preset": "segment"}},
}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, False),
        ({"warehouse": "s3a://people/warehouse"}, True),
        ({"raw_root": "s3a://people/raw"}, True),
        ({"sources": {"web": LOCAL["sources"]["web"] | {"path": "s3a://people/*.jsonl"}}}, True),
        ({"spark": {"conf": {"spark.hadoop.fs.defaultFS": "s3a://people"}}}, True),
        ({"warehouse": "gs://people/warehouse"}, False),
        ({"warehouse": "/data/s3a:/warehouse"}, False),
    ],
    ids=["none", "warehouse", "raw root", "source", "default", "another storage", "a name like it"],
)
def test_paths_of_s3_are_found_wherever_they_stand(more: dict[str, Any], *, expected: bool) -> None:
    assert names_s3a(make_config(LOCAL | more)) is expected
