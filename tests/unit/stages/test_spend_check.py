"""The check that all spend stands once at every model and kind of conversion that is asked for."""

from __future__ import annotations

from decimal import Decimal

from oneuser.config import make_config
from oneuser.marts.attribution.credit_rules import CreditRules
from oneuser.stages.attribution.against_spend import asked_of, find_unequal

SPENT = {"EUR": Decimal(100), "USD": Decimal(7)}


def test_every_model_and_declared_kind_is_asked_for_and_fitted_models_of_all_time_alone() -> None:
    source = {"path": "x.jsonl", "format": "jsonl", "preset": "segment"}
    config = make_config(
        {
            "deployment": "d", "warehouse": "/w", "sources": {"web": source},
            "attribution": {"models": ["linear", "markov_global"]},
            "conversions": {"order": {"event": "Order"}, "demo": {"event": "Demo"}},
        }
    )  # fmt: skip

    asked = asked_of(CreditRules.of(config.attribution, config.conversions), config.conversions)

    wanted = [("linear", False), ("linear", True), ("markov_global", True)]
    assert sorted(asked) == sorted((model, kind, is_all) for model, is_all in wanted for kind in ("demo", "order"))


def test_spend_that_stands_everywhere_once_is_right() -> None:
    asked = [("linear", "order", True), ("linear", "order", False)]
    told = {(*one, currency): spend for one in asked for currency, spend in SPENT.items()}

    assert find_unequal(told, SPENT, asked) == []
    assert find_unequal({}, {}, asked) == []


def test_a_kind_without_rows_spend_that_is_there_twice_and_a_currency_too_many_are_told() -> None:
    told = {
        ("linear", "order", True, "EUR"): Decimal(200),
        ("linear", "order", True, "USD"): Decimal(7),
        ("linear", "order", True, "GBP"): Decimal(1),
    }

    assert find_unequal({}, SPENT, [("linear", "demo", False)]) == [
        "linear, demo, by interval: nothing EUR",
        "linear, demo, by interval: nothing USD",
    ]
    assert find_unequal(told, SPENT, []) == [
        "linear, order, of all time: 200 EUR",
        "linear, order, of all time: 1 GBP",
    ]
