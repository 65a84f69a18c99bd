"""Versions of the key from the command line: what is said, what is written, and that no secret is anywhere else."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import oneuser
from oneuser.cli.main import main
from oneuser.contracts.graph import IDENTIFIERS
from oneuser.contracts.privacy import SUPPRESSIONS
from oneuser.privacy.key_versions import parse_versions
from oneuser.runs.holder import holder_name
from tests.unit.runs.completed_warehouse import CompletedWarehouse


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CompletedWarehouse:
    made = CompletedWarehouse(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ONEUSER_CONFIG", raising=False)
    (tmp_path / "oneuser.yaml").write_text(json.dumps(made.values), encoding="utf-8")
    return made


def key_file(done: CompletedWarehouse) -> Path:
    return done.root / ".secrets" / "identifiers"


def test_a_rotation_is_looked_at_confirmed_and_done(
    done: CompletedWarehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    before = key_file(done).read_text()

    assert main(["keys", "rotate", "--dry-run"]) == 0
    assert capsys.readouterr().out == f"would add k2 to file:{key_file(done)}, which has k1\n"
    assert main(["keys", "rotate"]) == 2
    assert "confirm it with --yes" in capsys.readouterr().err
    assert key_file(done).read_text() == before
    assert main(["keys", "rotate", "--yes"]) == 0
    assert capsys.readouterr().out.startswith(f"added k2 to file:{key_file(done)}")
    assert main(["keys", "rotate", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "place": f"file:{key_file(done)}", "key_id": "k3", "key_ids": ["k1", "k2", "k3"], "is_written": True,
        "line": None,
    }  # fmt: skip
    assert key_file(done).read_text().startswith(before)


def test_no_secret_is_anywhere_but_in_the_key_file(
    done: CompletedWarehouse, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    for arguments in (["rotate", "--yes"], ["rotate", "--yes", "--json"], ["list"], ["list", "--json"]):
        assert main(["keys", *arguments, "-v", "-v"]) == 0

    assert main(["doctor"]) in (0, 5)
    secrets = [one.secret.hex() for one in parse_versions(key_file(done).read_text())]
    assert len(secrets) == 3
    said = capsys.readouterr()
    texts = [said.out, said.err, caplog.text]
    texts += [
        path.read_text(errors="replace")
        for path in done.home.rglob("*")
        if path.is_file() and path.resolve() != key_file(done).resolve()
    ]
    assert not [text for text in texts for secret in secrets if secret[:16] in text]


def test_for_a_variable_the_line_to_add_is_all_that_is_printed(
    done: CompletedWarehouse, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = f"k1 {'5e' * 32}"
    monkeypatch.setenv("KEY_OF_A_TEST", old)
    by_variable = ["--set", "keys.identifiers=env:KEY_OF_A_TEST"]

    assert main(["keys", "rotate", *by_variable]) == 0

    said = capsys.readouterr()
    assert said.out.count("\n") == 1
    assert [one.key_id for one in parse_versions(f"{old}\n{said.out}")] == ["k1", "k2"]
    assert "add this line below the others where env:KEY_OF_A_TEST comes from" in said.err
    assert said.out.split()[1] not in said.err
    # whoever has a file is not touched
    assert len(parse_versions(key_file(done).read_text())) == 1


def test_what_is_stored_by_each_version_is_listed(done: CompletedWarehouse, capsys: pytest.CaptureFixture[str]) -> None:
    done.write(IDENTIFIERS, {"key_id": "k2"}, {"key_id": "k2"}, {"key_id": "k0"})
    done.write(SUPPRESSIONS, {"key_id": "k1"}, {"key_id": "k1"})
    done.tables |= {IDENTIFIERS.name: 1, SUPPRESSIONS.name: 0}
    done.publish(2)
    oneuser.rotate_keys(done.values)

    found = {one.key_id: one for one in oneuser.list_keys(done.values)}

    assert {name: (one.n_identifiers, one.n_suppressions) for name, one in found.items()} == {
        "k1": (1, 2), "k2": (2, 0), "k0": (1, 0),
    }  # fmt: skip
    assert [(one.is_first, one.is_newest, one.is_missing) for one in found.values()] == [
        (True, False, False), (False, True, False), (False, False, True),
    ]  # fmt: skip
    assert main(["keys", "list"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    today = datetime.now(UTC).date()
    assert f"k1 {today} 1 2 messages and new User IDs" in lines
    assert f"k2 {today} 2 0 new identifiers" in lines
    assert "k0 - 1 0 missing" in lines
    assert lines[-1] == "put what is missing back from its copy: until then, runs are refused"


def test_another_secret_under_an_old_name_is_missing(done: CompletedWarehouse) -> None:
    key_file(done).write_text(f"k1 {'5e' * 32}\n")

    (found,) = oneuser.list_keys(done.values)

    assert found.is_missing


def test_before_the_first_run_there_is_no_key(done: CompletedWarehouse, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = ["--set", f"warehouse={done.home}/none", "--set", f"keys.identifiers=file:{done.home}/none/key"]

    assert main(["keys", "list", *elsewhere]) == 5
    assert main(["keys", "rotate", "--yes", *elsewhere]) == 5

    assert "no key file" in capsys.readouterr().err
    assert not (done.home / "none").exists()


def test_while_a_run_is_under_way_the_key_stays(done: CompletedWarehouse, capsys: pytest.CaptureFixture[str]) -> None:
    later = datetime.now(UTC) + timedelta(minutes=5)
    before = key_file(done).read_text()
    done.claim(2, state="leased", run_seq=2, holder=holder_name(), expires_at=later)

    assert main(["keys", "rotate", "--yes"]) == 4

    assert "the warehouse is locked by" in capsys.readouterr().err
    assert key_file(done).read_text() == before


def test_the_lease_of_a_run_that_has_died_hinders_nobody(done: CompletedWarehouse) -> None:
    done.claim(2, state="leased", run_seq=2, holder="elsewhere/1/1.0", expires_at=datetime.now(UTC) - timedelta(1))

    assert main(["keys", "rotate", "--yes"]) == 0


def test_help_has_examples_and_starts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("rotate", "list"):
        with_examples = main(["keys", verb, "--help"])
        assert with_examples == 0
        assert f"oneuser keys {verb}" in capsys.readouterr().out
