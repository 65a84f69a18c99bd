#!/usr/bin/env python3
"""A program in the place of oneuser that ends as it is told, and notes how it was called.

The folder `$ONEUSER_STUB` has `ends.json`, a list of how one call after the other ends: an exit code, an answer, with
which it ends well, `kill` for one that is killed as by a kernel short of memory, `wait` for one that runs until it is
told to end, or `deaf` for one that does not end then. `calls.jsonl` gets the arguments of each call, and `waiting` the
process id of one that waits.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

INTERRUPTED = 130


def main() -> int:
    """End as told."""
    folder = Path(os.environ["ONEUSER_STUB"])
    with (folder / "calls.jsonl").open("a", encoding="utf-8") as calls:
        calls.write(json.dumps(sys.argv[1:]) + "\n")
    n_calls = len((folder / "calls.jsonl").read_text("utf-8").splitlines())
    end = json.loads((folder / "ends.json").read_text("utf-8"))[n_calls - 1]
    sys.stderr.write(f"call {n_calls} is under way\n")
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if isinstance(end, str):
        return wait(folder / "waiting", is_deaf=end == "deaf")
    if isinstance(end, int):
        error = {"found": f"what leads to {end}", "expected": None, "where": None, "next": "try something else"}
        sys.stdout.write(json.dumps({"exit_code": end, "error": error}))
        return end
    sys.stdout.write(json.dumps(end))
    return 0


def wait(waiting: Path, *, is_deaf: bool) -> int:
    """Wait to be told to end, with a process beside it as Java is beside oneuser."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN if is_deaf else lambda *_: sys.exit(INTERRUPTED))
    subprocess.Popen(["sleep", "600"])
    written = waiting.with_suffix(".part")
    written.write_text(str(os.getpid()), "utf-8")
    written.rename(waiting)
    time.sleep(600)
    return 0


if __name__ == "__main__":
    sys.exit(main())
