"""A family that shares a browser and an e-mail address asks for its data: to each what is theirs, and nothing else."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from oneuser.api.answers import package
from oneuser.config import make_config
from oneuser.core.errors import ConfigError
from oneuser.core.masking import HIDDEN
from oneuser.runs.maintain import maintain_warehouse
from oneuser.runs.run import run_pipeline
from tests.integration.published import copied, people, published_versions

START = datetime(2026, 3, 2, tzinfo=UTC)
ANN, BOB, FAMILY, BROWSER = "ann@example.com", "bob@example.net", "smiths@example.com", "browser-of-the-smiths"
BOBS = (BOB, "customer-2", "tablet-of-bob")
SHARED = (FAMILY, BROWSER)
JSON_TYPES = {
    "string": {str}, "integer": {int}, "number": {float}, "boolean": {bool}, "null": {type(None)}, "array": {list},
    "object": {dict},
}  # fmt: skip
OUTCOMES = {
    "ann-1": "found", "bob-1": "found", "both-1": "ambiguous", "family-1": "ambiguous", "ghost-1": "unknown",
    "carla-1": "found",
}  # fmt: skip


def message(number: int, **facts: Any) -> dict[str, Any]:
    at = (START + timedelta(hours=number)).isoformat()
    return {"messageId": f"message {number}", "type": "track", "event": "Seen", "timestamp": at, **facts}


ANNS = [
    message(1, userId="customer-1", anonymousId=BROWSER, context={"traits": {"email": ANN}}),
    # the shared address, written otherwise; and both shared ones in texts
    message(3, userId="customer-1", context={"traits": {"email": " Smiths@Example.com"}}),
    message(4, type="group", userId="customer-1", groupId="choir"),
    message(
        5,
        event="Signed Up",
        userId="customer-1",
        anonymousId="phone-of-ann",
        properties={"note": f"told {FAMILY} on {BROWSER}", "friend": "Bob@Example.net", "as": f"by {BOBS[1]}."},
        context={"consent": {"categoryPreferences": {"advertising": True}}, "campaign": {"source": "mill"}},
    ),
    # hers before she says who she is
    message(6, anonymousId="phone-of-ann"),
]
BOBS_MESSAGES = [
    message(2, userId="customer-2", anonymousId=BROWSER, context={"traits": {"email": BOB}}),
    message(7, userId="customer-2", anonymousId="tablet-of-bob", context={"traits": {"email": FAMILY}}),
    # whoever was there last
    message(8, anonymousId=BROWSER),
]
# what was renamed was seen as an anonymous id, which nobody can tell from the alias
CARLAS = [
    message(9, anonymousId="laptop-of-carla"),
    message(10, type="alias", userId="customer-3", previousId="laptop-of-carla"),
]


def request(request_id: str, *values: str, kind: str = "portability", id_type: str = "email") -> dict[str, Any]:
    identities = [{"identity_type": id_type, "identity_value": value, "identity_format": "raw"} for value in values]
    return {"subject_request_id": request_id, "subject_request_type": kind, "subject_identities": identities}


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value is as a JSON Schema says, as far as we use it."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = next(name for name, kinds in JSON_TYPES.items() if type(value) in kinds)
    members = schema.get("properties")
    return kind in kinds and (
        all(fits(one, schema["items"]) for one in value)
        if kind == "array"
        else value.keys() == set(schema["required"]) and all(fits(value[name], members[name]) for name in members)
        if kind == "object" and members is not None
        else all(fits(one, schema["additionalProperties"]) for one in value.values())
        if kind == "object"
        else re.search(schema.get("pattern", ""), value) is not None
        if kind == "string"
        else True
    )


class Family:
    """A published run, and six requests in one file."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark = spark
        self.root = folder / "warehouse"
        (folder / "events.jsonl").write_text(
            "".join(f"{json.dumps(one)}\n" for one in [*ANNS, *BOBS_MESSAGES, *CARLAS])
        )
        self.config = {
            "deployment": "smiths",
            "warehouse": str(self.root),
            "sources": {"site": {"path": f"{folder}/events.jsonl", "format": "jsonl", "preset": "segment"}},
            "gates": {"max_merged_ids_share": None, "max_largest_component": None},
            "graph": {"engine": "one_task"},
            "conversions": {"signup": {"event": "Signed Up"}},
            "attribution": {"models": ["last"]},
        }
        run_pipeline(spark, make_config(self.config))
        asked = [
            request("ann-1", " Ann@example.com", FAMILY),
            request("bob-1", BOB, kind="access"),
            request("both-1", ANN, BOB),
            request("family-1", FAMILY),
            request("ghost-1", "ghost@example.com"),
            request("carla-1", "laptop-of-carla", id_type="user_id"),
        ]
        self.requests = folder / "requests.jsonl"
        self.requests.write_text("".join(f"{json.dumps(one)}\n" for one in asked))
        self.packages = folder / "packages"
        self.versions = published_versions(self.root)
        self.answers = package(self.config, [self.requests], to=self.packages, format="csv", spark=spark)

    def rows(self, request_id: str, table: str) -> list[dict[str, Any]]:
        text = (self.packages / request_id / f"{table}.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def manifest(self, request_id: str) -> dict[str, Any]:
        return dict(json.loads((self.packages / request_id / "manifest.json").read_text()))


@pytest.fixture(scope="module")
def family(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Family:
    return Family(spark, tmp_path_factory.mktemp("portability"))


def test_whoever_is_named_by_what_is_theirs_alone_gets_a_folder(family: Family) -> None:
    assert {one.request_id: one.outcome for one in family.answers} == OUTCOMES
    assert {one.name for one in family.packages.iterdir()} == {"ann-1", "bob-1", "carla-1"}
    assert {one.request_id for one in family.answers if one.folder} == {"ann-1", "bob-1", "carla-1"}
    assert published_versions(family.root) == family.versions


def test_everything_that_is_theirs_is_in_it(family: Family) -> None:
    ann = people(family.root)["user_id", "customer-1"]
    events = family.rows("ann-1", "events")

    # in the order in which they happened, which that of the stored keys is not
    for request_id, received in (("ann-1", ANNS), ("bob-1", BOBS_MESSAGES), ("carla-1", CARLAS)):
        found = [one["message_id"] for one in family.rows(request_id, "events")]
        assert found == [one["messageId"] for one in received]
    assert [(one["purpose"], one["state"]) for one in family.rows("ann-1", "consent")] == [("advertising", "granted")]
    assert {one["id_value"] for one in family.rows("ann-1", "identifier_values")} == {ANN, "customer-1", "phone-of-ann"}
    assert [one["account_id"] for one in family.rows("ann-1", "account_memberships")] == ["choir"]
    assert [one["conversion"] for one in family.rows("ann-1", "conversions")] == ["signup"]
    assert [one["user_id"] for one in family.rows("ann-1", "user_ids")] == [ann]
    (consent,) = (json.loads(one["consent"]) for one in events if one["consent"])
    assert consent == {"categoryPreferences": {"advertising": True}}
    for table in ("sessions", "touches", "attribution_credits", "lineage", "identifier_history", "activity"):
        assert {one["user_id"] for one in family.rows("ann-1", table)} == {ann}, table


def test_a_message_is_as_it_was_received_but_for_what_is_not_theirs(family: Family) -> None:
    events = {one["message_id"]: one for one in family.rows("ann-1", "events")}
    received = {one["messageId"]: one for one in ANNS}

    for untouched in ("message 4", "message 6"):
        assert json.loads(events[untouched]["raw"]) == received[untouched]
    assert json.loads(events["message 1"]["raw"]) == {**received["message 1"], "anonymousId": HIDDEN}
    assert json.loads(events["message 3"]["raw"])["context"]["traits"] == {"email": HIDDEN}
    # also what nothing has read from the message, but is known to be somebody else's
    masked = {"note": f"told {HIDDEN} on {HIDDEN}", "friend": HIDDEN, "as": f"by {HIDDEN}."}
    assert json.loads(events["message 5"]["properties"]) == masked
    (alone,) = (json.loads(one["raw"]) for one in family.rows("bob-1", "events") if one["message_id"] == "message 8")
    assert alone == {**BOBS_MESSAGES[-1], "anonymousId": HIDDEN}
    carried = {one["id_type"]: one for one in events["message 1"]["identifiers"]}
    assert (carried["anonymous_id"]["id_value"], carried["anonymous_id"]["id_key"]) == (HIDDEN, None)
    assert carried["email"]["id_value"] == ANN


def test_nothing_of_anybody_else_is_in_any_file(family: Family) -> None:
    ann, bob = (people(family.root)["user_id", one] for one in ("customer-1", "customer-2"))
    for request_id, foreign in (
        ("ann-1", (*BOBS, *SHARED, bob)),
        ("bob-1", (ANN, "customer-1", "phone-of-ann", *SHARED, ann)),
    ):
        for path in (family.packages / request_id).iterdir():
            text = path.read_text().lower()
            assert not [value for value in foreign if value.lower() in text], path.name


def test_the_manifest_holds_for_the_files_and_the_schemas_for_the_rows(family: Family) -> None:
    folder = family.packages / "ann-1"
    manifest = family.manifest("ann-1")

    assert (manifest["request_id"], manifest["identity_run"], manifest["deployment"]) == ("ann-1", 1, "smiths")
    named = {name: sha256 for table in manifest["tables"].values() for name, sha256 in table["files"].items()}
    named |= manifest["files"]
    assert {*named, "manifest.json"} == {path.name for path in folder.iterdir()}
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()} == {
        **named,
        "manifest.json": hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest(),
    }
    for name, table in manifest["tables"].items():
        rows = family.rows("ann-1", name)
        with (folder / f"{name}.csv").open(newline="", encoding="utf-8-sig") as file:
            assert len(list(csv.DictReader(file))) == len(rows) == table["rows"] > 0
        schema = json.loads((folder / table["schema"]).read_text())
        assert not [row for row in rows if not fits(row, schema)], name


def test_only_the_owner_can_read_it(family: Family) -> None:
    folder = family.packages / "ann-1"

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_the_same_request_has_the_same_answer_and_another_folder_stays_as_it_is(family: Family, tmp_path: Path) -> None:
    manifest = family.manifest("ann-1")
    single = tmp_path / "ask.json"
    single.write_text(json.dumps(request("ann-1", ANN)))

    # its own folder
    (again,) = package(family.config, [single], to=family.packages, spark=family.spark)
    assert again == family.answers[0]
    assert family.manifest("ann-1") == manifest

    # made anew, alone
    (alone,) = package(family.config, [single], to=tmp_path / "new", format="csv", spark=family.spark)
    assert alone.rows == again.rows
    assert json.loads((tmp_path / "new" / "ann-1" / "manifest.json").read_text()) == manifest

    # the request of somebody else by that name, a folder of something else, the warehouse itself
    single.write_text(json.dumps(request("ann-1", BOB)))
    with pytest.raises(ConfigError, match="something else"):
        package(family.config, [single], to=family.packages, spark=family.spark)
    (tmp_path / "full" / "ann-1").mkdir(parents=True)
    (tmp_path / "full" / "ann-1" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="something else"):
        package(family.config, [single], to=tmp_path / "full", spark=family.spark)
    with pytest.raises(ConfigError, match="in the warehouse"):
        package(family.config, [single], to=family.root / "packages", spark=family.spark)
    assert [path.name for path in (tmp_path / "full" / "ann-1").iterdir()] == ["notes.txt"]
    assert family.manifest("ann-1") == manifest


def test_where_messages_as_received_are_gone_others_are_masked_in_what_is_left(family: Family, tmp_path: Path) -> None:
    config = family.config | {"warehouse": str(copied(family.root, tmp_path)), "raw": {"keep_days": 1}}
    single = tmp_path / "ask.json"
    single.write_text(json.dumps(request("ann-1", ANN)))
    maintain_warehouse(family.spark, make_config(config))

    package(config, [single], to=tmp_path / "new", spark=family.spark)

    lines = (tmp_path / "new" / "ann-1" / "events.jsonl").read_text().splitlines()
    events = {one["message_id"]: one for one in map(json.loads, lines)}
    assert {one["raw"] for one in events.values()} == {None}
    masked = {"note": f"told {HIDDEN} on {HIDDEN}", "friend": HIDDEN, "as": f"by {HIDDEN}."}
    assert json.loads(events["message 5"]["properties"]) == masked
