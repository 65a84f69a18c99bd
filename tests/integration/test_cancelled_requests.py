"""Requests are taken back before a run has begun with them, and never after; no run is needed to see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from oneuser.api.answers import answer_requests, cancel, request_states, submit
from oneuser.contracts.graph import IDENTIFIERS
from oneuser.contracts.privacy import ERASURES, SUPPRESSIONS
from oneuser.contracts.raw import QUARANTINE
from oneuser.core.errors import ConfigError
from oneuser.core.identifier_text import NamedIdentifier
from oneuser.core.keyed import Keys, line_hasher
from oneuser.privacy.keys import load_keys
from oneuser.privacy.requests import Request
from oneuser.runs.claim_rows import load_claims, published
from oneuser.runs.erasures import search_files
from oneuser.runs.left_rows import rows_left
from oneuser.storage.request_files import RequestFiles
from oneuser.storage.warehouse import Warehouse
from tests.integration import small_warehouse as small

ANN, BOB = "ann@example.com", "bob@example.org"


def config(root: Path) -> dict[str, Any]:
    return {
        "deployment": "test",
        "warehouse": str(root),
        "sources": {"web": {"path": f"{root.parent}/*.jsonl", "format": "jsonl", "preset": "segment"}},
    }


@pytest.fixture(scope="module")
def warehouse(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Three people; `half` was taken in by a run that stopped before it was published, `done` is completed."""
    made = small.build(spark, tmp_path_factory.mktemp("asked") / "warehouse")
    taken = {
        "run_seq": 2, "request_id": "half", "kind": "request", "message_key": None, "identifier_id": None,
        "user_id": None, "line_hash": None,
    }  # fmt: skip
    small.replace(made, 2, {ERASURES: [taken]}, fence=99)
    files = RequestFiles(made.files, made.layout)
    for name, value in (("waits", ANN), ("half", BOB), ("done", BOB)):
        submit(files, Request(name, "erase", "connected", (NamedIdentifier("email", value),)))
    files.write_status("done", {"request_id": "done", "action": "erase", "state": "completed", "run": 1})
    files.unseal("done")
    return made


def test_what_a_run_has_begun_with_cannot_be_had_back(warehouse: Warehouse, spark: SparkSession) -> None:
    asked = config(Path(warehouse.root))

    with pytest.raises(ConfigError) as refused:
        cancel(asked, ["waits", "done", "nobody", "../../oneuser"], spark=spark)
    assert [one.key for one in refused.value.problems] == [
        "request 'done'", "request 'nobody'", "request '../../oneuser'",
    ]  # fmt: skip
    assert "cannot be had back" in refused.value.problems[0].message
    with pytest.raises(ConfigError, match=r"'half'.*an unfinished run has begun with it"):
        cancel(asked, ["waits", "half"], spark=spark)

    # of several, none is cancelled
    states = {one.request_id: one.state for one in request_states(asked, spark=spark)}
    assert states == {"waits": "pending", "half": "pending", "done": "completed"}


def test_what_waits_is_cancelled_for_good(warehouse: Warehouse, spark: SparkSession, tmp_path: Path) -> None:
    asked = config(Path(warehouse.root))
    sealed = Path(warehouse.root, "raw", "requests")
    assert ANN in (sealed / "waits.request.json").read_text()

    for _ in range(2):
        (state,) = cancel(asked, ["waits"], spark=spark)
        assert (state.state, state.receipt) == ("cancelled", None)

    assert [path.name for path in sealed.glob("*.json")] == ["half.request.json"]
    # the same id asks for nothing any more, and no run is begun for it
    again = tmp_path / "waits.json"
    identity = f'{{"identity_type": "email", "identity_value": "{ANN}"}}'
    again.write_text(f'{{"subject_request_id": "waits", "subject_identities": [{identity}], "scope": "connected"}}')
    (state,) = answer_requests(asked, [again], spark=spark)
    assert state.state == "cancelled"


