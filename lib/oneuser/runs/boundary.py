"""The boundary of a job: whatever was raised becomes one of our errors, with an exit code and a text without values.

Messages of Spark, Java and the operating system may quote a row; what is kept of them is the kind of the problem.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException

from oneuser.core.errors import EnvironmentProblem, OneUserError
from oneuser.spark.failures import as_surroundings

# by exit code 1 a scheduler does not try again
_NEXT_STEP = (
    "run the same command again, once: a run continues where it stopped, and what was published stands. If it stops "
    "there again, it will every time: look into its log (`-v`), then report this"
)
_STORAGE_ERRNOS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOTDIR, errno.EMFILE,
    errno.ESTALE, errno.ETIMEDOUT,
}  # fmt: skip
_EXCEPTION = re.compile(r"\b((?:[a-z]\w*\.){2,}[A-Z]\w*(?:Exception|Error))\b")


@contextmanager
def own_errors(where: str) -> Iterator[None]:
    """Raise problems of storage and Spark inside as errors of ours; `where` is the warehouse."""
    try:
        yield
    except (OSError, Py4JError, PySparkException) as problem:
        raise as_own_error(problem, where=where) from problem


def as_own_error(problem: BaseException, *, where: str = "") -> OneUserError:
    """The error of ours that a problem amounts to; ours stay what they are.

    Args:
        problem: What was raised.
        where: Where storage is meant to be, such as the warehouse; shown when storage is to blame.
    """
    if isinstance(problem, OneUserError):
        return problem
    if isinstance(problem, OSError):
        place = str(problem.filename or where)
        found = problem.strerror or type(problem).__name__
        if problem.errno in _STORAGE_ERRNOS:
            return _storage(found, place)
        # such as Java that goes while rows come from it
        surroundings = as_surroundings(found, where=place)
        return surroundings or OneUserError(found=found, where=place, next_step=_NEXT_STEP)
    if isinstance(problem, MemoryError):
        return _storage("out of memory", where)
    if isinstance(problem, Py4JError | PySparkException):
        return _of_spark(problem, where)
    return OneUserError(
        found=f"unexpected {type(problem).__name__}{_origin(problem)}",
        where=where,
        next_step=_NEXT_STEP,
    )


def _of_spark(problem: Py4JError | PySparkException, where: str) -> OneUserError:
    text = str(problem)
    surroundings = as_surroundings(text, where=where)
    if surroundings is not None:
        return surroundings
    condition = problem.getCondition() if isinstance(problem, PySparkException) else None
    kinds = list(dict.fromkeys(_EXCEPTION.findall(text)))
    java = problem.java_exception.getClass().getName() if isinstance(problem, Py4JJavaError) else ""
    names = [name for name in (condition or "", java, *kinds[-1:]) if name]
    return OneUserError(
        found=f"Spark failed: {', '.join(dict.fromkeys(names)) or type(problem).__name__}{_origin(problem)}",
        where=where,
        next_step=f"{_NEXT_STEP}; `oneuser doctor` looks at the surroundings",
    )


def _storage(found: str, where: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        found=found,
        expected="storage that can be read and written, with room",
        where=where,
        next_step="make room or mend the permissions, then run the same command again; what was published stands",
    )


def _origin(problem: BaseException) -> str:
    """Module and line of ours that was running, for a report of the problem."""
    place = ""
    trace = problem.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module.startswith("oneuser."):
            place = f" in {module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
