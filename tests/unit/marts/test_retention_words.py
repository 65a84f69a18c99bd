"""What retention is asked in: words that there are, and what is said of those that there are not."""

from __future__ import annotations

from typing import Any

import pytest

from oneuser.config import make_config, section_hash, show_config
from oneuser.config.document import read_document
from oneuser.core.errors import ConfigError
from oneuser.marts.event_filters import EventFilter, PropertyTest, checked_filter
from oneuser.marts.retention.definition import checked_definition
from oneuser.stages.parameters import activity_properties, retention_definitions
from tests.unit.config.config_samples import changed, problems_of

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"unit": "wek"}, "expected one of hour, day, week, month, quarter, found 'wek'; did you mean week?"),
    ({"mode": "on_or_aftr"}, "did you mean on_or_after?"),
    ({"mode": None}, "expected one of on, on_or_after, on_or_before, streak, bracket, before, found None"),
    ({"mode": "bracket"}, "bracket needs its first and last interval"),
    ({"mode": {"mode": "bracket", "from": 3, "until": 2}}, "ends before it begins: from 3 until 2"),
    ({"mode": {"mode": "bracket", "form": 3}}, "found 'form'; did you mean from?"),
    ({"mode": {"from": 0, "until": 2}}, "mode.from: expected a whole number from 1 on, found 0"),
    ({"mode": []}, "an empty list has no brackets"),
    ({"membership": "first"}, "membership: expected one of first_ever, first_matching, recurring"),
    ({"basis": "roling"}, "did you mean rolling?"),
    ({"min_events": 0}, "min_events: expected a whole number from 1 on, found 0"),
    ({"min_events": True}, "min_events: expected a whole number"),
    ({"max_offset": 1.5}, "max_offset: expected a whole number"),
    ({"zone": "Europe/Berln"}, "'Europe/Berln' is not a time zone"),
    ({"week_start": "mon"}, "did you mean monday?"),
    ({"start": []}, "start: expected the name of an event"),
    ({"return_event": 3}, "return_event: expected the name of an event"),
    ({"start_where": "plan = pro"}, "start_where: expected a mapping"),
    ({"return_where": {"plan": {"equal": 1}}}, "return_where['plan']: expected a value"),
    ({"return_where": {"plan": {"equal": 1}}}, "did you mean equals?"),
    ({"start_where": {"plan": []}}, "start_where['plan']: an empty list"),
    ({"start_where": {"plan": None}}, "start_where['plan']: expected a value"),
    ({"start_where": {"plan": {"present": "yes"}}}, "present is true or false"),
    ({"breakdown": ["plan"]}, "breakdown: expected the name of one property"),
    ({"breakdown_at": "both"}, "expected one of start, start_and_return"),
]


@pytest.mark.parametrize(("words", "said"), WRONG, ids=lambda part: str(part)[:40])
def test_what_is_wrong_is_named(words: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked_definition(**{"unit": "week"} | words)

    assert said in str(caught.value)


def test_brackets_are_one_or_several_in_the_order_in_which_they_end() -> None:
    one = checked_definition(unit="day", mode={"mode": "bracket", "from": 1, "until": 7})
    several = checked_definition(unit="day", mode=[{"from": 8, "until": 14}, {"from": 1, "until": 7}])

    assert (one.mode, one.brackets) == ("bracket", ((1, 7),))
    assert several.brackets == ((1, 7), (8, 14))


def test_filters_are_names_and_tests() -> None:
    where = {"plan": ["pro", "team"], "n": 5, "trial": {"present": False}, "beta": {"equals": True}}

    assert checked_filter("start", "A") == EventFilter(("A",))
    assert checked_filter("start", ["B", "A", "B"]).names == ("A", "B")
    assert checked_filter("start").names is None
    assert checked_filter("start", None, where).where == (
        PropertyTest("beta", (True,)),
        PropertyTest("n", (5,)),
        PropertyTest("plan", ("pro", "team")),
        PropertyTest("trial", is_present=False),
    )


def test_rule_sets_stand_side_by_side_by_name() -> None:
    rules = {
        "weekly": {"unit": "week"},
        "paid": {
            "interval": "day",
            "start": {"event": ["Order", "Renewal"], "where": {"properties.plan.tier": {"in": ["pro", 2]}}},
            "return": "Order",
            "mode": "bracket",
            "brackets": [{"from": 1, "until": 7}],
            "breakdown": "properties.country",
        },
    }

    config = make_config(changed("retention", rules))
    paid = retention_definitions(config)["paid"]

    assert list(config.retentions) == ["weekly", "paid"]
    assert (paid.calendar.unit, paid.brackets, paid.returns) == ("day", ((1, 7),), EventFilter(("Order",)))
    assert paid.start == EventFilter(("Order", "Renewal"), (PropertyTest("plan.tier", ("pro", 2)),))
    assert activity_properties(config) == ("country", "plan.tier")


def test_rule_sets_are_shown_and_hashed_as_they_are_written() -> None:
    several = {"weekly": {"unit": "week"}, "paid": {"start": {"event": "A", "where": {"properties.n": {"in": [1]}}}}}
    for rules in ({"interval": "week"}, {"start": ["A", "B"]}, several):
        config = make_config(changed("retention", rules))
        shown = read_document(show_config(config), file="shown").values

        assert make_config(shown).retention == config.retention
        assert "interval" not in str(shown["retention"])
        assert section_hash(config, "retention") == section_hash(make_config(shown), "retention")


def test_a_single_rule_set_without_a_name_is_called_default() -> None:
    for rules in ({}, {"unit": "week"}, {"start": {"event": "A"}}):
        assert list(make_config(changed("retention", rules)).retentions) == ["default"]


@pytest.mark.parametrize(
    ("rules", "key", "said"),
    [
        ({"mode": "bracket"}, "retention.mode", "bracket needs `brackets`"),
        ({"brackets": [{"from": 1, "until": 2}]}, "retention.brackets", "belong to mode: bracket"),
        ({"min_members": 2}, "retention.min_members", "belongs to level: account, and the level is person"),
        ({"level": "account", "min_members": 0}, "retention.min_members", "greater than"),
        ({"mode": "bracket", "brackets": [{"from": 3, "until": 2}]}, "retention.brackets[0].until", "begins at 3"),
        ({"weekly": {"unt": "week"}}, "retention.weekly.unt", "did you mean `unit`?"),
        ({"week ly": {"unit": "week"}}, "retention.week ly", "expected letters"),
        ({"weekly": {"unit": "week"}, "unit": "day"}, "retention.weekly", "unknown key"),
        ({"unit": "day", "interval": "day"}, "retention.interval", "unknown key"),
        ({"breakdown": "plan"}, "retention.breakdown", "expected a path into the event's properties"),
        ({"start": []}, "retention.start", "needs 1 at least"),
    ],
)
def test_a_mistake_in_a_rule_set_is_told_at_its_key(rules: dict[str, Any], key: str, said: str) -> None:
    (problem,) = problems_of(changed("retention", rules))

    assert problem.key == key
    assert said in problem.message
