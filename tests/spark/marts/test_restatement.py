"""What moved of credits that there were before, and why: one conversion for each reason."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pyspark.sql import SparkSession

from oneuser.contracts.identity import LINEAGE
from oneuser.contracts.marts import (
    ACCOUNT_ATTRIBUTION_CHANGES,
    ACCOUNT_CREDITS,
    ATTRIBUTION_CHANGES,
    ATTRIBUTION_CREDITS,
)
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
    assert {row.reason for row in explained.select("reason").collect()} == set(ChangeReason) - {
        ChangeReason.RESTORED, ChangeReason.MEMBERSHIP,
    }  # fmt: skip


def test_credits_of_accounts_move_with_whoever_came_by_a_touch(spark: SparkSession) -> None:
    def of(account: str | None, conversion: str, touch: str | None, share: str, came: str | None, **facts: Any) -> Any:
        owner = {"account_id": account, "user": "buyer", "entity_level": "account", "touch_user_id": came}
        return credit(conversion, touch, share, **owner | facts)

    before = [
        of("acme", "merged", "t1", "1", "loser"),
        # it has lost a half to somebody of whom a membership tells
        of("acme", "joined", "t1", "1", "a"),
        of("acme", "moved", "t1", "1", "a"),
        of("below", "rolled up", "t1", "1", "a"),
        of("group", "of the group", "t1", "1", "a"),
        of("acme", "late", "t1", "1", "a"),
        of("acme", "dearer", "t1", "1", "a"),
        # of the same account, by whomever: nothing of its credit has moved
        of("acme", "resold", "t1", "1", "a"),
        of("acme", "renamed", "t1", "1", "loser"),
        # opportunities are nobody's: sold to another account, or of one that another is above now
        of("acme", "resold to", "t1", "1", "a", user=None),
        of("below", "taken over", "t1", "1", "a", user=None),
    ]
    now = [
        of("acme", "merged", "t1", "0.5", "survivor"),
        of("acme", "merged", "t2", "0.5", "b"),
        of("acme", "joined", "t1", "0.5", "a"),
        of("acme", "joined", "t2", "0.5", "member"),
        of("mill", "moved", "t1", "1", "a"),
        of("group", "rolled up", "t1", "1", "a"),
        of("group", "of the group", None, "1", None),
        of("acme", "late", "t2", "1", "a"),
        of("acme", "dearer", "t1", "1", "a", credit_minor=250),
        of("acme", "resold", "t1", "1", "a", user="other"),
        of("acme", "renamed", "t1", "1", "survivor"),
        of("acme", "new", "t1", "1", "a"),
        of("mill", "resold to", "t1", "1", "a", user=None),
        of("group", "taken over", "t1", "1", "a", user=None),
    ]
    changed = ACCOUNT_CREDITS.differences(ACCOUNT_CREDITS.frame(spark, before), ACCOUNT_CREDITS.frame(spark, now))
    merged = {"run_seq": 2, "change": "merged", "user_id": "loser", "other_user_id": "survivor"}
    lineage = LINEAGE.frame(spark, [merged])
    touches = spark.createDataFrame([(b"t1", "a")], "touch_id binary, user_id string")
    members = spark.createDataFrame([("member",), ("loser",), ("survivor",)], "user_id string")
    accounts = spark.createDataFrame([("group",), ("below",)], "account_id string")

    restated = find_restated(changed, models=MODELS, params_id="p", level="account")
    moved = find_moved_people(lineage, touches, touches, members_changed=members)
    explained = explain_restated(restated, moved, run_seq=2, level="account", moved_accounts=accounts)

    assert explained.columns == ACCOUNT_ATTRIBUTION_CHANGES.columns
    assert_rows(
        explained.selectExpr(
            "cast(conversion_id AS string) AS conversion", "cast(touch_id AS string) AS touch", "reason",
            "account_id_before", "account_id", "touch_user_id_before", "touch_user_id", "credit_minor_before",
            "credit_minor",
        ),
        "conversion string, touch string, reason string, account_id_before string, account_id string, "
        "touch_user_id_before string, touch_user_id string, credit_minor_before bigint, credit_minor bigint",
        ("merged", "t1", "merged", "acme", "acme", "loser", "survivor", 100, 50),
        ("merged", "t2", "merged", "acme", "acme", None, "b", None, 50),
        ("joined", "t1", "membership", "acme", "acme", "a", "a", 100, 50),
        ("joined", "t2", "membership", "acme", "acme", None, "member", None, 50),
        ("moved", "t1", "membership", "acme", "mill", "a", "a", 100, 100),
        ("rolled up", "t1", "membership", "below", "group", "a", "a", 100, 100),
        ("of the group", "t1", "membership", "group", "group", "a", None, 100, None),
        ("of the group", None, "membership", "group", "group", None, None, None, 100),
        ("late", "t1", "touches", "acme", "acme", "a", None, 100, None),
        ("late", "t2", "touches", "acme", "acme", None, "a", None, 100),
        ("dearer", "t1", "conversion", "acme", "acme", "a", "a", 100, 250),
        ("resold to", "t1", "conversion", "acme", "mill", "a", "a", 100, 100),
        ("taken over", "t1", "membership", "below", "group", "a", "a", 100, 100),
    )  # fmt: skip
