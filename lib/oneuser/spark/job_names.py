"""What jobs are called in Spark's UI, where they read like the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# what a job is called and whether it can be stopped, kept by Spark for each thread
_NAMES = ("spark.jobGroup.id", "spark.job.description", "spark.job.interruptOnCancel")


@contextmanager
def job_names_kept(session: SparkSession) -> Iterator[None]:
    """Whatever jobs of this thread are called meanwhile, afterwards they are called as before."""
    context = session.sparkContext
    names = {name: context.getLocalProperty(name) for name in _NAMES}
    try:
        yield
    finally:
        for name, value in names.items():
            context.setLocalProperty(name, value)  # type: ignore[arg-type]  # null takes it away


@contextmanager
def jobs_named(session: SparkSession, what: str, *, group: str) -> Iterator[None]:
    """Jobs of this thread are one group meanwhile, and are called by what they are for."""
    with job_names_kept(session):
        session.sparkContext.setJobGroup(f"oneuser-{group}", f"oneuser {what}", interruptOnCancel=True)
        yield
