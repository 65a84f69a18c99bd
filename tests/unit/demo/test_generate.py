from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest

from oneuser.core.errors import OneUserError
from oneuser.demo.generate import end_of, generate_demo
from oneuser.demo.poison import POISONS
from tests.unit.demo.conftest import Demo

TYPES = {"identify", "track", "page", "screen", "group", "alias"}


def bytes_of(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def messages_of(demo: Demo) -> list[dict[str, Any]]:
    """The good messages, copies included; a poison line that parses has an id that says so."""
    found = []
    for line in demo.lines():
        try:
            message = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if type(message) is dict and not str(message.get("messageId", "")).startswith("bad-"):
            found.append(message)
    return found


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        generate_demo(tmp_path / name, events=2_000, seed=3, days=30)

    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


def test_another_seed_is_another_log(tmp_path: Path) -> None:
    generate_demo(tmp_path / "a", events=2_000, seed=3, days=30)
    generate_demo(tmp_path / "b", events=2_000, seed=4, days=30)

    assert not set(bytes_of(tmp_path / "a").values()) & set(bytes_of(tmp_path / "b").values())


def test_a_new_demo_takes_the_place_of_an_old_one(tmp_path: Path) -> None:
    generate_demo(tmp_path, events=2_000, days=60)
    generate_demo(tmp_path, events=1_000, days=14)
    generate_demo(tmp_path / "fresh", events=1_000, days=14)

    fresh = bytes_of(tmp_path / "fresh")
    assert {name: digest for name, digest in bytes_of(tmp_path).items() if not name.startswith("fresh")} == fresh


def test_events_that_are_no_demo_are_never_removed(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "mine.jsonl").write_text("{}\n", encoding="utf-8")

    with pytest.raises(OneUserError, match="is no demo's"):
        generate_demo(tmp_path, events=1_000, days=14)

    assert [path.name for path in tmp_path.rglob("*.jsonl")] == ["mine.jsonl"]


@pytest.mark.parametrize(("events", "days"), [(999, 120), (10_000, 13)])
def test_a_log_too_small_to_show_anything_is_refused(tmp_path: Path, events: int, days: int) -> None:
    with pytest.raises(OneUserError, match="at least"):
        generate_demo(tmp_path, events=events, days=days)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("events", "days", "seed"), [(1_000, 120, 1), (1_000, 14, 2), (3_333, 45, 3)])
def test_the_log_has_as_many_lines_as_asked_for(tmp_path: Path, events: int, days: int, seed: int) -> None:
    truth = generate_demo(tmp_path, events=events, days=days, seed=seed)

    n_lines = sum(path.read_bytes().count(b"\n") for path in tmp_path.glob("events/*/*"))
    assert truth.lines == n_lines == events
    assert truth.lines == truth.accepted + truth.quarantined + truth.duplicates


def test_a_small_log_is_a_handful_of_files_named_for_their_first_day(demo: Demo) -> None:
    folders = sorted(path.parent.name for path in demo.folder.glob("events/*/part-0.jsonl"))

    assert len(folders) == demo.truth.n_files == 15
    assert folders[:2] == ["day=2026-02-01", "day=2026-02-09"]


def test_the_number_of_files_can_be_chosen(tmp_path: Path) -> None:
    truth = generate_demo(tmp_path, events=3_000, days=20, files=20)

    assert truth.n_files == len(list(tmp_path.glob("events/*/*"))) == 20


def test_the_summary_file_holds_the_truth_returned(demo: Demo) -> None:
    summary = orjson.loads((demo.folder / "truth" / "summary.json").read_bytes())

    assert summary["lines"] == demo.truth.lines
    assert summary["poison"] == demo.truth.poison
    assert summary["kinds"] == demo.truth.kinds


def test_messages_look_as_segment_sends_them(demo: Demo) -> None:
    for message in messages_of(demo):
        assert message["type"] in TYPES
        assert {"originalTimestamp", "sentAt", "receivedAt", "context"} <= message.keys()
        assert {"library"} <= message["context"].keys()
        assert "timestamp" in message or message["originalTimestamp"]
        if message["type"] == "track":
            assert message["event"]


def test_planted_messages_are_in_the_log(demo: Demo) -> None:
    messages = messages_of(demo)
    copies = Counter(message["messageId"] for message in messages if "messageId" in message)
    distinct = {orjson.dumps(message.get("messageId") or message): message for message in messages}
    payloads = defaultdict(set)
    for message in messages:
        payloads[message.get("messageId")].add(orjson.dumps(message))
    orders = [m["properties"] for m in distinct.values() if m.get("event") == "Order Completed"]
    revenue: Counter[str] = Counter()
    for order in orders:
        revenue[order["currency"]] += round(order["revenue"] * 100)

    assert len(distinct) == demo.truth.messages
    assert sum(copies.values()) - len(copies) == demo.truth.duplicates
    assert sum(len(found) > 1 for name, found in payloads.items() if name) == demo.truth.conflicts > 0
    assert sum("messageId" not in message for message in messages) == demo.truth.keyless > 0
    assert len(orders) == demo.truth.conversions > 20
    assert revenue == demo.truth.revenue_minor
    for kind in ("identify", "group", "alias", "screen"):
        of_kind = sum(m["type"] == kind for m in distinct.values())
        assert of_kind >= demo.truth.kinds[kind] > 0
    for event in ("Signed Up", "Product Viewed", "Email Link Clicked"):
        assert sum(m.get("event") == event for m in distinct.values()) == demo.truth.kinds[event] > 0


def test_late_messages_are_received_an_hour_to_three_weeks_after_they_happened(demo: Demo) -> None:
    distinct = {m["messageId"]: m for m in messages_of(demo) if "messageId" in m and "timestamp" in m}
    delays = [
        datetime.fromisoformat(m["receivedAt"]) - datetime.fromisoformat(m["timestamp"]) for m in distinct.values()
    ]
    late = [delay for delay in delays if delay > timedelta(minutes=5)]

    assert 0 < len(late) <= demo.truth.late
    assert all(timedelta(hours=1) <= delay <= timedelta(days=21, minutes=1) for delay in late)
    assert min(delays) >= timedelta(0)


def test_nothing_is_received_after_the_last_day(demo: Demo) -> None:
    latest = max(datetime.fromisoformat(message["receivedAt"]) for message in messages_of(demo))

    assert latest <= end_of(demo.truth)


def test_every_class_of_poison_is_there_and_damage_stays_rare(demo: Demo) -> None:
    lines = {poison.name: demo.truth.poison[poison.name]["lines"] for poison in POISONS}

    assert min(lines.values()) >= 1
    assert sum(lines[poison.name] for poison in POISONS if poison.is_damage) <= 0.005 * demo.truth.lines


def test_visits_come_through_campaigns_and_without(demo: Demo) -> None:
    messages = messages_of(demo)
    mediums = {m["context"]["campaign"]["medium"] for m in messages if "campaign" in m["context"]}
    searches = " ".join(m["context"]["page"]["search"] for m in messages if "page" in m["context"])

    assert {"cpc", "email", "paid_social", "affiliate"} <= mediums
    assert "gclid=" in searches
    assert "fbclid=" in searches
    assert "CLICKID" not in searches
