"""Product analytics in the configuration: names side by side, and mistakes that say where they are."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from oneuser.config import Config, make_config, section_hash
from oneuser.contracts.product import PRODUCT_TABLES
from oneuser.core.errors import ConfigError
from oneuser.stages.parameters import activity_properties, product_params_id

ROOT = Path(__file__).resolve().parents[3]
CONVERSIONS = {
    "order": {"event": "Order Completed", "value": "properties.revenue", "currency": {"const": "USD"}},
    "sale": {"event": "Sale", "value": "properties.revenue", "currency": "properties.currency"},
    "sign_up": {"event": "Signed Up"},
}
SUBSCRIPTIONS = {
    "plan": {"path": "/plan.csv", "format": "csv", "currency": "USD"},
    "mixed": {"path": "/mixed.csv", "format": "csv"},
}


def config(**product: Any) -> Config:
    source = {"path": "/in/*.jsonl", "format": "jsonl", "preset": "segment"}
    return make_config(
        {
            "deployment": "d", "warehouse": "/w", "sources": {"web": source}, "conversions": CONVERSIONS,
            "product": product, "subscriptions": SUBSCRIPTIONS, "seats": {"plan": {"path": "/s.csv", "format": "csv"}},
        }
    )  # fmt: skip


def test_nothing_is_declared_by_default() -> None:
    assert config().product.is_empty
    assert not activity_properties(config())


def test_several_names_stand_side_by_side() -> None:
    declared = config(
        lifecycle={"weekly": {"unit": "week"}, "monthly": {"unit": "month"}},
        funnels={"shop": {"steps": ["A", ["B", "C"]], "window_days": 7}},
    )
    assert [(table, name) for table, name, _ in declared.product.each()] == [
        ("lifecycle", "monthly"), ("lifecycle", "weekly"), ("funnels", "shop")
    ]  # fmt: skip
    assert declared.product.funnels["shop"].choices[1].names == ("B", "C")


def test_rules_without_a_name_are_the_default() -> None:
    unnamed: dict[str, dict[str, Any]] = {
        "lifecycle": {"unit": "week"},
        "active_users": {"active": {"event": "A", "where": {"properties.plan": {"equals": "pro"}}}},
        "activation": {"steps": ["A"], "window_days": 7},
        "adoption": {"feature": {"event": "A"}, "window_days": 7},
        "feature_usage": {"features": {"level": "A"}},
        "funnels": {"steps": ["A", "B"], "window_days": 7},
        "rfm": {"conversions": ["order"]},
    }
    named = {table: {"default": rules} for table, rules in unnamed.items()}
    assert config(**unnamed).product == config(**named).product
    # names that are keys of rules, too
    of_keys = config(lifecycle={"active": {"unit": "week"}}, feature_usage={"features": {"features": {"a": "A"}}})
    assert [(table, name) for table, name, _ in of_keys.product.each()] == [
        ("lifecycle", "active"), ("feature_usage", "features")
    ]  # fmt: skip
    assert config(stickiness={}, power_users={"often": {}}).product.stickiness == {}


def test_properties_of_people_are_kept_with_activity_and_those_of_single_events_are_not() -> None:
    pro = {"event": "A", "where": {"properties.plan": {"equals": "pro"}}}
    sized = {"event": "A", "where": {"properties.size": {"equals": 1}}}
    declared = config(
        lifecycle={
            "pro": {"unit": "week", "active": pro},
            "accounts": {"unit": "week", "active": sized, "level": "account"},
        },
        funnels={"shop": {"steps": [sized, "B"]}},
    )
    assert activity_properties(declared) == ("plan",)


def test_rows_of_a_name_are_told_apart_by_what_shapes_them_alone() -> None:
    one = config(lifecycle={"a": {"unit": "week"}, "b": {"unit": "day"}}, rfm={"c": {"conversions": ["order"]}})
    other = config(lifecycle={"a": {"unit": "week"}}, rfm={"c": {"conversions": ["order"]}})
    assert product_params_id(one, "lifecycle", "a") == product_params_id(other, "lifecycle", "a")
    assert product_params_id(one, "lifecycle", "a") != product_params_id(one, "lifecycle", "b")
    assert section_hash(one, "product") != section_hash(other, "product")


def test_the_commented_example_that_ships_is_one_of_each() -> None:
    lines = (ROOT / "conf" / "local.yaml").read_text(encoding="utf-8").splitlines()
    begins = lines.index("# product:")
    example = [line.removeprefix("# ") for line in takewhile(lambda line: line.startswith("#"), lines[begins:])]
    written = YAML(typ="safe", pure=True).load("\n".join(example))["product"]
    declared = config(**written).product
    assert {table for table, _, _ in declared.each()} == set(PRODUCT_TABLES) == set(type(declared).model_fields)


@pytest.mark.parametrize(
    ("product", "said"),
    [
        ({"funnel": {}}, "product.funnel: unknown key; did you mean `funnels`?"),
        ({"lifecycle": {"unti": "week"}}, "product.lifecycle.unti: unknown key; did you mean `unit`?"),
        ({"lifecycle": {"unit": "weak"}}, "product.lifecycle.unit: "),
        ({"lifecycle": {"default": {"unit": "weak"}}}, "product.lifecycle.default.unit: "),
        ({"funnels": {"steps": ["A", "any"]}}, "product.funnels.steps[1]: needs the name of an event"),
        ({"rfm": {"conversions": ["ordr"]}}, "product.rfm.conversions[0]: ordr is none of the declared conversions"),
        ({"lifecycle": {"weekly": {}}}, "product.lifecycle.weekly.unit"),
        ({"lifecycle": {"weekly": None}}, "product.lifecycle.weekly: "),
        ({"lifecycle": {"unit": None}}, "product.lifecycle.unit: "),
        ({"lifecycle": {"weekly": {"unit": "weak"}}}, "did you mean week?"),
        ({"lifecycle": {"a b": {"unit": "week"}}}, "letters, digits and _"),
        ({"funnels": {"x": {"steps": ["any"]}}}, "product.funnels.x.steps[0]: needs the name of an event"),
        ({"funnels": {"x": {"steps": ["A", "A"], "mode": "any_order"}}}, "product.funnels.x.steps[1]: is there twice"),
        ({"funnels": {"x": {"steps": ["A"], "window_days": 0}}}, "product.funnels.x.window_days"),
        ({"funnels": {"x": {"steps": []}}}, "product.funnels.x.steps"),
        ({"power_users": {"x": {"min_days": 29}}}, "nobody is active on 29 of 28 days"),
        ({"power_users": {"x": {"rule": "top_decile", "min_days": 25}}},
         "product.power_users.x.min_days: does nothing"),
        ({"revenue_retention": {"x": {"conversions": ["order"], "offsets": [1, 401]}}},
         "product.revenue_retention.x.offsets[1]"),
        ({"at_risk": {"x": {"min_days": 8, "days": 7}}}, "nobody is active on 8 of 7 days"),
        ({"at_risk": {"x": {"min_days": 2, "drop": 1.5}}}, "product.at_risk.x.drop"),
        ({"activation": {"x": {"steps": ["A", "any"], "window_days": 7}}}, "product.activation.x.steps[1]"),
        ({"adoption": {"x": {"feature": "any", "window_days": 7}}}, "product.adoption.x.feature"),
        ({"feature_usage": {"x": {"features": {"a": "any"}}}}, "product.feature_usage.x.features.a"),
        ({"rfm": {"x": {"conversions": ["ordr"]}}}, "ordr is none of the declared conversions, which are order, sale"),
        ({"rfm": {"x": {"conversions": ["sign_up"], "currency": "USD"}}}, "sign_up has no value"),
        ({"rfm": {"x": {"conversions": ["sale"]}}}, "product.rfm.x.currency: is missing"),
        ({"rfm": {"x": {"conversions": ["order"], "currency": "EUR"}}}, "the conversions are in USD"),
        ({"lifetime_value": {"x": {"conversions": ["order"], "unit": "hour"}}}, "product.lifetime_value.x.unit"),
        ({"revenue_retention": {"x": {}}}, "product.revenue_retention.x.conversions: recurring revenue is that of"),
        ({"revenue_retention": {"x": {"conversions": ["order"], "subscriptions": ["plan"]}}},
         "product.revenue_retention.x.subscriptions: are recurring revenue"),
        ({"revenue_retention": {"x": {"subscriptions": ["plans"]}}},
         "product.revenue_retention.x.subscriptions[0]: plans is none of the files of `subscriptions`, which are plan"),
        ({"revenue_retention": {"x": {"subscriptions": ["plan", "mixed"]}}},
         "product.revenue_retention.x.currency: is missing: the subscriptions are not all"),
        ({"revenue_retention": {"x": {"subscriptions": ["plan"], "currency": "EUR"}}}, "the subscriptions are in USD"),
        ({"adoption": {"x": {"feature": "A", "window_days": 7, "seats": ["plan"]}}},
         "product.adoption.x.seats: accounts have seats: set `level: account`"),
        ({"adoption": {"x": {"feature": "A", "window_days": 7, "level": "account", "seats": ["plans"]}}},
         "product.adoption.x.seats[0]: plans is none of the files of `seats`"),
        ({"adoption": {"x": {"feature": "A", "window_days": 7, "level": "account", "min_seats_percent": 5}}},
         "product.adoption.x.min_seats_percent: is of seats"),
        ({"adoption": {"x": {"feature": "A", "eligible": "B", "window_days": 7, "level": "account",
                             "seats": ["plan"]}}}, "product.adoption.x.seats: do nothing beside `eligible`"),
        ({"adoption": {"x": {"feature": "A", "window_days": 7, "level": "account", "seats": ["plan"],
                             "min_seats_percent": 101}}}, "product.adoption.x.min_seats_percent"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(product: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config(**product)
    assert said in str(refused.value)
