"""oneuser: one persistent User ID per person across sessions, devices, touchpoints and runs.

`oneuser.plan(config)`, `oneuser.run(config)`, `oneuser.maintain(config)`, `oneuser.list_keys(config)`,
`oneuser.rotate_keys(config)`, `oneuser.open_warehouse(path)`, `oneuser.simulate(text)` and `oneuser.use_chart_theme()`
are loaded when they are first used, so that importing the package starts nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneuser.core.version import __version__

if TYPE_CHECKING:
    from oneuser.api import list_keys, maintain, open_warehouse, plan, rotate_keys, run, use_chart_theme
    from oneuser.simulation import simulate

__all__ = [
    "__version__", "list_keys", "maintain", "open_warehouse", "plan", "rotate_keys", "run", "simulate",
    "use_chart_theme",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "simulate":
        # not by way of the API, which loads Spark
        from oneuser.simulation import simulate

        return simulate
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from oneuser import api

    return getattr(api, name)
