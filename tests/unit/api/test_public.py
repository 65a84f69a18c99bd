"""What the command line does can be done from Python, by names that stand in `oneuser` or on an open warehouse."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import oneuser
from oneuser import api
from oneuser.api.warehouse import OpenWarehouse
from oneuser.cli.app import build_app
from oneuser.core.errors import ConfigError

# by verb, where Python calls it something else
IN_PYTHON = {
    "attribute": "attribution", "retain": "retention", "keys list": "list_keys", "keys rotate": "rotate_keys",
    "export table": "export", "export identities": "export_identities", "export sql": "views", "runs list": "runs",
    "runs show": "run_records", "runs diff": "diff_runs", "privacy cancel": "cancel_requests",
    "privacy status": "request_states", "config show": "read_config",
}  # fmt: skip
# what only somebody at a keyboard asks for
NOT_IN_PYTHON = {"init", "demo", "config schema"}
SOURCE = {"format": "jsonl", "preset": "segment"}


def verbs(group: Any, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from verbs(command, f"{name} ")
        else:
            yield f"{before}{name}"


def test_every_verb_has_its_function() -> None:
    wanted = set(verbs(get_command(build_app()))) - NOT_IN_PYTHON
    names = {IN_PYTHON.get(verb, verb.removeprefix("privacy ")) for verb in wanted}

    assert {name for name in names if not hasattr(OpenWarehouse, name)} <= {*oneuser.__all__, *api.__all__}
    assert all(
        callable(getattr(module, name)) for module in (oneuser, api) for name in module.__all__ if name[0] != "_"
    )
    # asked twice: a module of the same name is in its place by then
    assert all(
        callable(getattr(module, name)) for module in (oneuser, api) for name in module.__all__ if name[0] != "_"
    )


def test_importing_the_package_loads_none_of_them() -> None:
    told = "import sys, json, oneuser; print(json.dumps([name for name in sys.modules if 'oneuser.api' in name]))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == []


def config(folder: Path) -> dict[str, Any]:
    return {
        "deployment": "acme",
        "warehouse": str(folder / "warehouse"),
        "sources": {"web": {"path": str(folder / "*.jsonl"), **SOURCE}, "far": {"path": "s3a://far/*.jsonl", **SOURCE}},
    }


def test_a_configuration_is_validated_wherever_it_is(tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(json.dumps(config(tmp_path)), encoding="utf-8")
    everywhere: list[Any] = [str(file), config(tmp_path), api.read_config(file)]

    for one in everywhere:
        with pytest.raises(ConfigError, match=r"sources\.web\.path: no file matches .*\*\.jsonl"):
            oneuser.validate(one)
    (tmp_path / "day.jsonl").write_text("{}\n", encoding="utf-8")

    found = {("sources", "web"): [str(tmp_path / "day.jsonl")], ("sources", "far"): None}
    assert [oneuser.validate(one) for one in everywhere] == [found] * 3


def test_doctor_says_what_is_here(tmp_path: Path) -> None:
    assert {"Python", "Java", "Configuration"} <= {one.name for one in oneuser.doctor()}
    assert {"Warehouse", "Key"} <= {one.name for one in oneuser.doctor(config(tmp_path))}
    with pytest.raises(ConfigError, match="give a configuration"):
        oneuser.doctor(online=True)


def test_requests_are_read_before_anything_starts(tmp_path: Path) -> None:
    for ask in (oneuser.erase, oneuser.preview_erasure, oneuser.suppress, oneuser.unsuppress, oneuser.prove):
        with pytest.raises(ConfigError, match="none"):
            ask(config(tmp_path), [tmp_path])
    with pytest.raises(ConfigError, match="none"):
        oneuser.package(config(tmp_path), [tmp_path], to=tmp_path / "to")
