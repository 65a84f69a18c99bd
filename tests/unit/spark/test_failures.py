"""What a message of Hadoop's tells of the storage."""

from __future__ import annotations

import pytest

from oneuser.spark.failures import as_surroundings


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        ("s3a://people/warehouse", "s3a://events"),
        ("s3a://events/day-1.jsonl", "s3a://events/day-1.jsonl"),
        ("", "s3a://events"),
    ],
)
def test_the_bucket_that_a_message_names_is_shown_where_nothing_closer_is_known(where: str, shown: str) -> None:
    text = "at s3a://elsewhere/x\njava.nio.file.AccessDeniedException: s3a://events/day-1.jsonl: getFileStatus"

    problem = as_surroundings(text, where=where)

    assert problem is not None
    assert problem.where == shown
