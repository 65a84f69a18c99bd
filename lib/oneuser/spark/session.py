"""The one place that builds a Spark session, or a session of our own beside one that is running.

Delta's classes come from the first of three places that has them: the class path (spark-submit `--packages` or
`--jars`, a managed platform, a session that is already running), a folder of JARs, or coordinates that Spark's own
resolver fetches once into that folder.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark import SparkConf, SparkContext
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql.classic.dataframe import DataFrame as ClassicFrame

from oneuser.config.input_paths import is_on_s3a, names_s3a
from oneuser.core.errors import EnvironmentProblem
from oneuser.core.meanwhile import say
from oneuser.spark import jars
from oneuser.spark.class_archive import find_archive, use_archive
from oneuser.spark.gateway import start_gateway
from oneuser.spark.java_names import keep_java_names
from oneuser.spark.job_names import job_names_kept
from oneuser.spark.memory import default_driver_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql import DataFrame

    from oneuser.config import Config

DELTA_EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"
DELTA_CATALOG = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
GRAPHFRAMES_CLASS = "org.graphframes.GraphFrame"
S3A_CLASS = "org.apache.hadoop.fs.s3a.S3AFileSystem"

# What a version of a table may need to be read: a publication pins some that are older than the retention of files.
READS_PINNED_VERSIONS = {
    "spark.databricks.delta.vacuum.enforceTimeTravelWithinDeletedFileRetentionDuration": "false",
}
# Set wherever the session runs. Values are text: they go into Spark's configuration.
_ALWAYS = {
    "spark.sql.session.timeZone": "UTC",
    # the default, unless a cluster or the session beside ours says otherwise
    "spark.sql.ansi.enabled": "true",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    **READS_PINNED_VERSIONS,
    "spark.sql.debug.maxToStringFields": "200",
    # what is cached is read a few times within one stage: finding out how well each column would compress costs more
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
    # where in the code each column was made is looked up for every one of thousands, to be printed with errors
    "spark.sql.dataFrameQueryContext.enabled": "false",
    # a table's files are listed beside its commits as long as they are not more than these: see storage/transaction.py
    "spark.databricks.delta.allFilesInCrc.thresholdNumFiles": "1000",
    # lists of up to so many groups in a task are collected by hashing; by default, beyond 128 all rows are sorted
    "spark.sql.objectHashAggregate.sortBased.fallbackThreshold": "4096",
    # no column has statistics (see the writer); counting rows for them costs each write a pass of its own
    "spark.databricks.delta.stats.collect": "false",
}
# A run of some thousand events is over before Java's optimising compiler has earned what it cost: measured, that was
# nearly half of all the processor time. It is kept for what really is hot, forty times hotter than by default.
_SHORT_LIVED_JAVA = (
    "-XX:+UseParallelGC -XX:MetaspaceSize=256m -XX:ReservedCodeCacheSize=512m -XX:Tier4InvocationThreshold=200000 "
    "-XX:Tier4MinInvocationThreshold=24000 -XX:Tier4CompileThreshold=600000 -XX:Tier4BackEdgeThreshold=1600000"
)
# with little to go through nothing is hot, and code that is not watched for being so is quicker: a fifth less
_LITTLE_WORK_JAVA = "-XX:TieredStopAtLevel=1"
_JAVA_OPTIONS = "spark.driver.extraJavaOptions"
_STATIC = {
    # the same, from Python: eight calls into Java each time
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # a pickled function that is larger goes to executors through a file as it is, and some hold the secret or values
    "spark.broadcast.UDFCompressionThreshold": "1g",
    # a run compiles many more classes than the 100 that are remembered by default, and most of them several times
    "spark.sql.codegen.cache.maxEntries": "2000",
    # row groups of a quarter of the usual size: what looks through a file holds one in memory for each processor
    "spark.hadoop.parquet.block.size": str(32 * 1024 * 1024),
}
# a storage that does not answer is given up within a minute or so; by default, S3A tries for many
_S3A = {
    "spark.hadoop.fs.s3a.attempts.maximum": "5",
    "spark.hadoop.fs.s3a.retry.limit": "5",
    "spark.hadoop.fs.s3a.connection.establish.timeout": "10s",
}
_EXTENSIONS = {
    "spark.sql.extensions": DELTA_EXTENSION,
    "spark.sql.catalog.spark_catalog": DELTA_CATALOG,
}
# these two print the value that broke an expression
_LOGGERS_OF_VALUES = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
# sessions that were made here; any other belongs to somebody else
_OWN: WeakSet[SparkSession] = WeakSet()
# our session beside each of somebody else's
_BESIDE: WeakKeyDictionary[SparkSession, SparkSession] = WeakKeyDictionary()


@dataclass(frozen=True)
class SparkSettings:
    """What a user may say about the session; everything else follows from the master.

    `uses_s3a` is whether there are paths of `s3a://`, whose classes then go onto the class path. `is_little_work` is
    whether what a session is started for is over before code gets hot.
    """

    master: str | None = None
    driver_memory: str | None = None
    shuffle_partitions: int | None = None
    jars: str | None = None
    conf: Mapping[str, str] = field(default_factory=dict)
    uses_s3a: bool = False
    is_little_work: bool = False


def settings_of(config: Config | None, *, root: str = "") -> SparkSettings:
    """What the configuration says about the session; `root` is a warehouse that it may not name."""
    said = config.spark.model_dump(exclude={"small_mb"}) if config else {}
    return SparkSettings(**said, uses_s3a=is_on_s3a(root) or (config is not None and names_s3a(config)))


def build_session(
    settings: SparkSettings, *, app_name: str = "oneuser", more_java_options: str | None = None
) -> SparkSession:
    """Build a session that can read and write Delta tables; where somebody else's is running, one of ours beside it.

    Args:
        settings: What the user says about it.
        app_name: What Spark calls it.
        more_java_options: Of a local session, in place of those that start it from the archive of classes.

    Raises:
        EnvironmentProblem: where Delta's classes cannot be found, or no Java can be started.
    """
    running = running_session()
    if running is not None:
        return _tuned(own_session(running, settings), settings)
    say("starting Spark")
    # spark-submit has started the JVM: its master and class path stand, whatever the file says
    is_submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    master = None if is_submitted else (settings.master or "local[*]")
    found = [] if is_submitted else jars.find_jars(settings.jars)
    more = use_archive(find_archive(found)) if more_java_options is None else more_java_options
    conf = _static_conf(settings, master, more)
    if is_submitted:
        submitted = _submitted_conf()
        conf = {key: value for key, value in conf.items() if key not in _S3A or key not in submitted}
    else:
        # where they are nowhere, they may be among those of one's own
        for_s3a = (jars.look_for_s3a_jars(settings.jars) or []) if settings.uses_s3a else []
        conf["spark.jars"] = _joined(*(str(jar) for jar in [*found, *for_s3a]), conf.get("spark.jars", ""))
    builder = SparkSession.builder.appName(app_name)
    if master:
        builder = builder.master(master)
    for key, value in conf.items():
        builder = builder.config(key, value)
    try:
        if master:
            start_gateway({**conf, "spark.master": master, "spark.app.name": app_name})
        session = builder.getOrCreate()
    except (RuntimeError, OSError) as problem:
        raise EnvironmentProblem(
            found="Spark could not start a Java process",
            expected="Java 17 on the PATH or in JAVA_HOME",
            where=str(problem).splitlines()[0] if str(problem) else "pyspark",
            next_step="install Java 17, then run `oneuser doctor`",
        ) from problem
    except Py4JJavaError as problem:
        raise EnvironmentProblem(
            found=f"Spark could not start a session: {problem.java_exception.getClass().getName()}",
            expected="a master that can be reached, and settings and JARs that Spark takes",
            where=f"spark.master {master}" if master else "spark-submit",
            next_step="check `spark` in the configuration, then run `oneuser doctor`",
        ) from problem
    _OWN.add(session)
    keep_java_names(session)
    session.sparkContext.setLogLevel("ERROR")
    _silence_values()
    return _checked(_tuned(session, settings))


def running_session() -> SparkSession | None:
    """The session that is running, of this thread or else of the process; null where there is none."""
    # without a context, what `active` would return has been stopped
    if SparkContext._active_spark_context is None:  # noqa: SLF001 - nothing public tells without starting one
        return None
    return SparkSession.active()


def reading_session(settings: SparkSettings) -> SparkSession:
    """The session for frames that are handed out: somebody else's that is running, as it is; else one of ours.

    Raises:
        EnvironmentProblem: where Delta's classes cannot be found, or no Java can be started.
    """
    running = running_session()
    return build_session(settings) if running is None or running in _OWN else _checked(running)


def own_session(session: SparkSession, settings: SparkSettings) -> SparkSession:
    """The session itself where it was made here; else ours beside it, as the settings want it.

    Both share the context, the executors and what is cached. Configuration, temporary views and functions of either are
    not seen by the other.

    Raises:
        EnvironmentProblem: where the context lacks Delta's classes.
    """
    if session in _OWN:
        return session
    if session not in _BESIDE:
        beside = session_beside(_checked(session))
        _OWN.add(beside)
        keep_java_names(beside)
        _BESIDE[session] = _tuned(beside, settings)
    return _BESIDE[session]


def session_beside(session: SparkSession) -> SparkSession:
    """A new session of the same context, configured as this one is now, such as with the keys of a storage."""
    beside = session.newSession()
    configured = beside.conf.getAll
    for key, value in session.conf.getAll.items():
        if configured.get(key) != value:
            try:
                beside.conf.set(key, value)
            except AnalysisException:
                # fixed when the context started, and so the same in both
                continue
    return beside


def in_session(session: SparkSession, rows: DataFrame) -> DataFrame:
    """Rows as one session reads them, for further work in another one of the same context."""
    jvm: Any = session._jvm  # noqa: SLF001 - nothing public takes a plan over
    plan = rows._jdf.logicalPlan()  # noqa: SLF001
    return ClassicFrame(jvm.org.apache.spark.sql.classic.Dataset.ofRows(session._jsparkSession, plan), session)  # noqa: SLF001


@contextmanager
def working_in(session: SparkSession) -> Iterator[SparkSession]:
    """Work in a session, and leave the thread and its loggers as they were: it may be that of somebody's notebook."""
    before = running_session()
    with ExitStack() as given_back:
        given_back.enter_context(job_names_kept(session))
        for name in _LOGGERS_OF_VALUES:
            logger = logging.getLogger(name)
            given_back.callback(logger.setLevel, logger.level)
        _silence_values()
        _make_active(session)
        try:
            yield session
        finally:
            if before is not None:
                _make_active(before)


