"""A person is erased: rows, files and what was published before; and stays so, whatever is replayed.

A family: Ann and Bob share a browser and an address. Ann has a second address, which a CRM links to her. Carla has
nothing to do with them.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import stat
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from oneuser.api import maintain
from oneuser.api.answers import RequestState, answer_requests, preview, request_states, submit
from oneuser.api.proofs import prove
from oneuser.api.warehouse import open_warehouse
from oneuser.config import LeaseRules, make_config
from oneuser.config.default_id_types import DEFAULT_ID_TYPES
from oneuser.contracts.changes import CHANGES
from oneuser.contracts.registry import TABLES
from oneuser.core.errors import ConfigError, LockedError, OneUserError
from oneuser.core.identifier_text import NamedIdentifier
from oneuser.privacy.requests import Request
from oneuser.runs.erasures import settle
from oneuser.runs.lease import Lease
from oneuser.runs.nothing_new import find_nothing_new
from oneuser.runs.rollback import roll_back
from oneuser.runs.run import open_for_writing, run_pipeline
from oneuser.stages.registry import STAGES
from oneuser.storage.layout import Layout
from oneuser.storage.request_files import RequestFiles
from oneuser.storage.warehouse import Warehouse
from tests.integration.kill_script import options
from tests.integration.published import commits, contents, copied, people, published_versions, read_table
from tests.integration.simulated_job import MAPPING

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("kill_script.py")
SEED = 20_261_130
START = datetime(2026, 3, 2, tzinfo=UTC)
ANN, ANN_AT_WORK, BOB, FAMILY = "ann@example.com", "ann.smith@example.org", "bob@example.net", "smiths@example.com"
BROWSER = "browser-of-the-smiths"
# no message carries these
TABLET, SPARE, EVE = "tablet-of-ann", "spare-of-ann", "eve@example.com"
EVERYBODYS = "noreply@example.com"
OF_DORA, RENAMED = "laptop-of-dora", " laptop-of-dora "


def message(number: int, **identifiers: str) -> dict[str, Any]:
    return {
        "id": f"message {number}",
        "type": "track",
        "at": (START + timedelta(hours=number)).isoformat(),
        "ids": [{"type": id_type, "id": value} for id_type, value in identifiers.items()],
    }


CONSENTING = MAPPING | {"consent": {"ads": {"const": True}}, "event": "event"}
CARLAS = message(7, user_id="customer-3", email="carla@example.com") | {"event": "signup"}
FIRST = [
    message(1, user_id="customer-1", email=ANN, anonymous_id=BROWSER),
    message(2, user_id="customer-2", email=BOB, anonymous_id=BROWSER),
    message(3, user_id="customer-1", email=FAMILY),
    message(4, user_id="customer-2", email=FAMILY),
    message(5, user_id="customer-1", anonymous_id="phone-of-ann") | {"event": "signup"},
    message(6, anonymous_id="phone-of-ann"),
    CARLAS,
    message(8, email=ANN_AT_WORK),
    # Dora was seen before she was renamed
    message(12, anonymous_id=OF_DORA),
    message(13, email=EVERYBODYS, anonymous_id=OF_DORA),
    message(14) | {"type": "alias", "new_id": "customer-4", "previous": OF_DORA},
]
# an earlier touch of Ann's, for which her conversion is credited otherwise
EARLIER = message(0, anonymous_id="phone-of-ann")
SECOND = [EARLIER, message(9, anonymous_id="phone-of-ann"), message(10, user_id="customer-2", anonymous_id=BROWSER)]
# refused, in another form than what was erased, and of what is not suppressed
UNKNOWN = message(15, email=" ANN@Example.com") | {"type": "trackk"}
DURING = message(16, anonymous_id="phone-of-ann") | {"type": "trackk"}
BROKEN = f'{{"id": "message 11", "email": "{ANN}", '
# only what was refused names these
GHOST, SPECTRE = "ghost@example.com", "spectre@example.com"
GHOSTLY = message(17, email=" Ghost@Example.com") | {"type": "trackk"}


def write_lines(inputs: Path, name: str, messages: list[dict[str, Any]], *broken: str) -> None:
    (inputs / "events").mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in [*map(json.dumps, messages), *broken])
    (inputs / "events" / name).write_text(text)


def settings(inputs: Path, warehouse: Path) -> dict[str, Any]:
    return {
        "deployment": "smiths",
        "warehouse": str(warehouse),
        "keys": {"identifiers": "env:ONEUSER_TEST_SECRET"},
        "sources": {"text": {"path": f"{inputs}/events/*.jsonl", "format": "jsonl", "mapping": CONSENTING}},
        "links": {"crm": {"path": f"{inputs}/crm.csv", "format": "csv"}},
        "identity": {"id_types": DEFAULT_ID_TYPES | {"email": DEFAULT_ID_TYPES["email"] | {"blocked": [EVERYBODYS]}}},
        "quarantine": {"max_share": 1.0},
        "gates": {"max_merged_ids_share": None, "max_largest_component": None},
        "graph": {"engine": "one_task"},
        "incremental": {"above_mb": 0},
        "conversions": {"signup": {"event": "signup"}},
        "attribution": {"models": ["first", "last"]},
    }


def request_file(folder: Path, request_id: str, *identities: tuple[str, str]) -> Path:
    path = folder / f"{request_id}.json"
    asked = {
        "regulation": "gdpr",
        "subject_request_id": request_id,
        "subject_request_type": "erasure",
        "submitted_time": "2026-03-05T10:00:00Z",
        "subject_identities": [
            {"identity_type": id_type, "identity_value": value, "identity_format": "raw"}
            for id_type, value in identities
        ],
    }
    path.write_text(json.dumps(asked))
    return path


class Family:
    """A warehouse of two runs, and what is asked of it."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark = spark
        self.folder = folder
        self.inputs = folder / "inputs"
        self.root = folder / "warehouse"
        self.config = settings(self.inputs, self.root)
        write_lines(self.inputs, "1.jsonl", [*FIRST, GHOSTLY], BROKEN)
        crm = f"id_type_a,id_value_a,id_type_b,id_value_b\nuser_id,customer-1,email,{ANN_AT_WORK}\n"
        crm += f"user_id,customer-1,anonymous_id,{TABLET}\nanonymous_id,{TABLET},anonymous_id,{SPARE}\n"
        crm += f"user_id,customer-8,email,{EVE}\n"
        (self.inputs / "crm.csv").write_text(crm)

    def run(self) -> None:
        run_pipeline(self.spark, make_config(self.config))

    def ask(self, path: Path, **asked: Any) -> RequestState:
        (state,) = answer_requests(self.config, [path], spark=self.spark, **asked)
        return state

    def rows(self, name: str) -> list[dict[str, Any]]:
        return read_table(self.root, name).to_pylist() if name in published_versions(self.root) else []

    def linked(self) -> set[tuple[str, str]]:
        """What link tables join, as `crm.csv` writes it."""
        values = {row["identifier_id"]: row["id_value"] for row in self.rows("identifier_values")}
        pairs = ({values[row["src"]], values[row["dst"]]} for row in self.rows("links"))
        return {
            (user, other)
            for user, other in (sorted(pair, key=lambda one: ("customer" not in one, one)) for pair in pairs)
        }

    def owners(self) -> dict[str, str | None]:
        """User ID by message id."""
        ids = {row["message_key"]: row["message_id"] for row in self.rows("events")}
        return {ids[row["message_key"]]: row["user_id"] for row in self.rows("events_resolved")}


