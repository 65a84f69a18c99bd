"""Channels that are asked for in attribution are channels that there are."""

from __future__ import annotations

from typing import Any

import pytest

from oneuser.api.asked_models import as_configured, bound_of, check_channels, each_of, facts_of, with_touches
from oneuser.config import AttributionRules, ChannelRule, parse_models
from oneuser.core.errors import ConfigError

RULES = [ChannelRule(name="mail", channel="Newsletter")]


@pytest.mark.parametrize(
    ("models", "parameters", "rules", "said"),
    [
        (["last"], {"exclude_channels": ["Drect"]}, None, "exclude_channels: no rule gives and no touch has"),
        (["last"], {"exclude_channels": ["Drect"]}, None, "'Drect'; did you mean Direct?"),
        (["last"], {"exclude_channels": ["Trade Fares"]}, None, "did you mean Trade Fair?"),
        ([{"model": "last_non_x", "channels": ["Newsleter"]}], {}, RULES, "models: no rule gives and no touch has"),
        (["last_non_direct"], {}, RULES, "'Direct'; there are Newsletter, Unassigned, Trade Fair"),
        (
            ["last"], {"transforms": [{"transform": "remove_if_not_all", "channel": "Mail"}]}, None,
            "transforms: no rule gives and no touch has the channel 'Mail'; did you mean Email?",
        ),
    ],
)  # fmt: skip
def test_a_channel_that_there_is_not_is_refused_with_a_near_one(
    models: list[Any], parameters: dict[str, Any], rules: list[ChannelRule] | None, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        check_channels(models, parameters, rules=rules, of_touches=lambda: {"Trade Fair"})

    assert said in str(refused.value)


def test_channels_of_rules_and_of_touches_pass_whatever_their_case() -> None:
    parameters = {"exclude_channels": (" direct", "TRADE FAIR", "unassigned"), "transforms": "exposure"}
    check_channels(["last_non_direct"], parameters, rules=None, of_touches=lambda: {"Trade Fair"})
    # touches are not looked at where the rules give all names; what is no model, or no list, is told elsewhere
    for models, excluded in ((["last"], ["newsletter"]), (["guess"], "Direct"), (["last"], [3])):
        check_channels(
            models, {"exclude_channels": excluded}, rules=RULES, of_touches=lambda: pytest.fail("they are looked at")
        )


def test_credit_is_told_apart_by_what_touches_say() -> None:
    assert facts_of("utm_campaign") == {"campaign_name": None}
    assert facts_of(["channel", "properties.cart.size"]) == {"channel": None, "properties_cart_size": "cart.size"}
    # a property may be called as a touch, a credit or a result calls something of its own
    assert facts_of(["channel", "properties.channel"]) == {"channel": None, "properties_channel": "channel"}
    for by, said in (
        ("properties.", "touches do not say"),
        (["content", "utm_content"], "twice"),
        (["properties.Plan", "properties.plan"], "twice"),
        ("utm_term", "utm_term is kept in the raw zone alone"),
        (["channel", "campaign_term"], "campaign_term is kept in the raw zone alone"),
        ([], "at least one"),
    ):
        with pytest.raises(ConfigError, match=said):
            facts_of(by)
    assert with_touches(["last", "rate_shapley", "markov"]) == (["last"], ["rate_shapley", "markov"])


def test_no_model_is_not_every_model() -> None:
    assert each_of("last") == ["last"]
    with pytest.raises(ConfigError, match="expected at least one model"):
        each_of([])


def test_a_model_that_is_named_has_the_parameters_of_the_configuration() -> None:
    rules = AttributionRules.model_validate(
        {
            "models": ["position", {"model": "markov_path", "order": 3}, {"model": "linear", "name": "even split"}],
            "position": {"first": 0.5, "middle": 0.0, "last": 0.5},
            "half_life_days": 2,
        }
    )
    of_its_own = {"model": "time_decay", "half_life_days": 9}
    asked = as_configured(["position", "markov_path", "even split", "time_decay", of_its_own, "w_shaped"], rules)
    found = {spec.label: (spec.model, spec.parameters) for spec in parse_models(asked[:4])}
    assert found == {
        "position": ("position", {"first": 0.5, "middle": 0.0, "last": 0.5}),
        "markov_path": ("markov_path", {"order": 3}),
        "even split": ("linear", {}),
        "time_decay": ("time_decay", {"half_life_days": 2}),
    }
    assert asked[4] == of_its_own
    assert parse_models(asked[5:]) == parse_models(["w_shaped"])
    # what is none is told of by whoever computes it, and without a configuration a name is a name
    assert as_configured(["guess"], rules) == ["guess"]
    assert as_configured(["position"], None) == ["position"]


def test_a_look_back_without_a_bound_has_a_word() -> None:
    assert (bound_of("none"), bound_of(7), bound_of(None)) == (None, 7, None)
    with pytest.raises(ConfigError, match="expected a number of days, or 'none', found 'never'"):
        bound_of("never")  # type: ignore[arg-type]
