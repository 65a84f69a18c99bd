"""Small configurations for the tests of this folder."""

from __future__ import annotations

import copy
from typing import Any

from ruamel.yaml import YAML

from oneuser.config import make_config
from oneuser.core.errors import ConfigError, ConfigProblem

SMALL = """\
deployment: acme
warehouse: ./warehouse
keys: {identifiers: "env:SECRET"}
sources:
  web: {path: "events/*.jsonl", format: jsonl, preset: segment}
  shop:
    path: shop.csv
    format: csv
    mapping:
      type: {const: track}
      event_time: {column: At, format: "yyyy-MM-dd HH:mm:ss", zone: Europe/London}
      identifiers: {user_id: Customer}
identity:
  id_types:
    user_id: {priority: 1, known: true}
    anonymous_id: {priority: 9, known: false}
"""


def small() -> dict[str, Any]:
    """The small configuration as values, to be changed."""
    values: dict[str, Any] = YAML(typ="safe", pure=True).load(SMALL)
    return values


def changed(key: str, value: Any) -> dict[str, Any]:
    """The small configuration with one key set; sections on the way are made."""
    values = small()
    holder: Any = values
    *way, last = key.split("/")
    for part in way:
        holder = holder.setdefault(part, {})
    holder[last] = copy.deepcopy(value)
    return values


def problems_of(values: dict[str, Any]) -> list[ConfigProblem]:
    """What is wrong with values; nothing for a good configuration."""
    try:
        make_config(values)
    except ConfigError as error:
        return list(error.problems)
    return []
