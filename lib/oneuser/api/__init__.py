"""What the command line does, from Python: `plan`, `run`, `maintain`, `rotate_keys`, or `open_warehouse` to read.

Each works beside the Spark session that is running, or builds one; any number of them may follow each other. All are
loaded when they are first used: questions to what is published need no Spark.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oneuser.api.configured import read_config
    from oneuser.api.jobs import maintain, plan, run, start_session
    from oneuser.api.key_rotation import list_keys, rotate_keys
    from oneuser.api.pictures import use_chart_theme
    from oneuser.api.warehouse import OpenWarehouse, open_warehouse

__all__ = [
    "OpenWarehouse",
    "list_keys",
    "maintain",
    "open_warehouse",
    "plan",
    "read_config",
    "rotate_keys",
    "run",
    "start_session",
    "use_chart_theme",
]
_ELSEWHERE = {
    "OpenWarehouse": "warehouse", "open_warehouse": "warehouse", "use_chart_theme": "pictures",
    "read_config": "configured", "list_keys": "key_rotation", "rotate_keys": "key_rotation",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"oneuser.api.{_ELSEWHERE.get(name, 'jobs')}"), name)
