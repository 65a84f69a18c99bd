"""Records about accounts: what contradicts what, and which account an address's domain stands for."""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql import DataFrame, SparkSession

from oneuser.contracts.reference import ACCOUNT_MEMBERS, ACCOUNT_PARENTS
from oneuser.core.keyed import Keys
from oneuser.marts.accounts.contradictions import (
    build_account_members,
    held_parents,
    judge_accounts,
    judge_parents,
    refuse_parents,
    refuse_unknown,
)
from oneuser.marts.accounts.domains import build_account_profiles, find_domain_accounts, free_mail_domains
from tests.frames import assert_rows

KEYS = Keys(deployment="test", key_id="k1", identifiers=b"i" * 32, messages=b"m" * 32, minting=b"u" * 32)
PARENTS = (
    "account_id string, parent_account_id string, valid_from timestamp, valid_to timestamp, "
    "code string, detail string, file string, record string"
)
ACCOUNTS = "account_id string, name string, domains string, code string, detail string"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def parents(spark: SparkSession, *rows: tuple[object, ...]) -> DataFrame:
    return spark.createDataFrame([(*row, None, None, "f", f"r{n}") for n, row in enumerate(rows)], PARENTS)


def test_records_of_parents_carry_the_code_of_what_they_contradict(spark: SparkSession) -> None:
    records = parents(
        spark,
        ("a", "top", None, None),
        ("a", "top", None, None),  # the same again
        ("a", "top", NOON, None),  # and within it
        ("b", "x", None, NOON),
        ("b", "y", None, None),
        ("c", "d", None, None),
        ("d", "c", NOON, None),
        ("e", "e", None, None),
    ).unionByName(
        # what is refused already contradicts nothing
        spark.createDataFrame([("a", "z", None, None, "reference.time", "valid_to", "f", "r8")], PARENTS)
    )

    judged = judge_parents(records)

    assert_rows(
        refuse_parents(records, judged).select("record", "code"),
        "record string, code string",
        ("r0", None),
        ("r1", None),
        ("r2", None),
        ("r3", "account.two_parents"),
        ("r4", "account.two_parents"),
        ("r5", "account.cycle"),
        ("r6", "account.cycle"),
        ("r7", "account.own_parent"),
        ("r8", "reference.time"),
    )
    assert_rows(held_parents(judged), ACCOUNT_PARENTS, ("a", "top", None, None))


def test_no_parents_are_judged_too(spark: SparkSession) -> None:
    judged = judge_parents(parents(spark))

    assert judged.collect() == []
    assert refuse_parents(parents(spark), judged).collect() == []


def test_what_names_an_account_that_is_not_there_is_refused(spark: SparkSession) -> None:
    known = spark.createDataFrame([("a",), ("b",), ("b",)], "account_id string")
    records = parents(spark, ("a", "b", None, None), ("a", "x", None, None), ("x", "b", None, None))

    found = refuse_unknown(records, known, ["account_id", "parent_account_id"])

    assert_rows(
        found.select("record", "code", "detail"),
        "record string, code string, detail string",
        ("r0", None, None),
        ("r1", "account.unknown", "parent_account_id"),
        ("r2", "account.unknown", "account_id"),
    )


def test_records_of_an_account_add_up_unless_they_call_it_by_two_names(spark: SparkSession) -> None:
    records = spark.createDataFrame(
        [
            ("a", "A", "a.example; www.A.example, mail.example", None, None),
            ("a", None, "https://b.example/x", None, None),
            ("b", "B", None, None, None),
            ("b", "Bee", "b.example", None, None),
            ("c", "C", "mail.example|gmail.com|own.example|eu.own.example|not a domain", None, None),
            ("c", "Sea", None, "reference.charset", "domains"),
        ],
        ACCOUNTS,
    )

    judged = judge_accounts(records)

    assert_rows(
        judged.select("account_id", "code").distinct(),
        "account_id string, code string",
        ("a", None),
        ("b", "account.two_names"),
        ("c", "reference.charset"),
        ("c", None),
    )
    good = judged.where("code is null")
    profiles = build_account_profiles(good, free_mail=free_mail_domains(), excluded=["own.example"])
    assert {row.account_id: (row.name, {d.domain: d.problem for d in row.domains}) for row in profiles.collect()} == {
        "a": ("A", {"a.example": None, "b.example": None, "mail.example": "shared"}),
        "c": (
            "C",
            {
                "mail.example": "shared",
                "gmail.com": "free_mail",
                "own.example": "excluded",
                "eu.own.example": "excluded",
                "not": "invalid",
                "a": "invalid",
                "domain": "invalid",
            },
        ),
    }


def test_an_address_stands_for_the_account_of_its_nearest_listed_domain(spark: SparkSession) -> None:
    good = spark.createDataFrame(
        [
            ("a", None, "acme.example", None, None),
            ("eu", None, "eu.acme.example", None, None),
            ("x", None, "both.acme.example", None, None),
            ("y", None, "both.acme.example", None, None),
            ("g", None, "gmail.com", None, None),
            ("none", None, None, None, None),
        ],
        ACCOUNTS,
    )
    free = free_mail_domains()
    profiles = build_account_profiles(good, free_mail=free, excluded=[])
    addresses = [
        (1, "ann@acme.example"),
        (2, "ann@sales.acme.example"),
        (3, "ann@de.eu.acme.example"),
        (4, "ann@both.acme.example"),  # of two accounts: of neither, nor of the one above
        (5, "ann@gmail.com"),
        (6, "ann@new.example"),
        (7, "bob@new.example"),
        (8, "ann@localhost"),
        (9, "ann@sub.own.example"),
    ]
    values = spark.createDataFrame(addresses, "identifier_id bigint, id_value string")
    excluded = {*free, "own.example"}

    listed = find_domain_accounts(values, profiles, excluded=excluded, keys=None)
    keyed = {
        row.identifier_id: row.account_id
        for row in find_domain_accounts(values, profiles, excluded=excluded, keys=KEYS).collect()
    }

    assert_rows(listed, "identifier_id bigint, account_id string", (1, "a"), (2, "a"), (3, "eu"))
    assert {number: account for number, account in keyed.items() if number < 6} == {1: "a", 2: "a", 3: "eu"}
    assert set(keyed) == {1, 2, 3, 6, 7}
    assert keyed[6] == keyed[7]
    assert keyed[6].startswith("dom_")
    assert len(keyed[6]) == 36
    # no address, no domain and no secret stands in the plan
    plan = keyed_plan(spark, values, profiles, excluded)
    assert "own.example" not in plan
    assert "gmail" not in plan


def keyed_plan(spark: SparkSession, values: DataFrame, profiles: DataFrame, excluded: set[str]) -> str:
    found = find_domain_accounts(values, profiles, excluded=excluded, keys=KEYS)
    return str(found._jdf.queryExecution().toString())


def test_members_count_once(spark: SparkSession) -> None:
    schema = "id_type string, id_key binary, account_id string, valid_from timestamp, valid_to timestamp, code string"
    records = spark.createDataFrame(
        [("email", b"k", "a", None, None, None)] * 2 + [("email", None, "a", None, None, "id.email")], schema
    )

    assert_rows(build_account_members(records), ACCOUNT_MEMBERS, ("email", b"k", "a", None, None))
