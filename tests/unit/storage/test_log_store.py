from __future__ import annotations

import pytest

from oneuser.storage.log_store import has_exclusive_commits

ON_DYNAMODB = "io.delta.storage.S3DynamoDBLogStore"


@pytest.mark.parametrize(
    ("scheme", "conf", "expected"),
    [
        ("file", {}, True),
        ("abfss", {}, True),
        ("s3a", {}, False),
        ("s3a", {"spark.delta.logStore.s3a.impl": ON_DYNAMODB}, True),
        ("s3a", {"spark.delta.logStore.class": ON_DYNAMODB}, True),
        ("s3a", {"spark.delta.logStore.s3a.impl": "io.delta.storage.S3SingleDriverLogStore"}, False),
        ("s3a", {"spark.delta.logStore.gs.impl": ON_DYNAMODB}, False),
    ],
)
def test_on_s3_two_commits_of_a_version_both_land_unless_dynamodb_keeps_them_apart(
    scheme: str, conf: dict[str, str], *, expected: bool
) -> None:
    assert has_exclusive_commits(scheme, conf.get) is expected
