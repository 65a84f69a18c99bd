"""Make local sessions start quicker: let Java archive the classes that Spark and Delta take.

`python -m oneuser.spark.quick_start` does it once for the JARs that sessions find; set-up calls it. It takes less than
a minute, and 200 MB beside the JARs. Without the archive everything works, and every start takes some seconds more.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from oneuser.core.errors import EnvironmentProblem, OneUserError
from oneuser.spark.class_archive import place_archive, write_archive
from oneuser.spark.jars import find_jars
from oneuser.spark.session import SparkSettings, build_session

_log = logging.getLogger(__name__)
# Java writes the archive after Spark has stopped
_WRITING_SECONDS = 300


def make_archive(folder: Path) -> Path:
    """Make the archive in the folder of the JARs, in place of the one that may be there.

    Raises:
        EnvironmentProblem: where the folder cannot be written, or Java writes no archive.
    """
    try:
        scratch = Path(tempfile.mkdtemp(prefix=".archiving-", dir=folder))
    except OSError as problem:
        raise _not_made(folder, f"the folder cannot be written ({problem.strerror})") from problem
    try:
        written = scratch / "classes.jsa"
        _exercise(scratch, written)
        if not written.is_file():
            raise _not_made(folder, "this Java wrote none")
        return place_archive(written, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _not_made(folder: Path, reason: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        found=f"no archive of Java's classes: {reason}",
        expected="one, which takes some seconds off every start",
        where=str(folder),
        next_step="nothing has to be done: everything works without it",
    )


def _exercise(scratch: Path, archive: Path) -> None:
    """Do a little of what runs do, in a Java that archives what it loads; returns when Java has ended."""
    spark = build_session(SparkSettings(), more_java_options=write_archive(archive))
    table = f"delta.`{scratch}/rows`"
    rows = "SELECT id, id % 7 AS part, sha2(string(id), 256) AS text FROM range(1000)"
    for statement in (
        f"CREATE TABLE {table} USING delta AS {rows}",
        f"INSERT OVERWRITE {table} {rows}",
        f"MERGE INTO {table} t USING ({rows}) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET *",
    ):
        spark.sql(statement)
    parts = spark.sql(f"SELECT part, collect_list(text) AS texts, min(id) AS low FROM {table} GROUP BY part")
    joined = spark.table(table).join(parts, on="part", how="inner").select("id", "low", "texts")
    joined.mapInArrow(lambda batches: batches, joined.schema).collect()
    java: Any = spark.sparkContext._gateway.proc  # type: ignore[union-attr] # noqa: SLF001 - the only handle on it
    spark.stop()
    java.stdin.close()  # it ends when nobody can speak to it any more
    try:
        java.wait(timeout=_WRITING_SECONDS)
    except subprocess.TimeoutExpired:
        # half an archive is none
        java.kill()
        java.wait()
        archive.unlink(missing_ok=True)


def main() -> int:
    """Make the archive, and say so where none came of it. Returns the exit code: nothing needs an archive."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        jars = find_jars()
        if jars:
            make_archive(jars[0].parent)
    except OneUserError as problem:
        _log.warning("%s", problem)
    return 0


if __name__ == "__main__":
    sys.exit(main())
