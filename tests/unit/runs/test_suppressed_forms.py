"""Values of a type keep their form as long as something of it is suppressed, which is known by a hash alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from oneuser.config import make_config
from oneuser.events.normalise import NORMALISER_VERSIONS
from oneuser.runs.records import READING_STAGE, RunRecord, StageRecord
from oneuser.runs.suppressed_forms import FORMS, changed_forms, forms_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
VERSION = NORMALISER_VERSIONS["email"]
PLAIN, FOLDED, NEWER = (
    ["email", None, False, VERSION],
    ["email", None, True, VERSION],
    ["email", None, False, VERSION + 1],
)


def completed(**forms: list[Any]) -> RunRecord:
    reading = StageRecord(READING_STAGE, 1, "done", "", {}, {}, {FORMS: forms}, 0.0)
    return RunRecord(1, NOON, "c", "v", [], {}, stages={READING_STAGE: reading})


def test_a_rule_is_another_where_something_is_suppressed_and_the_normaliser_or_its_options_are() -> None:
    assert changed_forms({"email": PLAIN}, {"email": FOLDED}, {"email", "phone"}) == ["email"]
    assert changed_forms({"email": PLAIN}, {"email": ["lower", None, False, 3]}, {"email"}) == ["email"]
    assert changed_forms({"email": PLAIN}, {"email": FOLDED}, {"phone"}) == []
    # by the version of the code alone nobody can put anything back
    assert changed_forms({"email": PLAIN}, {"email": NEWER}, {"email"}) == []
    # what no record tells of, or is declared no longer
    assert changed_forms({}, {"email": FOLDED}, {"email"}) == []
    assert changed_forms({"email": PLAIN}, {}, {"email"}) == []


def test_a_type_that_is_declared_no_longer_keeps_its_rule_until_it_is_again() -> None:
    config = make_config(
        {
            "deployment": "d", "warehouse": "/w",
            "sources": {"site": {"path": "/in/*.jsonl", "format": "jsonl", "preset": "segment"}},
            "identity": {"id_types": {"email": {"priority": 1, "known": True, "normaliser": "email"}}},
        }
    )  # fmt: skip

    assert forms_of(config, None) == {"email": PLAIN}
    assert forms_of(config, completed(email=FOLDED, login=["trim", None, False, 3])) == {
        "email": PLAIN,
        "login": ["trim", None, False, 3],
    }
    # a record of before there were any
    bare = replace(completed(), stages={})
    assert forms_of(config, bare) == {"email": PLAIN}
