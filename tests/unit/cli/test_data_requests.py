"""What `privacy` says and asks: nothing is erased without a yes, and no answer repeats a value."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from oneuser.api import answers, proofs
from oneuser.cli import data_requests
from oneuser.cli.main import main
from oneuser.inspection.erasure_preview import Preview

ANN = "ann@example.com"


@pytest.fixture
def request_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A request in a folder with a configuration and a warehouse."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ONEUSER_CONFIG", raising=False)
    (tmp_path / "warehouse").mkdir()
    (tmp_path / "day.jsonl").write_text("")
    source = "sources: {web: {path: day.jsonl, format: jsonl, preset: segment}}\n"
    (tmp_path / "oneuser.yaml").write_text(f"deployment: acme\nwarehouse: ./warehouse\n{source}", encoding="utf-8")
    identity = {"identity_type": "email", "identity_value": ANN}
    (tmp_path / "ask.json").write_text(json.dumps({"subject_request_id": "4711", "subject_identities": [identity]}))
    return "ask.json"


def test_without_a_yes_nobody_is_erased(request_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["privacy", "erase", request_file, "--scope", "connected"]) == 2

    said = capsys.readouterr().err
    assert "--yes" in said
    assert ANN not in said


def test_how_far_an_erasure_goes_has_to_be_said(request_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["privacy", "erase", request_file, "--yes"]) == 2
    assert "--scope" in capsys.readouterr().err
    assert main(["privacy", "erase", request_file, "--yes", "--scope", "all"]) == 2


def test_a_dry_run_lists_what_would_go(
    request_file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Preview(1, 7, 2, 1, 3, ["4712"], ["4713"], ["4714"], ["4715"], {"events": 7, "sessions": 2}, [], ["4716"])
    monkeypatch.setattr(answers, "preview", lambda *_arguments, **_options: found)

    assert main(["privacy", "erase", request_file, "--scope", "connected", "--dry-run"]) == 0

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "events 7" in lines
    assert "requests that name nobody 4712" in lines
    assert "requests that name what is nobody's 4713" in lines
    assert "requests that name only what several people share, and erase nobody 4714" in lines
    assert "requests that erase several people 4715" in lines
    assert "open requests that the same run takes in 4716" in lines
    assert lines[-1] == "nothing was changed"


@pytest.mark.usefixtures("request_file")
def test_states_and_receipts_are_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    facts = {"request_id": "4711", "action": "erase", "scope": "connected", "state": "completed", "run": 5}
    receipt = {"outcome": "done", "erased": {"messages": 7, "identifiers": 2, "user_ids": 1, "lines": 0}}
    done = answers.RequestState("4711", "completed", facts, receipt)
    monkeypatch.setattr(answers, "request_states", lambda *_arguments, **_options: [done])

    assert main(["privacy", "status", "4711", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{**facts, "receipt": receipt}]

    assert main(["privacy", "status"]) == 0
    assert "4711 erase connected completed 5 done 7 2 1" in " ".join(capsys.readouterr().out.split())


def test_a_proof_that_searched_for_nothing_is_none(
    request_file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [proofs.Proof("4711", [], 1, 9, 100, {}, 2, 1)]
    monkeypatch.setattr(proofs, "prove", lambda *_arguments, **_options: found)
    assert main(["privacy", "prove", request_file]) == 0
    assert "4711 0 9 0 1 1 of 2" in " ".join(capsys.readouterr().out.split())

    found.append(proofs.Proof("4712", [], 0, 9, 100, {}, 1, 1))
    found.append(proofs.Proof("4713", [], 0, 9, 100, {"events": 2}, 1, 0))
    assert main(["privacy", "prove", request_file]) == 1
    said = capsys.readouterr()
    assert "4713: 2 rows of events are still about it" in said.out
    assert "4712: nothing was searched for" in said.err


def test_who_was_not_erased_is_said(
    request_file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = {"request_id": "4711", "action": "erase", "scope": "connected", "state": "in_progress", "run": 5}
    asked = answers.RequestState("4711", "in_progress", {**facts, "outcome": "ambiguous"}, None)
    monkeypatch.setattr(answers, "answer_requests", lambda *_arguments, **_options: [asked])
    monkeypatch.setattr("oneuser.api.jobs.start_session_for_one_job", lambda _config: None)
    monkeypatch.setattr(data_requests, "StageProgress", lambda *_arguments: nullcontext())

    assert main(["privacy", "erase", request_file, "--scope", "connected", "--yes"]) == 0

    said = capsys.readouterr()
    assert "ambiguous" in said.out
    assert "4711: ambiguous, so nobody was erased" in " ".join(said.err.split())


def test_who_gets_no_package_is_shown_and_is_no_success(
    request_file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [answers.Packaged("4711", "found", "/packages/4711", {"events": 7, "sessions": 2})]
    monkeypatch.setattr(answers, "package", lambda *_arguments, **_options: found)

    assert main(["privacy", "package", request_file, "--to", "packages"]) == 0
    assert "4711 found 9 /packages/4711" in " ".join(capsys.readouterr().out.split())

    found.append(answers.Packaged("4712", "unknown", None, {}))
    assert main(["privacy", "package", request_file, "--to", "packages", "--json"]) == 1
    assert [one["outcome"] for one in json.loads(capsys.readouterr().out)] == ["found", "unknown"]
    assert main(["privacy", "package", request_file, "--to", "packages", "--format", "xml"]) == 2


@pytest.mark.usefixtures("request_file")
def test_what_became_of_requests_is_told_without_spark(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def start(*_arguments: object, **_options: object) -> None:
        raise AssertionError("Spark was started")

    monkeypatch.setattr("oneuser.spark.session.build_session", start)
    # another test of this process may have started one
    monkeypatch.setattr("oneuser.api.questions._running_session", lambda: None)
    assert main(["privacy", "status"]) == 5
    assert "no warehouse" in capsys.readouterr().err

    (tmp_path / "warehouse" / "oneuser.warehouse").write_text('{"deployment": "acme", "layout": 1}\n')
    assert main(["privacy", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []

    facts = {"request_id": "4711", "action": "erase", "scope": "exact", "state": "completed", "run": 5}
    receipt = {"outcome": "done", "erased": {"messages": 7}}
    told = tmp_path / "warehouse" / "control" / "requests"
    told.mkdir(parents=True)
    (told / "4711.json").write_text(json.dumps(facts))
    (told / "4711.receipt.json").write_text(json.dumps(receipt))
    assert main(["privacy", "status", "4711", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{**facts, "receipt": receipt}]
    assert main(["privacy", "status", "4712"]) == 2
    assert "no request '4712'" in capsys.readouterr().err
