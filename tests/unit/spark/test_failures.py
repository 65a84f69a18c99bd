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


GONE = "[FAILED_READ_FILE.FILE_NOT_EXIST] Encountered error while reading file {}. File does not exist."


@pytest.mark.parametrize("root", ["/data/warehouse", "file:///data/warehouse", "s3a://people/warehouse/"])
def test_a_file_of_a_table_that_is_gone_is_named_and_no_run_is_blamed(root: str) -> None:
    place = root.removeprefix("file://").rstrip("/")
    text = GONE.format(f"{place}/tables/dim_user/part-00000-1c-c000.snappy.parquet")

    problem = as_surroundings(text, where=root)

    assert problem is not None
    assert problem.found == "a file of the warehouse is gone: tables/dim_user/part-00000-1c-c000.snappy.parquet"
    assert "copy" in problem.next_step


def test_any_other_file_that_is_gone_is_not_named() -> None:
    problem = as_surroundings(GONE.format("/data/events/ann@example.com.jsonl"), where="/data/warehouse")

    assert problem is not None
    assert problem.found == "a file that is read is gone"
    assert "ann@" not in str(problem)


def test_a_full_disk_is_no_missing_file() -> None:
    text = "java.io.FileNotFoundException: /data/warehouse/tables/edges/part-1 (No space left on device)"

    problem = as_surroundings(text, where="/data/warehouse")

    assert problem is not None
    assert problem.found == "no space left on the device"
