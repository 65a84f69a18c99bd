"""Which rows are somebody's who asks for them, for any table that says whose its rows are."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from oneuser.contracts.marts import ATTRIBUTION_CHANGES
from oneuser.contracts.subject import NOBODY, Subject
from oneuser.contracts.table import Field, TableContract
from oneuser.privacy.portability import Belongings, find_beside, find_uncontested, rows_of_people
from tests.frames import assert_rows

FIELDS = (
    Field("number", "int", "number of the row"),
    Field("message_key", "binary", "message"),
    Field("user_id", "string", "person", nullable=True),
    Field("other_user_id", "string", "another one", nullable=True),
    Field("identifier_id", "bigint", "identifier", nullable=True),
)
ROWS = [
    (1, b"m1", "usr_ann", "usr_old", 1),
    (2, b"m1", "usr_ann", "usr_bob", 9),
    (3, b"m2", "usr_ann", None, None),
    (4, b"m1", "usr_bob", "usr_ann", 1),
    (5, b"m1", None, None, None),
    (6, b"m2", None, "usr_bob", None),
]


def new_mart(subject: Subject) -> TableContract:
    """A table as somebody might add it tomorrow."""
    return TableContract("mart", "pseudonymous", "one row per number", FIELDS, ("number",), subject)


@pytest.fixture(scope="module")
def belongings(spark: SparkSession) -> Belongings:
    return Belongings(
        spark.createDataFrame(
            [("a", "usr_ann"), ("a", "usr_old"), ("b", "usr_bob")], "request_id string, user_id string"
        ),
        spark.createDataFrame([("a", b"m1"), ("b", b"m2")], "request_id string, message_key binary"),
        spark.createDataFrame([("a", 1), ("b", 9)], "request_id string, identifier_id bigint"),
        spark.createDataFrame([], "request_id string, id_type string, id_key binary"),
    )


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        # by the person; what else it names and is not theirs is emptied
        (
            Subject(users=("user_id", "other_user_id"), identifiers=("identifier_id",)),
            [
                ("a", 1, "usr_ann", "usr_old", 1),
                ("a", 2, "usr_ann", None, None),
                ("a", 3, "usr_ann", None, None),
                ("b", 4, "usr_bob", None, None),
            ],
        ),
        # a message that is not theirs cannot be emptied: the row is left out
        (Subject(messages=("message_key",), users=("user_id",)), [("a", 1), ("a", 2)]),
        # who else is named has more of the row than their number
        (
            Subject(users=("user_id", "other_user_id"), is_of_one=True),
            [("a", 1, "usr_ann", "usr_old"), ("a", 3, "usr_ann", None), ("b", 6, None, "usr_bob")],
        ),
        (Subject(messages=("message_key",)), [("a", 1), ("a", 2), ("a", 4), ("a", 5), ("b", 3), ("b", 6)]),
        (Subject(identifiers=("identifier_id",)), [("a", 1), ("a", 4), ("b", 2)]),
    ],
)
def test_a_new_table_is_portable_by_what_it_declares(
    spark: SparkSession, belongings: Belongings, subject: Subject, expected: list[tuple[object, ...]]
) -> None:
    contract = new_mart(subject)
    rows = contract.frame(spark, [dict(zip(contract.columns, row, strict=True)) for row in ROWS])

    found = rows_of_people(contract, rows, belongings)

    assert found is not None
    shown = ["request_id", "number", "user_id", "other_user_id", "identifier_id"][: len(expected[0])]
    assert sorted(map(tuple, found.select(*shown).collect())) == expected


def test_a_conversion_that_moved_to_somebody_else_is_told_of_to_neither(
    spark: SparkSession, belongings: Belongings
) -> None:
    # given changes of conversions that Ann has, had under another ID, has no longer, has anew; and one that went to Bob
    owners = [
        ("usr_ann", "usr_ann"), ("usr_old", "usr_ann"), ("usr_ann", None), (None, "usr_ann"), ("usr_ann", "usr_bob"),
        ("usr_bob", "usr_bob"),
    ]  # fmt: skip
    numbered = [(number, *pair) for number, pair in enumerate(owners)]
    made = spark.createDataFrame(numbered, "run_seq bigint, user_id_before string, user_id string")
    rows = made.select(
        *[
            field.name if field.name in made.columns else F.lit(None).cast(field.dtype).alias(field.name)
            for field in ATTRIBUTION_CHANGES.fields
        ]
    )

    found = rows_of_people(ATTRIBUTION_CHANGES, rows, belongings)

    assert found is not None
    shown = sorted((row["request_id"], row["run_seq"]) for row in found.collect())
    assert shown == [("a", 0), ("a", 1), ("a", 2), ("a", 3), ("b", 5)]


@pytest.mark.parametrize("subject", [NOBODY, Subject(texts=(("user_id", "identifier_id"),))])
def test_rows_that_are_about_nobody_are_nobodys(spark: SparkSession, belongings: Belongings, subject: Subject) -> None:
    contract = new_mart(subject)

    assert rows_of_people(contract, contract.empty(spark), belongings) is None


def test_what_is_contested_or_over_shared_is_nobodys_alone_and_stands_beside(
    spark: SparkSession, belongings: Belongings
) -> None:
    # given a contested 2, an over-shared 3, a 4 that nearly too many share, and a 9 of somebody else
    owners = spark.createDataFrame(
        [(1, "usr_ann", False), (2, "usr_ann", True), (3, "usr_ann", False), (4, "usr_ann", False)],
        schema="identifier_id bigint, user_id string, is_contested boolean",
    )
    shared = spark.createDataFrame(
        [(3, 6, 5), (4, 5, 5)], schema="identifier_id bigint, n_persons bigint, bound bigint"
    )
    carried = spark.createDataFrame([(b"m1", 1), (b"m1", 9), (b"m9", 8)], "message_key binary, identifier_id bigint")

    alone = find_uncontested(owners, shared)
    assert_rows(alone, "identifier_id bigint, user_id string", (1, "usr_ann"), (4, "usr_ann"))
    written = spark.createDataFrame([("a", 1), ("a", 7)], schema="request_id string, identifier_id bigint")
    beside = find_beside(belongings, carried, owners.where("identifier_id < 4"), written)
    assert_rows(beside, "request_id string, identifier_id bigint", ("a", 2), ("a", 3), ("a", 7), ("a", 9))
