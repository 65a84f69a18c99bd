"""Erasures that are not completed: how many, since when, and by when they have to be."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from oneuser.storage.request_files import is_waiting, status_name, statuses_folder, without_receipt

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneuser.storage.layout import Layout

# laws give a month, some of them 30 days
MOST_DAYS = 30


@dataclass(frozen=True)
class OpenErasures:
    """`n` requests for erasure without a receipt; the first of them was made at `since`, and is due by `due_by`."""

    n: int
    since: datetime
    due_by: datetime

    def __str__(self) -> str:
        """In words."""
        since, due_by = (f"{one.astimezone(UTC):%Y-%m-%d}" for one in (self.since, self.due_by))
        return f"{self.n:,} not completed, the first since {since}, due by {due_by} ({MOST_DAYS} days)"

    def is_late(self) -> bool:
        """Whether the first should be completed by now."""
        return self.due_by < datetime.now(UTC)


def read_open_erasures(
    layout: Layout, names: Callable[[str], list[str]], text: Callable[[str], str]
) -> OpenErasures | None:
    """What is told of requests; null where no erasure waits. Reads nothing of those that are completed but a name.

    Args:
        layout: Of the warehouse.
        names: The names of what a folder holds.
        text: A small file below the root.
    """
    told = [json.loads(text(status_name(layout, one))) for one in without_receipt(names(statuses_folder(layout)))]
    # time limits count from when somebody asked, as they say: not after it was here
    since = [
        min(datetime.fromisoformat(one[name]) for name in ("submitted_time", "submitted_at") if one.get(name))
        for one in told
        if is_waiting(one)
    ]
    if not since:
        return None
    return OpenErasures(len(since), min(since), min(since) + timedelta(days=MOST_DAYS))
