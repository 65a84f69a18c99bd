"""Models and transforms as people write them, and what they are told where that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from oneuser.config import DEFAULT_CHANNELS, parse_model, parse_models, parse_transforms
from oneuser.marts.sessions.channel_rules import default_rules


@pytest.mark.parametrize(
    ("written", "model", "label"),
    [
        ("first", "first", "first"),
        ("Last Click", "last", "Last Click"),
        ({"model": "position", "first": 0.2, "middle": 0.2, "last": 0.6, "name": "J"}, "position", "J"),
        ("w_shaped", "milestones", "w_shaped"),
        ({"model": "custom", "first": 0.5, "last": 0.5}, "position", "custom"),
        ("Shapley", "set_shapley", "Shapley"),
    ],
)
def test_a_model_is_known_by_its_names(written: object, model: str, label: str) -> None:
    spec = parse_model(written)

    assert (spec.model, spec.label) == (model, label)


@pytest.mark.parametrize(
    ("parse", "written", "expected"),
    [
        (parse_model, "frist", "did you mean first?"),
        (parse_model, "guess", "There are first, last"),
        (parse_model, 3, "expected a model"),
        (parse_model, {"first": 0.4}, "needs `model`"),
        (parse_model, {"model": "first", "share": 1}, "unknown parameter 'share'; it takes no parameters"),
        (parse_model, {"model": "position", "frist": 0.4}, "did you mean first?"),
        (parse_model, {"model": "position", "first": 0.4}, "first + middle + last must be 1, found 0.4"),
        (parse_model, {"model": "position", "middle": 1}, "first + last above 0"),
        (parse_model, {"model": "position", "first": -1, "last": 2}, "a share is from 0 to 1, found -1"),
        (parse_model, {"model": "position", "first": 9e-13, "middle": 1}, "first: a share is 0 or at least 1e-12"),
        (parse_model, {"model": "milestones", "lead": 9e-13, "rest": 1}, "lead: a share is 0 or at least 1e-12"),
        (parse_model, {"model": "position", "first": "1"}, "first: expected a number, found '1'"),
        (parse_model, {"model": "j_shaped", "last": 1}, "weights by definition"),
        (parse_model, {"model": "time_decay", "half_life_days": 0}, "half_life_days must be greater than 0"),
        (parse_model, {"model": "time_decay", "half_life_days": float("nan")}, "expected a number"),
        (parse_model, "last_non_x", "needs `channels`"),
        (parse_model, {"model": "last_non_x", "channels": [3]}, "expected a list of channels"),
        (parse_model, "milestones", "needs a share for each milestone"),
        (parse_model, {"model": "milestones", "rest": 1}, "at least one milestone needs a share"),
        (parse_model, {"model": "milestones", "lead": 0.7}, "lead must be 1, found 0.7"),
        (parse_model, "custom", "custom needs weights"),
        (parse_model, {"model": "markov_path", "order": 0}, "order must be 1 or greater"),
        (parse_model, {"model": "markov_path", "order": 1.5}, "expected a whole number"),
        (parse_model, {"model": "first", "name": " "}, "expected a text"),
        (parse_models, [], "at least one model"),
        (parse_models, 7, "expected a list of models"),
        (parse_models, ["position", {"model": "position"}], "position is there twice; give one of them a `name`"),
        (parse_transforms, "last_n", "last_n needs `n`"),
        (parse_transforms, {"transform": "last_n", "n": 0}, "n must be 1 or greater"),
        (parse_transforms, ["exposures"], "did you mean exposure?"),
        (parse_transforms, {"transform": "remove_if_not_all"}, "needs a `channel`"),
    ],
)
def test_what_is_wrong_is_told(parse: Callable[[Any], Any], written: object, expected: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        parse(written)

    assert expected in str(error.value)


def test_names_alone_take_their_parameters_from_the_section() -> None:
    defaults = {"time_decay": {"half_life_days": 2}}

    assert parse_model("time_decay", defaults).parameters == {"half_life_days": 2}
    assert parse_model({"model": "time_decay"}, defaults).parameters == {"half_life_days": 7}


def test_the_channels_of_the_built_in_rules_are_known() -> None:
    assert {rule.channel for rule in default_rules()} == {*DEFAULT_CHANNELS}
