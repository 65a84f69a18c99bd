"""The file of manual rules: what is read of it, what is said about the rest, and how it counts in the hashes."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from oneuser.config import config_hash, make_config, section_hash, show_config
from tests.unit.config.config_samples import changed, problems_of

KEY = "identity/manual_rules"
HEADER = "action,id_type_a,id_value_a,id_type_b,id_value_b,reason\n"
CANARY = "canary-4711"


def rules_file(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "rules.csv"
    path.write_text(header + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def said_about(path: Path) -> list[str]:
    return [problem.message.removeprefix(f"{path}:") for problem in problems_of(changed(KEY, str(path)))]


def test_lines_are_read_as_written_wherever_the_columns_stand(tmp_path: Path) -> None:
    header = "reason,Action,id_type_a,id_value_a,id_type_b,id_value_b,ticket\n"
    path = rules_file(
        tmp_path, '"two lines\nof why",include,user_id, u1 ,anonymous_id,a1,7', "", ",EXCLUDE,user_id,u1,user_id,u2,8",
        header=header,
    )  # fmt: skip

    read = make_config(changed(KEY, str(path))).identity.manual_pairs

    assert [(rule.line, rule.action, rule.id_value_a, rule.id_value_b, rule.reason) for rule in read] == [
        (2, "include", "u1", "a1", "two lines\nof why"),
        (5, "exclude", "u1", "u2", ""),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"join,user_id,{CANARY},user_id,u2,x", "2: action is none of include, exclude"),
        (f"include,{CANARY},u1,user_id,u2,x", "2: id_type_a is none of the types in identity.id_types: user_id, anon"),
        (f"include,user_id,{CANARY},user_id,,x", "2: id_value_b is empty"),
        (f"include,user_id,{CANARY}", "2: has 3 cells, the header 6"),
        (f",user_id,,user_id,{CANARY},x", "2: action, id_value_a are empty"),
    ],
)
def test_a_wrong_line_is_told_by_its_number_and_without_its_values(tmp_path: Path, line: str, said: str) -> None:
    found = said_about(rules_file(tmp_path, line))

    assert found[0].startswith(said)
    assert CANARY not in " ".join(found)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "1: expected the columns action, id_type_a"),
        ("action,id_type_a,id_value_a\n", "1: has no column id_type_b, id_value_b, reason"),
        ('action,"id', "cannot be read as CSV (Error)"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "rules.csv"
    path.write_text(content, encoding="utf-8")

    assert said_about(path)[0].startswith(said)


def test_a_file_that_is_wrong_in_every_line_does_not_fill_the_screen(tmp_path: Path) -> None:
    found = said_about(rules_file(tmp_path, *["a,b,c,d,e,f"] * 1_000))

    assert len(found) == 51
    assert found[-1] == "18: and 2,950 more, from this line on"


def test_a_file_that_is_not_there_is_told_once() -> None:
    found = problems_of(changed(KEY, "no-such.csv"))

    assert [(problem.key, problem.message) for problem in found] == [
        ("identity.manual_rules", f"there is no file {Path.cwd()}/no-such.csv")
    ]


def test_rules_count_by_what_they_say_and_stand_in_no_text(tmp_path: Path) -> None:
    one, two = f"include,user_id,{CANARY},anonymous_id,a1,why", "exclude,user_id,u1,user_id,u2,why"
    path = rules_file(tmp_path, one, two)
    before = make_config(changed(KEY, str(path)))
    moved = rules_file(tmp_path, two, "", one, one).rename(tmp_path / "moved.csv")
    same = make_config(changed(KEY, str(moved)))
    other = make_config(changed(KEY, str(rules_file(tmp_path, one))))

    assert config_hash(before) == config_hash(same)
    assert section_hash(before, "identity") != section_hash(other, "identity")
    assert CANARY not in show_config(before) + repr(before) + repr(before.identity.manual_pairs)
    path.unlink()
    for copied in (copy.deepcopy(before), pickle.loads(pickle.dumps(before))):  # noqa: S301 - our own bytes
        assert copied.identity.manual_pairs == before.identity.manual_pairs
