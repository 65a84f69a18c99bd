"""What a configuration amounts to: its hash, its full text, its schema."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import astuple
from typing import Any

from ruamel.yaml import YAML

from oneuser.config.model import Config, own_key_file
from oneuser.config.not_yet import without_not_yet

# Where and how fast a run goes; two configurations that differ in nothing else give the same tables.
_WITHOUT_EFFECT = ("warehouse", "raw_root", "incremental", "maintenance", "raw", "lease", "report", "spark")
_WIDTH = 120


def config_hash(config: Config) -> str:
    """SHA-256 in hexadecimal of everything that shapes results. Files of rules count by what is in them."""
    facts = _facts(config)
    for section in _WITHOUT_EFFECT:
        del facts[section]
    return _hash(facts)


def section_hash(config: Config, *sections: str) -> str:
    """SHA-256 in hexadecimal of some sections, such as `sessions` or `identity.id_types`, in any order.

    Raises:
        KeyError: for a section that does not exist.
    """
    facts = _facts(config)
    chosen: dict[str, Any] = {}
    for section in sections:
        value: Any = facts
        for part in section.split("."):
            value = value[part]
        chosen[section] = value
    return _hash(chosen)


def show_config(config: Config) -> str:
    """The configuration as YAML with every default written out. Loading it gives the same configuration.

    Secrets are not in it, only where they are; keys that this version refuses are left out.
    """
    values = without_not_yet(config.model_dump(mode="json", by_alias=True))
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # keys stay in the model's order
    yaml.width = _WIDTH
    text = io.StringIO()
    yaml.dump(values, text)
    return text.getvalue()


def config_json_schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors."""
    schema = Config.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "oneuser configuration"}


def _facts(config: Config) -> dict[str, Any]:
    facts = config.model_dump(mode="json", by_alias=True)
    for name, rules in config.identity.id_types.items():
        written = facts["identity"]["id_types"][name]
        del written["blocked_file"]
        # order and repetition of blocked values mean nothing
        written["blocked"] = sorted(rules.blocked_values)
        written["blocked_patterns"] = sorted(set(rules.blocked_patterns))
    # what is told of changes no row
    del facts["attribution"]["report_paths_above"]
    if config.keys.identifiers == own_key_file(config.warehouse):
        # it goes where the warehouse goes
        del facts["keys"]
    # in which line a rule stands means nothing either
    facts["identity"]["manual_rules"] = sorted({astuple(rule)[1:] for rule in config.identity.manual_pairs})
    return facts


def _hash(facts: dict[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()
