"""What the command line does, from Python: `plan`, `run` or `maintain`, `open_warehouse` to read what is published.

Each works beside the Spark session that is running, or builds one; any number of them may follow each other. All are
loaded when they are first used: questions to what is published need no Spark.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oneuser.api.jobs import maintain, plan, read_config, run, start_session
    from oneuser.api.warehouse import OpenWarehouse, open_warehouse

__all__ = ["OpenWarehouse", "maintain", "open_warehouse", "plan", "read_config", "run", "start_session"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "warehouse" if name in {"OpenWarehouse", "open_warehouse"} else "jobs"
    return getattr(import_module(f"oneuser.api.{module}"), name)
