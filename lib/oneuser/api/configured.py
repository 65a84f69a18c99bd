"""A configuration from wherever a caller has it. Loads no Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oneuser.config import Config, load_config, make_config


def read_config(config: Config | Mapping[str, Any] | str | Path, overrides: Sequence[str] = ()) -> Config:
    """A configuration from wherever it is: a file, a mapping of the same shape, or one that is loaded already.

    Raises:
        ConfigError: with every mistake in it.
    """
    if isinstance(config, Config):
        return config
    return make_config(config) if isinstance(config, Mapping) else load_config(config, overrides)
