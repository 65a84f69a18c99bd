"""The metrics of a publication that a person asks for first."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from oneuser.contracts.identity import DIM_ACCOUNT, DIM_USER, EVENTS_RESOLVED, IDENTIFIER_MAP, USER_IDS, USER_REDIRECTS
from oneuser.contracts.marts import ATTRIBUTION_SUMMARY, SESSIONS
from oneuser.core.money import exponent_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.inspection.reading import Published

_COUNTED = {
    "events": EVENTS_RESOLVED, "identifiers": IDENTIFIER_MAP, "user_ids_ever": USER_IDS,
    "user_ids_retired": USER_REDIRECTS, "accounts": DIM_ACCOUNT, "sessions": SESSIONS,
}  # fmt: skip
_CHANNELS_SHOWN = 5
# credit by this model is shown where it was computed, else by the first in alphabetical order
_MODEL = "linear"


def headline(published: Published) -> dict[str, Any]:
    """Counts of people and what belongs to them, revenue by currency, and the channels with most of it.

    Money is in whole units of its currency.
    """
    counts = _counts(published)
    summary = [row.asDict() for row in published.read(ATTRIBUTION_SUMMARY).where("is_additive").collect()]
    models = sorted({row["model"] for row in summary})
    model = _MODEL if _MODEL in models else next(iter(models), None)
    of_model = [row for row in summary if row["model"] == model]
    return {
        "people": counts["known"] + counts["anonymous"],
        "people_known": counts["known"],
        "people_anonymous": counts["anonymous"],
        **{name: counts[name] for name in _COUNTED},
        "conversions": round(sum(float(row["conversions"]) for row in of_model)),
        "revenue": _revenue(of_model),
        "model": model,
        "top_channels": _top_channels(of_model),
    }


def _counts(published: Published) -> dict[str, int]:
    frames: list[DataFrame] = [_count(published.read(table), name) for name, table in _COUNTED.items()]
    by_kind = published.read(DIM_USER).groupBy(F.col("kind").alias("name")).agg(F.count(F.lit(1)).alias("n"))
    rows = reduce(lambda one, other: one.unionByName(other), [by_kind, *frames]).collect()
    return {"known": 0, "anonymous": 0} | {row["name"]: row["n"] for row in rows}


def _count(rows: DataFrame, name: str) -> DataFrame:
    return rows.agg(F.count(F.lit(1)).alias("n")).select(F.lit(name).alias("name"), "n")


def _revenue(rows: list[dict[str, Any]]) -> dict[str, float]:
    revenue: dict[str, float] = {}
    for row in rows:
        if row["currency"] is not None:
            revenue[row["currency"]] = revenue.get(row["currency"], 0) + major_units(
                row["credit_minor"], row["currency"]
            )
    return {currency: round(value, 2) for currency, value in sorted(revenue.items())}


def _top_channels(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with_money = [row for row in rows if row["currency"] is not None] or rows
    ordered = sorted(with_money, key=lambda row: (-(row["credit_minor"] or 0), -row["conversions"], row["channel"]))
    return [
        {
            "channel": row["channel"],
            "conversion": row["conversion"],
            "conversions": round(float(row["conversions"]), 1),
            "credit": major_units(row["credit_minor"], row["currency"]) if row["currency"] else None,
            "currency": row["currency"],
        }
        for row in ordered[:_CHANNELS_SHOWN]
    ]


def major_units(minor: int | None, currency: str) -> float:
    """An amount in whole units of its currency."""
    digits: int = exponent_of(currency)
    return float((minor or 0) / 10**digits)
