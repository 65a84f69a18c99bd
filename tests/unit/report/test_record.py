"""What a report takes from the record of runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from oneuser.report.data import Disposition, Stability
from oneuser.report.record import describe_run, describe_stability, dispositions, published_before, tally, timings

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Stage:
    state: str = "done"
    seconds: float = 1.5
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Run:
    run_seq: int
    metrics: dict[str, float] = field(default_factory=dict)
    stages: dict[str, Stage] = field(default_factory=dict)
    state: str = "published"
    attempt: int = 1
    as_of: datetime = NOW
    ended_at: datetime | None = NOW
    config_hash: str = "c0ffee"
    code_version: str = "0.1.0"
    inputs: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Shown:
    run_seq: int
    kind: str = "run"
    published_at: datetime = NOW


def test_only_published_runs_up_to_the_shown_one_count() -> None:
    runs = [Run(4), Run(1), Run(2, state="refused"), Run(3, state="failed")]

    assert [run.run_seq for run in published_before(runs, 4)] == [1, 4]
    assert [run.run_seq for run in published_before(runs, 1)] == [1]


def test_reasons_are_counted_for_the_run_and_over_all_runs_the_commonest_first() -> None:
    runs = [Run(1, {"q|a": 2.0, "q|b": 5.0, "other|a": 9.0}), Run(2, {"q|a": 1.0})]

    assert tally(runs, "q") == (Disposition("b", 0, 5), Disposition("a", 1, 3))
    assert tally(runs, "absent") == ()


def test_ways_of_lines_without_a_figure_are_there_with_a_dash() -> None:
    found = dispositions([Run(1, {"lines|accepted": 7.0})])

    assert [(row.name, row.all_runs) for row in found] == [
        ("accepted", 7), ("duplicate", None), ("quarantined", None), ("suppressed", None),
    ]  # fmt: skip


def test_stability_is_what_the_identity_stage_found() -> None:
    run = Run(2, {"ids_before": 9.0, "ids_kept": 8.0, "ids_minted": 2.0, "ids_merged": 1.0}, {"identity": Stage()})

    found = describe_stability(run, n_identifiers=30, n_people=10)

    assert found == Stability(before=9, kept=8, minted=2, merged=1, split=0, restored=0, identifiers=30)


def test_nothing_moves_in_a_run_whose_identity_stage_was_not_done_again() -> None:
    run = Run(2, {"ids_kept": 0.0, "ids_minted": 10.0}, {"identity": Stage(state="unchanged", seconds=0.0)})

    found = describe_stability(run, n_identifiers=30, n_people=10)

    assert found == Stability(10, 10, 0, 0, 0, 0, 0, 30, 0)


def test_the_head_says_how_the_run_was_made() -> None:
    graph = Stage(details={"engine": "one_task", "engine_reason": "it fits"})
    runs = [Run(1), Run(3, {"checks|lines": 1.0, "checks|credits": 0.0}, {"graph": graph}, inputs=[{}, {}])]

    head = describe_run(runs, Shown(3, kind="rollback"), "acme")

    assert (head.run_seq, head.previous, head.is_rollback, head.n_files) == (3, 1, True, 2)
    assert (head.engine, head.engine_reason, head.checks_passed, head.checks) == ("one_task", "it fits", 1, 2)
    assert head.certified_identifiers is None


def test_stages_keep_their_order() -> None:
    run = Run(1, stages={"ingest": Stage(), "graph": Stage(state="unchanged", seconds=0.0)})

    assert [(time.stage, time.state) for time in timings(run)] == [("ingest", "done"), ("graph", "unchanged")]
