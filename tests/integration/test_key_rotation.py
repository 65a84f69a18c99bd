"""Rotation between runs: nobody's User ID, no order and no published row is another, and who was known is known.

Beside a warehouse whose key is rotated runs a copy whose key is not: what both publish is compared, row by row.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from oneuser.api import list_keys, open_warehouse, rotate_keys
from oneuser.api.answers import package, submit
from oneuser.config import make_config
from oneuser.core.errors import EnvironmentProblem
from oneuser.core.identifier_text import NamedIdentifier
from oneuser.privacy.key_versions import parse_versions
from oneuser.privacy.requests import Action, Request, Scope
from oneuser.runs.run import RunOptions, open_for_writing, run_pipeline
from oneuser.storage.request_files import RequestFiles
from tests.integration.identity_only import identity_only
from tests.integration.published import contents, copied, people, published_versions, read_table
from tests.integration.simulated_job import MAPPING

# fixture: the stages after these know no key, and what they read is compared
__all__ = ["identity_only"]

Tables = dict[str, list[str]]
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
N_PEOPLE = 12
# keyed hashes that depend on when a file was read, and decide nothing: of records that name nobody who is known, too,
# since the files of references are read again with another version
RAW_KEYS = {"events": ["identifiers"], "account_members": ["id_key"], "reference_inputs": ["shape", "run_seq"]}
# when something was done
CLOCKS = ["superseded_at", "recorded_at"]


def message(name: str, hour: int, *identifiers: tuple[str, str]) -> dict[str, Any]:
    ids = [{"type": id_type, "id": value} for id_type, value in identifiers]
    return {"id": name, "type": "track", "at": (MONDAY + timedelta(hours=hour)).isoformat(), "ids": ids}


def emails(person: int) -> list[tuple[str, str]]:
    return [("email", f"{name}{person}@example.com") for name in ("one", "two", "three")]


FIRST = [
    # two addresses and a browser each, so that keys decide which of them comes first
    *[message(f"a{n}", n, ("anonymous_id", f"browser {n}"), *emails(n)[:2]) for n in range(N_PEOPLE)],
    *[message(f"b{n}", n + 1, ("user_id", f"login {n}"), *emails(n)[2:]) for n in range(N_PEOPLE)],
    message("c", 40, ("user_id", "login 0"), ("anonymous_id", "shared")),
    message("d", 41, ("user_id", "login 1"), ("anonymous_id", "shared")),
    message("e", 42, ("email", "eve@example.com"), ("user_id", "eve")),
]
# all of them known, in other company; one is suppressed
RETURNING = [
    *[message(f"f{n}", 50 + n, ("user_id", f"login {n}"), *emails(n)) for n in range(N_PEOPLE)],
    message("g", 70, ("user_id", "login 2"), ("anonymous_id", "shared")),
    message("h", 71, ("anonymous_id", "browser 3"), ("email", "EVE@example.com")),
    # a replay
    FIRST[0],
]
LATER = [
    message("i", 90, ("user_id", "newcomer"), ("anonymous_id", "browser 4")),
    message("j", 91, ("email", "one5@example.com"), ("anonymous_id", "tablet")),
    message("k", 92, ("email", "eve@example.com"), ("anonymous_id", "another browser")),
    message("l", 93, ("email", "never@example.com"), ("anonymous_id", "one more browser")),
]


class Rotated:
    """A warehouse with a key file of its own, its input beside it."""

    def __init__(self, spark: SparkSession, inputs: Path, root: Path) -> None:
        self.spark, self.inputs, self.root = spark, inputs, root
        self.values: dict[str, Any] = {
            "deployment": "rotated",
            "warehouse": str(root),
            "keys": {"identifiers": f"file:{root}/.secrets/identifiers"},
            "sources": {"text": {"path": f"{inputs}/*.jsonl", "format": "jsonl", "mapping": MAPPING}},
            "links": {"crm": {"path": f"{inputs}/crm.csv", "format": "csv"}},
            "accounts": {"files": {"members": {"path": f"{inputs}/members.csv", "format": "csv", "id_type": "email"}}},
            "identity": {
                "id_types": {
                    "user_id": {"priority": 1, "known": True, "unique": True},
                    "email": {"priority": 2, "known": True, "normaliser": "email", "blocked": ["two7@example.com"]},
                    "anonymous_id": {"priority": 9, "known": False},
                },
                "manual_rules": f"{inputs}/rules.csv",
            },
            "gates": {"max_merged_ids_share": None, "max_largest_component": None},
            "graph": {"engine": "one_task"},
            "incremental": {"above_mb": 0},
        }

    @property
    def key_file(self) -> Path:
        return self.root / ".secrets" / "identifiers"

    @property
    def lines(self) -> list[str]:
        return self.key_file.read_text().splitlines(keepends=True)

    def run(self, number: int, *, is_full: bool = False) -> None:
        as_of = MONDAY + timedelta(days=number)
        run_pipeline(self.spark, make_config(self.values), RunOptions(as_of=as_of, is_full=is_full))

    def tables(self) -> dict[str, list[str]]:
        """Rows of every published table, but for the names of files and times of this machine."""
        return {
            name: contents(self.root, name, without=[*CLOCKS, *RAW_KEYS.get(name, [])])
            for name in published_versions(self.root)
            # which rows a run touched is not told by one that does everything, as the first with another version does
            if name != "changes"
        }

    def key_ids(self) -> dict[str, str]:
        """By value, the version that an identifier was first seen under."""
        values = {
            row["identifier_id"]: row["id_value"] for row in read_table(self.root, "identifier_values").to_pylist()
        }
        return {values[row["identifier_id"]]: row["key_id"] for row in read_table(self.root, "identifiers").to_pylist()}

    def messages(self) -> set[str]:
        return {row["message_id"] for row in read_table(self.root, "events").to_pylist()}

    def ask(self, request_id: str, action: Action, scope: Scope, *values: str) -> None:
        """Ask for something to be done about addresses by the next run."""
        warehouse = open_for_writing(self.spark, make_config(self.values))
        named = tuple(NamedIdentifier("email", value) for value in values)
        submit(RequestFiles(warehouse.files, warehouse.layout), Request(request_id, action, scope, named))


def write(inputs: Path, name: str, messages: list[dict[str, Any]]) -> None:
    (inputs / name).write_text("".join(f"{json.dumps(one)}\n" for one in messages))


@dataclass
class Compared:
    """What was published by the same run without a rotation and after one, and when all was done again."""

    world: Rotated
    without: Tables
    after: Tables
    again: Tables
    key_ids: set[str]
    messages: set[str]
    ranks: set[int]


@pytest.fixture(scope="module")
def compared(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    inputs = tmp_path_factory.mktemp("inputs")
    write(inputs, "1.jsonl", FIRST)
    (inputs / "crm.csv").write_text(
        "id_type_a,id_value_a,id_type_b,id_value_b\n"
        "user_id,login 9,email,one9@example.com\nuser_id,login 8,email,listed@example.com\n"
        "email,one10@example.com,email,eve@example.com\n"
    )
    members = "one1@example.com,acme\nnobody@example.com,acme\neve@example.com,acme\n"
    (inputs / "members.csv").write_text(f"id_value,account_id\n{members}")
    (inputs / "rules.csv").write_text(
        "action,id_type_a,id_value_a,id_type_b,id_value_b,reason\n"
        "exclude,email,one6@example.com,email,two6@example.com,two people\n"
        "include,user_id,login 10,user_id,login 11,one person\n"
    )
    plain = Rotated(spark, inputs, tmp_path_factory.mktemp("plain") / "warehouse")
    plain.run(1)
    plain.ask("suppressed-1", "suppress", "exact", "eve@example.com", "never@example.com")
    plain.run(2, is_full=True)
    rotated = Rotated(spark, inputs, copied(plain.root, tmp_path_factory.mktemp("rotated")))
    rotate_keys(rotated.values)
    write(inputs, "2.jsonl", RETURNING)
    plain.run(3)
    rotated.run(3)
    after = rotated.tables()
    ranks = {row["type_rank"] for row in read_table(rotated.root, "event_identifiers").to_pylist()}
    key_ids, messages = set(rotated.key_ids().values()), rotated.messages()
    rotated.run(4, is_full=True)
    return Compared(rotated, plain.tables(), after, rotated.tables(), key_ids, messages, ranks)


def differing(one: Tables, other: Tables) -> dict[str, tuple[list[str], list[str]]]:
    """By table, rows that only one of them has."""
    found = {}
    for name in one.keys() | other.keys():
        mine, others = one.get(name, []), other.get(name, [])
        if mine != others:
            found[name] = ([row for row in mine if row not in others], [row for row in others if row not in mine])
    return found


def test_a_run_after_a_rotation_publishes_what_it_publishes_without(compared: Compared) -> None:
    assert differing(compared.without, compared.after) == {}
    # and there was something to mix up
    assert compared.key_ids == {"k1"}
    assert compared.without.keys() >= {"suppressions", "account_members", "links", "refused_edges", "user_ids"}
    assert all(compared.without[name] for name in ("suppressions", "account_members", "links", "refused_edges"))
    assert compared.messages >= {"f0", "g"}
    assert "h" not in compared.messages
    assert compared.ranks == {0, 1, 2}


def test_doing_everything_again_changes_nothing(compared: Compared) -> None:
    assert differing(compared.after, compared.again) == {}


@pytest.fixture(scope="module")
def thrice(compared: Compared) -> Rotated:
    """The warehouse of the rotation, rotated once more, with newcomers and requests."""
    world = compared.world
    write(world.inputs, "3.jsonl", LATER)
    rotate_keys(world.values)
    world.ask("erased-1", "erase", "connected", "TWO3@example.com")
    world.ask("back-1", "unsuppress", "exact", "never@example.com")
    world.run(5)
    return world


@pytest.mark.soak
def test_who_was_known_is_known_under_a_third_version(thrice: Rotated) -> None:
    owners, key_ids = people(thrice.root), thrice.key_ids()

    assert owners["email", "one5@example.com"] == owners["anonymous_id", "tablet"] == owners["user_id", "login 5"]
    assert (key_ids["one5@example.com"], key_ids["tablet"], key_ids["newcomer"]) == ("k1", "k3", "k3")


@pytest.mark.soak
def test_who_is_suppressed_stays_so_whatever_version_says_so(thrice: Rotated) -> None:
    suppressed = read_table(thrice.root, "suppressions").to_pylist()

    assert "k" not in thrice.messages()
    assert {row["key_id"] for row in suppressed} == {"k1"}
    assert {(row["request_id"], row["id_type"]) for row in suppressed} >= {
        ("erased-1", "email"),
        ("erased-1", "user_id"),
    }
    # who was let in again has a key of the newest version, as everybody who is seen first
    assert "l" in thrice.messages()
    assert thrice.key_ids()["never@example.com"] == "k3"
    # the whole of person 3 is gone, by keys of the first version
    assert not [value for value in thrice.key_ids() if value.endswith("3@example.com") or value == "login 3"]


@pytest.mark.soak
def test_questions_find_identifiers_of_every_version(thrice: Rotated, tmp_path: Path) -> None:
    warehouse = open_warehouse(str(thrice.root), config=make_config(thrice.values))

    found = [warehouse.lookup(text) for text in ("email:One5@example.com", "anonymous_id:tablet", "user_id:nobody")]

    assert found[0].user_id == found[1].user_id is not None
    assert found[2].status == "unknown"
    asked = {
        "subject_request_id": "copy-1",
        "subject_request_type": "portability",
        "subject_identities": [
            {"identity_type": "email", "identity_value": "one5@example.com", "identity_format": "raw"}
        ],
    }
    (tmp_path / "copy.json").write_text(json.dumps(asked))
    (done,) = package(thrice.values, [tmp_path / "copy.json"], to=tmp_path / "packages", spark=thrice.spark)
    assert (done.outcome, done.rows["identifiers"] > 5) == ("found", True)
    uses = {one.key_id: one for one in list_keys(thrice.values)}
    assert [one.n_suppressions > 0 for one in uses.values()] == [True, False, False]
    assert [one.n_identifiers > 0 for one in uses.values()] == [True, False, True]


@pytest.mark.soak
def test_without_a_version_that_something_is_stored_by_nothing_is_done(thrice: Rotated) -> None:
    whole, published = thrice.lines, (thrice.root / "published.json").read_bytes()
    stored = {one.key_id: one for one in list_keys(thrice.values)}
    n_suppressed, n_first, n_third = stored["k1"].n_suppressions, stored["k1"].n_identifiers, stored["k3"].n_identifiers
    first_is_gone = (
        f"key k1 is not in .*: {n_suppressed} suppressions made with it would no longer match; "
        f"{n_first} identifiers made with it would be taken for new ones; all messages have keys"
    )
    write(thrice.inputs, "4.jsonl", [message("z", 100, ("email", "one1@example.com"))])
    try:
        for lines, said in (
            (whole[1:], first_is_gone),
            (whole[:2], f"key k3 is not in .*: {n_third} identifiers made with it would be taken for new ones"),
        ):
            thrice.key_file.write_text("".join(lines))
            with pytest.raises(EnvironmentProblem, match=said):
                thrice.run(6)
        with pytest.raises(EnvironmentProblem, match="keyed with k3, which the secret does not have"):
            open_warehouse(str(thrice.root)).lookup("user_id:newcomer")
        assert (thrice.root / "published.json").read_bytes() == published
        # nothing is stored by the second
        thrice.key_file.write_text(whole[0] + whole[2])
        thrice.run(6)
        assert "z" in thrice.messages()
    finally:
        thrice.key_file.write_text("".join(whole))


@pytest.mark.soak
def test_no_secret_is_in_any_file_but_its_own(thrice: Rotated) -> None:
    secrets = [version.secret for version in parse_versions(thrice.key_file.read_text())]
    forms = [form for one in secrets for form in (one, one.hex().encode(), one.hex()[:32].encode())]

    files = [path for path in thrice.root.rglob("*") if path.is_file() and path != thrice.key_file]
    found = [path for path in files for form in forms if form in path.read_bytes()]

    assert len(secrets) == 3
    assert len(files) > 100
    assert not found