@pytest.fixture(scope="module")
def family(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Family:
    os.environ["ONEUSER_TEST_SECRET"] = "k1 " + "a7" * 32
    made = Family(spark, tmp_path_factory.mktemp("family"))
    # the first run of all takes in a request, too: nothing is stored that it could be about
    warehouse = open_for_writing(spark, make_config(made.config))
    unwanted = (NamedIdentifier("email", "unwanted@example.com"),)
    submit(RequestFiles(warehouse.files, warehouse.layout), Request("ask-0", "suppress", "exact", unwanted))
    made.run()
    write_lines(made.inputs, "2.jsonl", SECOND)
    made.run()
    return made


def texts_of(path: Path) -> bytes:
    """All that a file says, by readers that are not ours."""
    text = path.read_bytes()
    if path.suffix == ".parquet":
        text += json.dumps(pq.read_table(path).to_pylist(), default=str).encode()
    if path.suffix == ".gz":
        text += gzip.decompress(path.read_bytes())
    return text


def files_with(root: Path, *values: str) -> list[str]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return [
        str(path.relative_to(root))
        for path in files
        if any(value.lower().encode() in texts_of(path).lower() for value in values)
    ]


ANNS = (ANN, ANN_AT_WORK, "customer-1", "phone-of-ann", TABLET, SPARE)


def test_a_person_is_erased_and_nobody_else(family: Family, tmp_path: Path) -> None:
    # given two published runs
    before, owners = people(family.root), family.owners()
    hashes = {row["line_hash"] for row in family.rows("quarantine")}
    ann, bob = before["user_id", "customer-1"], before["user_id", "customer-2"]
    assert before["email", ANN_AT_WORK] == ann != bob
    for name, column in (("attribution_credits", "user_id"), ("attribution_changes", "user_id_before")):
        assert ann in {row[column] for row in family.rows(name)}, name
    path = request_file(tmp_path, "ask-1", ("email", " Ann@Example.COM "), ("anonymous_id", BROWSER))
    ghosts = request_file(tmp_path, "ask-3", ("email", GHOST))
    nobodys = request_file(tmp_path, "ask-8", ("email", "nowhere@example.com"))
    everybodys = request_file(tmp_path, "ask-4", ("email", EVERYBODYS))
    everyone = request_file(tmp_path, "ask-6", ("email", ANN), ("email", "carla@example.com"))

    # when somebody looks first
    seen = preview(family.config, [path, ghosts, nobodys, everybodys], scope="connected", spark=family.spark)
    more = preview(family.config, [everyone], scope="connected", spark=family.spark)

    # then nothing has changed, and it is known what would
    assert (seen.n_user_ids, seen.unknown, seen.unowned) == (1, ["ask-8"], ["ask-4"])
    assert (seen.ambiguous, seen.several, more.several, more.n_user_ids) == ([], [], ["ask-6"], 2)
    assert seen.rows["quarantine"] == 2
    assert people(family.root) == before

    # when she is erased, while more of her comes that cannot be read
    write_lines(family.inputs, "during.jsonl", [UNKNOWN, DURING, CARLAS])
    # and somebody else has asked to suppress an address of hers
    files = RequestFiles(Warehouse(family.spark, str(family.root)).files, Layout.of(str(family.root), None))
    submit(files, Request("aside-1", "suppress", "exact", (NamedIdentifier("email", ANN_AT_WORK),)))
    state = family.ask(path, scope="connected")

    # then nothing of hers is there, and everything of the others is as it was
    after = people(family.root)
    # no hash is kept that anybody could make who guesses her line
    kept = {row["line_hash"] for row in family.rows("erasures") if row["line_hash"] is not None}
    assert len(kept) == 1
    assert not kept & hashes
    hers = {key for key, user in before.items() if user == ann}
    gone = {message_id for message_id, owner in owners.items() if owner == ann}
    assert not hers & {("email", ANN), ("email", ANN_AT_WORK), ("user_id", "customer-1")} & after.keys()
    assert {key: after.get(key) for key, user in before.items() if user != ann} == {
        key: user for key, user in before.items() if user != ann
    }
    assert family.owners() == {key: owner for key, owner in owners.items() if key not in gone}
    assert [json.loads(row["line"]) for row in family.rows("quarantine") if row["line"]] == [GHOSTLY]
    ledger = {row["user_id"]: row for row in family.rows("user_ids")}
    assert (ledger[ann]["status"], ledger[ann]["anchors"], ledger[ann]["minted_key"]) == ("erased", [], b"")
    for name in published_versions(family.root):
        kept = TABLES[name].subject.kept
        # what the run itself tells of it says no more than `erasures`
        for row in (row for row in family.rows(name) if name != CHANGES.name or row["run_seq"] != 3):
            users = [row[column] for column in TABLES[name].subject.users]
            assert ann not in users or (kept and row[kept[0]] == kept[1]), name
    assert state.state == "in_progress"
    assert state.facts["run"] == 3

    # and what is published is what a full resolve of it gives
    assert open_warehouse(config=make_config(family.config), spark=family.spark).verify().holds


def test_earlier_publications_cannot_be_read(family: Family) -> None:
    warehouse = Warehouse(family.spark, str(family.root))

    with pytest.raises(ConfigError, match="ask-1"):
        roll_back(warehouse, to_run=2, reason=None, rules=LeaseRules())
    with pytest.raises(ConfigError, match="ask-1"):
        open_warehouse(str(family.root), spark=family.spark).as_of(run=1)


def test_values_wait_in_the_raw_zone_for_the_receipt_and_then_nothing_holds_them(family: Family) -> None:
    sealed = family.root / "raw" / "requests"
    assert {stat.S_IMODE(path.stat().st_mode) for path in sealed.glob("*.json")} == {0o600}
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o700
    assert files_with(family.root, *ANNS)

    maintain(family.config, spark=family.spark)

    (state,) = request_states(family.config, "ask-1", spark=family.spark)
    receipt = state.receipt
    assert receipt is not None
    assert (state.state, receipt["outcome"], receipt["scan"]["is_done"]) == ("completed", "done", True)
    assert receipt["erased"]["user_ids"] == 1
    assert receipt["erased"]["lines"] == 1
    assert receipt["rows_erased_by_run"]["events"] == receipt["erased"]["messages"]
    assert receipt["rows_erased_by_run"]["events_resolved"] == receipt["erased"]["messages"]
    assert receipt["identifiers_kept"]["n"] >= 1
    assert not files_with(family.root, *ANNS)


def test_the_same_request_again_changes_nothing_and_a_run_has_nothing_to_do(family: Family, tmp_path: Path) -> None:
    before = published_versions(family.root)

    again = request_file(tmp_path, "ask-1", ("email", ANN), ("anonymous_id", BROWSER))
    seen = preview(family.config, [again], scope="connected", spark=family.spark)
    assert (seen.answered, seen.n_requests, seen.rows) == (["ask-1"], 0, {})
    state = family.ask(again, scope="connected")

    assert (state.state, state.was_closed) == ("completed", True)
    with pytest.raises(ConfigError, match="another request has had the id 'ask-1', which is completed"):
        family.ask(request_file(tmp_path, "ask-1", ("email", ANN)), scope="exact")
    assert published_versions(family.root) == before
    assert find_nothing_new(make_config(family.config)) is not None


def test_a_replay_brings_nothing_back_nor_does_another_spelling(family: Family) -> None:
    # given all that ever came, in files of other names, and something new of her, written otherwise
    before = {name: len(family.rows(name)) for name in published_versions(family.root)}
    write_lines(family.inputs, "again.jsonl", [*FIRST, *SECOND, message(20, email="ANN@example.com ")], BROKEN)
    of_bob = message(21, email=BOB) | {"type": "trackk"}
    write_lines(family.inputs, "unknown.jsonl", [UNKNOWN | {"id": "another"}, of_bob])
    crm = family.inputs / "crm.csv"
    refused = f"login,customer-1,email,{ANN_AT_WORK}\nlogin,customer-2,email,{BOB}\nlogin,customer-9,email,{SPECTRE}\n"
    crm.write_text(crm.read_text() + f"user_id,customer-3,email,carla@example.com\n{refused}")

    family.run()

    after = {name: len(family.rows(name)) for name in published_versions(family.root)}
    for name in ("events", "identifiers", "identifier_values", "event_identifiers", "events_resolved"):
        assert after[name] == before[name], name
    # of what is refused, too: others' lines and records are kept
    lines = {row["line"] for row in family.rows("quarantine") if row["line"]}
    assert lines == {json.dumps(one).encode() for one in (GHOSTLY, of_bob)}
    records = sorted(row["record"] for row in family.rows("rejected_records"))
    assert [BOB in records[0], SPECTRE in records[1]] == [True, True]
    assert len(records) == 2
    assert after["links"] == before["links"] + 1
    assert not files_with(family.root, *ANNS)


def test_what_is_suppressed_no_longer_comes_in_under_a_new_id(family: Family, tmp_path: Path) -> None:
    erased = {row["user_id"] for row in family.rows("user_ids") if row["status"] == "erased"}
    numbers = {row["identifier_id"] for row in family.rows("erasures") if row["identifier_id"] is not None}
    write_lines(family.inputs, "back.jsonl", [message(30, email=ANN)])
    # the same run erases what the next test asks for
    warehouse = Warehouse(family.spark, str(family.root))
    named = (NamedIdentifier("email", "carla@example.com"), NamedIdentifier("email", "nobody@example.com"))
    submit(RequestFiles(warehouse.files, warehouse.layout), Request("ask-2", "erase", "exact", named))

    state = family.ask(request_file(tmp_path, "back-1", ("email", ANN)), action="unsuppress")

    assert state.state == "completed"
    assert people(family.root)["email", ANN] not in erased
    # nor is anything told of the conversion whose message the run has erased, though whoever converted is still there
    assert not family.rows("attribution_changes")
    assert family.rows("attribution_credits") == []
    assert not numbers & {row["identifier_id"] for row in family.rows("identifiers")}


def test_a_file_that_still_holds_a_value_is_named_and_the_request_waits(family: Family, tmp_path: Path) -> None:
    planted = family.root / "control" / "notes.txt.gz"
    planted.write_bytes(gzip.compress(b"called Carla@Example.com, no answer"))
    path = request_file(tmp_path, "ask-2", ("email", "carla@example.com"), ("email", "nobody@example.com"))

    with pytest.raises(OneUserError, match=r"notes\.txt\.gz") as problem:
        family.ask(path, scope="exact", purge_now=True)
    assert "carla" not in str(problem.value).lower()
    (waiting,) = request_states(family.config, "ask-2", spark=family.spark)
    assert waiting.state == "in_progress"
    with pytest.raises(ConfigError, match="not completed"):
        prove(family.config, [path], spark=family.spark)

    # as long as a request is open, its id can stand for nobody else
    other = request_file(tmp_path, "ask-2", ("email", BOB))
    with pytest.raises(ConfigError, match="another request has had the id 'ask-2', which is in_progress"):
        family.ask(other, scope="exact")
    path = request_file(tmp_path, "ask-2", ("email", "nobody@example.com"), ("email", "carla@example.com"))
    text = planted.read_bytes()
    planted.unlink()
    state = family.ask(path, scope="exact", purge_now=True)

    # the listed value went with its messages; the person stays
    assert state.receipt is not None
    assert (state.state, state.receipt["n_identities_unknown"]) == ("completed", 1)
    assert not files_with(family.root, "carla@example.com")
    (proof,) = prove(family.config, [path], spark=family.spark)
    assert (proof.left, proof.n_files_of_others, proof.rows_left, proof.holds) == ([], 0, {}, True)

    # what turns up later is found later
    planted.write_bytes(text)
    (proof,) = prove(family.config, [path], spark=family.spark)
    assert proof.left == [str(planted)]
    planted.unlink()


def test_an_erasure_beside_a_run_ends_with_4_and_is_taken_in_by_the_next(family: Family, tmp_path: Path) -> None:
    path = request_file(tmp_path, "ask-9", ("email", "beside@example.com"))

    with Lease.acquire(Warehouse(family.spark, str(family.root)), LeaseRules()):
        with pytest.raises(LockedError) as locked:
            family.ask(path, scope="connected")
        assert locked.value.exit_code == 4

    # the run of the next test does
    (waiting,) = request_states(family.config, "ask-9", spark=family.spark)
    assert waiting.state == "pending"


def test_each_request_is_answered_by_what_came_of_it(family: Family, tmp_path: Path) -> None:
    # what is left of an erasure, of which one address was freed; and what another request suppressed
    assert sum(row["request_id"] == "ask-1" for row in family.rows("suppressions")) > 1
    dora = people(family.root)["user_id", "customer-4"]
    files = RequestFiles(Warehouse(family.spark, str(family.root)).files, Layout.of(str(family.root), None))
    never, no_address, unwanted = (
        NamedIdentifier("email", value) for value in ("never@example.com", "never", "unwanted@example.com")
    )
    assert family.linked() == {("customer-8", EVE)}
    requests = [
        Request("back-2", "unsuppress", "connected", (NamedIdentifier("email", ANN_AT_WORK),)),
        Request("back-3", "unsuppress", "connected", (never,)),
        Request("back-4", "unsuppress", "exact", (never,)),
        Request("stop-1", "suppress", "exact", (no_address,)),
        # what was freed before it is suppressed again
        Request("back-5", "unsuppress", "exact", (unwanted,)),
        Request("stop-2", "suppress", "exact", (no_address, unwanted)),
        # only a link names her
        Request("stop-3", "suppress", "exact", (NamedIdentifier("email", EVE),)),
        Request("ask-4", "erase", "connected", (NamedIdentifier("email", EVERYBODYS),)),
        # an alias has renamed it, and read it as an anonymous id; it is written twice
        Request("ask-5", "erase", "connected", tuple(NamedIdentifier("user_id", text) for text in (RENAMED, OF_DORA))),
        # only a refused record names the one, and nothing the other
        Request("ask-7", "erase", "exact", (NamedIdentifier("email", SPECTRE),)),
        # nobody's, and a word that stands in refused lines of everybody
        Request(
            "ask-8", "erase", "connected",
            (NamedIdentifier("email", "nowhere@example.com"), NamedIdentifier("user_id", "trackk")),
        ),
    ]  # fmt: skip
    for request in requests:
        submit(files, request)
    path = request_file(tmp_path, "ask-3", ("email", GHOST))
    assert files_with(family.root, GHOST)
    assert files_with(family.root, SPECTRE)

    family.ask(path, scope="connected", purge_now=True)

    receipts = {one.request_id: one.receipt or {} for one in request_states(family.config, spark=family.spark)}
    assert {name: (one["outcome"], one["n_identities_unknown"]) for name, one in receipts.items()} == {
        "ask-0": ("done", 1), "ask-1": ("done", 0), "ask-2": ("done", 1), "back-1": ("done", 1),
        "back-2": ("done", 1), "back-3": ("not_suppressed", 1), "back-4": ("not_suppressed", 1),
        "stop-1": ("not_suppressed", 1), "stop-2": ("done", 2), "stop-3": ("done", 0),
        "back-5": ("not_suppressed", 1), "aside-1": ("done", 0),
        "ask-3": ("done", 1), "ask-4": ("unowned", 0), "ask-5": ("done", 0), "ask-7": ("done", 1),
        "ask-8": ("unknown", 2), "ask-9": ("unknown", 1),
    }  # fmt: skip
    assert [receipts[name]["erased"]["lines"] for name in ("ask-3", "ask-7")] == [1, 1]
    # who is not stored is looked for in no file, and all the same the request has ended
    searched = {name: receipts[name]["scan"]["is_done"] for name in ("ask-3", "ask-4", "ask-5", "ask-7", "ask-8")}
    assert searched == {"ask-3": True, "ask-4": False, "ask-5": True, "ask-7": True, "ask-8": False}
    assert not files_with(family.root, GHOST, SPECTRE)
    freed = {name: one["n_identifiers_freed"] for name, one in receipts.items() if one["n_identifiers_freed"]}
    assert freed.keys() == {"back-1", "back-2"}
    # of whom nothing was found, nothing is suppressed: somebody else may be called so
    assert {row["request_id"] for row in family.rows("suppressions")} == {
        "ask-2", "ask-3", "ask-5", "ask-7", "stop-2", "stop-3",
    }  # fmt: skip
    # the files of links are as they were, and say something else by now
    assert family.linked() == {("customer-1", ANN_AT_WORK), ("customer-1", TABLET), (SPARE, TABLET)}
    assert {row["user_id"]: row["status"] for row in family.rows("user_ids")}[dora] == "erased"

    # cut short behind its receipt, a request has that receipt still, which nobody could write again
    files.put("back-2", requests[0].to_text())
    assert settle(Warehouse(family.spark, str(family.root))) == []
    assert files.receipt("back-2") == receipts["back-2"]
    assert not (family.root / "raw" / "requests").exists()


def test_a_normaliser_stays_as_long_as_identifiers_of_its_type_are_suppressed(family: Family) -> None:
    assert {row["id_type"] for row in family.rows("suppressions")} >= {"email"}
    write_lines(family.inputs, "more.jsonl", [message(40, email="newcomer@example.com")])
    types = family.config["identity"]["id_types"]
    folded = family.config | {"identity": {"id_types": types | {"email": types["email"] | {"gmail": True}}}}

    with pytest.raises(ConfigError, match=r"identity\.id_types\.email: .* another form") as problem:
        run_pipeline(family.spark, make_config(folded))

    assert "unsuppress" in str(problem.value)


# everything that a warehouse may have ---------------------------------------------------------------------------------

# an account that is credited, members and subscriptions by a device of hers, and product analytics of all kinds
MEMBERS = f"id_type,id_value,account_id\nanonymous_id,phone-of-ann,mill\nemail,{BOB},mill\nuser_id,customer-1,mill\n"
PLANS = "subscription_id,amount,id_type,id_value\n1,10,anonymous_id,phone-of-ann\n2,10,user_id,customer-2\n"
# nobody is over-shared or merged here, a first run changes nothing, and what accounts do without a person is nobody's;
# who is active most or may be lost shows after weeks, by the column that also tells who uses and buys
NOT_OF_HER = {
    "shared_values", "user_redirects", "account_touches", "attribution_changes", "account_attribution_changes",
    "changes", "power_users", "at_risk",
}  # fmt: skip
# what is kept on purpose, and what the run itself tells of it
KEPT = {"erasures", "suppressions", "user_ids", "lineage", "changes"}


def with_everything(made: Family) -> dict[str, Any]:
    inputs, (source,) = made.inputs, made.config["sources"].values()
    for name, text in (("members", MEMBERS), ("plans", PLANS)):
        (inputs / f"{name}.csv").write_text(text)
    return {
        "sources": {"text": source | {"mapping": CONSENTING | {"properties": {"n": {"const": 5}}}}},
        "accounts": {"files": {"members": {"path": f"{inputs}/members.csv", "format": "csv"}}},
        "subscriptions": {"plans": {"path": f"{inputs}/plans.csv", "format": "csv", "currency": "EUR"}},
        "conversions": {"signup": {"event": "signup", "value": "properties.n", "currency": {"const": "EUR"}}},
        "reporting_currency": "EUR",
        "attribution": {"models": ["last"], "levels": ["person", "account"]},
        "product": {
            "rfm": {"all": {"conversions": ["signup"]}},
            "feature_usage": {"all": {"features": {"signup": "signup"}}},
        },
    }  # fmt: skip


def tables_about(rows: dict[str, list[dict[str, Any]]], named: set[Any], numbers: set[int]) -> set[str]:
    """Tables with a User ID or key, or a number of an identifier where it is one."""
    return {
        name
        for name, some in rows.items()
        for row in some
        if not named.isdisjoint(value for value in row.values() if isinstance(value, str | bytes))
        or not numbers.isdisjoint(row[column] for column in TABLES[name].subject.identifiers)
    }


@pytest.mark.soak
def test_of_a_person_nothing_is_left_in_any_table_that_a_warehouse_may_have(
    spark: SparkSession, tmp_path: Path
) -> None:
    # given a person of whom there is something in every table that can have something of anybody
    os.environ["ONEUSER_TEST_SECRET"] = "k1 " + "a7" * 32
    made = Family(spark, tmp_path)
    made.config |= with_everything(made)
    refused = f"login,customer-1,email,{ANN_AT_WORK}\n"
    (made.inputs / "crm.csv").write_text((made.inputs / "crm.csv").read_text() + refused)
    made.run()
    ann = people(made.root)["user_id", "customer-1"]
    before = {name: made.rows(name) for name in published_versions(made.root)}

    # when she is erased
    state = made.ask(request_file(tmp_path, "ask", ("email", ANN)), scope="connected", purge_now=True)

    # then there was, and there is nothing any more
    erased = made.rows("erasures")
    numbers = {row["identifier_id"] for row in erased if row["identifier_id"] is not None}
    keys = {row["id_key"] for row in before["identifiers"] if row["identifier_id"] in numbers}
    named = {ann, *keys, *(row["message_key"] for row in erased if row["message_key"] is not None)}
    after = {name: made.rows(name) for name in published_versions(made.root)}
    owned = {name for name, contract in TABLES.items() if contract.subject.columns and not contract.subject.texts}
    assert owned - tables_about(before, named, numbers) == NOT_OF_HER
    assert tables_about(after, named, numbers) <= KEPT
    assert {len(before[name]) for name in ("quarantine", "rejected_records")} == {2, 1}
    assert [json.loads(row["line"]) for row in after["quarantine"]] == [GHOSTLY]
    assert after["rejected_records"] == []
    assert state.receipt is not None
    assert (state.state, state.receipt["scan"]["is_done"]) == ("completed", True)
    # nor does a reading of the same files bring anything back
    assert {row["subscription_id"] for row in after["subscriptions"]} == {"2"}
    for name in ("members", "plans"):
        (made.inputs / f"{name}.csv").write_text((made.inputs / f"{name}.csv").read_text() + "\n")
    made.run()
    assert (len(made.rows("account_members")), len(made.rows("subscriptions"))) == (1, 1)


# kills ---------------------------------------------------------------------------------------------------------------


def erase_bob(spark: SparkSession, root: Path) -> None:
    warehouse = Warehouse(spark, str(root))
    request = Request("ask-bob", "erase", "connected", (NamedIdentifier("email", BOB),))
    submit(RequestFiles(warehouse.files, warehouse.layout), request)


@dataclass(frozen=True)
class Calm:
    """An erasure that nobody disturbed, and what lay on the disk before and after each of its commits."""

    made: Family
    left_at: list[tuple[str, Path]]


@pytest.fixture(scope="module")
def calm(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Calm:
    os.environ["ONEUSER_TEST_SECRET"] = "k1 " + "a7" * 32
    made = Family(spark, tmp_path_factory.mktemp("calm"))
    made.run()
    erase_bob(spark, made.root)
    left_at: list[tuple[str, Path]] = []
    # commits of one stage may be made at once
    one_by_one = threading.Lock()

    def leave(point: str) -> None:
        with one_by_one:
            # after one commit and before the next, there is the same
            if not left_at or commits(made.root) != commits(left_at[-1][1]):
                left_at.append((point, copied(made.root, tmp_path_factory.mktemp("left"))))

    run_pipeline(spark, make_config(made.config), options(leave))
    return Calm(made, left_at)


def differs(spark: SparkSession, made: Family, root: Path) -> list[str]:
    """Where a warehouse, once the next run has ended there, is not as without a disturbance."""
    run_pipeline(spark, make_config(settings(made.inputs, root)), options(lambda _point: None))
    ended, undisturbed = (
        {name: contents(one, name, without=("attempt",)) for name in published_versions(one)}
        for one in (root, made.root)
    )
    found = [name for name in ended.keys() | undisturbed.keys() if ended.get(name) != undisturbed.get(name)]
    (state,) = request_states(settings(made.inputs, root), spark=spark)
    sealed, expected = (
        {path.name: path.read_text() for path in (one / "raw" / "requests").glob("[!.]*")} for one in (root, made.root)
    )
    if state.state != "in_progress" or sealed != expected:
        found.append("request")
    with pytest.raises(ConfigError, match="ask-bob"):
        roll_back(Warehouse(spark, str(root)), to_run=1, reason=None, rules=LeaseRules())
    return found


@pytest.mark.soak
def test_an_erasure_that_stops_at_any_commit_is_finished_by_the_next_run(spark: SparkSession, calm: Calm) -> None:
    """What lies on the disk at a commit is what a kill leaves there; the lease is one that nobody has any more."""
    assert len(calm.left_at) > len(STAGES)
    wrong = {f"{at} {point}": differs(spark, calm.made, root) for at, (point, root) in enumerate(calm.left_at)}

    assert not {point: found for point, found in wrong.items() if found}


@pytest.mark.soak
@pytest.mark.parametrize("draw", range(2))
def test_a_killed_erasure_is_finished_by_the_next_run(
    spark: SparkSession, calm: Calm, tmp_path: Path, draw: int
) -> None:
    point, _ = random.Random(SEED + draw).choice(calm.left_at)
    root = copied(calm.left_at[0][1], tmp_path)
    config = root.parent / "oneuser.json"
    config.write_text(json.dumps(settings(calm.made.inputs, root)))
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(config), point],
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'lib'}:{ROOT}"},
        start_new_session=True,
        capture_output=True,
        timeout=600,
        check=False,
    )

    assert done.returncode == -9, f"not killed {point}: {done.stderr.decode()[-2000:]}"
    assert differs(spark, calm.made, root) == []
