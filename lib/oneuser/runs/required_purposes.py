"""Which purposes of consent people must grant for a use: as the newest run was told, and as whoever asks says.

A warehouse can be read without its configuration. What its runs were done under holds then, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from oneuser.runs.records import COMPLETED_STATES, READING_STAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneuser.config import Config
    from oneuser.runs.records import RunRecord

# where the record of the stage that reads input keeps them
PURPOSES = "required_purposes"
Use = Literal["attribution", "export"]


def purposes_by_use(config: Config) -> dict[Use, list[str]]:
    """The purposes that a configuration requires, as a run records them."""
    rules = config.consent
    return {"attribution": sorted(rules.required_for_attribution), "export": sorted(rules.required_for_export)}


def required_purposes(runs: Sequence[RunRecord], config: Config | None, use: Use) -> tuple[str, ...] | None:
    """All purposes that a use needs by either, sorted; null where neither says which.

    Args:
        runs: Every run, oldest first.
        config: What whoever asks has given.
        use: What people's data would be used for.
    """
    completed = [run for run in runs if run.state in COMPLETED_STATES and READING_STAGE in run.stages]
    recorded = completed[-1].of_reading(PURPOSES) if completed else None
    if recorded is None and config is None:
        return None
    given = purposes_by_use(config)[use] if config else []
    return tuple(sorted({*given, *(recorded or {}).get(use, ())}))
