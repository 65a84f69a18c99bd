"""Whether two writers can commit the same version of a Delta table, by the store on which it lies."""

from __future__ import annotations

from collections.abc import Callable

# where Delta looks for the class that commits on s3a://
_KEYS = ("spark.delta.logStore.s3a.impl", "spark.delta.logStore.class")
_ON_DYNAMODB = "io.delta.storage.S3DynamoDBLogStore"


def has_exclusive_commits(scheme: str, conf: Callable[[str, str], str | None]) -> bool:
    """Whether of two commits of the same version only one lands.

    On `s3a://`, Delta looks whether a commit is there and then puts its own, so that both land and the last one stays,
    unless its log store on DynamoDB is asked for.

    Args:
        scheme: Of the file system.
        conf: What a key of Spark's configuration says, with a text for where it says nothing.
    """
    return scheme != "s3a" or any(conf(key, "") == _ON_DYNAMODB for key in _KEYS)
