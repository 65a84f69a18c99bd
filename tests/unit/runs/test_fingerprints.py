"""A stage is done for what was touched alone where change sets tell all that has changed for it, and never else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from oneuser.config import IncrementalRules
from oneuser.contracts.graph import COMPONENTS, EDGES, REFUSED_EDGES
from oneuser.contracts.raw import EVENTS
from oneuser.contracts.reference import LINKS
from oneuser.core.version import __version__
from oneuser.runs.compactions import Compactions
from oneuser.runs.fingerprints import (
    IS_INCREMENTAL,
    LAST_FULL,
    RULES,
    can_be_incremental,
    stage_fingerprint,
    unchanged_stage,
)
from oneuser.runs.one_stage import StageRunner
from oneuser.runs.records import RunRecord, StageRecord
from oneuser.stages.context import RunContext
from oneuser.stages.declaration import Stage

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _nothing(_ctx: RunContext) -> None:
    """Do nothing."""


TAKE = Stage("take", _nothing, (), (EVENTS, LINKS), (), gives=("linked",))
LINK = Stage("link", _nothing, (EVENTS, LINKS), (EDGES,), (), takes={"linked": (EVENTS,)}, gives=("judged",))
JOIN = Stage("join", _nothing, (EDGES, REFUSED_EDGES), (COMPONENTS,), (), takes={"judged": (EDGES,)})


def stage(name: str, *, rules: str = "r", is_incremental: bool = True, **tables: int) -> StageRecord:
    details = {RULES: rules, IS_INCREMENTAL: is_incremental}
    return StageRecord(name, 1, "done", "", tables, {}, details, 0.0)


def run(base: dict[str, int], *stages: StageRecord) -> RunRecord:
    return RunRecord(1, NOON, "c", "v", [], base, stages={one.stage: one for one in stages})


FIRST = run({}, stage("take", events=1, links=1), stage("link", edges=1), stage("join", components=1))


def test_a_first_run_touches_everything() -> None:
    assert not can_be_incremental(TAKE, "r", None, run({}))
    assert not can_be_incremental(LINK, "r", None, run({}, stage("take", events=1)))


def test_what_comes_from_outside_is_always_told() -> None:
    assert can_be_incremental(TAKE, "other rules", FIRST, run(FIRST.tables))


def test_a_stage_follows_the_change_set_of_the_table_that_has_changed() -> None:
    second = run(FIRST.tables, stage("take", events=2, links=1))

    assert can_be_incremental(LINK, "r", FIRST, second)


@pytest.mark.parametrize(
    ("rules", "second"),
    [
        ("other", run(FIRST.tables, stage("take", events=2, links=1))),
        ("r", run(FIRST.tables, stage("take", events=2, links=2))),
        ("r", run(FIRST.tables, stage("take", is_incremental=False, events=2, links=1))),
        ("r", run(FIRST.tables | {"edges": 5}, stage("take", events=2, links=1))),
        ("r", run(FIRST.tables | {"events": 7})),
    ],
    ids=["rules", "no change set tells of links", "the writer did not know", "its own table", "nobody says who wrote"],
)
def test_it_does_everything_where_something_else_has_changed(rules: str, second: RunRecord) -> None:
    assert not can_be_incremental(LINK, rules, FIRST, second)


@pytest.mark.parametrize(
    ("full_every", "run_seq", "expected"), [(50, 56, False), (50, 57, True), (50, 99, True), (None, 99, False)]
)
def test_so_many_runs_after_the_last_that_did_everything_one_does_though_nothing_is_new(
    monkeypatch: pytest.MonkeyPatch, full_every: int | None, run_seq: int, *, expected: bool
) -> None:
    before = run({}, stage("take"), stage("link"), stage("join"))
    config: Any = SimpleNamespace(incremental=IncrementalRules(full_every=full_every))
    before.stages["link"].fingerprint = stage_fingerprint(LINK, {}, config, __version__)
    # one alone was done for everything since, under other rules
    for name, last_full in (("take", 7), ("link", 7), ("join", 30)):
        before.stages[name].details[LAST_FULL] = last_full
    facts: dict[str, Any] = {"warehouse": None, "tag": None, "start_heads": {}, "compactions": Compactions({})}
    runner = StageRunner(config=config, run=replace(run({}), run_seq=run_seq), completed=before, **facts)
    monkeypatch.setattr(StageRunner, "_do", lambda *_: stage("link"))

    assert runner.does_everything is expected
    assert (runner.do(LINK, {}).state == "done") is expected


def test_what_one_stage_did_for_everything_the_next_does_too() -> None:
    second = run(FIRST.tables, stage("take", events=2), stage("link", is_incremental=False, edges=2))

    assert not can_be_incremental(JOIN, "r", FIRST, second)


def test_a_stage_that_was_never_recorded_with_its_rules_does_everything() -> None:
    before = run({}, stage("take", events=1), StageRecord("link", 1, "done", "", {"edges": 1}, {}, {}, 0.0))

    assert not can_be_incremental(LINK, "r", before, run(before.tables, stage("take", events=2)))


def test_what_others_have_told_of_since_is_no_reason_to_do_a_stage_again() -> None:
    before = run({}, stage("take", events=1, links=1, changes=1), stage("link", edges=1, changes=2))
    again = run(before.tables | {"changes": 3})

    kept = unchanged_stage(LINK, "", before, again)

    # and its record does not take the change sets of this run back
    assert kept is not None
    assert kept.tables == {"edges": 1}
