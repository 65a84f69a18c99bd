"""Doing runs from Python: `run` a configuration, in the Spark session that is running or in one of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneuser.core.config import Config, load_config, make_config
from oneuser.core.log import ensure_logging
from oneuser.core.session import SparkSettings, build_session
from oneuser.pipeline.boundary import own_errors
from oneuser.pipeline.run import Listener, RunOptions, RunResult, run_pipeline

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def read_config(config: Config | Mapping[str, Any] | str | Path, overrides: Sequence[str] = ()) -> Config:
    """A configuration from wherever it is: a file, a mapping of the same shape, or one that is loaded already.

    Raises:
        ConfigError: with every mistake in it.
    """
    if isinstance(config, Config):
        return config
    return make_config(config) if isinstance(config, Mapping) else load_config(config, overrides)


def start_session(config: Config | None = None) -> SparkSession:
    """The Spark session that is running, else one as the configuration wants it."""
    return build_session(SparkSettings(**dict(config.spark)) if config else SparkSettings())


def run(
    config: Config | Mapping[str, Any] | str | Path,
    *,
    stages: Sequence[str] | None = None,
    as_of: datetime | None = None,
    spark: SparkSession | None = None,
    listener: Listener | None = None,
) -> RunResult:
    """Do a run from input files to publication, or what is left of one that stopped.

    Args:
        config: A configuration, or where it is.
        stages: Only these; the run is published by whoever does the last one.
        as_of: The run's own time, for a new run. A time without a zone is UTC.
        spark: The session to use.
        listener: Is told when stages begin and end.

    Raises:
        OneUserError: with the exit code that the command line would end with; nothing is published then.
    """
    ensure_logging()
    loaded = read_config(config)
    moment = as_of.replace(tzinfo=UTC) if as_of and as_of.tzinfo is None else as_of
    options = RunOptions(stages=stages, as_of=moment)
    if listener is not None:
        options = replace(options, listener=listener)
    session = spark or start_session(loaded)
    with own_errors(loaded.warehouse):
        return run_pipeline(session, loaded, options)
