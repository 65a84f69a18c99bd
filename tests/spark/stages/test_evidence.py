"""The evidence of a run costs no more than it must as history grows: what is read how often, what travels where."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from oneuser.config import make_config
from oneuser.contracts.table import TableContract
from oneuser.stages import view
from oneuser.stages.context import RunContext
from oneuser.stages.graph.eligibility import blocked, eligible, find_linking_messages
from oneuser.stages.graph.gathering import gather_pairs
from tests.spark.events.staging import ID_TYPES, Ingest, lines_source
from tests.unit.events.parsing import line


@dataclass
class WatchedContext(RunContext):
    """Notes what is read."""

    reads: list[str] = field(default_factory=list)

    def read(self, contract: TableContract) -> DataFrame:
        self.reads.append(contract.name)
        return super().read(contract)


@dataclass(frozen=True)
class History:
    """A warehouse with a few messages, and contexts of stages on it under any identity rules."""

    ingest: Ingest
    file: Path

    def stage(
        self, *, consent: tuple[str, ...] = (), earlier: RunContext | None = None, **email: Any
    ) -> WatchedContext:
        web = lines_source(self.file)
        plain = self.ingest.context(web=web)
        config = make_config(
            {
                "deployment": "tests",
                "warehouse": str(self.ingest.root),
                "keys": {"identifiers": f"file:{self.ingest.root}/key"},
                "sources": {"web": web},
                "identity": {"id_types": ID_TYPES | {"email": ID_TYPES["email"] | email}},
                "consent": {"required_for_linking": list(consent)},
            }
        )
        shared = {
            name: getattr(plain, name) for name in ("spark", "warehouse", "keys", "tag", "as_of", "log", "tables")
        }
        return WatchedContext(config=config, inputs=[], found=earlier.found if earlier else {}, **shared)

    def numbers(self) -> dict[str, int]:
        return {row["id_value"]: row["identifier_id"] for row in self.ingest.table("identifier_values").collect()}


def message(number: int, *, ads: bool | None = None, **carried: Any) -> bytes:
    consent = {} if ads is None else {"context": {"consent": {"categoryPreferences": {"ads": ads}}}}
    return line(messageId=f"m{number}", anonymousId=f"a{number}", **carried, **consent)


@pytest.fixture(scope="module")
def taken_in(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> History:
    """What every test begins with, in a copy of its own."""
    folder = tmp_path_factory.mktemp("evidence")
    file = folder / "web.jsonl"
    lines = [
        message(1, userId="u1", traits={"email": "ann@example.com"}, ads=True),
        message(2, userId="u2", traits={"email": "Test@Example.com"}, ads=True),
        message(3, userId="u3", traits={"email": "noreply@shop.example"}),
        message(4, userId="u4", traits={"email": "noreply.2@shop.example"}, ads=True),
    ]
    file.write_bytes(b"\n".join(lines) + b"\n")
    ingest = Ingest(spark, folder / "warehouse")
    ingest.run(web=lines_source(file))
    return History(ingest, file)


@pytest.fixture
def history(taken_in: History, warehouse_path: Path, tmp_path: Path) -> History:
    first = taken_in.ingest
    shutil.copytree(first.root, warehouse_path)
    ingest = Ingest(first.spark, warehouse_path, tables=dict(first.tables), run_seq=first.run_seq)
    return History(ingest, Path(shutil.copy(taken_in.file, tmp_path)))


def plan(rows: DataFrame) -> str:
    return str(rows._jdf.queryExecution().optimizedPlan().toString())


def blocked_values(history: History, context: RunContext) -> set[str]:
    rows = blocked(context)
    names = {number: value for value, number in history.numbers().items()}
    return set() if rows is None else {names[row["identifier_id"]] for row in rows.collect()}


EXACT, PATTERN = "tEST@example.com", "re:^noreply"


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([EXACT], {"test@example.com"}),
        ([PATTERN], {"noreply@shop.example", "noreply.2@shop.example"}),
        ([EXACT, "nobody@example.com", PATTERN, "re:test"], {
            "test@example.com", "noreply@shop.example", "noreply.2@shop.example",
        }),
        (["nobody@example.com", "re:^qa"], set()),
        ([], set()),
    ],
)  # fmt: skip
def test_blocked_are_the_values_that_are_named_and_those_that_an_expression_finds(
    history: History, entries: list[str], expected: set[str]
) -> None:
    assert blocked_values(history, history.stage(blocked=entries)) == expected


def test_values_are_looked_at_once_for_all_stages_and_not_at_all_without_expressions(history: History) -> None:
    graph = history.stage(blocked=[EXACT, PATTERN], consent=("ads",))
    gathered = gather_pairs(graph)
    find_linking_messages(graph, eligible(graph))
    identity = history.stage(blocked=[EXACT, PATTERN], consent=("ads",), earlier=graph)
    find_linking_messages(identity, eligible(identity))
    by_value_alone = history.stage(blocked=[EXACT])
    gather_pairs(by_value_alone)

    assert graph.reads.count("identifier_values") == 1
    assert identity.reads.count("identifier_values") == 0
    assert by_value_alone.reads.count("identifier_values") == 0
    assert "id_value" not in plan(gathered.seen)
    assert graph.reads.count("events") == identity.reads.count("events") == 1


def test_another_version_of_the_values_is_looked_at_again(history: History) -> None:
    first = history.stage(blocked=[PATTERN])
    assert len(blocked_values(history, first)) == 2
    history.file.with_name("more.jsonl").write_bytes(message(5, traits={"email": "noreply.5@shop.example"}) + b"\n")
    history.ingest.run(web=lines_source(history.file.with_name("more.jsonl")))

    assert len(blocked_values(history, history.stage(blocked=[PATTERN], earlier=first))) == 3


def test_more_blocked_values_than_few_are_not_sent_to_every_task_and_block_the_same(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = history.stage(blocked=[EXACT, PATTERN])
    rows = eligible(few)
    linked = {(row["src"], row["dst"]) for row in gather_pairs(few).edges.collect()}
    monkeypatch.setattr(view, "_FEW", 0)
    many = history.stage(blocked=[EXACT, PATTERN])

    assert "strategy=broadcast" in plan(rows)
    assert "strategy=broadcast" not in plan(eligible(many))
    assert not [what for what, *_ in many.found if what == "blocked"]
    assert {(row["src"], row["dst"]) for row in gather_pairs(many).edges.collect()} == linked
    numbers = history.numbers()
    assert (min(numbers["u1"], numbers["ann@example.com"]), max(numbers["u1"], numbers["ann@example.com"])) in linked


def linking(history: History, context: RunContext) -> tuple[set[int], str]:
    """The numbers of the messages that link, and the plan by which they are found."""
    messages = find_linking_messages(context, eligible(context))
    named: Mapping[int, str] = {number: value for value, number in history.numbers().items()}
    members = [[named[member["identifier_id"]] for member in row["members"]] for row in messages.collect()]
    return {int(value[1:]) for values in members for value in values if value[1:].isdigit() and value[0] == "a"}, plan(
        messages
    )


def test_where_nobody_refuses_nobody_is_looked_at(history: History) -> None:
    found, steps = linking(history, history.stage(consent=("ads",)))

    assert found == {1, 2, 4}
    assert steps.count("Join") == 1


def test_where_somebody_refuses_it_is_found_once(history: History) -> None:
    more = history.file.with_name("more.jsonl")
    later = {"timestamp": "2026-05-02T10:00:00Z", "receivedAt": "2026-05-02T10:00:01Z"}
    more.write_bytes(message(9, userId="u1", ads=False, **later) + b"\n" + message(8, userId="u8", ads=True) + b"\n")
    history.ingest.run(web=lines_source(more))

    found, steps = linking(history, history.stage(consent=("ads",)))

    assert found == {2, 4, 8}
    # who refuses was found before, once: nothing is grouped for it here
    assert "Window" not in steps


def test_without_any_consent_nothing_links(spark: SparkSession, warehouse_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "web.jsonl"
    file.write_bytes(message(1, userId="u1") + b"\n")
    ingest = Ingest(spark, warehouse_path)
    ingest.run(web=lines_source(file))

    assert linking(history := History(ingest, file), history.stage(consent=("ads",)))[0] == set()


def test_what_was_asked_once_is_asked_again_in_the_next_stage(history: History) -> None:
    context = history.stage()
    asked: list[int] = []

    def ask() -> int:
        asked.append(1)
        return len(asked)

    assert [context.once("it", ask), context.once("it", ask)] == [1, 1]
    assert replace(context, _once={}).once("it", ask) == 2
