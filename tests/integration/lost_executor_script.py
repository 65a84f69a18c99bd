"""A run that waits once its engine has a result: `lost_executor_script.py FOLDER ARGUMENTS`.

It says by a file in the folder that components are connected, and goes on once another says that an executor is gone.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from oneuser.cli.main import main
from oneuser.stages.graph import resolve_components

CONNECTED, LOST = "connected", "lost"
_MOST_SECONDS = 120


def wait_after_connecting(folder: Path) -> None:
    """Make the stage of the graph wait."""
    connect = resolve_components.connect_pairs

    def connect_and_wait(*arguments: Any, **more: Any) -> Any:
        labels = connect(*arguments, **more)
        (folder / CONNECTED).touch()
        deadline = time.monotonic() + _MOST_SECONDS
        while not (folder / LOST).exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        return labels

    resolve_components.connect_pairs = connect_and_wait


if __name__ == "__main__":
    wait_after_connecting(Path(sys.argv[1]))
    sys.exit(main(["run", *sys.argv[2:]]))