@contextmanager
def lent_conf(session: SparkSession, conf: Mapping[str, str]) -> Iterator[None]:
    """Settings of a session for as long as something is planned in it; then it has its own again."""
    changed = {key: value for key, value in conf.items() if session.conf.get(key, None) != value}
    # `get` would tell a default as if it had been set
    before = session.conf.getAll if changed else {}
    for key, value in changed.items():
        session.conf.set(key, value)
    try:
        yield
    finally:
        for key in changed:
            if key in before:
                session.conf.set(key, before[key])
            else:
                session.conf.unset(key)


def _make_active(session: SparkSession) -> None:
    """The session that this thread works in from now on, for Python and for Java."""
    SparkSession._activeSession = session  # noqa: SLF001 - as `createDataFrame` does; nothing public does it
    jvm: Any = session._jvm  # noqa: SLF001 - the documented way to reach the JVM
    jvm.org.apache.spark.sql.classic.SparkSession.setActiveSession(session._jsparkSession)  # noqa: SLF001


@contextmanager
def active_in_java(session: SparkSession) -> Iterator[None]:
    """A session as the one that Java's side of this thread works in, for classes that ask for it; then as it was."""
    jvm: Any = session._jvm  # noqa: SLF001 - the documented way to reach the JVM
    sessions = jvm.org.apache.spark.sql.classic.SparkSession
    before = sessions.getActiveSession()
    sessions.setActiveSession(session._jsparkSession)  # noqa: SLF001 - as `createDataFrame` does
    try:
        yield
    finally:
        if before.isDefined():
            sessions.setActiveSession(before.get())
        else:
            sessions.clearActiveSession()


