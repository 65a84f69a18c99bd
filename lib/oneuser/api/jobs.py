"""Doing runs from Python: `plan`, `run` and `maintain` by a configuration, in a Spark session of our own.

Where a session is running that was not made here, such as a notebook's, ours is one beside it in the same context: that
one keeps its configuration and goes on being the active one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneuser.api.configured import read_config
from oneuser.api.questions import in_utc
from oneuser.config import Config
from oneuser.core.log import ensure_logging
from oneuser.inspection.plan import PLANNED_STAGES, Plan, describe_plan
from oneuser.inspection.published_rows import require_warehouse
from oneuser.runs.boundary import own_errors
from oneuser.runs.little_work import is_little_work
from oneuser.runs.maintain import MaintenanceResult, maintain_warehouse
from oneuser.runs.nothing_new import find_nothing_new
from oneuser.runs.result import RunResult
from oneuser.runs.run import Listener, RunOptions, run_pipeline
from oneuser.spark.session import build_session, own_session, running_session, settings_of, working_in
from oneuser.storage.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def start_session(config: Config | None = None) -> SparkSession:
    """Our own Spark session, as the configuration wants it: beside the one that is running where that is not ours."""
    return build_session(settings_of(config))


def start_session_for_one_job(config: Config) -> SparkSession:
    """The same for a process that does this and ends: where there is little to go through, Java is started for that."""
    is_little = running_session() is None and is_little_work(config)
    return build_session(replace(settings_of(config), is_little_work=is_little))


def session_for(spark: SparkSession | None, config: Config) -> SparkSession:
    """The session that a caller gives, or one beside it; ours where none is given."""
    return start_session(config) if spark is None else own_session(spark, settings_of(config))


def run(
    config: Config | Mapping[str, Any] | str | Path,
    *,
    stages: Sequence[str] | None = None,
    as_of: datetime | None = None,
    full: bool = False,
    finish_open: bool = False,
    spark: SparkSession | None = None,
    listener: Listener | None = None,
) -> RunResult:
    """Do a run from input files to publication, or what is left of one that stopped.

    Where it is certain that there is nothing to do, nothing is done, and no session is built: see
    `RunResult.is_nothing_new`.

    Args:
        config: A configuration, or where it is.
        stages: Only these; the run is published by whoever does the last one.
        as_of: The run's own time, for a new run. A time without a zone is UTC.
        full: Whether to do everything again instead of what was touched; what comes out is the same.
        finish_open: Whether a run that is open as of another time is finished first, all its stages, and this one begun
            then. Else that one is continued, and its time counts.
        spark: The session to use, or to work beside where it was not made here.
        listener: Is told when stages begin and end.

    Raises:
        OneUserError: with the exit code that the command line would end with; nothing is published then.
    """
    ensure_logging()
    loaded = read_config(config)
    is_asked_for = stages is not None or full
    nothing_new = None if is_asked_for else find_nothing_new(loaded, spark or running_session())
    return nothing_new or begin_run(
        loaded, stages=stages, as_of=as_of, full=full, finish_open=finish_open, spark=spark, listener=listener
    )


def begin_run(
    config: Config,
    *,
    stages: Sequence[str] | None,
    as_of: datetime | None,
    full: bool,
    finish_open: bool,
    spark: SparkSession | None,
    listener: Listener | None,
) -> RunResult:
    """`run` for a caller who has looked already whether there is anything to do."""
    with own_errors(config.warehouse), working_in(session_for(spark, config)) as session:
        options = _options(listener, stages=stages, as_of=in_utc(as_of), is_full=full, finishes_open=finish_open)
        return run_pipeline(session, config, options)


def plan(
    config: Config | Mapping[str, Any] | str | Path,
    *,
    as_of: datetime | None = None,
    limit: int = 20,
    unmasked: bool = False,
    spark: SparkSession | None = None,
    listener: Listener | None = None,
) -> Plan:
    """Do the next run up to people and tell what it would change; readers see nothing of it.

    The run stays open: `run` with the same configuration publishes it without doing these stages again, with any other
    it is abandoned. A second plan continues it as long as the input is the same.

    Args:
        config: A configuration, or where it is.
        as_of: The run's own time. A time without a zone is UTC.
        limit: How many merges, splits, moves and over-shared values to list.
        unmasked: Whether identifiers are shown as they are.
        spark: The session to use, or to work beside where it was not made here.
        listener: Is told when stages begin and end.

    Returns:
        The plan, also where a gate does not hold: see `Plan.holds`.

    Raises:
        OneUserError: with the exit code that the command line would end with, such as 3 where a gate stops the run
            before there are people.
    """
    ensure_logging()
    loaded = read_config(config)
    with own_errors(loaded.warehouse), working_in(session_for(spark, loaded)) as session:
        options = _options(listener, stages=PLANNED_STAGES, as_of=in_utc(as_of), is_plan=True)
        result = run_pipeline(session, loaded, options)
        warehouse = Warehouse(session, loaded.warehouse, raw_root=loaded.raw_root)
        return describe_plan(warehouse, loaded, result, limit=limit, unmasked=unmasked)


def maintain(
    config: Config | Mapping[str, Any] | str | Path, *, dry_run: bool = False, spark: SparkSession | None = None
) -> MaintenanceResult:
    """Compact the tables of a warehouse, and give back the storage that no kept run needs.

    What a kept run shows stays readable meanwhile and after; other runs cannot be read any more, nor rolled back to.

    Args:
        config: A configuration, or where it is; `maintenance` in it says which runs are kept.
        dry_run: Whether to tell what would go, and to change nothing.
        spark: The session to use, or to work beside where it was not made here.

    Raises:
        OneUserError: with the exit code that the command line would end with, such as 4 while a run is under way.
    """
    ensure_logging()
    loaded = read_config(config)
    with own_errors(loaded.warehouse), working_in(session_for(spark, loaded)) as session:
        require_warehouse(Warehouse(session, loaded.warehouse))
        return maintain_warehouse(session, loaded, is_dry_run=dry_run)


def _options(listener: Listener | None, **facts: Any) -> RunOptions:
    options = RunOptions(**facts)
    return options if listener is None else replace(options, listener=listener)
