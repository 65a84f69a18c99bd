"""Files of finance and sales in the ingest stage: read, judged by each other, accounted for, withdrawn."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from oneuser.core.keyed import identifier_hasher
from tests.spark.events.staging import Ingest, lines_source
from tests.unit.events.parsing import KEYS, line

RATES = """day,currency,rate
2026-01-01T00:00:00+01:00,USD,0.9
2026-01-01,USD,0.90
2026-01-02,USD,0.91
2026-01-02,USD,0.92
2026-01-03,usd,0.93
2026-01-03,EUR,2
2026-01-04,US$,1
2026-01-05,USD,-1
2026-02-30,USD,1
2026-01-06,USD,
"""
# of another bank
MORE_RATES = """day,currency,rate
2026-01-01,USD,0.9
2026-01-03,USD,0.94
2026-01-07,USD,0.95
"""
SPEND = """Date;Kosten;Kanal;Kampagne
01.02.2026;1.234,50;paid search ;spring
01.02.2026;0,5;Paid Search;spring
01.02.2026;3;Kino;
02.02.2026;-1;;
02.02.2026;viel;Email;
02.02.2026;12.5;Email;
02.02.2026;0.925;Email;
02.02.2026;1,299.50;Email;
03.02.2026;50000000000000;Email;large
03.02.2026;50000000000000;Email;large
03.02.2026;99999999999999,99;Email;largest
03.02.2026;-1;Email;largest
"""
OPPORTUNITIES = """opportunity_id,account_id,opened_at,closed_at,Stage,amount,currency
o1,acme,2026-01-01,2026-02-01T02:00:00+02:00,closed won,100.005,JPY
o2,acme,2026-01-01,,Closed Won,,
o3,mill,2026-01-01,2026-03-01,Closed Lost,7,EUR
o4,mill,2026-01-01,,Open,1,EUR
o4,mill,2026-01-02,,Open,1,EUR
o5,mill,2026-01-01,,Open,1,
o6,,2026-01-01,,Open,1,EUR
"""
SUBSCRIPTIONS = """subscription_id,account_id,email,amount,valid_from,valid_to
s1,acme,,10,2026-01-01,2026-02-01
s1,acme,,15,2026-02-01,
s1,acme,,15,2026-02-01,
s2,,Ann@Shop.example,9.99,2026-01-01,9999-12-31
s3,acme,ann@shop.example,1,2026-01-01,
s4,,,1,2026-01-01,
s5,acme,,1,2026-01-01,2026-03-01
s5,acme,,2,2026-02-01,
s6,,nobody,1,2026-01-01,
"""
SEATS = """account_id,seats,valid_from,valid_to
acme,10,,2026-02-01
acme,12.0,2026-02-01,
mill,3.5,,
mill,4,2026-01-01,2026-01-01
zoo,1,2026-01-01,
zoo,2,2025-01-01,
"""
EUR = {"currency": "EUR"}
FILES: dict[str, dict[str, Any]] = {
    "fx_rates": {"columns": {}, "times": {"zone": "Europe/Berlin"}},
    "spend": {"currency": "EUR", "separator": ";", "decimal": ",",
              "times": {"format": "dd.MM.yyyy", "zone": "Europe/Berlin"},
              "columns": {"day": "Date", "amount": "Kosten", "channel": "Kanal", "campaign_name": "Kampagne"}},
    "opportunities": {"columns": {"is_won": "Stage"}, "won_values": ["Closed Won"]},
    "subscriptions": {"currency": "EUR", "id_type": "email", "columns": {"id_value": "email"}},
    "seats": {"columns": {}},
}  # fmt: skip
TEXTS = dict(zip(FILES, (RATES, SPEND, OPPORTUNITIES, SUBSCRIPTIONS, SEATS), strict=True))


@pytest.fixture
def ingest(spark: SparkSession, warehouse_path: Path) -> Ingest:
    return Ingest(spark, warehouse_path)


def declare(folder: Path, texts: dict[str, str]) -> dict[str, Any]:
    declared: dict[str, Any] = {"reporting_currency": "EUR", "attribution": {"levels": ["person", "account"]}}
    for section, text in texts.items():
        (folder / f"{section}.csv").write_text(text, encoding="utf-8")
        declared[section] = {"one": {"path": f"{folder}/{section}.csv", "format": "csv", **FILES[section]}}
    (folder / "more_rates.csv").write_text(MORE_RATES, encoding="utf-8")
    declared["fx_rates"]["two"] = {"path": f"{folder}/more_rates.csv", "format": "csv", **FILES["fx_rates"]}
    return declared


def rows_of(ingest: Ingest, name: str, *columns: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in ingest.table(name).selectExpr(*columns).collect()), key=str)


def test_every_record_counts_or_is_refused_with_a_reason_and_all_of_it_is_withdrawn(
    ingest: Ingest, tmp_path: Path
) -> None:
    (tmp_path / "web.jsonl").write_bytes(line() + b"\n")
    web = lines_source(tmp_path / "web.jsonl")
    ingest.commercial = declare(tmp_path, TEXTS)

    metrics = ingest.run(web=web)

    assert rows_of(ingest, "fx_rates", "*") == [
        (date(2026, 1, 1), "USD", "EUR", Decimal("0.9").quantize(Decimal("1e-14"))),
        (date(2026, 1, 7), "USD", "EUR", Decimal("0.95").quantize(Decimal("1e-14"))),
    ]
    assert rows_of(ingest, "spend", "*") == [
        ("one", date(2026, 2, 1), "Kino", None, None, "EUR", 300, 1),
        ("one", date(2026, 2, 1), "Paid Search", None, "spring", "EUR", 123500, 2),
        ("one", date(2026, 2, 2), None, None, None, "EUR", -100, 1),
        ("one", date(2026, 2, 3), "Email", None, "largest", "EUR", 10**16 - 101, 2),
    ]
    won = ("opportunity_id", "account_id", "cast(closed_at as string)", "is_won", "value_minor", "currency")
    assert rows_of(ingest, "opportunities", *won) == [
        ("o1", "acme", "2026-02-01 00:00:00", True, 100, "JPY"),
        ("o2", "acme", None, False, None, None),
        ("o3", "mill", "2026-03-01 00:00:00", False, 700, "EUR"),
    ]
    ann = identifier_hasher(KEYS, "email")("ann@shop.example")
    whose = ("subscription_id", "account_id", "id_type", "id_key", "mrr_minor", "cast(valid_to as string)")
    assert rows_of(ingest, "subscriptions", *whose) == [
        ("s1", "acme", None, None, 1000, "2026-02-01 00:00:00"),
        ("s1", "acme", None, None, 1500, None),
        ("s2", None, "email", ann, 999, None),
    ]
    assert rows_of(ingest, "seats", "account_id", "n_seats", "valid_from is null") == [
        ("acme", 10, True),
        ("acme", 12, False),
    ]
    refused = rows_of(ingest, "rejected_records", "reference", "code", "detail", "n_records")
    assert refused == sorted(
        [
            *[("fx_rates.one", "fx_rates.conflict", "other records have another rate for the day", 1)] * 3,
            ("fx_rates.two", "fx_rates.conflict", "other records have another rate for the day", 1),
            ("fx_rates.one", "fx_rates.conflict", "a currency has the rate 1 to itself", 1),
            ("fx_rates.one", "reference.currency", "currency", 1),
            ("fx_rates.one", "reference.number", "rate", 1),
            ("fx_rates.one", "reference.time", "day", 1),
            ("fx_rates.one", "reference.missing", "rate", 1),
            *[("spend.one", "reference.number", "amount", 1)] * 4,
            ("spend.one", "reference.number",
             "amounts of the day and campaign add up to more than sixteen digits of minor units", 2),
            *[("opportunities.one", "opportunities.conflict", "other records of the opportunity differ", 1)] * 2,
            ("opportunities.one", "reference.currency", "currency", 1),
            ("opportunities.one", "reference.missing", "account_id", 1),
            *[("subscriptions.one", "subscriptions.owner", "account_id, or id_type and id_value", 1)] * 2,
            *[("subscriptions.one", "subscriptions.overlap",
               "another record says something else of the same time", 1)] * 2,
            ("subscriptions.one", "id.email", "id_value", 1),
            ("seats.one", "reference.number", "seats", 1),
            ("seats.one", "reference.period", "valid_to is not after valid_from", 1),
            *[("seats.one", "seats.overlap", "another record says something else of the same time", 1)] * 2,
        ],
        key=str,
    )  # fmt: skip
    counted = {name: (metrics[f"records_in|{name}.one"], metrics[f"records_rejected|{name}.one"]) for name in FILES}
    assert counted == {
        "fx_rates": (10, 8),
        "spend": (12, 6),
        "opportunities": (7, 4),
        "subscriptions": (9, 5),
        "seats": (6, 4),
    }
    assert (metrics["records_in|fx_rates.two"], metrics["records_rejected|fx_rates.two"]) == (3, 1)

    # a kind that is no longer configured is withdrawn, and the others stay as they are
    written = dict(ingest.tables)
    ingest.commercial = declare(tmp_path, {name: text for name, text in TEXTS.items() if name != "seats"})
    ingest.run(web=web)
    assert rows_of(ingest, "seats", "*") == []
    changed = {name for name, version in ingest.tables.items() if written[name] != version}
    assert changed == {"seats", "reference_inputs", "rejected_records"}
    assert {code for _, code in rows_of(ingest, "rejected_records", "reference", "code")} - {"seats.overlap"}