def _silence_values() -> None:
    for name in _LOGGERS_OF_VALUES:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def has_graphframes(session: SparkSession) -> bool:
    """Whether the GraphFrames JAR is on the class path of this session."""
    return has_class(session, GRAPHFRAMES_CLASS)


def has_class(session: SparkSession, name: str) -> bool:
    """Whether the driver's JVM can load a class."""
    jvm: Any = session._jvm  # noqa: SLF001 - the documented way to reach the JVM
    try:
        jvm.org.apache.spark.util.Utils.classForName(name, False, False)
    except Py4JError as problem:
        if "ClassNotFound" in str(problem) or "NoClassDef" in str(problem):
            return False
        raise
    return True


def is_local(session: SparkSession) -> bool:
    """Whether driver and executors share one process."""
    return str(session.sparkContext.master).startswith("local")


def _static_conf(settings: SparkSettings, master: str | None, more_java_options: str) -> dict[str, str]:
    """Settings that must stand before the session starts."""
    conf = {**_ALWAYS, **_EXTENSIONS, **_STATIC, **_S3A}
    if master and master.startswith("local"):
        package_root = str(Path(__file__).resolve().parents[2])
        little = [_LITTLE_WORK_JAVA] if settings.is_little_work else []
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        conf |= {
            "spark.driver.memory": settings.driver_memory or default_driver_memory(),
            "spark.ui.enabled": "false",
            "spark.driver.host": "localhost",
            "spark.driver.bindAddress": "127.0.0.1",
            # workers import this very package, wherever it was imported from
            "spark.executorEnv.PYTHONPATH": package_root,
            _JAVA_OPTIONS: " ".join([_SHORT_LIVED_JAVA, *little, _quiet_java(), more_java_options]),
            # the least that a sort, an aggregate or a hash table takes, 64 MB by default here, filled or not: with
            # several of them in every task, a small run spent a tenth of its time in collecting them again
            "spark.buffer.pageSize": "2m",
        }
    asked = dict(settings.conf)
    # a list of somebody's own is added to ours, without which there is no Delta
    if "spark.sql.extensions" in asked:
        asked["spark.sql.extensions"] = _joined(DELTA_EXTENSION, asked["spark.sql.extensions"])
    # so are options of Java, of which the last one counts
    if _JAVA_OPTIONS in asked and _JAVA_OPTIONS in conf:
        asked[_JAVA_OPTIONS] = f"{conf[_JAVA_OPTIONS]} {asked[_JAVA_OPTIONS]}"
    return conf | asked


