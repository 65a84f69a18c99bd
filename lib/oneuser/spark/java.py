"""Which Java is here, and whether Spark can run on it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from oneuser.core.errors import EnvironmentProblem

OLDEST_JAVA = 17
_NEXT_STEP = f"install Java {OLDEST_JAVA} and make sure `java -version` shows it, or set JAVA_HOME"


@dataclass(frozen=True)
class Java:
    """One Java runtime: the program and its major version (17, 21, ...)."""

    program: str
    major: int


def find_java() -> Java | None:
    """The Java that Spark would start: JAVA_HOME's before PATH's. None where there is none that runs."""
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if program is None:
        return None
    try:
        answer = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r'version "(\d+)(?:\.(\d+))?', answer.stderr + answer.stdout)
    if version is None:
        return None
    # up to Java 8 the major version is the second number: 1.8.0
    major = version.group(2) if version.group(1) == "1" and version.group(2) else version.group(1)
    return Java(program, int(major))


def require_java() -> Java:
    """Return the Java that Spark would start.

    Raises:
        EnvironmentProblem: where there is none, or one that is too old for this Spark.
    """
    java = find_java()
    if java is None or java.major < OLDEST_JAVA:
        raise EnvironmentProblem(
            found="no Java that runs" if java is None else f"Java {java.major}",
            expected=f"Java {OLDEST_JAVA} or newer",
            where=os.environ.get("JAVA_HOME", "PATH") if java is None else java.program,
            next_step=_NEXT_STEP,
        )
    return java
