"""The verb simulate: answers on standard output, mistakes with exit code 2, and nothing of Spark."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from oneuser.cli.main import main

TEXT = "user_id: 1, anonymous_id: shared\nuser_id: 2, anonymous_id: shared\nanonymous_id: shared\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_people_refusals_and_owners_over_time_are_shown(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", str(file), "--events"]) == 0

    shown = capsys.readouterr()
    lines = [line.strip() for line in shown.out.splitlines()]
    assert lines[:7] == [
        "run 1",
        "P1  known  user_id: 1",
        "P2  known  user_id: 2, anonymous_id: shared",
        "changed: P1 is new; P2 is new",
        "refused: user_id: 1 | anonymous_id: shared (unique)",
        "contested: anonymous_id: shared is of P1, P2 from line 2",
        "events: line 1 of P1; lines 2, 3 of P2",
    ]
    assert lines[7] == "User IDs"
    assert lines[8].startswith("P1   usr_")
    assert "--show-rules" in shown.err


def test_the_answer_is_one_json_document_and_events_are_in_it_on_demand(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", str(file), "--json"]) == 0
    (step,) = json.loads(capsys.readouterr().out)["steps"]
    assert main(["simulate", str(file), "--json", "--events"]) == 0
    (with_events,) = json.loads(capsys.readouterr().out)["steps"]

    assert [person["name"] for person in step["people"]] == ["P1", "P2"]
    assert step["contested"] == [
        {
            "identifier": {"type": "anonymous_id", "value": "shared"},
            "owners": [
                {"owner": "P1", "from_line": None, "from_time": None},
                {"owner": "P2", "from_line": 2, "from_time": "@2"},
            ],
        }
    ]
    assert "events" not in step
    assert [event["owner"] for event in with_events["events"]] == ["P1", "P2", "P2"]


def test_a_text_may_come_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("user_id: 1"))
    assert main(["simulate", "-", "--quiet"]) == 0
    assert "P1  known  user_id: 1" in capsys.readouterr().out

    monkeypatch.setattr(sys, "stdin", io.StringIO("user_id"))
    assert main(["simulate", "-"]) == 2
    assert "standard input:1: expected an event" in capsys.readouterr().err


def test_rules_are_those_of_a_configuration_and_of_set(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = file.with_suffix(".yaml")
    rules.write_text(
        "identity: {id_types: {user_id: {priority: 1, known: true}, anonymous_id: {priority: 2, known: false}}}"
    )

    assert main(["simulate", str(file), "--config", str(rules)]) == 0
    assert "P1  known  user_id: 1, user_id: 2, anonymous_id: shared" in capsys.readouterr().out
    assert main(["simulate", str(file), "--set", "identity.shared_device=last_owner", "--events"]) == 0
    assert "contested: anonymous_id: shared is of P2\n" in capsys.readouterr().out


def test_the_rules_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--show-rules"]) == 0
    assert "user_id: {priority: 1, known: true, unique: true}" in capsys.readouterr().out
    assert main(["simulate", "--show-rules", "--json", "--set", "identity.survivor=oldest"]) == 0
    assert json.loads(capsys.readouterr().out)["identity"]["survivor"] == "oldest"
    assert main(["simulate"]) == 2


def test_the_verb_loads_nothing_of_spark(file: Path) -> None:
    program = (
        "import sys\nfrom oneuser.cli.main import main\n"
        f"code = main(['simulate', {str(file)!r}, '--events'])\n"
        "loaded = {name.split('.')[0] for name in sys.modules} & {'pyspark', 'py4j', 'pandas', 'pyarrow', 'scipy'}\n"
        "sys.exit(str(loaded) if loaded else code)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_a_configuration_without_id_types_is_tried_by_the_default_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, text = tmp_path / "three.yaml", tmp_path / "mine.txt"
    config.write_text("deployment: a\nwarehouse: ./wh\nsources: {}\n", encoding="utf-8")
    text.write_text("rule email limit 1\nblock user_id: 7\nuser_id: 7, email: a@example.com, device_id: d\n", "utf-8")

    assert main(["simulate", str(text), "--config", str(config)]) == 0
    assert "P1  known  email: a@example.com, device_id: d" in capsys.readouterr().out
