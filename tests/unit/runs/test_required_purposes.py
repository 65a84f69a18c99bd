"""What consent is needed for holds for whoever reads a warehouse, with its configuration or without."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from oneuser.config import make_config
from oneuser.runs.records import READING_STAGE, RunRecord, StageRecord
from oneuser.runs.required_purposes import PURPOSES, purposes_by_use, required_purposes


def config(*purposes: str) -> Any:
    source = {"path": "/data/web.jsonl", "format": "jsonl", "preset": "segment"}
    rules = {"required_for_export": list(purposes)}
    return make_config(
        {"deployment": "shop", "warehouse": "/nowhere", "keys": {"identifiers": "env:KEY"}, "sources": {"web": source}}
        | {"consent": rules}
    )


def run(state: str, *purposes: str, **details: Any) -> RunRecord:
    told = details or {PURPOSES: purposes_by_use(config(*purposes))}
    stage = StageRecord(READING_STAGE, 1, "done", "", {}, {}, told, 0.0)
    return RunRecord(1, datetime(2026, 3, 2, tzinfo=UTC), "", "1", [], {}, state=state, stages={READING_STAGE: stage})


OLD = run("published", kept="before purposes were recorded")


@pytest.mark.parametrize(
    ("runs", "given", "expected"),
    [
        # without a configuration the newest run counts, be it one that changed nothing; with one, all that either says
        ([run("published", "mail"), run("unchanged", "ads"), run("failed")], None, ("ads",)),
        ([run("published", "ads")], config("mail"), ("ads", "mail")),
        ([run("published", "ads")], config(), ("ads",)),
        ([run("published")], None, ()),
        ([OLD], config("mail"), ("mail",)),
        ([OLD], config(), ()),
        ([OLD], None, None),
        ([], None, None),
    ],
)
def test_an_export_needs_what_the_newest_run_and_the_configuration_say(
    runs: list[Any], given: Any, expected: tuple[str, ...] | None
) -> None:
    assert required_purposes(runs, given, "export") == expected
