"""What the command line does, from Python: `plan`, `run`, `maintain`, `rotate_keys`, or `open_warehouse` to read.

Each works beside the Spark session that is running, or builds one; any number of them may follow each other. All are
loaded when they are first used: questions to what is published need no Spark.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oneuser.api.asked_requests import (
        cancel_requests,
        erase,
        package,
        preview_erasure,
        prove,
        request_states,
        suppress,
        unsuppress,
    )
    from oneuser.api.configured import read_config
    from oneuser.api.health import doctor
    from oneuser.api.jobs import maintain, plan, run, start_session
    from oneuser.api.key_rotation import list_keys, rotate_keys
    from oneuser.api.pictures import use_chart_theme
    from oneuser.api.validation import validate
    from oneuser.api.warehouse import OpenWarehouse, open_warehouse

__all__ = [
    "OpenWarehouse",
    "cancel_requests",
    "doctor",
    "erase",
    "list_keys",
    "maintain",
    "open_warehouse",
    "package",
    "plan",
    "preview_erasure",
    "prove",
    "read_config",
    "request_states",
    "rotate_keys",
    "run",
    "start_session",
    "suppress",
    "unsuppress",
    "use_chart_theme",
    "validate",
]
_IN = {
    "configured": ("read_config",),
    "health": ("doctor",),
    "key_rotation": ("list_keys", "rotate_keys"),
    "pictures": ("use_chart_theme",),
    "asked_requests": (
        "cancel_requests", "erase", "package", "preview_erasure", "prove", "request_states", "suppress", "unsuppress",
    ),
    "validation": ("validate",),
    "warehouse": ("OpenWarehouse", "open_warehouse"),
}  # fmt: skip
_ELSEWHERE = {name: module for module, names in _IN.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"oneuser.api.{_ELSEWHERE.get(name, 'jobs')}"), name)