def test_a_search_tells_files_of_others_from_files_that_should_hold_nothing(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    planted = Path(warehouse.root, "control", "notes.txt")
    planted.write_text(f"wrote to {BOB.upper()}")
    # of a writer that was killed; `half` is open, and its file may name whom it is about
    leftover = Path(warehouse.root, "raw", "requests", "late.request.json.part")
    leftover.write_text(BOB)

    asked = {"ask": [BOB, "42"], "again": [BOB], "other": [f"x{ANN}"]}
    found = search_files(warehouse, published(load_claims(warehouse)), asked)

    assert found.left == {name: [str(planted), str(leftover)] for name in ("ask", "again")}
    # the value of who is still there
    assert found.of_others == {"ask": 1, "again": 1}
    facts = found.facts("ask")
    assert (facts["is_done"], facts["n_values_too_short_to_search"]) == (True, 1)
    for path in (planted, leftover):
        path.unlink()

    # what could not be read is nobody's, though readers see it
    line = {
        "source": "web", "file": "a.jsonl", "line_hash": 1, "occurrence": 0, "code": "json.syntax", "detail": None,
        "line": f'{{"email": "{BOB}"'.encode(), "sha256": None, "run_seq": 1,
    }  # fmt: skip
    small.publish(warehouse, 2, {QUARANTINE: [line]})

    found = search_files(warehouse, published(load_claims(warehouse)), {"ask": [BOB]})

    assert [Path(path).parent.name for path in found.left["ask"]] == [QUARANTINE.name]
    assert found.of_others == {"ask": 1}

    # unless it is an identifier of somebody who is left
    found = search_files(warehouse, published(load_claims(warehouse)), {"ask": [BOB]}, shared=[BOB])

    assert found.left == {}
    assert found.of_others == {"ask": 2}

    # and what only the name of its file says is in no line; the earlier one lies where nobody reads it any more
    small.publish(warehouse, 3, {QUARANTINE: [line | {"file": f"/in/{BOB}.jsonl", "line": b"{"}]})

    found = search_files(warehouse, published(load_claims(warehouse))[-1:], {"ask": [BOB]})

    assert [Path(path).parent.name for path in found.left["ask"]] == [QUARANTINE.name]
    assert found.of_others == {"ask": 2}


def test_a_row_that_readers_see_is_left_unless_what_it_carries_was_let_in_again(warehouse: Warehouse) -> None:
    shown = published(load_claims(warehouse))[-1].tables
    (hers,) = warehouse.read(IDENTIFIERS, shown[IDENTIFIERS.name]).where("identifier_id = 1").collect()
    suppressed = {name: hers[name] for name in ("id_type", "id_key", "key_id")} | {"request_id": "ask", "run_seq": 1}
    row = dict.fromkeys(ERASURES.columns) | {"run_seq": 1, "request_id": "ask", "kind": "request"}
    half = row | {"run_seq": 2, "request_id": "half"}

    def keys() -> Keys:
        return load_keys(f"file:{warehouse.root}/.secrets/identifiers", deployment="test", may_create=False)

    def left(suppressions: list[dict[str, Any]], *erasures: dict[str, Any]) -> dict[str, dict[str, int]]:
        rows = {ERASURES: [half, row, *erasures], SUPPRESSIONS: suppressions}
        return rows_left(warehouse, shown | small.replace(warehouse, 9, rows, fence=98), ["ask", "half"], keys)

    assert left([suppressed]) == {"ask": {"identifiers": 1}}
    assert left([]) == {}
    # lines by a keyed hash, and as earlier versions have kept them
    for line_hash in (line_hasher(keys())(1), 1):
        assert left([], row | {"kind": "line", "line_hash": line_hash}) == {"ask": {"quarantine": 1}}
    found = left([], row | {"kind": "user", "user_id": small.BOB})
    assert found.keys() == {"ask"}
    assert found["ask"]["identifier_map"] > 0
