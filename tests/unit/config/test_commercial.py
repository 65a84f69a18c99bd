"""Files of finance and sales in the configuration: what contradicts something is told at its place."""

from __future__ import annotations

from typing import Any

import pytest

from oneuser.config import make_config
from oneuser.config.input_paths import input_paths
from tests.unit.config.config_samples import changed, problems_of

FILE = {"path": "x.csv", "format": "csv"}


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("fx_rates", {"bank": FILE}, ("fx_rates.bank", "reporting_currency")),
        ("fx_rates", {"bank": {**FILE, "to_currency": "EUR"}}, ("fx_rates.bank", "reporting_currency")),
        ("fx_rates", {"bank": {**FILE, "columns": {"to_currency": "To"}}}, ("fx_rates.bank", "reporting_currency")),
        ("opportunities", {"deal": FILE}, ("opportunities.deal", "attribution.levels: [person, account]")),
        ("spend", {"ads": {**FILE, "currency": "EUR", "columns": {"currency": "Cur"}}},
         ("spend.ads.columns.currency", "given for all records")),
        ("spend", {"ads": {**FILE, "currency": "eur"}}, ("spend.ads.currency", "[A-Z]{3}")),
        ("spend", {"ads": {**FILE, "columns": {"cost": "Cost"}}}, ("spend.ads.columns.cost", "no such column")),
        ("subscriptions", {"plan": {**FILE, "id_type": "emial"}}, ("subscriptions.plan.id_type", "declares no emial")),
    ],
)  # fmt: skip
def test_what_a_file_cannot_mean_is_told_at_its_place(key: str, value: Any, found: tuple[str, str]) -> None:
    problems = problems_of(changed(key, value))

    assert [problem.key for problem in problems] == [found[0]]
    assert found[1] in problems[0].message


def test_rates_may_be_to_a_given_currency_and_every_file_is_an_input() -> None:
    rates = {"bank": {**FILE, "to_currency": "EUR"}}
    config = make_config(
        {"deployment": "d", "warehouse": "/w", "sources": {"web": {**FILE, "preset": "segment", "format": "jsonl"}},
         "reporting_currency": "EUR", "fx_rates": rates, "seats": {"plan": FILE}}
    )  # fmt: skip

    assert set(input_paths(config)) == {("sources", "web"), ("fx_rates", "bank"), ("seats", "plan")}
    assert config.fx_rates["bank"].given == {"to_currency": "EUR"}


def test_a_won_opportunity_is_no_conversion_of_another_name() -> None:
    written = changed("conversions", {"deal": {"event": "Won"}}) | {
        "opportunities": {"deal": FILE}, "attribution": {"levels": ["person", "account"]},
    }  # fmt: skip

    assert [problem.key for problem in problems_of(written)] == ["opportunities.deal"]
