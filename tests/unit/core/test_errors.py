from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest

from oneuser.core.errors import (
    CertificationError,
    CheckError,
    ConfigError,
    ConfigProblem,
    ContractError,
    EnvironmentProblem,
    GateError,
    LockedError,
    OneUserError,
)

ERRORS = (
    OneUserError(found="f", expected="e", where="w", next_step="n"),
    CheckError(found="f"),
    CertificationError(found="f"),
    ContractError("events", ["type is missing"]),
    ConfigError([ConfigProblem("graph.engine", "m", file="a.yaml", line=3)], next_step="n"),
    GateError(found="f", gate="gates.max_largest_component"),
    LockedError(holder="host:1", run_seq=7, expires_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    EnvironmentProblem(found="no Java", next_step="install it"),
)


@pytest.mark.parametrize(
    ("kind", "exit_code"),
    [
        (OneUserError, 1),
        (CheckError, 1),
        (CertificationError, 1),
        (ContractError, 1),
        (ConfigError, 2),
        (GateError, 3),
        (LockedError, 4),
        (EnvironmentProblem, 5),
    ],
)
def test_every_branch_has_its_exit_code(kind: type[OneUserError], exit_code: int) -> None:
    assert issubclass(kind, OneUserError)
    assert kind.exit_code == exit_code


def test_the_text_says_what_was_found_expected_where_and_what_to_do() -> None:
    assert str(ERRORS[0]) == "f\n  expected: e\n  where: w\n  next: n"


def test_the_text_leaves_out_what_is_not_known() -> None:
    assert str(OneUserError(found="f", next_step="n")) == "f\n  next: n"


def test_a_lock_names_its_holder() -> None:
    text = str(LockedError(holder="host:1", run_seq=7, expires_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)))

    assert "locked by host:1 for run 7 until 2026-01-02 03:04:05 UTC" in text


def test_a_lock_may_have_no_run_and_no_end() -> None:
    assert str(LockedError(holder="another")).startswith("the warehouse is locked by another\n")


def test_a_broken_contract_names_every_column() -> None:
    error = ContractError("events", ["type is missing", "source is int, expected string"])

    assert error.problems == ("type is missing", "source is int, expected string")
    assert all(problem in str(error) for problem in error.problems)


def test_one_configuration_error_holds_every_problem_with_its_place() -> None:
    problems = [
        ConfigProblem("a.b", "is missing", file="c.yaml", line=3),
        ConfigProblem("d", "is wrong", file="c.yaml"),
        ConfigProblem("e.f", "must be less", file="--set e.f"),
    ]

    lines = str(ConfigError(problems)).splitlines()

    assert lines[1:4] == ["c.yaml:3: a.b: is missing", "c.yaml: d: is wrong", "--set e.f: must be less"]


def test_a_single_usage_error_reads_as_one_line() -> None:
    error = ConfigError.single("--to", "run 9 was never published")

    assert str(error) == "--to: run 9 was never published"
    assert error.problems[0].code == "config.usage"


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_survive_the_way_from_a_worker(error: OneUserError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
