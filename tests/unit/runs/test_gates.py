from __future__ import annotations

import pytest

from oneuser.config.model import Gates
from oneuser.core.errors import GateError
from oneuser.runs.gates import check_gates, gated_metrics, require_gates
from oneuser.runs.records import StageRecord

FIGURES = {"ids_before": 10.0, "ids_merged": 2.0, "largest_component": 40.0}


def test_gates_hold_up_to_their_bound() -> None:
    checks = check_gates(Gates(max_merged_ids_share=0.2, max_largest_component=40), FIGURES)

    assert [(check.gate, check.holds) for check in checks] == [
        ("max_merged_ids_share", True), ("max_largest_component", True),
    ]  # fmt: skip
    require_gates(checks)


def test_the_first_gate_that_does_not_hold_stops_with_what_was_found() -> None:
    checks = check_gates(Gates(max_merged_ids_share=0.19, max_largest_component=39), FIGURES)

    assert not any(check.holds for check in checks)
    with pytest.raises(GateError, match=r"2 of 10 User IDs would be merged away \(20.0%\)") as stopped:
        require_gates(checks)
    assert (stopped.value.gate, stopped.value.exit_code) == ("max_merged_ids_share", 3)
    assert stopped.value.where == "gates.max_merged_ids_share"


def test_people_who_stand_are_measured_by_other_bounds_too_and_have_merged_nobody() -> None:
    stood = StageRecord("identity", 1, "unchanged", "", {}, FIGURES, {}, 0.0)

    checks = check_gates(Gates(max_merged_ids_share=0.01, max_largest_component=39), gated_metrics(stood))

    assert [(check.gate, check.holds) for check in checks] == [
        ("max_merged_ids_share", True), ("max_largest_component", False),
    ]  # fmt: skip


def test_a_gate_that_is_off_never_stops() -> None:
    checks = check_gates(Gates(max_merged_ids_share=None, max_largest_component=None), FIGURES)

    assert [(check.holds, check.allowed) for check in checks] == [(True, None), (True, None)]


def test_a_first_run_merges_nobody() -> None:
    assert all(check.holds for check in check_gates(Gates(max_merged_ids_share=0), {"largest_component": 3.0}))
