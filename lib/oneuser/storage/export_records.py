"""That and when raw identifiers were given to others, in the control zone: what they have, no erasure withdraws.

Neither a value nor where they went, which may be named by one.
"""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from oneuser.storage.request_files import ReadableFiles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneuser.storage.layout import Layout

FOLDER = "exports"


class WritableFiles(Protocol):
    """Small files, whoever writes them."""

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it."""

    def write_text(self, path: str, text: str) -> None:
        """Write a small file whole."""


def record_export(files: WritableFiles, layout: Layout, what: str, *, run_seq: int) -> None:
    """Keep that raw identifiers leave the warehouse; before they do, since nobody could say so afterwards.

    Args:
        files: What writes.
        layout: Of the warehouse.
        what: What is written, such as a table.
        run_seq: The run whose publication is read.
    """
    folder = _folder(layout)
    at = datetime.now(UTC)
    facts = {"exported_at": at.isoformat(timespec="seconds"), "what": what, "run": run_seq}
    files.make_folder(folder)
    files.write_text(f"{folder}/{at:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}.json", json.dumps(facts) + "\n")


def load_exports(files: ReadableFiles, layout: Layout) -> list[dict[str, Any]]:
    """What is kept of exports, each from a file of its own."""
    folder = _folder(layout)
    names = [name for name in files.names(folder) if name.endswith(".json") and not name.startswith(".")]
    return [json.loads(files.read_text(f"{folder}/{name}")) for name in names]


def exports_before(records: Iterable[dict[str, Any]], run_seq: int) -> dict[str, Any] | None:
    """For a receipt, the exports of what was published before a run; null where there were none."""
    found = sorted(one["exported_at"] for one in records if one["run"] < run_seq)
    if not found:
        return None
    why = "raw identifiers were given to others before this run; what they have is not withdrawn"
    return {"n": len(found), "first_at": found[0], "last_at": found[-1], "why": why}


def _folder(layout: Layout) -> str:
    return f"{layout.zones['control']}/{FOLDER}"