def _submitted_conf() -> dict[str, str]:
    """What was said to spark-submit."""
    SparkContext._ensure_initialized()  # noqa: SLF001 - without the JVM, a configuration is empty
    return dict(SparkConf().getAll())


def _joined(*lists: str) -> str:
    """Lists with commas between as one, each entry once."""
    entries = (entry.strip() for one in lists for entry in one.split(","))
    return ",".join(dict.fromkeys(entry for entry in entries if entry))


def _quiet_java() -> str:
    """JVM options that keep Spark's start-up off the terminal."""
    options = "-XX:+IgnoreUnrecognizedVMOptions --enable-native-access=ALL-UNNAMED"
    log4j = resources.files("oneuser.spark") / "log4j2.properties"
    if Path(str(log4j)).is_file():
        options += f" -Dlog4j2.configurationFile={Path(str(log4j)).as_uri()}"
    return options


def _tuned(session: SparkSession, settings: SparkSettings) -> SparkSession:
    """Settings of the running session: sizes fit the cores that are there."""
    cores = max(session.sparkContext.defaultParallelism, 1)
    tuned = dict(_ALWAYS)
    if is_local(session):
        tuned |= {
            "spark.sql.shuffle.partitions": str(settings.shuffle_partitions or max(2 * cores, 4)),
            # Delta replays a log in 50 tasks and lists with up to 10,000 unless told: both are for large clusters
            "spark.databricks.delta.snapshotPartitions": "2",
            "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
        }
    elif settings.shuffle_partitions:
        tuned["spark.sql.shuffle.partitions"] = str(settings.shuffle_partitions)
    for key, value in tuned.items():
        if key not in settings.conf:
            session.conf.set(key, value)
    return session


def _checked(session: SparkSession) -> SparkSession:
    if not has_class(session, DELTA_EXTENSION):
        raise EnvironmentProblem(
            found="Delta's classes are not on the class path",
            expected=f"{jars.DELTA_COORDINATES} or a folder with these JARs",
            where="Spark session",
            next_step=f"add `--packages {jars.DELTA_COORDINATES}` to spark-submit, or name a folder in spark.jars",
        )
    return session
