"""`doctor`: what the surroundings are like, and on request whether the storages do what a run asks of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oneuser.api.configured import read_config
from oneuser.api.surroundings import Finding, examine
from oneuser.config import Config
from oneuser.core.errors import ConfigError


def doctor(config: Config | Mapping[str, Any] | str | Path | None = None, *, online: bool = False) -> list[Finding]:
    """Say what is here: Java, Spark, Delta, GraphFrames, memory, a writable warehouse, the worker's Python, the key.

    Args:
        config: A configuration, or where it is; without one, what it would say is left out.
        online: Whether to start Spark, to try to put, list and delete files below `warehouse` and `raw_root`, and to
            list remote inputs.
    """
    loaded = None if config is None else read_config(config)
    if not online:
        return examine(loaded)
    if loaded is None:
        raise ConfigError.single("doctor", "say whose storages are to be tried: give a configuration")
    # with Spark
    from oneuser.api.storage_trial import try_storages

    return [*examine(loaded), *try_storages(loaded)]
