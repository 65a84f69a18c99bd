"""A secret that a program of others prints."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from oneuser.core.errors import ConfigError, EnvironmentProblem
from oneuser.privacy.key_references import ask_command, describe_reference, read_reference
from oneuser.privacy.keys import load_keys

CANARY = "c0ffee" * 11


def program(folder: Path, script: str) -> Path:
    path = folder / "ask the vault"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(stat.S_IRWXU)
    return path


def test_what_a_program_prints_is_the_secret(tmp_path: Path) -> None:
    path = program(tmp_path, f'echo "noise" >&2; echo "$1 {"01" * 32}"; echo "$2 {"02" * 32} 2026-03-02"')

    keys = load_keys(f"command:'{path}' k1 k2", deployment="a", may_create=True)

    assert [key_id for key_id, _ in keys.checks] == ["k1", "k2"]


def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    path = program(tmp_path, 'printf "%s|" "$@"')

    read = read_reference(f"command:'{path}' '$(touch {tmp_path}/made)' 'a b' ; *")

    assert read == f"$(touch {tmp_path}/made)|a b|;|*|"
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("script", "found"),
    [
        (f"echo {CANARY}; echo {CANARY} >&2; exit 3", "ended with exit code 3"),
        (f"echo 'k1 {CANARY}x'", "line 1 of the secret is not hexadecimal"),
        (f"echo '{CANARY} {CANARY}'", "line 1 of the secret does not begin with the id of a key"),
        ("kill -9 $$", "ended with exit code -9"),
        ("true", "the secret is empty"),
    ],
)
def test_a_program_that_prints_no_secret_is_told_by_its_exit_code_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], script: str, found: str
) -> None:
    path = program(tmp_path, script)

    with pytest.raises(EnvironmentProblem, match=found) as caught:
        load_keys(f"command:'{path}' --token {CANARY}", deployment="a", may_create=True)

    assert CANARY not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_program_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    path = program(tmp_path, f"sleep 600 & echo $! > {tmp_path}/child; wait")

    with pytest.raises(EnvironmentProblem, match=r"printed no secret in 1 seconds"):
        ask_command([str(path)], seconds=1)

    child = int((tmp_path / "child").read_text())
    wait_until(lambda: not is_running(child))


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=f"the command {tmp_path}/none cannot be started: No such file"):
        read_reference(f"command:{tmp_path}/none")
    with pytest.raises(ConfigError, match="a quote that does not end"):
        read_reference("command:'none")


def test_an_unknown_kind_of_reference_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        read_reference(CANARY)

    assert CANARY not in str(caught.value)


def test_arguments_are_not_shown() -> None:
    assert describe_reference(f"command:vault read --token {CANARY}") == "the command vault"
    assert describe_reference("env:KEY") == "env:KEY"
