from __future__ import annotations

import errno
import os

import pytest
from py4j.protocol import Py4JError
from pyspark.errors import PySparkRuntimeError

from oneuser.core.errors import EnvironmentProblem, GateError, OneUserError
from oneuser.runs.boundary import as_own_error, own_errors

ADDRESS = "ann@example.com"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_storage_that_fails_is_a_problem_of_the_surroundings(number: int) -> None:
    error = as_own_error(OSError(number, "as the system says it", "/data/warehouse/tables"))

    assert isinstance(error, EnvironmentProblem)
    assert error.exit_code == 5
    assert error.where == "/data/warehouse/tables"
    assert error.next_step


@pytest.mark.parametrize(("number", "code"), [(errno.ESTALE, 5), (errno.ECONNRESET, 5), (errno.ENOENT, 1)])
def test_a_share_or_a_host_that_is_gone_for_a_while_is_tried_again_and_a_missing_file_is_not(
    number: int, code: int
) -> None:
    assert as_own_error(OSError(number, os.strerror(number))).exit_code == code


def test_a_full_disk_under_spark_is_a_problem_of_the_surroundings() -> None:
    error = as_own_error(Py4JError("java.io.IOException: No space left on device"), where="/data/warehouse")

    assert (error.exit_code, error.where) == (5, "/data/warehouse")


@pytest.mark.parametrize(
    ("said", "found", "next_step"),
    [
        ('UnsupportedFileSystemException: No FileSystem for scheme "s3"', "no file system for s3://", "write s3a://"),
        ('UnsupportedFileSystemException: No FileSystem for scheme "oss"', "no file system for oss://", "the scheme"),
        (
            'UnsupportedFileSystemException: No FileSystem for scheme "S3A"',
            "no file system for S3A://",
            "small letters",
        ),
        (
            "ClassNotFoundException: Class org.apache.hadoop.fs.s3a.S3AFileSystem not found",
            "lacks the class org.apache.hadoop.fs.s3a.S3AFileSystem",
            "--with s3",
        ),
        ("NoClassDefFoundError: software/amazon/awssdk/core/Sdk", "lacks the class software/amazon", "--with s3"),
        ("org.apache.hadoop.fs.s3a.UnknownStoreException: `s3a://b/': Bucket does not exist", "bucket", "make it"),
        ("InvalidAccessKeyId: The AWS Access Key Id you provided", "does not accept the credentials", "credentials"),
        ("java.io.FileNotFoundException: /in/a.jsonl (Permission denied)", "permission denied", "permissions"),
        ("java.io.FileNotFoundException: /in/a.jsonl (Is a directory)", "a folder is where a file", "move the folder"),
        ("FileAlreadyExistsException: /wh exists and is not a directory", "where a file is", "move the file away"),
        ("FileNotFoundException: File file:/in/a.jsonl does not exist", "is gone", "bring it back"),
        ("java.net.UnknownHostException: nn", "does not answer", "the address"),
        ("PythonException: ModuleNotFoundError: No module named 'orjson'", "lacks the module orjson", "--archives"),
        ('java.io.IOException: Cannot run program "python3": error=2', "no worker of Python", "PYSPARK_PYTHON"),
        ("java.lang.OutOfMemoryError: Java heap space", "out of memory", "driver_memory"),
        ("An error occurred while trying to connect to the Java server (127.0.0.1:1)", "is gone", "too little memory"),
    ],
)
def test_each_problem_of_the_surroundings_has_a_name_and_a_next_step(said: str, found: str, next_step: str) -> None:
    error = as_own_error(Py4JError(f"job failed\n{said}\n of {ADDRESS}"), where="/data/warehouse")

    assert (type(error), error.exit_code, error.where) == (EnvironmentProblem, 5, "/data/warehouse")
    assert found in error.found
    assert next_step in error.next_step
    assert error.expected
    assert ADDRESS not in str(error)


def test_what_spark_says_about_a_row_is_not_repeated() -> None:
    problem = PySparkRuntimeError(f"org.apache.spark.SparkArithmeticException: cannot cast {ADDRESS!r} to INT")

    error = as_own_error(problem)

    assert error.exit_code == 1
    assert "SparkArithmeticException" in str(error)
    assert ADDRESS not in str(error)


def test_an_unexpected_problem_names_its_kind_and_place_but_no_value() -> None:
    error = as_own_error(KeyError(ADDRESS))

    assert (type(error), error.exit_code) == (OneUserError, 1)
    assert "KeyError" in error.found
    assert ADDRESS not in str(error)


def test_an_error_of_ours_stays_what_it_is() -> None:
    refusal = GateError(found="too many merges")

    assert as_own_error(refusal) is refusal


def test_problems_of_storage_inside_a_run_name_the_warehouse() -> None:
    with pytest.raises(EnvironmentProblem) as raised, own_errors("s3a://bucket/warehouse"):
        raise Py4JError("java.io.IOException: Disk quota exceeded")

    assert raised.value.where == "s3a://bucket/warehouse"
    assert "what was published stands" in raised.value.next_step
