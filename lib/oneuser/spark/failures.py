"""What a problem of Java, Spark or a worker says of the surroundings: full disks, storages, classes, modules.

Their messages may quote a row. What is kept of one is its kind, and the names that code gave: of a class, of a scheme,
of a module of Python.
"""

from __future__ import annotations

import re

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from oneuser.core.errors import EnvironmentProblem
from oneuser.spark.failure_kinds import GONE, KINDS

# what a call of Java raises: PySpark gives some of Java's exceptions a class of its own
JAVA_PROBLEMS = (Py4JJavaError, PySparkException)


_BUCKET = re.compile(r"s3a://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def as_surroundings(text: str, *, where: str) -> EnvironmentProblem | None:
    """The problem of the surroundings that a message tells of; null where it tells of none.

    Args:
        text: What Java, Spark, Python or the operating system says.
        where: The path at which it happened, as far as that is known. Where the message names another bucket, that is
            shown.
    """
    for kind in KINDS:
        match = kind.sign.search(text)
        if match:
            lost = _lost_file(text, where) if kind is GONE else None
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
