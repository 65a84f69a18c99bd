"""Whole runs of the stages up to consent, for tests to which nobody's touches, credits and returns matter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from oneuser.stages.registry import STAGES

IDENTITY_STAGES = STAGES[: [stage.name for stage in STAGES].index("consent") + 1]


@pytest.fixture(scope="module", autouse=True)
def identity_only() -> Iterator[None]:
    """Runs of a module that imports this end with the stage `consent`, and are published then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("oneuser.runs.run.STAGES", IDENTITY_STAGES)
        yield
