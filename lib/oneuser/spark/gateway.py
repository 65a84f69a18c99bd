"""Starting the Java process of a local session, and passing on what it says on standard error.

Spark asks Java for `jdk.incubator.vector` on every start and offers no way to leave it out; Java answers with a warning
that there is nothing to be done about. It is the one line that is left out.
"""

from __future__ import annotations

import os
from threading import Thread
from typing import TYPE_CHECKING

from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway

if TYPE_CHECKING:
    from collections.abc import Mapping

_LEFT_OUT = b"WARNING: Using incubator modules: jdk.incubator.vector\n"
_STDERR = 2
_LAST_WORDS_SECONDS = 5


def start_gateway(conf: Mapping[str, str]) -> None:
    """Start Java, with the settings that must stand before it does; nothing where this process has one already.

    Raises:
        RuntimeError: where Java ends before it can be spoken to.
    """
    if SparkContext._gateway is not None:  # noqa: SLF001 - nothing public tells without starting one
        return
    reading, writing = os.pipe()
    # ends when Java does; until then Java says what it says to whoever was listening when it started
    passing_on = Thread(target=pass_on, args=(reading, os.dup(_STDERR)), name="oneuser-java-stderr", daemon=True)
    passing_on.start()
    gateway = None
    try:
        said = SparkConf(loadDefaults=False).setAll(list(conf.items()))
        gateway = launch_gateway(said, {"stderr": writing})  # type: ignore[no-untyped-call] # it has no types
    finally:
        os.close(writing)
        if gateway is None:
            # what Java said at last is why it ended
            passing_on.join(_LAST_WORDS_SECONDS)
    SparkContext._ensure_initialized(gateway=gateway)  # noqa: SLF001 - as the constructor of a context does


def pass_on(reading: int, writing: int) -> None:
    """Copy lines from one descriptor to another as they come, and close both when there are no more."""
    with os.fdopen(reading, "rb") as lines, os.fdopen(writing, "wb", buffering=0) as out:
        for line in lines:
            if line != _LEFT_OUT:
                out.write(line)
