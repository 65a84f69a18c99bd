"""Identifiers that were first seen under an earlier version of the key keep it, and their order."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession

from oneuser.core.keyed import identifier_hasher
from oneuser.events.earlier_keys import as_observed, find_stored_keys, observed_under_stored_keys, with_stored_keys
from oneuser.privacy.key_versions import KeyVersion
from oneuser.privacy.keys import make_keys
from tests.frames import assert_rows

VERSIONS = [KeyVersion(f"k{number}", bytes([number]) * 32) for number in (1, 2, 3)]
KEYS = make_keys(VERSIONS, deployment="tests")
KEYED = "id_type string, id_key binary"
STORED_KEYS = f"{KEYED}, stored_key binary"


def key(version: int, value: str, id_type: str = "email") -> bytearray:
    """The hash of a value by one version, made for itself."""
    alone = make_keys([VERSIONS[version - 1]], deployment="tests")
    return bytearray(identifier_hasher(alone, id_type)(value))


def read(*named: tuple[str, str]) -> list[tuple[str, bytearray, str]]:
    """Identifiers as the newest version reads them."""
    return [(id_type, key(3, value, id_type), value) for id_type, value in named]


@pytest.fixture
def stored(spark: SparkSession) -> DataFrame:
    rows = [
        ("email", key(1, "first")), ("email", key(2, "second")), ("email", key(3, "third")),
        ("phone", key(1, "of another type", "phone")),
        # as no run leaves them
        ("email", key(1, "twice")), ("email", key(2, "twice")), ("email", key(1, "again")), ("email", key(3, "again")),
    ]  # fmt: skip
    return spark.createDataFrame(rows, KEYED)


def test_the_stored_key_of_each_version_is_found(spark: SparkSession, stored: DataFrame) -> None:
    names = ("first", "first", "second", "third", "never seen", "of another type", "twice", "again")
    rows = [*read(*[("email", name) for name in names]), ("email", None, None)]
    observed = spark.createDataFrame(rows, f"{KEYED}, id_value string")

    found = find_stored_keys(observed, stored, keys=KEYS)

    expected = [("email", key(3, name), key(version, name)) for name, version in
                (("first", 1), ("second", 2), ("twice", 2))]  # fmt: skip
    assert_rows(found, STORED_KEYS, *expected)


def test_rows_of_any_shape_take_stored_keys(spark: SparkSession) -> None:
    known = spark.createDataFrame([("email", bytearray(b"new"), bytearray(b"old"))], STORED_KEYS)
    new, other = bytearray(b"new"), bytearray(b"other")
    one = spark.createDataFrame([(1, "email", new), (2, "phone", new), (3, "email", other)], f"n int, {KEYED}")
    pairs_ddl = "type_a string, key_a binary, type_b string, key_b binary, n int"
    pairs = spark.createDataFrame([("email", other, "email", new, 4), (None, None, None, None, 5)], pairs_ddl)

    assert_rows(
        with_stored_keys(one, known), f"n int, {KEYED}", (1, "email", bytearray(b"old")), (2, "phone", new),
        (3, "email", other),
    )  # fmt: skip
    assert_rows(
        with_stored_keys(pairs, known, end="b"), pairs_ddl, ("email", other, "email", bytearray(b"old"), 4),
        (None, None, None, None, 5),
    )  # fmt: skip


def test_suppressed_identifiers_are_known_by_what_they_are_read_as(spark: SparkSession) -> None:
    known = [("email", bytearray(name), bytearray(b"old " + name)) for name in (b"a", b"b")]
    suppressed = spark.createDataFrame([("email", bytearray(b"old a")), ("email", bytearray(b"c"))], KEYED)

    found = as_observed(suppressed, spark.createDataFrame(known, STORED_KEYS))

    assert_rows(found, KEYED, *[("email", bytearray(name)) for name in (b"old a", b"c", b"a")])


def test_ranks_within_a_message_are_those_of_stored_keys(spark: SparkSession) -> None:
    # the newest version turns the order of two round; an identifier that hangs on by two links has one rank
    known = spark.createDataFrame([("email", bytearray(b"1"), bytearray(b"9"))], STORED_KEYS)
    shape = f"message_key binary, {KEYED}, link string, type_rank int"
    message, other = bytearray(b"m"), bytearray(b"n")
    rows = [
        (message, "email", b"1", "event", 0), (message, "email", b"1", "alias", 0),
        (message, "email", b"5", "event", 1), (message, "phone", b"1", "event", 0), (other, "email", b"1", "event", 0),
    ]  # fmt: skip
    observed = spark.createDataFrame([(m, t, bytearray(k), link, rank) for m, t, k, link, rank in rows], shape)

    found = observed_under_stored_keys(observed, known)

    expected = [
        (message, "email", b"9", "event", 1), (message, "email", b"9", "alias", 1),
        (message, "email", b"5", "event", 0), (message, "phone", b"1", "event", 0), (other, "email", b"9", "event", 0),
    ]  # fmt: skip
    assert_rows(found, shape, *[(m, t, bytearray(k), link, rank) for m, t, k, link, rank in expected])
