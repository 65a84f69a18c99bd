"""What moved of credits that there were before, and why: one conversion for each reason."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pyspark.sql import SparkSession

from oneuser.contracts.identity import LINEAGE
from oneuser.contracts.marts import ATTRIBUTION_CHANGES, ATTRIBUTION_CREDITS
from oneuser.marts.attribution.restatement import ChangeReason, explain_restated, find_moved_people, find_restated
from tests.frames import assert_rows

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MODELS = ["first", "linear"]


def credit(conversion: str, touch: str | None, share: str, *, user: str | None, **facts: Any) -> dict[str, Any]:
    return {
        "conversion_id": conversion.encode(), "conversion": "order", "model": "linear", "position": 1, "path_length": 1,
        "touch_id": touch and touch.encode(), "channel": "Email" if touch else "(unattributed)", "user_id": user,
        "touched_at": NOON, "converted_at": NOON, "weight": Decimal(share), "credit_minor": int(Decimal(share) * 100),
        "currency": "EUR", "entity_level": "person", "lookback_days": 30, "params_id": "p", "identity_run": 1,
        "is_additive": True, "transforms": "",
    } | facts  # fmt: skip


def test_each_credit_that_moved_has_its_reason(spark: SparkSession) -> None:
    old = {"params_id": "other"}
    before = [
        credit("configured", "t1", "1", user="a", **old),
        credit("gone", "t1", "1", user="a"),
        credit("merged", "t1", "1", user="loser"),
        credit("split", "t1", "1", user="whole"),
        credit("reassigned", "t1", "1", user="a"),
        credit("of nobody", None, "1", user=None),
        credit("lent", "lent", "1", user="lender"),
        credit("dearer", "t1", "1", user="a"),
        credit("late", "t1", "1", user="a"),
        credit("late", "t1", "1", user="a", model="first"),
        credit("of a former model", "t1", "1", user="a", model="last"),
        credit("farther back", "t1", "1", user="a"),
        credit("withheld", "t1", "1", user="refuser"),
    ]
    now = [
        credit("configured", "t1", "1", user="a", channel="Display"),
        credit("merged", "t1", "1", user="survivor"),
        credit("split", "t2", "1", user="whole"),
        credit("reassigned", "t1", "1", user="b"),
        credit("of nobody", "t1", "1", user="b"),
        credit("lent", None, "1", user="lender"),
        credit("dearer", "t1", "1", user="a", credit_minor=250),
        credit("late", "t0", "0.5", user="a", path_length=2),
        credit("late", "t1", "0.5", user="a", path_length=2, position=2),
        credit("late", "t0", "1", user="a", path_length=2, model="first"),
        credit("farther back", "t1", "1", user="a", position=2, path_length=2),
        credit("new", "t1", "1", user="a"),
        credit("withheld", None, "1", user="refuser"),
    ]
    changed = ATTRIBUTION_CREDITS.differences(
        ATTRIBUTION_CREDITS.frame(spark, before), ATTRIBUTION_CREDITS.frame(spark, now)
    )
    lineage = LINEAGE.frame(
        spark,
        [
            {"run_seq": 2, "change": "merged", "user_id": "loser", "other_user_id": "survivor"},
            {"run_seq": 2, "change": "split_from", "user_id": "part", "other_user_id": "whole"},
            {"run_seq": 2, "change": "minted", "user_id": "a"},
        ],
    )
    touches = [
        spark.createDataFrame([(b"lent", user), (b"t1", "a")], "touch_id binary, user_id string")
        for user in ("lender", "borrower")
    ]

    refusing = spark.createDataFrame([("refuser",)], "user_id string")

    restated = find_restated(changed, models=MODELS, params_id="p")
    explained = explain_restated(restated, find_moved_people(lineage, *touches, refusing), run_seq=2)

    assert explained.columns == ATTRIBUTION_CHANGES.columns
    whole, none, half = Decimal(1), Decimal(0), Decimal("0.5")
    assert_rows(
        explained.selectExpr(
            "cast(conversion_id AS string) AS conversion", "model", "cast(touch_id AS string) AS touch", "reason",
            "user_id_before", "user_id", "channel_before", "channel", "weight_before", "weight",
            "credit_minor_before", "credit_minor",
        ),
        "conversion string, model string, touch string, reason string, user_id_before string, user_id string, "
        "channel_before string, channel string, weight_before decimal(20,12), weight decimal(20,12), "
        "credit_minor_before bigint, credit_minor bigint",
        ("configured", "linear", "t1", "configuration", "a", "a", "Email", "Display", whole, whole, 100, 100),
        ("gone", "linear", "t1", "gone", "a", None, "Email", None, whole, none, 100, None),
        ("merged", "linear", "t1", "merged", "loser", "survivor", "Email", "Email", whole, whole, 100, 100),
        ("split", "linear", "t1", "split_from", "whole", "whole", "Email", None, whole, none, 100, None),
        ("split", "linear", "t2", "split_from", "whole", "whole", None, "Email", none, whole, None, 100),
        ("reassigned", "linear", "t1", "reassigned", "a", "b", "Email", "Email", whole, whole, 100, 100),
        ("of nobody", "linear", None, "reassigned", None, "b", "(unattributed)", None, whole, none, 100, None),
        ("of nobody", "linear", "t1", "reassigned", None, "b", None, "Email", none, whole, None, 100),
        ("lent", "linear", "lent", "reassigned", "lender", "lender", "Email", None, whole, none, 100, None),
        ("lent", "linear", None, "reassigned", "lender", "lender", None, "(unattributed)", none, whole, None, 100),
        ("withheld", "linear", "t1", "consent", "refuser", "refuser", "Email", None, whole, none, 100, None),
        ("withheld", "linear", None, "consent", "refuser", "refuser", None, "(unattributed)", none, whole, None, 100),
        ("dearer", "linear", "t1", "conversion", "a", "a", "Email", "Email", whole, whole, 100, 250),
        ("late", "linear", "t0", "touches", "a", "a", None, "Email", none, half, None, 50),
        ("late", "linear", "t1", "touches", "a", "a", "Email", "Email", whole, half, 100, 50),
        ("late", "first", "t0", "touches", "a", "a", None, "Email", none, whole, None, 100),
        ("late", "first", "t1", "touches", "a", "a", "Email", None, whole, none, 100, None),
    )  # fmt: skip
    assert {row.reason for row in explained.select("reason").collect()} == set(ChangeReason) - {ChangeReason.RESTORED}
