"""The files of a table's version, read from Delta's checksum: all of them, or none and the question goes to Delta."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyspark.sql import types as T

from oneuser.storage.listing import read_listing, read_n_bytes

SCHEMA = T.StructType([T.StructField("n", T.LongType())])


def added(path: str, **facts: Any) -> dict[str, Any]:
    return {"path": path, "partitionValues": {}, "size": 10, "modificationTime": 0, "dataChange": True} | facts


def checksum(*files: dict[str, Any], **facts: Any) -> str:
    metadata = {
        "id": "t",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": SCHEMA.json(),
        "partitionColumns": [],
        "configuration": {},
    }
    whole = {
        "numFiles": len(files),
        "protocol": {"minReaderVersion": 1, "minWriterVersion": 2},
        "metadata": metadata,
        "allFiles": list(files),
    }
    return json.dumps(whole | facts)


def test_files_and_columns_are_those_of_the_checksum() -> None:
    listing = read_listing(checksum(added("part-0.parquet"), added("part-1.parquet")))

    assert listing is not None
    assert (listing.files, listing.schema) == (("part-0.parquet", "part-1.parquet"), SCHEMA)


def test_a_table_without_files_is_listed_as_empty() -> None:
    listing = read_listing(checksum())

    assert listing is not None
    assert listing.files == ()


def test_names_are_read_as_parts_of_a_uri() -> None:
    listing = read_listing(checksum(added("part%20of%25it.parquet")))

    assert listing is not None
    assert listing.files == ("part of%it.parquet",)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(checksum(added("a", deletionVector={"storageType": "u"})), id="deleted rows"),
        pytest.param(checksum(added("a", partitionValues={"day": "1"})), id="values outside the files"),
        pytest.param(checksum(added("s3://elsewhere/a")), id="a file elsewhere"),
        pytest.param(checksum(added("a"), numFiles=2), id="fewer files than there are"),
        pytest.param(checksum(added("a"), allFiles=None), id="no list"),
        pytest.param(checksum(*[added(f"{n}") for n in range(33)]), id="many files"),
        pytest.param(checksum(added("a"), protocol={"minReaderVersion": 3}), id="features of the reader"),
        pytest.param(checksum(added("a"), metadata=None), id="no columns"),
    ],
)
def test_what_the_checksum_does_not_say_whole_is_left_to_delta(text: str) -> None:
    assert read_listing(text) is None


def test_the_bytes_of_a_version_are_known_where_the_checksum_says_so() -> None:
    assert read_n_bytes(checksum(added("part-0.parquet"), tableSizeBytes=12_345)) == 12_345
    assert read_n_bytes(checksum(added("part-0.parquet"))) is None
