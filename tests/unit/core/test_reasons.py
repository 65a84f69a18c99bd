"""Reason codes: each is explained once, and means damage or not."""

from __future__ import annotations

import pytest

from oneuser.core.reasons import Reason, explain_code, is_damage


@pytest.mark.parametrize("reason", list(Reason))
def test_every_code_has_a_class_a_name_and_words_of_its_own(reason: Reason) -> None:
    assert reason.name == reason.value.replace(".", "_").upper()
    assert reason.explanation == explain_code(reason.value)
    assert reason.explanation.strip()


def test_a_reason_is_its_text() -> None:
    assert Reason.JSON_SYNTAX == "json.syntax"
    assert f"{Reason.JSON_SYNTAX}" == "json.syntax"
    assert {"json.syntax": 1}[Reason.JSON_SYNTAX] == 1


def test_what_cannot_be_read_is_damage_and_what_names_nobody_is_none() -> None:
    damage = {reason.value.partition(".")[0] for reason in Reason if reason.is_damage}

    assert damage == {"json", "csv", "limit", "time", "file", "reference"}
    assert not any(is_damage(code) for code in ("line.blank", "spec.no_identity", "id.email", "account.unknown"))


def test_every_code_of_a_damaged_class_is_damage_but_those_that_say_how_a_time_was_found() -> None:
    classes = ("json.", "csv.", "limit.", "file.", "reference.")
    found = {reason for reason in Reason if reason.value.startswith("time.") and not reason.is_damage}

    assert all(reason.is_damage for reason in Reason if reason.value.startswith(classes))
    how = {reason.value.removeprefix("time.").partition("_")[0] for reason in found}
    # a line without a receipt has no readable time, where another one has an implausible one
    assert how == {"skew", "no", "dst", "epoch", "implausible"}


def test_a_code_of_another_version_has_no_explanation() -> None:
    assert explain_code("nobody.knows") == ""
