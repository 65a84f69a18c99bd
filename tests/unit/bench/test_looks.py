"""Scans of tables in Spark's event log: of which stage, of which table, how much."""

from __future__ import annotations

from typing import Any

from tests.bench.looks import describe_looks, find_looks

SQL = "org.apache.spark.sql.execution.ui.SparkListener"


def scan(table: str, first_number: int, columns: str = "message_key:binary,event_time:timestamp") -> dict[str, Any]:
    names = ("number of output rows", "size of files read", "scan time")
    return {
        "nodeName": "Scan parquet ",
        "metadata": {
            "Location": f"InMemoryFileIndex(1 paths)[file:/a/warehouse/tables/{table}/part-0.parquet]",
            "ReadSchema": f"struct<{columns}>",
            "PushedFilters": "[IsNotNull(group_id)]",
        },
        "metrics": [{"name": name, "accumulatorId": first_number + n} for n, name in enumerate(names)],
        "children": [],
    }


def planned(kind: str, query: int, *scans: dict[str, Any]) -> dict[str, Any]:
    plan = {"nodeName": "Project", "metadata": {}, "metrics": [], "children": list(scans)}
    return {"Event": f"{SQL}{kind}", "executionId": query, "sparkPlanInfo": plan}


def started(query: int, stage: str) -> dict[str, Any]:
    properties = {"spark.sql.execution.id": str(query), "spark.jobGroup.id": f"oneuser-2-{stage}"}
    return {"Event": "SparkListenerJobStart", "Properties": properties}


def ended(**updates: str) -> dict[str, Any]:
    accumulables = [{"ID": int(number[1:]), "Update": value} for number, value in updates.items()]
    return {"Event": "SparkListenerTaskEnd", "Task Info": {"Accumulables": accumulables}}


def test_a_scan_counts_once_however_often_its_query_is_planned_and_not_where_no_task_ran() -> None:
    events = [
        planned("SQLExecutionStart", 1, scan("events_resolved", 10), scan("edges", 20)),
        started(1, "identity"),
        {"Event": f"{SQL}DriverAccumUpdates", "executionId": 1, "accumUpdates": [[11, 5_000_000]]},
        planned("SQLAdaptiveExecutionUpdate", 1, scan("events_resolved", 10), scan("edges", 20)),
        ended(_10="600", _12="20"),
        ended(_10="400", _12="x"),
        planned("SQLExecutionStart", 2, scan("events", 30)),
        started(2, "sessions"),
        ended(_30="7"),
    ]

    found = find_looks(events)

    (look,) = found["identity"]
    assert (look.table, look.columns, look.rows) == ("events_resolved", ("message_key", "event_time"), 1_000)
    assert (look.n_bytes, look.milliseconds) == (5_000_000, 20)
    assert [one.table for one in found["sessions"]] == ["events"]
    assert describe_looks(found, least_rows=1_000).splitlines() == [
        "identity: 1 looks, 1 large, 0.0 s in scans",
        "  events_resolved: 1,000 rows, 5.0 MB, 20 ms, message_key, event_time [IsNotNull(group_id)]",
        "sessions: 1 looks, 0 large, 0.0 s in scans",
    ]
