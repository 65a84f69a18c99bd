"""Hashes, the full text, the schema, and the files that ship."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from oneuser.config import (
    Config,
    config_hash,
    config_json_schema,
    load_config,
    make_config,
    section_hash,
    show_config,
)
from tests.unit.config.config_samples import changed, small

CONF = Path(__file__).resolve().parents[3] / "conf"
FILES = sorted(CONF.glob("*.yaml"))


def turned_round(value: Any) -> Any:
    """The same values with the keys of every section in reverse."""
    if isinstance(value, dict):
        return {key: turned_round(value[key]) for key in reversed(value)}
    return value


def test_the_hash_is_hexadecimal_sha256_and_stays() -> None:
    first = config_hash(make_config(small()))

    assert len(bytes.fromhex(first)) == 32
    assert first == config_hash(make_config(small()))
    assert first == config_hash(make_config(turned_round(small())))


def test_writing_a_default_out_changes_nothing() -> None:
    assert config_hash(make_config(changed("sessions/gap_minutes", 30))) == config_hash(make_config(small()))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("warehouse", "/elsewhere"),
        ("raw_root", "/raw"),
        ("spark", {"shuffle_partitions": 7}),
        ("lease", {"ttl_minutes": 3}),
        ("maintenance", {"keep_publications": 3}),
        ("raw", {"keep_days": 30}),
        ("report", {"min_people": 9}),
    ],
)
def test_what_shapes_no_result_is_not_in_the_hash(key: str, value: Any) -> None:
    assert config_hash(make_config(changed(key, value))) == config_hash(make_config(small()))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("deployment", "other"),
        ("sources/web/path", "other/*.jsonl"),
        ("sessions/gap_minutes", 31),
        ("identity/survivor", "oldest"),
        ("identity/id_types/user_id/blocked", ["x"]),
        ("identity/id_types/user_id/blocked", ["re:x"]),
        ("retention/return", "Order Completed"),
        ("attribution/models", ["first"]),
        ("conversions/order", {"event": "Order"}),
        ("channels", []),
        ("gates/max_largest_component", None),
    ],
)
def test_what_shapes_results_is_in_the_hash(key: str, value: Any) -> None:
    assert config_hash(make_config(changed(key, value))) != config_hash(make_config(small()))


def test_a_blocked_file_counts_by_what_is_in_it(tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("value\na\nb\n", encoding="utf-8")
    two.write_text("b\na\na\n", encoding="utf-8")
    key = "identity/id_types/user_id/blocked_file"
    before = config_hash(make_config(changed(key, str(one))))

    assert before == config_hash(make_config(changed(key, str(two))))
    one.write_text("value\na\nc\n", encoding="utf-8")
    assert before != config_hash(make_config(changed(key, str(one))))


def test_a_loaded_configuration_keeps_what_the_blocked_file_held(tmp_path: Path) -> None:
    file = tmp_path / "one.csv"
    file.write_text("value\na\n", encoding="utf-8")
    config = make_config(changed("identity/id_types/user_id/blocked_file", str(file)))
    file.unlink()

    for other in (config, copy.deepcopy(config), pickle.loads(pickle.dumps(config))):  # noqa: S301 - our own bytes
        assert other.identity.id_types["user_id"].blocked_values == {"a"}


def test_a_section_has_a_hash_of_its_own() -> None:
    plain = make_config(small())
    other = make_config(changed("sessions/gap_minutes", 31))

    assert section_hash(plain, "sessions") != section_hash(other, "sessions")
    assert section_hash(plain, "identity", "graph") == section_hash(other, "graph", "identity")
    assert section_hash(plain, "identity.id_types") != section_hash(plain, "identity")


def test_a_section_that_is_not_there_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        section_hash(make_config(small()), "sesions")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_that_ships_loads(path: Path) -> None:
    assert isinstance(load_config(path), Config)


def keys_below(value: Any, place: str = "") -> set[str]:
    """Every key as a path."""
    if not isinstance(value, dict):
        return {place}
    return {place}.union(*(keys_below(below, f"{place}.{key}") for key, below in value.items()))


def test_the_files_that_ship_have_the_same_keys() -> None:
    keys = {path.name: keys_below(YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))) for path in FILES}

    assert set(keys) == {"cluster.yaml", "local.yaml"}
    assert keys["local.yaml"] == keys["cluster.yaml"]


def test_the_commented_file_names_every_section() -> None:
    text = (CONF / "local.yaml").read_text(encoding="utf-8")

    assert [name for name in Config.model_fields if f"\n{name}:" not in text] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_shown_loads_as_the_same_configuration(path: Path, tmp_path: Path) -> None:
    config = load_config(path)
    shown = tmp_path / "shown.yaml"
    shown.write_text(show_config(config), encoding="utf-8")

    assert load_config(shown) == config


def test_values_that_look_like_others_survive_being_shown(tmp_path: Path) -> None:
    values = changed("conversions/order", {"event": "null", "where": {"properties.a": {"in": ["1", 1, "true", True]}}})
    values["channels"] = [{"name": "on", "channel": "2020-01-01", "when": {"utm_source": {"equals": "~"}}}]
    values["identity"]["id_types"]["user_id"]["blocked"] = ["007", "é\u2028\U0001f600", "a: b # c", "x" * 500]
    config = make_config(values)
    shown = tmp_path / "shown.yaml"
    shown.write_text(show_config(config), encoding="utf-8")

    assert load_config(shown) == config


def test_what_is_shown_has_every_default_and_no_refused_key() -> None:
    shown = YAML(typ="safe", pure=True).load(show_config(make_config(small())))

    assert shown["sessions"] == {"gap_minutes": 30, "cut_at_campaign": False}
    assert shown["retention"]["return"] == "any"
    assert shown["identity"]["conflict"] == "latest"
    assert shown["links"] == {}
    assert shown["consent"]["opt_out_refuses"] == ["sale", "sharing"]


def test_the_schema_describes_the_file() -> None:
    schema = json.loads(json.dumps(config_json_schema()))

    assert set(schema["properties"]) == set(Config.model_fields)
    assert set(schema["required"]) == {"deployment", "warehouse", "sources"}
    assert schema["additionalProperties"] is False
    assert "return" in schema["$defs"]["RetentionRules"]["properties"]
    # rules by name, or one without
    unnamed, named = schema["$defs"]["ProductRules"]["properties"]["lifecycle"]["anyOf"]
    assert unnamed == named["additionalProperties"] == {"$ref": "#/$defs/LifecycleRules"}
