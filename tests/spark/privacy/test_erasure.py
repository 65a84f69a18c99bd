"""Which rows are about somebody erased, for any table that says whose its rows are; what a request leads to."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from oneuser.contracts.marts import ATTRIBUTION_CHANGES
from oneuser.contracts.privacy import SUPPRESSIONS
from oneuser.contracts.reference import ACCOUNT_MEMBERS
from oneuser.contracts.subject import NOBODY, Subject
from oneuser.contracts.table import Field, TableContract
from oneuser.core.identifier_text import NamedIdentifier
from oneuser.core.keyed import Keys
from oneuser.privacy.erased_lines import find_erased_lines, with_kept_hash
from oneuser.privacy.erasure import (
    Erased,
    find_in_files,
    find_left_alone,
    find_mapped,
    find_messages,
    find_own_identifiers,
    find_own_pairs,
    find_persons,
    find_residual,
    find_still_carried,
    rows_about,
)
from oneuser.privacy.requests import Request
from oneuser.privacy.text_search import find_texts
from oneuser.spark.stable_ids import stable_id
from oneuser.stages.ingest.freed import count_freed, find_freed
from oneuser.stages.ingest.kept_back import KeptBack
from oneuser.stages.ingest.spelled_out import Spelling
from oneuser.storage.layout import Layout
from oneuser.storage.local_files import LocalFiles
from tests.frames import assert_rows

FIELDS = (
    Field("number", "int", "number of the row"),
    Field("message_key", "binary", "message", nullable=True),
    Field("user_id", "string", "person", nullable=True),
    Field("other_user_id", "string", "another one", nullable=True),
    Field("state", "string", "state"),
)
ROWS = [
    (1, b"m1", "usr_bob", None, "open"),
    (2, b"m2", "usr_ann", None, "open"),
    (3, b"m2", "usr_bob", "usr_ann", "open"),
    (4, None, "usr_ann", None, "ended"),
    (5, None, None, None, "open"),
]


def new_mart(subject: Subject) -> TableContract:
    """A table as somebody might add it tomorrow."""
    return TableContract("mart", "pseudonymous", "one row per number", FIELDS, ("number",), subject)


@pytest.fixture(scope="module")
def erased(spark: SparkSession) -> Erased:
    return Erased(
        spark.createDataFrame([(b"m1",)], "message_key binary"),
        spark.createDataFrame([], "identifier_id bigint"),
        spark.createDataFrame([("usr_ann",)], "user_id string"),
        spark.createDataFrame([], "line_hash bigint"),
        spark.createDataFrame([], "id_type string, id_key binary"),
    )


@pytest.mark.parametrize(
    ("subject", "gone"),
    [
        (Subject(messages=("message_key",)), {1}),
        (Subject(users=("user_id",)), {2, 4}),
        (Subject(users=("user_id", "other_user_id")), {2, 3, 4}),
        (Subject(messages=("message_key",), users=("user_id",)), {1, 2, 4}),
        (Subject(users=("user_id",), kept=("state", "ended")), {2}),
    ],
)
def test_a_new_table_is_erasable_by_what_it_declares(
    spark: SparkSession, erased: Erased, subject: Subject, gone: set[int]
) -> None:
    contract = new_mart(subject)

    found = rows_about(contract, spark.createDataFrame(ROWS, contract.schema), erased)

    assert found is not None
    assert_rows(found, contract, *[row for row in ROWS if row[0] in gone])


def test_what_was_told_of_erased_messages_is_found_whoever_owned_them(spark: SparkSession, erased: Erased) -> None:
    # given changes of a conversion and a touch by the erased m1, of others by m2, and of a kind that is no longer there
    made = spark.createDataFrame(
        [
            (1, "signup", b"m1", b"m2"), (2, "signup", b"m2", b"m1"), (3, "signup", b"m2", b"m2"),
            (4, "trial", b"m1", None),
        ],
        "run_seq int, conversion string, converted binary, touched binary",
    )  # fmt: skip
    facts = [F.lit(None).cast(field.dtype).alias(field.name) for field in ATTRIBUTION_CHANGES.fields[6:]]
    rows = made.select(
        F.col("run_seq").cast("bigint").alias("run_seq"),
        stable_id(F.col("conversion"), "converted").alias("conversion_id"), "conversion",
        F.lit("last").alias("model"), stable_id("touch", "touched").alias("touch_id"),
        F.lit("touches").alias("reason"), *facts,
    )  # fmt: skip

    found = rows_about(ATTRIBUTION_CHANGES, rows, erased)

    assert found is not None
    assert sorted(row["run_seq"] for row in found.collect()) == [1, 2, 4]


def test_a_device_that_files_name_goes_from_their_tables_and_is_let_in_elsewhere(spark: SparkSession) -> None:
    # given an address of hers, two devices, one of which files name, and the device of somebody else
    keyed = "id_type string, id_key binary, key_id string, identifier_id bigint"
    identifiers = spark.createDataFrame(
        [("email", b"a", "k1", 1), ("device", b"t", "k1", 2), ("device", b"s", "k1", 3), ("device", b"o", "k1", 4)],
        keyed,
    )
    alone = spark.createDataFrame([("r", 1), ("r", 2), ("r", 3)], "request_id string, identifier_id bigint")
    suppressed = spark.createDataFrame([("email", b"a")], "id_type string, id_key binary")
    files = spark.createDataFrame([(b"a",), (b"t",), (b"t",), (b"o",)], "id_key binary")

    found = find_in_files(alone, identifiers, suppressed, files)

    assert_rows(
        found, "request_id string, id_type string, id_key binary, key_id string", ("r", "(file) device", b"t", "k1"),
    )  # fmt: skip
    members = [("device", b"t", "mill"), ("device", b"o", "mill"), ("email", b"a", "mill")]
    shape = "id_type string, id_key binary, account_id string"
    rows = spark.createDataFrame(members, shape)
    nulls = [F.lit(None).cast(one.dtype).alias(one.name) for one in ACCOUNT_MEMBERS.fields if one.name not in shape]
    rows = rows.select("*", *nulls).select(*ACCOUNT_MEMBERS.columns)
    keys = suppressed.unionByName(found.select("id_type", "id_key"))
    gone = rows_about(ACCOUNT_MEMBERS, rows, Erased(None, None, None, None, keys))
    assert gone is not None
    assert sorted(row["id_key"] for row in gone.collect()) == [b"a", b"t"]
    left = KeptBack(keys, None, None).of_members(rows)
    assert [row["id_key"] for row in left.collect()] == [b"o"]


def test_what_is_suppressed_in_files_is_freed_by_whoever_names_it(spark: SparkSession, tmp_path: Path) -> None:
    # given what an erasure has suppressed: an address, and a device in files alone
    device = ("(file) device", b"t", "k1", "ask", 1)
    standing = spark.createDataFrame([("email", b"a", "k1", "ask", 1), device], SUPPRESSIONS.schema)
    none = standing.drop("run_seq").limit(0)
    warehouse = SimpleNamespace(files=LocalFiles(), layout=Layout.of(str(tmp_path), None))
    ctx: Any = SimpleNamespace(spark=spark, read=lambda _: standing, checkpoint=lambda rows: rows, warehouse=warehouse)
    named = Request("back", "unsuppress", "exact", (NamedIdentifier("device", "tablet"),))

    freed = find_freed(ctx, [named], {"back": {b"t": Spelling("device", frozenset(), "tablet", "k1")}}, none)

    assert freed is not None
    shape = "request_id string, id_type string, id_key binary"
    assert_rows(freed, f"{shape}, suppressed_by string", ("back", "(file) device", b"t", "ask"))
    assert [row.asDict() for row in count_freed(ctx, freed, none).collect()] == [
        {"request_id": "back", "id_type": "device", "id_key": b"t"}
    ]


def test_a_table_of_nobody_has_no_such_rows(spark: SparkSession, erased: Erased) -> None:
    contract = new_mart(NOBODY)

    assert rows_about(contract, spark.createDataFrame(ROWS, contract.schema), erased) is None


def test_messages_go_that_carry_what_is_suppressed_or_belonged_to_who_ends(spark: SparkSession) -> None:
    suppressed = spark.createDataFrame([("r", 7)], "request_id string, identifier_id bigint")
    living = spark.createDataFrame([("r", "usr_ann")], "request_id string, user_id string")
    carried = spark.createDataFrame([(b"m1", 7), (b"m1", 8), (b"m2", 8)], "message_key binary, identifier_id bigint")
    resolved = spark.createDataFrame(
        [(b"m1", "usr_bob"), (b"m2", "usr_bob"), (b"m3", "usr_ann"), (b"m4", None)],
        "message_key binary, user_id string",
    )

    found = find_messages(suppressed, living, carried, resolved)

    assert_rows(found, "request_id string, message_key binary", ("r", b"m1"), ("r", b"m3"))


def test_an_identifier_stays_for_a_message_or_a_link_of_somebody_else(spark: SparkSession) -> None:
    named = "request_id string, identifier_id bigint"
    candidates = spark.createDataFrame([("r", n) for n in (1, 2, 3, 4, 5, 6, 7)], named)
    messages = spark.createDataFrame([(b"m1",)], "message_key binary")
    suppressed = spark.createDataFrame([(1,)], "identifier_id bigint")
    carried = spark.createDataFrame(
        [(b"m1", 1), (b"m1", 2), (b"m1", 3), (b"m1", 4), (b"m2", 2)], "message_key binary, identifier_id bigint"
    )
    # what a link joins with a suppressed identifier, it joins no more; others carry neither of a pair, or one
    links = spark.createDataFrame([(1, 3), (4, 9), (5, 6), (2, 7)], "src bigint, dst bigint")
    mapped = spark.createDataFrame([("r", n) for n in (1, 2, 3, 5, 6, 7)] + [("s", 4)], named)

    still = find_still_carried(candidates, messages, carried)
    own = find_own_pairs(mapped, still, suppressed, links)
    found = find_left_alone(candidates, still, suppressed, links, own)

    assert_rows(own, "request_id string, src bigint, dst bigint", ("r", 5, 6))
    assert_rows(found, named, ("r", 1), ("r", 3), ("r", 5), ("r", 6))


def test_whoever_names_what_is_one_persons_alone_names_nobody_by_what_others_share(spark: SparkSession) -> None:
    # given what is Ann's, Bob's and Carla's alone, a device that two people contest and an over-shared one
    owners = [(1, "ann", True, False), (2, "bob", True, False), (3, "bob", False, True), (4, "carla", False, False)]
    mapped = spark.createDataFrame(
        [*owners, (5, "ann", True, True), (6, "carla", True, False)],
        "identifier_id bigint, user_id string, is_known boolean, is_contested boolean",
    )
    shared = spark.createDataFrame([(6, 9, 5)], "identifier_id bigint, n_persons bigint, bound bigint")
    asked = {
        # her own and a shared one; a shared one alone; shared ones of two; her own and his own
        "own": (1, 3), "shared": (3,), "several": (3, 5, 6), "both": (1, 2), "nothing": (9,),
        # what was a device of hers is Carla's by now; she has come back by another address
        "gone": (3, 4), "back": (1, 4),
    }  # fmt: skip
    named = spark.createDataFrame(
        [(name, number) for name, numbers in asked.items() for number in numbers],
        "request_id string, identifier_id bigint",
    )
    ended = spark.createDataFrame([("gone",), ("back",), ("back",)], "request_id string")

    found = find_persons(named, mapped, shared, ended)

    assert_rows(
        found, "request_id string, user_id string, is_ambiguous boolean",
        ("own", "ann", False), ("shared", "bob", False), ("both", "ann", False), ("both", "bob", False),
        ("several", "ann", True), ("several", "bob", True), ("several", "carla", True), ("back", "ann", False),
    )  # fmt: skip


def test_all_that_is_mapped_to_who_ends_goes_with_them(spark: SparkSession) -> None:
    living = spark.createDataFrame([("r", "usr_ann")], "request_id string, user_id string")
    owners = [(1, "usr_ann"), (2, "usr_bob")]
    identifier_map = spark.createDataFrame(owners, "identifier_id bigint, user_id string")

    found = find_mapped(living, identifier_map)

    assert_rows(found, "request_id string, identifier_id bigint", ("r", 1))


def test_a_residual_id_ends_with_the_person_that_it_was_cut_off_from(spark: SparkSession) -> None:
    persons = spark.createDataFrame([("r", "usr_ann")], "request_id string, user_id string")
    owners = [(1, "usr_ann"), (2, "usr_rest"), (3, "usr_old"), (4, "usr_bob"), (5, "usr_elsewhere")]
    identifier_map = spark.createDataFrame(owners, "identifier_id bigint, user_id string")
    refused = spark.createDataFrame(
        [(1, 2, "limit", None), (1, 3, "limit", 4), (1, 4, "size", None), (4, 5, "limit", None)],
        "src bigint, dst bigint, rule string, closed_run bigint",
    )
    people = spark.createDataFrame(
        [("usr_ann", "known"), ("usr_bob", "known"), *[(f"usr_{n}", "residual") for n in ("rest", "old", "elsewhere")]],
        "user_id string, kind string",
    )

    found = find_residual(persons, identifier_map, refused, people)

    assert_rows(found, "request_id string, user_id string", ("r", "usr_rest"))


def test_what_only_those_contest_who_end_is_suppressed_with_them(spark: SparkSession) -> None:
    # given an address that a limit cut off from Ann, whose claimant is Ann; one that Bob had once; one that a refused
    # edge leads from to him; a device
    living = spark.createDataFrame([("r", "usr_ann"), ("r", "usr_rest")], "request_id string, user_id string")
    identifier_map = spark.createDataFrame(
        [
            (1, "usr_ann", True, False), (2, "usr_rest", True, True), (3, "usr_rest", True, True),
            (4, "usr_ann", True, True), (5, "usr_ann", False, False), (6, "usr_bob", True, False),
        ],
        "identifier_id bigint, user_id string, is_known boolean, is_contested boolean",
    )  # fmt: skip
    ownership = spark.createDataFrame(
        [(2, "usr_ann", None), (2, "usr_bob", 4), (3, "usr_ann", None), (3, "usr_bob", None), (4, None, None)],
        "identifier_id bigint, user_id string, superseded_run bigint",
    )
    refused = spark.createDataFrame(
        [(1, 2, "limit", None), (1, 3, "limit", None), (4, 6, "unique", None), (2, 6, "limit", 3)],
        "src bigint, dst bigint, rule string, closed_run bigint",
    )

    found = find_own_identifiers(living, identifier_map, ownership, refused)

    assert_rows(found, "request_id string, identifier_id bigint", ("r", 1), ("r", 2))


def test_erased_lines_are_known_by_a_keyed_hash_and_by_that_of_earlier_versions(spark: SparkSession) -> None:
    keys = Keys("shop", "k1", b"i" * 32, b"m" * 32, b"u" * 32)
    lines = spark.createDataFrame([("r", 1), ("r", -2)], "request_id string, line_hash bigint")
    kept = with_kept_hash(lines, keys).select("kept_hash")
    stored = kept.unionByName(spark.createDataFrame([(3,)], "kept_hash bigint"))
    hashes = spark.createDataFrame([(1,), (-2,), (-2,), (3,), (4,)], "line_hash bigint")

    found = find_erased_lines(hashes, stored, keys)

    assert_rows(found, "line_hash bigint", (1,), (-2,), (3,))
    assert not {row["kept_hash"] for row in kept.collect()} & {1, -2}


def test_refused_lines_are_found_by_a_value_as_a_word_of_its_own(spark: SparkSession) -> None:
    lines = [(1, b'{"email": "Ann@Example.com"'), (2, b"joann@example.com"), (3, None), (4, b"bob@example.com")]
    rows = spark.createDataFrame(lines, "line_hash bigint, line binary")

    # she has asked twice
    wanted = {"r": ["ann@example.com"], "s": ["ann@example.com", "zoe@example.com"]}
    found = find_texts(rows, text="line", hashed="line_hash", values=wanted, normalisers={})

    assert_rows(found, "request_id string, line_hash bigint", ("r", 1), ("s", 1))
