"""Manual rules in normalised form: one pair each, and what contradicts itself is told by its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from oneuser.config import Config, make_config
from oneuser.core.errors import ConfigError
from oneuser.stages.graph.manual_pairs import check_manual_rules, normalised_rules
from tests.unit.config.config_samples import changed
from tests.unit.events.parsing import KEYS

HEADER = "action,id_type_a,id_value_a,id_type_b,id_value_b,reason"


def config_with(folder: Path, *lines: str) -> Config:
    path = folder / "rules.csv"
    path.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    values = changed("identity/manual_rules", str(path))
    values["identity"]["id_types"]["email"] = {"priority": 2, "known": True, "normaliser": "email"}
    return make_config(values)


def problems(config: Config) -> list[tuple[int | None, str]]:
    with pytest.raises(ConfigError) as caught:
        check_manual_rules(config)
    return [(problem.line, problem.message) for problem in caught.value.problems]


def test_a_pair_counts_once_in_whatever_spelling_and_order(tmp_path: Path) -> None:
    config = config_with(
        tmp_path,
        "include,email,Ann@Example.com,user_id,u1,she said so",
        "include,user_id,u1,email,ann@example.com ,again",
        "exclude,user_id,u1,user_id,u2,twins",
    )

    rules = normalised_rules(config, KEYS)

    assert [(rule.action, rule.a.value, rule.b.value, rule.reason) for rule in rules] == [
        ("include", "ann@example.com", "u1", "she said so"),
        ("exclude", "u1", "u2", "twins"),
    ]
    assert {len(end.key) for rule in rules for end in (rule.a, rule.b)} == {16}


def test_a_pair_in_both_is_told_with_both_lines_though_it_is_spelled_otherwise(tmp_path: Path) -> None:
    config = config_with(
        tmp_path,
        "include,email,Ann@Example.com,user_id,u1,",
        "include,user_id,u3,user_id,u4,",
        "exclude,user_id,u1,email,ann@example.com,",
    )

    assert problems(config) == [(4, "excludes a pair that line 2 includes")]


def test_both_ends_may_not_be_one_identifier(tmp_path: Path) -> None:
    config = config_with(tmp_path, "exclude,email,ann@example.com,email,ANN@example.com,")

    assert problems(config) == [(2, "both ends are the same identifier")]


def test_values_that_cannot_be_are_told_by_code_and_not_shown(tmp_path: Path) -> None:
    config = config_with(tmp_path, "include,email,not-an-address,user_id,null,")

    assert problems(config) == [
        (2, "id_value_a cannot be a value of email (id.email)"),
        (2, "id_value_b cannot be a value of user_id (id.blocked)"),
    ]


def test_without_a_file_there_is_nothing_to_check() -> None:
    assert normalised_rules(make_config(changed("identity/manual_rules", None)), KEYS) == []
