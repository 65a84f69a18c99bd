"""oneuser: one persistent User ID per person across sessions, devices, touchpoints and runs.

`oneuser.run(config)` and the other verbs of the command line, `oneuser.open_warehouse(path)` for those that read,
`oneuser.simulate(text)` and `oneuser.use_chart_theme()` are loaded when they are first used, so that importing the
package starts nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneuser.core.version import __version__

if TYPE_CHECKING:
    from oneuser.api import (
        cancel_requests,
        doctor,
        erase,
        list_keys,
        maintain,
        open_warehouse,
        package,
        plan,
        preview_erasure,
        prove,
        request_states,
        rotate_keys,
        run,
        suppress,
        unsuppress,
        use_chart_theme,
        validate,
    )
    from oneuser.simulation import simulate

__all__ = [
    "__version__", "cancel_requests", "doctor", "erase", "list_keys", "maintain", "open_warehouse", "package", "plan",
    "preview_erasure", "prove", "request_states", "rotate_keys", "run", "simulate", "suppress", "unsuppress",
    "use_chart_theme", "validate",
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
