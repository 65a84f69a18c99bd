"""Who made a commit, as the commit itself says.

Every commit carries a `CommitTag` in its `userMetadata`, so that what was written by whom can be read back from the
table's log without a Spark job.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class CommitTag:
    """Who makes a commit: the run, its attempt, and the fencing number of its lease."""

    run_seq: int
    attempt: int
    fence: int


@dataclass(frozen=True)
class Commit:
    """One commit of a table's log; `tag` is null where something else than a run made it."""

    version: int
    tag: CommitTag | None


def tag_text(tag: CommitTag) -> str:
    """A tag as a commit carries it."""
    return json.dumps(asdict(tag))


def tag_of(log_entry: str) -> CommitTag | None:
    """The tag of a commit by its file in the log; null where something else than a run made it."""
    for line in log_entry.splitlines():
        info = json.loads(line).get("commitInfo")
        if info is not None:
            try:
                return CommitTag(**json.loads(info.get("userMetadata") or ""))
            except (ValueError, TypeError):
                return None
    return None
