"""A configuration from wherever a caller has it. Loads no Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oneuser.config import Config, load_config, make_config
from oneuser.core.errors import ConfigError


def read_config(config: Config | Mapping[str, Any] | str | Path, overrides: Sequence[str] = ()) -> Config:
    """A configuration from wherever it is: a file, a mapping of the same shape, or one that is loaded already.

    Raises:
        ConfigError: with every mistake in it.
    """
    if isinstance(config, Config):
        return config
    return make_config(config) if isinstance(config, Mapping) else load_config(config, overrides)


def of_other_rules(key: str) -> ConfigError:
    """What is published was made by a configuration that says something else of `key` than the one that is given."""
    return ConfigError.single(
        key,
        "is not what it was when this was published; open the warehouse with the configuration of that run, or run "
        "again",
    )
