"""Values planted in every input are found nowhere but where values belong, whatever verb is called, however it ends."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from oneuser.cli.app import build_app
from tests.integration.canary_cases import CASES
from tests.integration.canary_world import ANN, CORE, PHONE, SECRET, SECRET_FORMS, Case, texts_of, traces

ROOT = Path(__file__).resolve().parents[2]
# what is given, and the zone that holds it
GIVEN = (
    "inputs", "requests", "keys", "warehouse/raw", "oneuser.yaml", "broken.yaml", "no-yaml.yaml", "people.txt",
    "people-broken.txt", "wrong.json",
)  # fmt: skip


def verbs(group: Any, *before: str) -> list[str]:
    commands = getattr(group, "commands", None)
    if commands is None:
        return [" ".join(before)]
    return [verb for name, command in commands.items() for verb in verbs(command, *before, name)]


@pytest.mark.parametrize("fails", [False, True])
def test_every_verb_is_called_with_canaries(fails: bool) -> None:  # noqa: FBT001 - a parameter
    called = {case.verb for case in CASES if case.fails == fails}

    assert called == set(verbs(get_command(build_app())))


@pytest.mark.parametrize(
    "text",
    [
        f"mail of {ANN}",
        ANN.upper(),
        ANN.encode().hex(),
        ANN.encode().hex().upper(),
        *(base64.b64encode(f"{'x' * n}{ANN}".encode()).decode() for n in range(4)),
        "".join(f"%{byte:02X}" for byte in CORE.encode()),
        "".join(f"\\u{byte:04x}" for byte in CORE.encode()),
        PHONE,
        f"Basic {base64.b64encode(SECRET.encode()).decode()}",
        base64.b64encode(bytes.fromhex(SECRET)).decode(),
    ],
)
def test_the_search_knows_a_canary_in_any_form(text: str) -> None:
    assert traces(f"before {text} after".encode())
    assert not traces(b"before a***@z***.example after, usr_0123456789, 49302233445")


class World:
    """What was left by all that was called."""

    def __init__(self, folder: Path, *, soak: bool) -> None:
        self.folder = folder
        self.world = folder / "world"
        (folder / "tmp").mkdir()
        scratch = {"TMPDIR": str(folder / "tmp"), "JAVA_TOOL_OPTIONS": f"-Djava.io.tmpdir={folder / 'tmp'}"}
        done = subprocess.run(
            [sys.executable, "-m", "tests.integration.canary_script", str(self.world), "all" if soak else "quick"],
            env=os.environ
            | scratch
            | {"PYTHONPATH": f"{ROOT / 'lib'}:{ROOT}", "ONEUSER_OTHER_SECRET": "k1 " + "5e" * 32},
            cwd=folder,
            capture_output=True,
            timeout=1800,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()[-3000:]
        # Java ends a moment after whoever started it
        deadline = time.monotonic() + 60
        while any((self.world / "local").iterdir()) and time.monotonic() < deadline:
            time.sleep(0.1)
        codes = json.loads((self.world / "codes.json").read_text())
        self.called: list[tuple[int, Case, int]] = [(int(n), CASES[int(n)], code) for n, code in codes.items()]

    def said(self, number: int) -> bytes:
        """What one call wrote, on both streams."""
        return b"".join((self.world / "said" / f"{number}{ending}").read_bytes() for ending in (".out", ".err"))

    def files(self, *without: str) -> list[Path]:
        left_out = [self.world / name for name in without]
        found = [path for path in self.folder.rglob("*") if path.is_file()]
        return [path for path in found if not any(path.is_relative_to(one) for one in left_out)]


@pytest.fixture(scope="module", params=["quick", pytest.param("all", marks=pytest.mark.soak)])
def left(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("canaries"), soak=request.param == "all")


def test_every_call_ended_as_it_should(left: World) -> None:
    wrong = [
        f"{case.verb} {case.arguments}: {code}, not {case.code}\n{left.said(number).decode()[-500:]}"
        for number, case, code in left.called
        if code != case.code
    ]

    assert not wrong, "\n".join(wrong)


def test_no_answer_and_no_error_shows_a_canary(left: World) -> None:
    wrong = [
        f"{case.verb} {case.arguments}: {traces(left.said(number))}"
        for number, case, _ in left.called
        if not case.shows and traces(left.said(number))
    ]

    assert not wrong, "\n".join(wrong)


def test_no_file_but_of_the_raw_zone_holds_a_canary(left: World) -> None:
    # logs, event logs with all plans, Spark's user interface, reports, exports, scratch, checkpoints, Delta's logs
    declared = [case.writes for case in CASES if case.writes]
    shown = [f"said/{number}{ending}" for number, case, _ in left.called if case.shows for ending in (".out", ".err")]
    files = left.files(*GIVEN, *declared, *shown)

    wrong = {str(path.relative_to(left.folder)): found for path in files if (found := traces(texts_of(path)))}

    assert not wrong
    kinds = {path.relative_to(left.world).parts[0] for path in files if path.is_relative_to(left.world)}
    assert kinds >= {"warehouse", "event-log", "said", "report.html", "touches.csv", "made.yaml"}
    assert sum(path.suffix == ".parquet" for path in files) > 50
    assert any(path.name == "ui-5.json" and b"planDescription" in path.read_bytes() for path in files)


def test_canaries_are_where_values_belong(left: World) -> None:
    # so that finding none elsewhere says something
    for place in ("values.csv", "identities.csv", "packages/give-carl/events.jsonl"):
        assert traces(texts_of(left.world / place)), place
    for number, case, _ in left.called:
        assert bool(traces(left.said(number))) == bool(case.shows), case
    for name in ("events", "quarantine", "identifier_values", "rejected_records"):
        files = (left.world / "warehouse" / "raw" / name).rglob("*.parquet")
        assert any(traces(texts_of(path)) for path in files), name


def test_the_secret_is_nowhere_but_in_its_file(left: World) -> None:
    files = left.files("keys", "broken.yaml", "no-yaml.yaml")

    assert [str(path) for path in files if traces(texts_of(path), SECRET_FORMS)] == []
