from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from oneuser import open_warehouse
from oneuser.api import OpenWarehouse
from oneuser.cli.main import main
from oneuser.contracts.identity import DIM_USER
from oneuser.core.errors import ConfigError
from tests.integration import small_warehouse as small

pytestmark = pytest.mark.usefixtures("spark")


@pytest.fixture(scope="module")
def root(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "warehouse"
    small.build(spark, folder)
    return folder


@pytest.fixture(scope="module")
def warehouse(root: Path, spark: SparkSession) -> OpenWarehouse:
    return open_warehouse(root, spark=spark)


def answer(root: Path, *arguments: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """The JSON document that a verb answers with."""
    assert main([*arguments, "--warehouse", str(root), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_person_is_found_by_any_spelling_of_an_address(warehouse: OpenWarehouse) -> None:
    found = warehouse.lookup(type="email", value="  Ann@EXAMPLE.com ")

    assert (found.user_id, found.status, found.account_id) == (small.ANN, "live", "acme")


def test_an_identifier_or_a_user_id_is_looked_up_as_it_is_explained(root: Path, warehouse: OpenWarehouse) -> None:
    by_parts = warehouse.lookup(type="email", value="ann@example.com")

    for text in ("email:ann@example.com", "email: Ann@Example.com ", 'email:"ann@example.com"'):
        assert warehouse.lookup(text) == by_parts
        assert warehouse.explain(text).a == by_parts
    assert warehouse.lookup(small.ANN) == warehouse.lookup(user_id=small.ANN)
    assert main(["lookup", "email:ann@example.com", "--warehouse", str(root), "--json"]) == 0


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["lookup", "--type", "emial", "--value", "zed@example.com"], "did you mean email?"),
        (["lookup", "emial:zed@example.com"], "did you mean email?"),
        (["explain", "emial: zed@example.com"], "did you mean email?"),
        (["lookup", "zed@example.com"], "expected TYPE: VALUE, such as email: ann@example.com"),
        (["explain", "email:"], "email has no value"),
        (["lookup"], "give one of TYPE:VALUE, a User ID, or a type and a value"),
        (["lookup", "email:zed@example.com", "--user-id", small.ANN], "give one of TYPE:VALUE"),
    ],
)
def test_what_cannot_be_asked_for_is_told_without_its_value(
    root: Path, capsys: pytest.CaptureFixture[str], asked: list[str], said: str
) -> None:
    assert main([*asked, "--warehouse", str(root)]) == 2
    shown = capsys.readouterr()
    assert said in " ".join((shown.out + shown.err).split())
    assert "zed@example.com" not in shown.out + shown.err


def test_identifiers_are_masked_but_for_the_one_asked_for(warehouse: OpenWarehouse) -> None:
    by_email = warehouse.lookup(type="email", value="ann@example.com")
    by_id = warehouse.lookup(user_id=small.ANN)

    assert [known.value for known in by_email.identifiers] == ["***", "ann@example.com", "co***"]
    assert [known.value for known in by_id.identifiers] == ["***", "a***@e***.com", "co***"]
    assert warehouse.lookup(user_id=small.ANN, unmasked=True).identifiers[1].value == "ann@example.com"


def test_every_user_id_resolves_to_something(warehouse: OpenWarehouse, spark: SparkSession) -> None:
    never_shown = "usr_" + "z" * 26
    asked = {
        small.ANN: small.ANN, small.OLD_BOB: small.BOB, small.GONE: "erased", never_shown: "vacant",
    }  # fmt: skip

    rows = spark.createDataFrame([(user,) for user in asked] + [(None,)], "user_id string")
    resolved = {row["user_id"]: row["resolved_user_id"] for row in warehouse.resolve_user_id(rows).collect()}

    assert resolved == asked | {None: "vacant"}
    assert {user: warehouse.resolve_user_id(user) for user in asked} == asked


def test_a_retired_id_leads_to_the_live_person(warehouse: OpenWarehouse) -> None:
    found = warehouse.lookup(user_id=small.OLD_BOB)

    assert (found.user_id, found.retired_id, found.status) == (small.BOB, small.OLD_BOB, "live")


def test_an_unknown_identifier_is_said_to_be_unknown(
    warehouse: OpenWarehouse, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert warehouse.lookup(type="email", value="nobody@example.com").status == "unknown"

    assert main(["lookup", "--type", "email", "--value", "nobody@example.com", "--warehouse", str(root)]) == 1
    shown = capsys.readouterr()
    assert "nobody@example.com" not in shown.out + shown.err


def test_a_chain_of_edges_explains_why_two_are_one(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(root, "explain", "user_id:1042", "anonymous_id:cookie-of-ann-1", capsys=capsys)

    assert found["verdict"].startswith("one person: a chain of 2 edges")
    assert [(e["a"], e["b"], e["n_events"]) for e in found["edges"]] == [
        ("user_id: 1042", "email: a***@e***.com", 3),
        ("email: a***@e***.com", "anonymous_id: cookie-of-ann-1", 7),
    ]
    assert found["edges"][0]["first_event_time"] == "2026-03-02T09:00:00Z"


def test_no_chain_leads_to_another_person(warehouse: OpenWarehouse) -> None:
    found = warehouse.explain(small.ANN, "email:carla@example.net")

    assert found.verdict.startswith("different people: no chain")
    assert found.edges == []


def test_a_refused_edge_explains_what_keeps_two_apart(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(root, "explain", "user_id:1042", small.BOB, capsys=capsys)

    # over the browser one edge is refused, over the address that everybody has two would be
    assert found["verdict"] == (
        "different people: a chain of 3 edges leads from one to the other, with refused ones: "
        "1 by rule unique (since run 1)"
    )
    assert [(e["a"], e["b"], e["refused_by"], e["refused_since"]) for e in found["edges"]] == [
        ("user_id: 1042", "email: a***@e***.com", None, None),
        ("email: a***@e***.com", "anonymous_id: co***", None, None),
        ("anonymous_id: co***", "email: b***@e***.org", "unique", 1),
    ]


def test_a_value_that_too_many_share_is_explained_by_its_refusals(warehouse: OpenWarehouse) -> None:
    alone = warehouse.explain("email:info@example.com")
    to_ann = warehouse.explain("email:info@example.com", "user_id:1042")

    assert alone.verdict == "nobody owns this email: its edges are refused, 2 by rule over_shared (since run 1)"
    assert [(r.a, r.b, r.other_user_id) for r in alone.refusals] == [
        ("email: info@example.com", "email: a***@e***.com", small.ANN),
        ("email: info@example.com", "email: b***@e***.org", small.BOB),
    ]
    assert [(e.a, e.b, e.source, e.refused_by) for e in to_ann.edges] == [
        ("email: info@example.com", "email: a***@e***.com", None, "over_shared"),
        ("email: a***@e***.com", "user_id: 1042", "event", None),
    ]


def test_a_person_is_explained_by_edges_and_changes(warehouse: OpenWarehouse) -> None:
    found = warehouse.explain(small.BOB)

    assert [(e.a, e.b) for e in found.edges] == [("email: b***@e***.org", "anonymous_id: =c***")]
    assert [(c.change, c.user_id, c.other_user_id, c.edge_a, c.edge_b) for c in found.changes] == [
        ("merged", small.OLD_BOB, small.BOB, "email: b***@e***.org", "anonymous_id: =c***")
    ]


def test_a_contested_identifier_is_explained_by_its_owners_and_refusals(warehouse: OpenWarehouse) -> None:
    of_browser, of_bob = warehouse.explain("anonymous_id:cookie-of-ann-1"), warehouse.explain(small.BOB)

    owners = [(o.interval, o.user_id, o.valid_from is None, o.valid_to is None) for o in of_browser.owners]
    assert owners == [(0, small.BOB, True, False), (1, small.ANN, False, True)]
    assert [(r.rule, r.a, r.b, r.other_user_id) for r in of_browser.refusals] == [
        ("over_shared", "email: a***@e***.com", "email: i***@e***.com", None),
        ("unique", "anonymous_id: cookie-of-ann-1", "email: b***@e***.org", small.BOB),
    ]
    assert of_browser.verdict.endswith("kept apart by 2 refused edges")
    # Bob had the browser for a time, though it is not his now
    assert [o.identifier for o in of_bob.owners] == ["anonymous_id: co***"] * 2


def test_suspects_are_ranked_with_what_blocking_them_would_do(
    root: Path, warehouse: OpenWarehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = warehouse.suspects().collect()
    (shown,) = answer(root, "suspects", capsys=capsys)

    assert (row["identifier_id"], row["user_id"], row["n_people"], row["part_sizes"]) == (8, small.CARLA, 2, [1, 1])
    assert (shown["id_type"], shown["value"], shown["n_people"], shown["n_events"]) == ("email", "a***@e***.net", 2, 8)
    assert answer(root, "suspects", "--limit", "1", "--unmasked", capsys=capsys)[0]["value"] == "accounts@example.net"


def test_a_past_that_was_never_published_is_refused(
    root: Path, warehouse: OpenWarehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    assert warehouse.as_of(run=1).users().count() == 3

    assert main(["report", "--run", "7", "--warehouse", str(root)]) == 2
    assert "run 7 was never published; published runs: 1" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="either the number of a run or a time"):
        warehouse.as_of()


def test_status_and_lists_answer_in_words_too(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verbs = (["status"], ["runs", "list"], ["lookup", "--user-id", small.ANN], ["explain", small.BOB], ["suspects"])
    for arguments in (*verbs, ["explain", small.ANN], ["explain", small.ANN, small.BOB]):
        assert main([*arguments, "--warehouse", str(root)]) == 0

    shown = capsys.readouterr().out
    assert "run 1" in shown
    assert "a***@e***.com" in shown
    assert "ann@example.com" not in shown


def test_a_table_is_exported_in_each_format(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {ending: tmp_path / f"users.{ending}" for ending in ("csv", "jsonl", "parquet")}
    for file in files.values():
        assert answer(root, "export", "table", "dim_user", "--to", str(file), capsys=capsys)["rows"] == 3

    with files["csv"].open(encoding="utf-8") as file:
        cells = list(csv.DictReader(file))
    lines = [json.loads(line) for line in files["jsonl"].read_text(encoding="utf-8").splitlines()]
    table = pq.read_table(files["parquet"])
    assert [row["user_id"] for row in cells] == [row["user_id"] for row in lines] == [small.ANN, small.BOB, small.CARLA]
    assert cells[0]["first_seen_at"] == lines[0]["first_seen_at"] == "2026-03-02T09:00:00Z"
    assert (cells[1]["account_id"], lines[1]["account_id"]) == ("", None)
    assert lines[0]["identifiers_by_type"] == {"email": 1}
    assert table.column("first_seen_at").to_pylist()[0] == small.MONDAY
    assert sorted(path.name for path in tmp_path.iterdir()) == ["users.csv", "users.jsonl", "users.parquet"]


def test_raw_identifiers_leave_on_explicit_request_only(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "values.csv"
    where = ["--to", str(file), "--warehouse", str(root)]

    assert main(["export", "table", "identifier_values", *where]) == 2
    assert not file.exists()
    assert main(["export", "table", "identifier_values", "--raw", *where]) == 0
    # nobody says which purposes of consent that needs
    assert main(["export", "identities", *where]) == 2
    config = tmp_path / "oneuser.yaml"
    source = f"web: {{path: {tmp_path}/*.jsonl, format: jsonl, preset: segment}}"
    config.write_text(f"deployment: test\nwarehouse: {root}\nsources: {{{source}}}\n", encoding="utf-8")
    assert main(["export", "identities", *where, "--config", str(config)]) == 0
    with file.open(encoding="utf-8") as rows:
        owners = {(row["id_type"], row["id_value"]): row["user_id"] for row in csv.DictReader(rows)}
    assert owners[("email", "ann@example.com")] == small.ANN
    # that they left is kept, and where they went is not
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in (root / "control" / "exports").glob("*.json")]
    assert {one["what"] for one in kept} == {"identifier_values", "identities"}
    assert "values.csv" not in str(kept)
    # what a spreadsheet would run is defused
    assert owners[("anonymous_id", "'=cookie-of-bob")] == small.BOB


def test_an_unknown_table_or_ending_is_refused(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--warehouse", str(root)]

    assert main(["export", "table", "dim_usr", "--to", str(tmp_path / "a.csv"), *where]) == 2
    assert "did you mean dim_user" in capsys.readouterr().err
    assert main(["export", "table", "dim_user", "--to", str(tmp_path / "a.xlsx"), *where]) == 2


def test_a_folder_without_a_warehouse_is_said_to_be_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--warehouse", str(tmp_path)]) == 5
    assert "there is no warehouse here" in capsys.readouterr().err


def test_other_engines_see_what_was_published_and_nothing_else(spark: SparkSession, tmp_path: Path) -> None:
    root = tmp_path / "warehouse"
    head = small.build(spark, root)
    renamed = [row | {"account_id": "changed"} for row in small.ROWS[DIM_USER]]

    # a run that was refused leaves a newer version behind
    small.replace(head, 2, {DIM_USER: renamed}, fence=99)
    assert accounts_by_engine(spark, root) == {"duckdb": ["acme", None, None], "spark": ["acme", None, None]}

    # a later run is published
    tables = small.publish(head, 3, {DIM_USER: renamed})
    assert tables["dim_user"] == 2
    assert accounts_by_engine(spark, root) == {"duckdb": ["changed"] * 3, "spark": ["changed"] * 3}

    # and taken back
    assert main(["rollback", "--to", "1", "--reason", "test", "--yes", "--warehouse", str(root)]) == 0
    assert accounts_by_engine(spark, root) == {"duckdb": ["acme", None, None], "spark": ["acme", None, None]}
    assert main(["rollback", "--to", "7", "--yes", "--warehouse", str(root)]) == 2


def accounts_by_engine(spark: SparkSession, root: Path) -> dict[str, list[str | None]]:
    """Accounts of `dim_user` through the views that each engine gets, ordered by user."""
    warehouse = open_warehouse(root, spark=spark)
    query = "SELECT account_id FROM dim_user ORDER BY user_id"
    with duckdb.connect() as connection:
        connection.execute(warehouse.views("duckdb"))
        by_duckdb = [row[0] for row in connection.execute(query).fetchall()]
    for statement in warehouse.views("spark").split(";\n"):
        if statement.strip():
            spark.sql(statement.strip().removesuffix(";"))
    return {"duckdb": by_duckdb, "spark": [row[0] for row in spark.sql(query).collect()]}
