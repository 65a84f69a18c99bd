"""Kinds of problems of the surroundings: what a message of Java, Spark or a worker shows of each, and what is said.

The first that fits counts: what is said exactly comes before what is said of many things.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of problem: what its message shows, and what is said of it; `{0}` is the first group of the pattern."""

    sign: re.Pattern[str]
    found: str
    expected: str
    next_step: str


_ROOM = "storage that can be read and written, with room"
_MAKE_ROOM = "make room or mend the permissions, then run the same command again; what was published stands"
_NETWORK = "a storage and a cluster that answer"
_LOOK_AT_NETWORK = "check the address in the path or in `spark.conf`, the network and the endpoint, then run again"
_CREDENTIALS = "credentials that may read and write there"
_LOOK_AT_CREDENTIALS = (
    "check the credentials of the storage, which come from its variables, such as AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, a profile or the machine, then run again"
)


_REGION = "the bucket of the path, asked in its own region"
_LOOK_AT_REGION = (
    "set AWS_REGION, or `spark.hadoop.fs.s3a.endpoint.region` in `spark.conf`, to the region that the bucket is in"
)
_OVERLOADED = "a storage that keeps up and answers to the end"
_WAIT = "wait some minutes, then run the same command again: it goes on where it stopped, and what was published stands"
_LASTING = "executors and workers that last as long as their tasks"
# how connectors write the answer of a storage: of S3, of Azure, of Google's and others
_ANSWER = r"(?:Status Code: (?:{0})\b|, (?:{0}), (?:GET|PUT|HEAD|POST|PATCH|DELETE)\b|\b(?:{0}) (?:{1}))"
# a worker that is gone; where an exception of its own ended it, that is what there is to tell
_WORKER_IS_GONE = (
    r"\A(?![\s\S]*Traceback \(most recent call last\))[\s\S]*"
    r"(?:Python worker exited unexpectedly|Python worker process terminated)"
)


def _kind(sign: str, found: str, expected: str = _ROOM, next_step: str = _MAKE_ROOM) -> Kind:
    return Kind(re.compile(sign), found, expected, next_step)


