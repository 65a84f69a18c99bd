"""Values in the reporting currency, against a plain look-up of rates and exact decimals."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from oneuser.contracts.marts import CONVERSION_VALUES, CONVERSIONS
from oneuser.contracts.reference import FX_RATES
from oneuser.core.money import exponent_of
from oneuser.marts.attribution import attribute
from oneuser.marts.attribution.reporting import build_conversion_values
from oneuser.marts.provenance import Provenance

MADE = Provenance(params_id="p", identity_run=3)
START = date(2026, 1, 1)
STEP = Decimal("1e-14")


def conversion(number: int, at: datetime, value: int | None, currency: str | None) -> dict[str, Any]:
    return {
        "conversion_id": number.to_bytes(4, "big"), "conversion": "order", "message_key": number.to_bytes(4, "big"),
        "user_id": None, "converted_at": at, "value_minor": value, "currency": currency, "is_value_invalid": False,
        "params_id": "", "identity_run": 1,
    }  # fmt: skip


def rate_of(rates: dict[tuple[date, str, str], Decimal], day: date, currency: str, to: str) -> Any:
    """The rate of a day, or of the last before, and its day."""
    if currency == to:
        return Decimal(1), day
    for back in range(400):
        then = day - timedelta(days=back)
        if (then, currency, to) in rates:
            return rates[then, currency, to], then
        # one that a rate has no digits for is none
        if (then, to, currency) in rates and rates[then, to, currency] > Decimal("1e-7"):
            return (1 / rates[then, to, currency]).quantize(STEP, ROUND_HALF_UP), then
    return None, None


@pytest.mark.parametrize(("to", "zone"), [("EUR", "America/New_York"), ("JPY", "UTC")])
def test_every_value_by_the_rate_of_its_day_or_of_the_last_before(spark: SparkSession, to: str, zone: str) -> None:
    chance = random.Random(f"{to}")
    currencies = ["EUR", "USD", "JPY", "KWD", "CLF", "XXX"]
    rates: dict[tuple[date, str, str], Decimal] = {}
    for _ in range(60):
        one, other = chance.sample(currencies[:-1], 2)
        rate = Decimal(chance.randrange(1, 10**9)) / Decimal(10 ** chance.choice([3, 6, 12]))
        rates[START + timedelta(days=chance.randrange(12)), one, other] = rate.quantize(STEP)
    # exactly between two smallest units, and as large as a value may be
    rates[START, "USD", to] = Decimal("0.5").quantize(STEP)
    rates.pop((START, to, "USD"), None)
    # two in the morning in UTC is the evening before in New York
    moments = [datetime(2025, 12, 31, 2, tzinfo=UTC) + timedelta(days=chance.randrange(20)) for _ in range(80)]
    sold = [
        (at, chance.choice([1, -1, 3, 9_999_999_999_999_999, chance.randrange(-(10**6), 10**6)]),
         chance.choice(currencies)) for at in moments
    ]  # fmt: skip
    sold += [(moments[0], None, "EUR"), (moments[0], None, None), (datetime(2026, 1, 1, 12, tzinfo=UTC), -3, "USD")]
    facts = [
        {"rate_date": day, "currency": one, "to_currency": other, "rate": rate}
        for (day, one, other), rate in rates.items()
    ]

    found = build_conversion_values(
        CONVERSIONS.frame(spark, [conversion(n, *facts) for n, facts in enumerate(sold)]),
        FX_RATES.frame(spark, facts),
        reporting_currency=to,
        zone=zone,
        provenance=MADE,
    )

    assert found.columns == CONVERSION_VALUES.columns
    told = {int.from_bytes(row.conversion_id, "big"): row for row in found.collect()}
    assert sorted(told) == [n for n, (_, value, _) in enumerate(sold) if value is not None]
    for n, row in told.items():
        at, value, currency = sold[n]
        day = (at - timedelta(hours=5)).date() if zone == "America/New_York" else at.date()
        rate, rate_day = rate_of(rates, day, str(currency), to)
        assert (row.rate, row.rate_date) == (rate, rate_day)
        assert row.is_rate_earlier == (rate is not None and rate_day < day)
        expected = None
        if rate is not None:
            whole = Decimal(f"1e{exponent_of(to) - exponent_of(str(currency))}")
            exact = int(value or 0) * int(rate / STEP)
            expected = int((Decimal(exact) * STEP * whole).quantize(Decimal(1), ROUND_HALF_UP))
        # more than 64 bits hold is no value
        assert row.reporting_minor == (None if expected is None or abs(expected) >= 1 << 63 else expected), (row, rate)
    assert {row.reporting_minor is None for row in told.values()} == {True, False}


def test_credits_add_up_in_both_currencies_by_every_kind_of_model(spark: SparkSession) -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    touches = spark.createDataFrame(
        [("ann", n, moment + timedelta(days=n), channel) for n, channel in enumerate(["Email", "Direct", "Email"])],
        "entity_id string, touch_id int, touched_at timestamp, channel string",
    )
    conversions = spark.createDataFrame(
        [
            (1, "ann", moment + timedelta(days=3), 100, "USD", 89),
            (2, "ann", moment + timedelta(days=3), 50, "XXX", None),
            (3, None, moment, 7, "USD", 6),
        ],
        "conversion_id int, entity_id string, converted_at timestamp, value_minor bigint, currency string, "
        "reporting_minor bigint",
    )
    models = ["linear", "set_shapley", "markov_global"]

    credited = attribute(touches, conversions, models=models)

    sums = credited.groupBy("model", "currency").agg({"credit_minor": "sum", "reporting_credit_minor": "sum"})
    found = {(row[0], row[1]): tuple(row)[2:] for row in sums.collect()}
    in_both = {name: (row[0], row[1]) for name, row in found.items()}
    for model in models:
        assert sorted(in_both[model, "USD"]) == [95, 107]
        assert {value for value in in_both[model, "XXX"] if value is not None} == {50}
    thirds = credited.where("model = 'linear' and conversion_id = 1").orderBy("position").collect()
    assert [(row.credit_minor, row.reporting_credit_minor) for row in thirds] == [(34, 30), (33, 30), (33, 29)]
