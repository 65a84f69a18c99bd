"""Three days of a handful of people whose identities are known step by step: what trust verbs must say about them.

Day 1: Ann and Bob log in, each on a browser of theirs; Ann also on the shared one; two browsers stay anonymous.
Day 2: Ann logs in on the first anonymous browser, which had an ID of its own; Cid logs in on the second one; Bob logs
in on the shared browser, which is contested from then on. Two contacts meet in one address, which a third day blocks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ANN, BOB, CID = "1001", "1002", "1003"
HUB = "reception@example.com"
# time of day, type, then what the message carries
Line = tuple[str, str, dict[str, str]]
DAYS: dict[str, list[Line]] = {
    "2026-03-02": [
        ("09:00", "identify", {"userId": ANN, "anonymousId": "browser-ann", "email": "ann@example.com"}),
        ("09:10", "identify", {"userId": BOB, "anonymousId": "browser-bob", "email": "bob@example.com"}),
        ("09:20", "track", {"userId": ANN, "anonymousId": "browser-shared"}),
        ("09:30", "track", {"anonymousId": "browser-first"}),
        ("09:40", "track", {"anonymousId": "browser-second"}),
        ("09:50", "identify", {"phone": "+447400123401", "email": HUB}),
        ("09:55", "identify", {"phone": "+447400123402", "email": "dan@example.com"}),
    ],
    "2026-03-03": [
        ("10:00", "track", {"userId": ANN, "anonymousId": "browser-first"}),
        ("10:10", "identify", {"userId": CID, "anonymousId": "browser-second"}),
        ("10:20", "track", {"userId": BOB, "anonymousId": "browser-shared"}),
        ("10:30", "identify", {"phone": "+447400123402", "email": HUB}),
    ],
}


@dataclass(frozen=True)
class Place:
    """Where a test keeps its input, its configuration and its warehouse."""

    root: Path

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse"

    @property
    def config(self) -> Path:
        return self.root / "oneuser.json"

    def settings(self, *, blocked: tuple[str, ...] = ()) -> dict[str, Any]:
        """The configuration; `blocked` are addresses that are nobody's."""
        return {
            "deployment": "trust",
            "warehouse": str(self.warehouse),
            "keys": {"identifiers": f"file:{self.root / 'key'}"},
            "sources": {"web": {"path": f"{self.root}/events/*.jsonl", "format": "jsonl", "preset": "segment"}},
            "identity": {
                "id_types": {
                    "user_id": {"priority": 1, "known": True, "unique": True},
                    "email": {"priority": 2, "known": True, "normaliser": "email", "blocked": list(blocked)},
                    "phone": {"priority": 3, "known": True, "normaliser": "phone"},
                    "anonymous_id": {"priority": 9, "known": False},
                }
            },
            "gates": {"max_merged_ids_share": 0.5},
            "report": {"min_people": 1},
        }

    def deliver(self, day: str) -> None:
        """Put a day's file where the source finds it."""
        folder = self.root / "events"
        folder.mkdir(exist_ok=True)
        lines = [_message(day, number, *line) for number, line in enumerate(DAYS[day])]
        (folder / f"{day}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    def configure(self, **changes: Any) -> Path:
        """Write the configuration for the command line."""
        self.config.write_text(json.dumps(self.settings(**changes)), encoding="utf-8")
        return self.config


def _message(day: str, number: int, at: str, kind: str, carried: dict[str, str]) -> dict[str, Any]:
    traits = {name: carried[name] for name in ("email", "phone") if name in carried}
    ids = {name: carried[name] for name in ("userId", "anonymousId") if name in carried}
    moment = f"{day}T{at}:00Z"
    message = {"messageId": f"{day}-{number}", "type": kind, "timestamp": moment, "receivedAt": moment, **ids}
    message |= {"traits": traits} if kind == "identify" else {"event": "Page Seen", "context": {"traits": traits}}
    return message