KINDS = (
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
        r"No FileSystem for scheme:? \"?([A-Za-z][A-Za-z0-9+.-]{0,20})\b",
        "Hadoop has no file system for {0}://",
        "a file system that Hadoop knows, and the JAR of its connector",
        "check the scheme of the path, which is in small letters; for s3a:// add hadoop-aws, for abfss:// "
        "hadoop-azure, for gs:// its connector to `spark.conf` as spark.jars.packages, or to spark-submit's --packages",
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
        r"RequestTimeTooSkewed|RequestTimeSkewed|[Dd]ifference between the request time and the \w+(?:'s)? time",
        "the clock of this machine is not the storage's",
        "clocks that agree to some minutes",
        "set the clock of this machine, and of those of executors, right, then run the same command again",
    ),
    _kind(
        r"PermanentRedirect|AuthorizationHeaderMalformed|AWSRedirectException|Status Code: 301\b|permanent redirect"
        r"|IllegalLocationConstraint|Unable to load region|Unable to find a region",
        "the bucket is in another region than the one that is asked, or no region is named",
        _REGION,
        _LOOK_AT_REGION,
    ),
    _kind(
        r"InvalidObjectState|BlobArchived|peration is not valid for the object's (?:storage class|access tier)",
        "an object is archived, and cannot be read before it is brought back",
        "objects in a storage class that is read at once",
        "restore the objects of the path in the storage, or leave them out of it, then run the same command again",
    ),
    _kind(
        r"AWSServiceThrottledException|AWSStatus500Exception|AWSNoResponseException|\bSlowDown\b|reduce your request"
        r" rate|ServerBusy|[Oo]ver the account limit|RateLimitExceeded|rateLimitExceeded|backendError|"
        + _ANSWER.format("429|500|502|503|504", "Too Many|Internal Server|Bad Gateway|Service Unavail|Gateway Time"),
        "the storage is overloaded, or failed to answer",
        _OVERLOADED,
        _WAIT,
    ),
    _kind(
        r"StandbyException|SafeModeException|[Nn]ame ?node is in safe mode|ipc\.RetriableException",
        "the name node of HDFS is on standby or in safe mode",
        "a name node that takes writes",
        f"{_WAIT}. `hdfs dfsadmin -safemode get` says whether it stays so",
    ),
    _kind(
        r"InvalidAccessKeyId|SignatureDoesNotMatch|NoAuthWithAWSException|Unable to load (?:AWS )?credentials"
        r"|ExpiredToken|CredentialInitializationException|NoAwsCredentialsException|InvalidCredentials|InvalidToken\b|TokenRefreshRequired"
        r"|security token included in the request is|InvalidAuthenticationInfo|AuthenticationFailed|"
        + _ANSWER.format("401", "Unauthorized"),
        "the storage does not accept the credentials, or has been given none",
        _CREDENTIALS,
        _LOOK_AT_CREDENTIALS,
    ),
    # a question of which the answer has a code and no text
    _kind(
        r"S3Exception: (?:null |Bad Request )?\(Service: (?:Amazon )?S3[,;] Status Code: 400\b",
        "the storage refuses a request without a reason: credentials that expired or are wrong, or another region",
        f"{_CREDENTIALS}; {_REGION}",
        f"{_LOOK_AT_CREDENTIALS}. Where they are right, {_LOOK_AT_REGION}",
    ),
    _kind(
        r"\bAccessDenied\b|AuthorizationPermissionMismatch|AuthorizationFailure|" + _ANSWER.format("403", "Forbidden"),
        "permission denied by the storage",
        "credentials that may read there, and write and delete where it is the warehouse",
        f"let them do so in the policies of the bucket and of the account, or {_LOOK_AT_CREDENTIALS}",
    ),
    _kind(
        r"AccessControlException|AccessDeniedException|Permission denied"
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
        r"possible container OOM|OOMKilled|exceeding (?:\w+ )?memory limits|beyond the '?\w+'? memory limit"
        r"|[Ee]xit(?:ed)?(?: with)? (?:code|status)(?: is)?:? (?:52|137)\b",
        "an executor was killed, as one is that needs more memory than it may have",
        "memory for the work of one task",
        "raise `spark.executor.memory`, and `spark.executor.memoryOverhead`, from which workers of Python live, in "
        "`spark.conf`; then run the same command again",
    ),
    _kind(
        r"\b_?(?:Array|Arrow)?MemoryError\b",
        "a worker of Python ran out of memory",
        "memory for the work of one task",
        "take a machine with more, or raise `spark.executor.memoryOverhead` in `spark.conf`; then run the same "
        "command again",
    ),
    _kind(
        r"OutOfMemoryError",
        "the Java process ran out of memory",
        "memory for the work of one task",
        "raise `spark.driver_memory`, or the memory of executors, then run the same command again",
    ),
    _kind(
        r"ExecutorLostFailure|Executor heartbeat timed out|Remote RPC client disassociated|FetchFailed(?:Exception)?\b"
        r"|Missing an output location for shuffle|" + _WORKER_IS_GONE,
        "an executor or a worker was lost, or what it had computed",
        _LASTING,
        "run the same command again: it goes on where it stopped. Where one is lost each time, it is memory most "
        "often: raise `spark.executor.memory` and `spark.executor.memoryOverhead`, or take a machine with more",
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
        r"AWSClientIOException|AWSServiceIOException|ApiCall(?:Attempt)?TimeoutException|AbortedException"
        r"|Acquire operation took longer|Timeout waiting for connection|NoHttpResponseException|HttpChannelEOFException"
        r"|RequestTimeout\b|OperationTimedOut|Premature end of (?:Content-Length|chunk)|Unable to execute HTTP request",
        "the storage broke off, or took too long",
        _OVERLOADED,
        _WAIT,
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
GONE = KINDS[-1]
