"""What a problem of Java, Spark or a worker says of the surroundings: full disks, storages, classes, modules.

Their messages may quote a row. What is kept of one is its kind, and the names that code gave: of a class, of a scheme,
of a module of Python.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from oneuser.core.errors import EnvironmentProblem

# what a call of Java raises: PySpark gives some of Java's exceptions a class of its own
JAVA_PROBLEMS = (Py4JJavaError, PySparkException)


class _Kind(NamedTuple):
    """A kind of problem: what its message shows, and what is said of it; `{0}` is the first group of the pattern."""

    sign: re.Pattern[str]
    found: str
    expected: str
    next_step: str


_BUCKET = re.compile(r"s3a://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ROOM = "storage that can be read and written, with room"
_MAKE_ROOM = "make room or mend the permissions, then run the same command again; what was published stands"
_NETWORK = "a storage and a cluster that answer"
_LOOK_AT_NETWORK = "check the address in the path or in `spark.conf`, the network and the endpoint, then run again"
_CREDENTIALS = "credentials that may read and write there"
_LOOK_AT_CREDENTIALS = (
    "check the credentials of the storage, which come from its variables, such as AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, a profile or the machine, then run again"
)


def _kind(sign: str, found: str, expected: str = _ROOM, next_step: str = _MAKE_ROOM) -> _Kind:
    return _Kind(re.compile(sign), found, expected, next_step)


# the first that fits counts: what is said exactly comes before what is said of many things
_KINDS = (
    _kind(r"No space left on device", "no space left on the device"),
    _kind(r"Disk quota exceeded", "the disk quota is used up"),
    _kind(r"Read-only file system", "the file system is read-only"),
    _kind(
        r"(?:ClassNotFoundException: Class |NoClassDefFoundError: )"
        r"(org\.apache\.hadoop\.fs\.s3a\.[\w.$]{1,150}|(?:org/apache/hadoop/fs/s3a|software/amazon)/[\w/$]{1,150})",
        "Java lacks the class {0}, which s3a:// needs",
        "hadoop-aws of the version of Spark's Hadoop, and what it needs",
        "`python -m oneuser.spark.jars FOLDER --with s3` fetches them, where FOLDER is `spark.jars` or ONEUSER_JARS; "
        "spark-submit takes those in FOLDER/s3 with --jars",
    ),
    _kind(
        r"No FileSystem for scheme:? \"?s3n?\"",
        "Hadoop has no file system for s3://",
        "s3a://, which is what Hadoop calls S3",
        "write s3a:// in the path",
    ),
    _kind(
        r"No FileSystem for scheme:? \"?([a-z][a-z0-9+.-]{0,20})\b",
        "Hadoop has no file system for {0}://",
        "a file system that Hadoop knows, and the JAR of its connector",
        "check the scheme of the path; for s3a:// add hadoop-aws, for abfss:// hadoop-azure, for gs:// its connector "
        "to `spark.conf` as spark.jars.packages, or to spark-submit's --packages",
    ),
    _kind(
        r"ClassNotFoundException: Class (org\.apache\.hadoop\.[\w.$]+|com\.[\w.$]+) not found",
        "Hadoop lacks the class {0}",
        "the JAR of the storage's connector, of the version that Hadoop here has",
        "add the connector, such as hadoop-aws, to `spark.conf` as spark.jars.packages, or to spark-submit's "
        "--packages",
    ),
    _kind(
        r"NoClassDefFoundError: ((?:com|org|software)/[\w/$]{1,150})",
        "Java lacks the class {0}",
        "all JARs of the storage's connector, of the versions that Hadoop here has",
        "add the connector, such as hadoop-aws, with spark.jars.packages, which brings what it depends on",
    ),
    _kind(
        r"NoSuchBucket|UnknownStoreException|[Bb]ucket \S* ?does not exist|The specified bucket does not exist"
        r"|The specified container does not exist|ContainerNotFound",
        "the bucket or container does not exist",
        "one that is there",
        "make it, or mend the path; where it is there, check that the endpoint and region in `spark.conf` are its own",
    ),
    _kind(
        r"InvalidAccessKeyId|SignatureDoesNotMatch|NoAuthWithAWSException|Unable to load (?:AWS )?credentials"
        r"|ExpiredToken|CredentialInitializationException|NoAwsCredentialsException|InvalidCredentials",
        "the storage does not accept the credentials, or has been given none",
        _CREDENTIALS,
        _LOOK_AT_CREDENTIALS,
    ),
    _kind(
        r"AccessControlException|AccessDeniedException|Permission denied|AccessDenied\b|Status Code: 403"
        r"|Invalid directory or I/O error occurred for dir",
        "permission denied",
        "a place that this user may read, and write where it is the warehouse",
        "mend the permissions, then run the same command again; what was published stands",
    ),
    _kind(r"Mkdirs failed to create", "a folder cannot be made"),
    _kind(
        r"Parent path is not a directory|ParentNotDirectoryException|Not a directory|exists and is not a directory",
        "a folder cannot be made where a file is",
        "a folder, or a place where one can be made",
        "move the file away, or name another folder",
    ),
    _kind(
        r"\(Is a directory\)",
        "a folder is where a file should be",
        "a file, or a place where one can be made",
        "move the folder away, or name another file",
    ),
    _kind(
        r"ModuleNotFoundError: No module named '([\w.]{1,100})'",
        "Python on a worker lacks the module {0}",
        "oneuser and its dependencies (requirements.lock) in the Python of every worker",
        "install them on every node, or pass an environment with --archives and spark.pyspark.python",
    ),
    _kind(
        r"Cannot run program \S*python|Python worker failed to connect back|PYTHON_VERSION_MISMATCH",
        "no worker of Python could be started, or one of another version than the driver's",
        "the same Python on the driver and on every worker",
        "set PYSPARK_PYTHON to a Python that every node has, then run again",
    ),
    _kind(
        r"OutOfMemoryError",
        "the Java process ran out of memory",
        "memory for the work of one task",
        "raise `spark.driver_memory`, or the memory of executors, then run the same command again",
    ),
    _kind(r"Input/output error", "the device reports an error"),
    _kind(
        r"UnknownHostException|ConnectException|NoRouteToHostException|SocketTimeoutException|ConnectTimeoutException"
        r"|SSLHandshakeException|SSLException|Connection reset|Connection refused|HttpHostConnectException",
        "a storage or a host does not answer",
        _NETWORK,
        _LOOK_AT_NETWORK,
    ),
    _kind(
        r"Py4JNetworkError|trying to connect to the Java server|Answer from Java side is empty",
        "the Java process of Spark is gone",
        "a driver that lasts as long as the run",
        "look for what ended it, such as too little memory, then run the same command again; what was published stands",
    ),
    _kind(
        r"SparkContext was shut down|Cannot call methods on a stopped SparkContext|SparkContext has been shutdown",
        "Spark was stopped while it worked",
        "a session that lasts as long as the run",
        "look at the log of Spark or of the cluster, then run the same command again; what was published stands",
    ),
    _kind(
        r"FileNotFoundException|FAILED_READ_FILE\.FILE_NOT_EXIST|PATH_NOT_FOUND",
        "a file that is read is gone",
        "files that stay as they are while they are read",
        "bring it back, or let no other program move files meanwhile, then run the same command again",
    ),
)
_GONE = _KINDS[-1]


def as_surroundings(text: str, *, where: str) -> EnvironmentProblem | None:
    """The problem of the surroundings that a message tells of; null where it tells of none.

    Args:
        text: What Java, Spark, Python or the operating system says.
        where: The path at which it happened, as far as that is known. Where the message names another bucket, that is
            shown.
    """
    for kind in _KINDS:
        match = kind.sign.search(text)
        if match:
            lost = _lost_file(text, where) if kind is _GONE else None
            if lost is not None:
                return lost
            found = kind.found.format(*match.groups())
            bucket = _bucket_named(text, match)
            where = where if bucket is None or where.startswith(bucket) else bucket
            return EnvironmentProblem(found=found, expected=kind.expected, where=where, next_step=kind.next_step)
    return None


def _lost_file(text: str, where: str) -> EnvironmentProblem | None:
    """What is said of a file of a table that is not there; null where the message names none below `where`.

    Its path is shown: it is made of the names of tables and of numbers.
    """
    root = where.removeprefix("file://").rstrip("/")
    named = re.search(re.escape(root) + r"/((?:raw|tables|control)/[a-z_]{1,40}/[\w.=/-]{1,200})", text)
    if not root or named is None:
        return None
    return EnvironmentProblem(
        found=f"a file of the warehouse is gone: {named[1].rstrip('.')}",
        expected="every file that the logs of its tables list",
        where=where,
        next_step="put it back from a copy; only `oneuser maintain` may remove files there. Until then, "
        "`oneuser rollback` shows an earlier run whose files are there",
    )


def _bucket_named(text: str, match: re.Match[str]) -> str | None:
    """The bucket that the line tells of in which a problem shows; null where it names none."""
    line = text[text.rfind("\n", 0, match.start()) + 1 :].partition("\n")[0]
    named = _BUCKET.search(line)
    return named.group() if named else None


def raise_if_surroundings(problem: BaseException, *, where: str) -> None:
    """Let a file be blamed only for what it is to blame for.

    Raises:
        EnvironmentProblem: where the problem is none of the file's.
    """
    found = as_surroundings(str(problem), where=where)
    if found is not None:
        raise found from problem
