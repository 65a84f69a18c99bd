"""A run that kills its own process group at one commit: `python crash_script.py CONFIG COMMIT_NUMBER`.

Commits are numbered from 1, each twice: before it and after it. With number 0 nothing is killed and the commit points
are printed, so that a new one is met by the tests without being listed anywhere.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime

from oneuser.core.config import load_config
from oneuser.core.session import SparkSettings, build_session
from oneuser.pipeline.run import RunOptions, run_pipeline

# history says when it was recorded, by the runs' own time
AS_OF = datetime(2027, 1, 1, tzinfo=UTC)


def main() -> None:
    """Run, and die at the wanted point."""
    wanted = int(sys.argv[2])
    points: list[str] = []

    def at_commit(when: str, table: str) -> None:
        points.append(f"{when} {table}")
        if len(points) == wanted:
            os.killpg(os.getpgid(0), signal.SIGKILL)

    config = load_config(sys.argv[1])
    spark = build_session(SparkSettings(master="local[2]", driver_memory="1g", shuffle_partitions=2))
    run_pipeline(spark, config, RunOptions(as_of=AS_OF, on_commit=at_commit, seconds_at_risk=0.0))
    sys.stdout.write("\n".join(points) + "\n")


if __name__ == "__main__":
    main()
