"""Which tables the queries of a run looked at, how often and at how much of them, from Spark's own event log."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

_GROUP = "spark.jobGroup.id"
_EXECUTION = "spark.sql.execution.id"
_SQL = "org.apache.spark.sql.execution.ui.SparkListener"
_STARTED, _REPLANNED = f"{_SQL}SQLExecutionStart", f"{_SQL}SQLAdaptiveExecutionUpdate"
_DRIVER = f"{_SQL}DriverAccumUpdates"
# the end of a table's path in the location of a scan, however much of the rest is shown
_TABLE = re.compile(r"/(?:raw|tables|control)/(\w+)")
_ROWS, _BYTES, _SECONDS = "number of output rows", "size of files read", "scan time"


@dataclass
class Look:
    """One scan of a table in one query: what came out of it, and the bytes of the files that it went over.

    `milliseconds` are of all its tasks; decoding columns is most of them.
    """

    table: str
    columns: tuple[str, ...]
    filters: str
    rows: int = 0
    n_bytes: int = 0
    milliseconds: int = 0


class _Log:
    """What Spark's event log has said so far."""

    def __init__(self) -> None:
        self._stage: dict[int, str] = {}
        self._looks: dict[tuple[int, tuple[int, ...]], tuple[Look, dict[int, str]]] = {}
        self._values: dict[int, int] = defaultdict(int)

    def plan(self, event: dict[str, Any]) -> None:
        """A query is planned, or planned again halfway."""
        for node in _scans(event["sparkPlanInfo"]):
            numbers = {one["accumulatorId"]: one["name"] for one in node["metrics"]}
            self._looks[event["executionId"], tuple(sorted(numbers))] = _look(node), numbers

    def start(self, event: dict[str, Any]) -> None:
        """A job of a query starts."""
        properties = event.get("Properties") or {}
        if _EXECUTION in properties:
            self._stage[int(properties[_EXECUTION])] = properties.get(_GROUP, "").rpartition("-")[2]

    def add(self, updates: Iterable[tuple[int, Any]]) -> None:
        """Metrics grow."""
        for number, value in updates:
            self._values[number] += int(value) if str(value).isdigit() else 0

    def by_stage(self) -> dict[str, list[Look]]:
        """Looks by stage, in the order of their queries."""
        found: dict[str, list[Look]] = defaultdict(list)
        for (query, _), (look, numbers) in sorted(self._looks.items(), key=lambda one: one[0]):
            by_name = {name: self._values[number] for number, name in numbers.items()}
            look.rows, look.n_bytes, look.milliseconds = (by_name.get(name, 0) for name in (_ROWS, _BYTES, _SECONDS))
            if look.rows or look.milliseconds:
                found[self._stage.get(query, "")].append(look)
        return dict(found)


def find_looks(events: Iterable[dict[str, Any]]) -> dict[str, list[Look]]:
    """The looks of each stage of a run, without those that no task had a part in."""
    log = _Log()
    for event in events:
        match event["Event"]:
            case kind if kind in {_STARTED, _REPLANNED}:
                log.plan(event)
            case "SparkListenerJobStart":
                log.start(event)
            case kind if kind == _DRIVER:
                log.add(event["accumUpdates"])
            case "SparkListenerTaskEnd":
                updates = (event.get("Task Info") or {}).get("Accumulables", ())
                log.add((one["ID"], one.get("Update")) for one in updates)
    return log.by_stage()


def _scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if node["nodeName"].startswith("Scan parquet") and _TABLE.search(node["metadata"].get("Location", "")):
        yield node
    for child in node["children"]:
        yield from _scans(child)


def _look(node: dict[str, Any]) -> Look:
    metadata = node["metadata"]
    table = _TABLE.findall(metadata["Location"])[0]
    columns = re.findall(r"[<,](\w+):", metadata.get("ReadSchema", ""))
    return Look(table, tuple(columns), metadata.get("PushedFilters", "[]"))


def describe_looks(found: dict[str, list[Look]], *, least_rows: int) -> str:
    """Looks of so many rows or more, as text: a line each."""
    lines = []
    for stage, looks in found.items():
        large = [one for one in looks if one.rows >= least_rows]
        seconds = sum(one.milliseconds for one in looks) / 1000
        lines.append(f"{stage or 'around'}: {len(looks)} looks, {len(large)} large, {seconds:.1f} s in scans")
        lines += [
            f"  {one.table}: {one.rows:,} rows, {one.n_bytes / 1e6:,.1f} MB, {one.milliseconds:,} ms, "
            f"{', '.join(one.columns)} {one.filters}"
            for one in large
        ]
    return "\n".join(lines)
