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


S3 = "software.amazon.awssdk.services.s3.model.S3Exception"
S3A = "org.apache.hadoop.fs.s3a"
IDS = "Request ID: 9XK3, Extended Request ID: abc=="
LOST = (
    "SparkException: Job aborted due to stage failure: Task 3 in stage 5.0 failed 4 times, most recent "
    "failure: Lost task 3.3 in stage 5.0 (TID 99) (10.0.0.7 executor 4): ExecutorLostFailure (executor 4 exited caused "
    "by one of the running tasks) Reason: "
)
PYTHON = "org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)"
OVERLOADED, BROKE_OFF = "is overloaded", "broke off"
WORKER, MEMORY, OF_PYTHON = "was lost", "needs more memory", "of Python ran out of memory"
NAME_NODE, REGION, CLOCK, ARCHIVED = "standby or in safe mode", "another region than", "clock", "is archived"
CREDENTIALS, NO_REASON, DENIED = "does not accept the credentials", "expired or are wrong", "permission denied"


@pytest.mark.parametrize(
    ("said", "found", "next_step"),
    [
        (
            (f"{S3A}.AWSServiceThrottledException: getFileStatus on s3a://b/k: {S3}: Please reduce your request rate. "
            f"(Service: S3, Status Code: 503, {IDS}):SlowDown: Please reduce your request rate."),
            OVERLOADED, "wait",
        ),
        (
            (f"{S3A}.AWSStatus500Exception: PUT 0-byte object on s3a://b/k: {S3}: We encountered an internal error. "
            f"Please try again. (Service: S3, Status Code: 500, {IDS}):InternalError"),
            OVERLOADED, "wait",
        ),
        (
            ('Operation failed: "The server is busy.", 503, PUT, https://a.dfs.core.windows.net/c/k?action=append, '
            'rId: 1, ServerBusy, "The server is busy."'),
            OVERLOADED, "wait",
        ),
        ('Operation failed: "Egress is over the account limit.", 503, GET, https://a.dfs.core', OVERLOADED, "wait"),
        (
            ("com.google.api.client.googleapis.json.GoogleJsonResponseException: 429 Too Many Requests\n"
            'POST https://storage.googleapis.com/upload\n{"reason": "rateLimitExceeded"}'),
            OVERLOADED, "wait",
        ),
        ("HttpResponseException: 503 Service Unavailable", OVERLOADED, "wait"),
        (
            (f"{S3A}.AWSClientIOException: re-open s3a://b/k: SdkClientException: "
            "Unable to execute HTTP request: Timeout waiting for connection from pool"),
            BROKE_OFF, "wait",
        ),
        (
            (f"{S3A}.AWSClientIOException: getFileStatus on s3a://b/k: ApiCallTimeoutException: Client execution did "
            "not complete before the specified timeout configuration: 60000 millis"),
            BROKE_OFF, "wait",
        ),
        (
            (f"{S3A}.AWSBadRequestException: PUT on s3a://b/k: {S3}: Your socket connection to the server was not read "
            f"from within the timeout period. (Service: S3, Status Code: 400, {IDS}):RequestTimeout"),
            BROKE_OFF, "wait",
        ),
        ("Premature end of Content-Length delimited message body (expected: 8,388,608; received: 1)", BROKE_OFF, ""),
        (
            "org.apache.hadoop.ipc.StandbyException: Operation category READ is not supported in state standby",
            NAME_NODE, "safemode",
        ),
        ("SafeModeException: Cannot create file/w/t. Name node is in safe mode.", NAME_NODE, "safemode"),
        (f"{LOST}Executor heartbeat timed out after 167164 ms", WORKER, "memoryOverhead"),
        (f"{LOST}worker lost", WORKER, "memoryOverhead"),
        (f"{LOST}Container from a bad node. Exit status: 143. Diagnostics: Killed by external signal", WORKER, ""),
        (
            ("ShuffleMapStage 7 has failed the maximum allowable number of times: 4. Most recent failure reason: "
            "org.apache.spark.shuffle.FetchFailedException: Failed to connect to host: Connection refused"),
            WORKER, "memoryOverhead",
        ),
        ("MetadataFetchFailedException: Missing an output location for shuffle 0 partition 0", WORKER, ""),
        (f"{PYTHON}. Consider setting 'spark.sql.execution.pyspark.udf.faulthandler.enabled'", WORKER, ""),
        (f"{PYTHON}: Fatal Python error: Segmentation fault\nThread 0x1 (most recent call first):", WORKER, ""),
        (f"{LOST}The executor with id 4 exited with exit code 137(SIGKILL, possible container OOM).", MEMORY, "raise"),
        (f"{LOST}Command exited with code 52", MEMORY, "raise"),
        (f"{LOST}Container killed by YARN for exceeding physical memory limits. 5.5 GB used", MEMORY, "raise"),
        (f"{LOST}Container is running 1B beyond the 'PHYSICAL' memory limit.", MEMORY, "raise"),
        (
            "PythonException: Traceback (most recent call last):\npyarrow.lib.ArrowMemoryError: malloc failed",
            OF_PYTHON, "more",
        ),
        (
            (f"{S3A}.AWSBadRequestException: HEAD on s3a://b/k: {S3}: null (Service: S3, Status Code: 400, {IDS})"
            ":400 null"),
            NO_REASON, "AWS_REGION",
        ),
        (f"{S3}: (Service: S3, Status Code: 400, {IDS})", NO_REASON, "AWS_ACCESS_KEY_ID"),
        (
            (f"{S3A}.AWSBadRequestException: {S3}: The token has expired. (Service: S3, Status Code: 400, {IDS})"
            ":ExpiredToken"),
            CREDENTIALS, "profile",
        ),
        (f"{S3}: The provided token is malformed. (Service: S3, Status Code: 400):InvalidToken", CREDENTIALS, ""),
        ('Operation failed: "Server failed to authenticate the request", 401, HEAD, https://a', CREDENTIALS, ""),
        (
            (f"java.nio.file.AccessDeniedException: s3a://b/k: getFileStatus on s3a://b/k: {S3}: null (Service: S3, "
            f"Status Code: 403, {IDS}):403 null"),
            DENIED, "AWS_ACCESS_KEY_ID",
        ),
        ('Operation failed: "This request is not authorized", 403, HEAD, https://a, AuthorizationFailure', DENIED, ""),
        (
            (f"{S3}: The difference between the request time and the current time is too large. (Service: S3, "
            "Status Code: 403):RequestTimeTooSkewed"),
            CLOCK, "clock",
        ),
        (
            (f"{S3A}.AWSRedirectException: {S3}: The bucket you are attempting to access must be addressed using the "
            f"specified endpoint. (Service: S3, Status Code: 301, {IDS}):PermanentRedirect"),
            REGION, "AWS_REGION",
        ),
        (f"{S3}: null (Service: S3, Status Code: 301, {IDS}):301 null", REGION, "endpoint.region"),
        (
            (f"{S3}: The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-central-1' "
            "(Service: S3, Status Code: 400):AuthorizationHeaderMalformed"),
            REGION, "AWS_REGION",
        ),
        ("SdkClientException: Unable to load region from any of the providers in the chain", REGION, "AWS_REGION"),
        (
            (f"java.nio.file.AccessDeniedException: s3a://b/k: {S3}: Operation is not valid for the object's storage "
            f"class (Service: S3, Status Code: 403, {IDS}):InvalidObjectState"),
            ARCHIVED, "restore",
        ),
    ],
)  # fmt: skip
def test_what_passes_or_is_for_somebody_else_to_mend_is_told_by_its_kind(said: str, found: str, next_step: str) -> None:
    problem = as_surroundings(
        f"An error occurred while calling o99.collect.\n: {said}\n\tat a.b.C(C.scala:1)", where="w"
    )

    assert problem is not None
    assert problem.exit_code == 5
    assert found in problem.found
    assert next_step in problem.next_step
    assert problem.expected


@pytest.mark.parametrize(
    "said",
    [
        'PythonException: Traceback (most recent call last):\n  File "oneuser/x.py", line 1\nValueError: no',
        f'{PYTHON}\nPythonException: Traceback (most recent call last):\n  File "a.py", line 1\nValueError: no',
        "java.io.EOFException: Unexpected end of input stream",
        "java.util.zip.ZipException: invalid stored block lengths",
        f"{S3}: Your key is too long (Service: S3, Status Code: 400, {IDS}):KeyTooLongError",
    ],
)
def test_what_is_ours_or_a_files_is_nobody_elses(said: str) -> None:
    assert as_surroundings(said, where="/data/warehouse") is None
