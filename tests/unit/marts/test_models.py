"""Attribution models against their formulas in exact fractions, and dealing out against its definition."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneuser.config import MODEL_NAMES, parse_model
from oneuser.marts.attribution.dealing import WEIGHT_UNITS, deal_out
from oneuser.marts.attribution.models.path import Path, RuleModel
from oneuser.marts.attribution.models.registry import RULE_MODELS, rule_models
from tests.oracle.attribution import DAY, Milestone, Touch, largest_remainder, weights_of

SECOND = 1_000_000
WRITTEN = {
    "first": "First touch",
    "last": "last-click",
    "linear": "linear",
    "position": "U-shaped",
    "j_shaped": "J",
    "inverse_j": "inverse J",
    "mostly last": {"model": "position", "first": 0.1, "middle": 0, "last": 0.9},
    "time_decay": "time_decay",
    "last_non_direct": {"model": "last_non_x", "channels": [" dIRECT"]},
    "first_non_direct": "first_non_direct",
    "w_shaped": "W-shaped",
    "full_path": "full_path",
    "lead_u": {"model": "custom", "first": 0.4, "lead": 0.4, "rest": 0.2},
}

SHARES = st.lists(st.integers(0, 10**17), min_size=1, max_size=12).filter(any)
# often the same instant
TIMES = st.lists(st.integers(0, 12), min_size=1, max_size=9).map(lambda days: [day * DAY for day in sorted(days)])
CHANNELS = st.lists(st.sampled_from(["Direct", "Email", "Paid Search"]), min_size=9, max_size=9)
REACHED = st.lists(
    st.tuples(st.sampled_from(["lead", "opportunity", "close"]), st.integers(-1, 14).map(lambda day: day * DAY)),
    max_size=5,
)
CONVERTED = 13 * DAY


def model_of(name: str) -> RuleModel:
    ((_, model),) = rule_models([parse_model(WRITTEN[name])])
    return model


def shares_of(name: str, times: list[int], channels: list[str], reached: list[tuple[str, int]]) -> list[Fraction]:
    """What the real thing gives to each touch. A walk tells of milestones until the conversion, the last of each."""
    known: dict[str, int] = {}
    for milestone, at in sorted(reached, key=lambda one: one[1]):
        if at <= CONVERTED:
            known[milestone] = at * SECOND
    path = Path(
        [-1, *(at * SECOND for at in times)],
        ["left behind", *channels[: len(times)]],
        converted_at=CONVERTED * SECOND,
        milestones=known,
        first=1,
    )
    found = dict(model_of(name).shares(path))
    assert len(found) == len(model_of(name).shares(path))
    assert all(share > 0 for share in found.values()) or name == "mostly last"
    whole = sum(found.values())
    return [Fraction(found.get(place, 0), whole) for place in range(len(times))]


@given(total=st.integers(-(10**16), 10**16), by=SHARES)
def test_what_is_dealt_out_adds_up_and_is_what_the_definition_says(total: int, by: list[int]) -> None:
    parts = deal_out(total, by)

    assert sum(parts) == total
    assert parts == largest_remainder(total, [Fraction(share, sum(by)) for share in by])


@pytest.mark.parametrize(
    ("total", "by", "expected"),
    [
        (100, [1, 1, 1], [34, 33, 33]),  # equal remainders: the earlier comes first
        (-100, [1, 1, 1], [-34, -33, -33]),
        (1000, [6, 1, 1, 1, 6], [400, 67, 67, 66, 400]),
        (3, [6, 1, 1, 1, 6], [2, 0, 0, 0, 1]),  # all remainders are .2
        (10, [1, 3], [3, 7]),
        (7, [0, 5], [0, 7]),
        (0, [1, 2], [0, 0]),
        (10, [3, -1], [15, -5]),  # a channel that takes away
    ],
)
def test_the_largest_remainders_get_what_is_left(total: int, by: list[int], expected: list[int]) -> None:
    assert deal_out(total, by) == expected


@pytest.mark.parametrize("name", [name for name in WRITTEN if name != "time_decay"])
@given(times=TIMES, channels=CHANNELS, reached=REACHED)
def test_shares_are_those_of_the_formula(
    name: str, times: list[int], channels: list[str], reached: list[tuple[str, int]]
) -> None:
    touches = [Touch(n, "e", at, channels[n]) for n, at in enumerate(times)]
    milestones = [Milestone("e", *one) for one in reached]

    assert shares_of(name, times, channels, reached) == weights_of(name, touches, CONVERTED, milestones, "e")


@given(times=TIMES)
def test_time_decay_halves_with_every_half_life(times: list[int]) -> None:
    touches = [Touch(n, "e", at, "Email") for n, at in enumerate(times)]
    expected = weights_of("time_decay", touches, CONVERTED, [], "e")

    for share, weight in zip(shares_of("time_decay", times, ["Email"] * 9, []), expected, strict=True):
        assert abs(share - weight) <= Fraction(1, WEIGHT_UNITS)


def test_a_very_old_touch_does_not_break_time_decay() -> None:
    ((_, model),) = rule_models([parse_model({"model": "time_decay", "half_life_days": 1})])
    day = DAY * SECOND

    both = Path([0, 9000 * day], ["a", "b"], converted_at=9000 * day, milestones={})
    assert deal_out(5, [share for _, share in model.shares(both)]) == [0, 5]
    # both are many half-lives old: the proportions remain
    old = Path([0, day], ["a", "b"], converted_at=9000 * day, milestones={})
    assert [share for _, share in model.shares(old)] == [5 * 10**14, 10**15]


def test_a_path_of_left_out_channels_alone_has_its_ends_credited() -> None:
    path = Path([1, 2, 3], ["Direct"] * 3, converted_at=5, milestones={})

    assert model_of("last_non_direct").shares(path) == [(2, 1)]
    assert model_of("first_non_direct").shares(path) == [(0, 1)]


def test_participation_gives_each_channel_the_whole_on_its_first_touch() -> None:
    ((label, model),) = rule_models([parse_model("participation")])
    path = Path([1, 2, 3, 4], ["a", "b", "a", "c"], converted_at=5, milestones={})

    assert (label, model.shares(path), model.adds_up) == ("participation", [(0, 1), (1, 1), (3, 1)], False)


def test_milestones_that_nobody_reached_leave_all_touches_alike() -> None:
    ((_, model),) = rule_models([parse_model({"model": "milestones", "lead": 0.9, "rest": 0.1})])

    assert model.shares(Path([1, 2], ["a", "b"], converted_at=5, milestones={})) == [(0, 1), (1, 1)]
    # reached before the first touch
    assert model.shares(Path([3, 4], ["a", "b"], converted_at=5, milestones={"lead": 2})) == [(0, 1), (1, 1)]


def test_the_ends_of_a_path_are_found_without_looking_at_the_rest() -> None:
    class Untouched(list[int]):
        def __getitem__(self, place: object) -> int:  # type: ignore[override]
            raise AssertionError(place)

    path = Path(Untouched([1, 2, 3]), [], converted_at=5, milestones={})

    assert [model_of(name).shares(path) for name in ("first", "last")] == [[(0, 1)], [(2, 1)]]


def test_every_model_that_can_be_written_is_made_or_fitted() -> None:
    with_parameters = {
        "last_non_x": {"channels": ["a"]}, "first_non_x": {"channels": ["a"]}, "milestones": {"first": 1.0},
        "custom": {"first": 1.0},
    }  # fmt: skip
    specs = [parse_model({"model": name, **with_parameters.get(name, {})}) for name in MODEL_NAMES]  # type: ignore[dict-item]

    assert {spec.model for spec in specs if spec.kind == "rule"} == set(RULE_MODELS)
    assert {spec.model for spec in specs if spec.kind != "rule"} == {
        "markov_global", "markov_path", "counterfactual", "set_shapley", "rate_shapley",
    }  # fmt: skip
