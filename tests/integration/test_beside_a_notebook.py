"""Runs and readers beside a session that somebody else made: it stays as it was, and what it is given is its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

import oneuser
from oneuser.spark.session import SparkSettings, own_session, working_in
from tests.integration import two_stages as two
from tests.integration.two_stage_warehouses import after_one_run, holds, root, two_stages_only

__all__ = ["after_one_run", "root", "two_stages_only"]  # fixtures

LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")


@pytest.fixture
def notebook(spark: SparkSession) -> Iterator[SparkSession]:
    """A session that was not made by oneuser and is configured differently; it is the active one."""
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    session = spark.newSession()
    for key, value in {
        "spark.sql.session.timeZone": "Pacific/Auckland",
        "spark.sql.ansi.enabled": "false",
        "spark.sql.shuffle.partitions": "3",
        "spark.databricks.delta.stats.collect": "true",
        "fs.example.account.key": "of this session alone",
    }.items():
        session.conf.set(key, value)
    # Delta's catalog sets something of its own when it is first asked
    session.catalog.listTables()
    with working_in(session):
        for name in LOGGERS:
            logging.getLogger(name).setLevel(logging.INFO)
        session.sparkContext.setJobGroup("theirs", "what the notebook does")
        yield session
    assert {name: logging.getLogger(name).level for name in LOGGERS} == levels


def state(session: SparkSession) -> dict[str, object]:
    """What somebody would notice of a session that was changed."""
    context = session.sparkContext
    log4j = context._jvm.org.apache.logging.log4j.LogManager  # type: ignore[union-attr]
    return {
        "conf": session.conf.getAll,
        "is active": SparkSession.getActiveSession() is session,
        "job group": context.getLocalProperty("spark.jobGroup.id"),
        "job tags": context.getJobTags(),
        "log level": str(log4j.getRootLogger().getLevel()),
        "loggers": [logging.getLogger(name).level for name in LOGGERS],
        "views": [table.name for table in session.catalog.listTables()],
    }


def test_a_run_leaves_the_session_beside_it_as_it_was(notebook: SparkSession, root: Path) -> None:
    # the level of logs is the context's
    log4j = notebook._jvm.org.apache.logging.log4j  # type: ignore[union-attr]
    before_level = log4j.LogManager.getRootLogger().getLevel()
    notebook.sparkContext.setLogLevel("FATAL")
    before = state(notebook)

    results = [oneuser.run(two.config(root)), oneuser.run(two.config(root), spark=notebook)]

    assert [result.is_published for result in results] == [True, True]
    assert state(notebook) == before
    notebook.sparkContext.setLogLevel(str(before_level))
    assert holds(notebook, root, run=3)


def test_what_a_reader_is_given_belongs_to_the_session_that_asked(notebook: SparkSession, root: Path) -> None:
    before = state(notebook)

    redirects = oneuser.open_warehouse(root).table("user_redirects")
    theirs = notebook.createDataFrame([("usr_11", "ann"), ("usr_99", "bob")], "user_id string, name string")

    assert redirects.join(theirs, on="user_id").count() == theirs.join(redirects, on="user_id").count() == 1
    assert notebook.sql("SELECT * FROM {shown}", shown=redirects).count() == 2
    assert state(notebook) == before


# ours as it is for everybody but the tests
@pytest.mark.usefixtures("planned_for_many_rows")
def test_a_file_is_the_same_from_whatever_session(
    spark: SparkSession, notebook: SparkSession, root: Path, tmp_path: Path
) -> None:
    written = {}
    for name, session in {"ours": spark, "theirs": notebook}.items():
        opened = oneuser.open_warehouse(root, spark=session)
        for ending in ("csv", "parquet"):
            opened.export("runs", tmp_path / f"{name}.{ending}")
        written[name] = [(tmp_path / f"{name}.{ending}").read_bytes() for ending in ("csv", "parquet")]

    assert written["ours"] == written["theirs"]


def test_our_session_beside_another_has_its_settings_but_for_those_that_shape_tables(
    spark: SparkSession, notebook: SparkSession
) -> None:
    ours = own_session(notebook, SparkSettings(shuffle_partitions=5))

    assert ours is own_session(notebook, SparkSettings())
    assert own_session(spark, SparkSettings()) is spark
    assert own_session(ours, SparkSettings()) is ours
    assert ours.sparkContext is notebook.sparkContext
    assert {
        key: ours.conf.get(key)
        for key in ("spark.sql.session.timeZone", "spark.sql.ansi.enabled", "spark.sql.shuffle.partitions")
    } == {
        "spark.sql.session.timeZone": "UTC", "spark.sql.ansi.enabled": "true", "spark.sql.shuffle.partitions": "5",
    }  # fmt: skip
    assert ours.conf.get("fs.example.account.key") == "of this session alone"
