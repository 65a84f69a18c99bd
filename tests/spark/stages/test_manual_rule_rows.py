"""Manual rules by the numbers of their identifiers."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from oneuser.stages.graph.manual_rule_rows import manual_rule_rows
from tests.spark.events.staging import Ingest, lines_source
from tests.unit.events.parsing import line

HEADER = "action,id_type_a,id_value_a,id_type_b,id_value_b,reason\n"


def test_rules_between_seen_identifiers_have_their_numbers_and_others_no_effect(
    spark: SparkSession, warehouse_path: Path, tmp_path: Path
) -> None:
    events = tmp_path / "web.jsonl"
    events.write_bytes(line(userId="u1", traits={"email": "canary@example.com"}) + b"\n")
    rules = tmp_path / "rules.csv"
    rules.write_text(
        HEADER
        + "exclude,email,Canary@Example.com,anonymous_id,a1,shared tablet\n"
        + "include,user_id,u1,anonymous_id,a1,\n"
        + "include,user_id,u1,user_id,never-seen,\n"
        + "exclude,email,nobody@example.com,email,no-one@example.com,\n"
    )
    ingest = Ingest(spark, warehouse_path, manual_rules=rules)
    web = lines_source(events)
    ingest.run(web=web)
    numbers = {row["id_value"]: row["identifier_id"] for row in ingest.table("identifier_values").collect()}
    a1, email, u1 = numbers["a1"], numbers["canary@example.com"], numbers["u1"]

    context = ingest.context(web=web)
    rows = manual_rule_rows(context)

    assert rows is not None
    assert sorted(tuple(row) for row in rows.collect()) == [
        ("exclude", min(a1, email), max(a1, email), "shared tablet"),
        ("include", min(a1, u1), max(a1, u1), ""),
    ]
    assert (context.metrics["manual_rules"], context.metrics["manual_rules_unmatched"]) == (4, 2)
    plan = rows._jdf.queryExecution().toString()
    assert "canary" not in plan
    assert "shared tablet" not in plan


def test_rules_that_name_nobody_are_no_rules(spark: SparkSession, warehouse_path: Path, tmp_path: Path) -> None:
    events = tmp_path / "web.jsonl"
    events.write_bytes(line() + b"\n")
    rules = tmp_path / "rules.csv"
    rules.write_text(HEADER + "include,user_id,u1,user_id,u2,\n")
    ingest = Ingest(spark, warehouse_path, manual_rules=rules)
    ingest.run(web=lines_source(events))

    assert manual_rule_rows(ingest.context(web=lines_source(events))) is None
    ingest.manual_rules = None
    assert manual_rule_rows(ingest.context(web=lines_source(events))) is None
