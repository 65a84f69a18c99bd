"""The floor: the same three outputs as the plain script in one process, by DuckDB and one thread of SciPy.

Reads the lines, keeps one of each message id, makes pairs of the identifiers that share a message, finds components,
and writes events, identifiers with their person, and messages with theirs, as Parquet. Like the plain script it keeps
no history, no persistent IDs, no quarantine and no refusals, checks nothing and cannot go on after a crash; besides, it
cannot leave its machine, commits nothing (a reader sees half-written files), and drops what is no JSON without a word.

    python tests/bench/duckdb_job.py EVENTS_GLOB OUT_FOLDER
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

THREADS, MEMORY = 2, "3GB"
FIELDS = {
    "messageId": "messageId", "type": "type", "event": "event", "userId": "userId", "anonymousId": "anonymousId",
    "groupId": "groupId", "timestamp": "timestamp",
    "email": "$.traits.email", "context_email": "$.context.traits.email",
}  # fmt: skip


def run(events_glob: str, out: Path) -> dict[str, float]:
    """Do all steps; returns seconds by step."""
    seconds: dict[str, float] = {}
    database = duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY, "temp_directory": str(out / "tmp")})

    def step(name: str, *statements: str) -> None:
        started = time.monotonic()
        for statement in statements:
            database.execute(statement)
        seconds[name] = round(time.monotonic() - started, 2)

    found = ", ".join(f"fields[{place}] AS {name}" for place, name in enumerate(FIELDS, 1))
    step(
        "read",
        f"""CREATE TABLE lines AS
            SELECT json, {found}
            FROM (SELECT json, json_extract_string(json, {list(FIELDS.values())}) AS fields
                  FROM read_json_objects('{events_glob}', format = 'newline_delimited', ignore_errors = true))
            WHERE messageId IS NOT NULL""",
        # keys alone are grouped: lines are wide
        """CREATE VIEW messages AS
            SELECT * FROM lines SEMI JOIN (SELECT min(rowid) AS first FROM lines GROUP BY messageId)
            ON lines.rowid = first""",
    )
    step("events", f"COPY messages TO '{out}/events.parquet'")
    step(
        "identifiers",
        """CREATE TABLE identifiers AS
            SELECT messageId, id_type, value
            FROM (SELECT messageId, unnest([
                {id_type: 'user_id', value: trim(userId)},
                {id_type: 'email', value: lower(trim(coalesce(email, context_email)))},
                {id_type: 'anonymous_id', value: trim(anonymousId)}], recursive := true) FROM messages)
            WHERE value IS NOT NULL""",
        """CREATE TABLE ids AS
            SELECT row_number() OVER () - 1 AS id, id_type, value, n_events
            FROM (SELECT id_type, value, count(*) AS n_events FROM identifiers GROUP BY ALL)""",
        """CREATE TABLE carried AS
            SELECT messageId, id FROM identifiers JOIN ids USING (id_type, value)""",
    )
    started = time.monotonic()
    pairs = database.execute(
        "SELECT DISTINCT least_id AS src, id AS dst FROM carried JOIN "
        "(SELECT messageId, min(id) AS least_id FROM carried GROUP BY ALL) USING (messageId) WHERE id <> least_id"
    ).fetchnumpy()
    [(n_ids,)] = database.execute("SELECT count(*) FROM ids").fetchall()
    graph = coo_array((np.ones(len(pairs["src"]), np.int8), (pairs["src"], pairs["dst"])), shape=(n_ids, n_ids))
    _, component = connected_components(graph, directed=False)
    people = {"id": np.arange(n_ids), "person": component.astype(np.int64)}
    seconds["components"] = round(time.monotonic() - started, 2)
    database.register("people", people)
    step("identifier_map", f"COPY (SELECT * FROM ids JOIN people USING (id)) TO '{out}/identifier_map.parquet'")
    step(
        "events_resolved",
        f"""COPY (SELECT messageId, type, event, timestamp, groupId, person FROM messages LEFT JOIN
            (SELECT messageId, max(person) AS person FROM carried JOIN people USING (id) GROUP BY ALL)
            USING (messageId)) TO '{out}/events_resolved.parquet'""",
    )
    return seconds


def main() -> None:
    """Time the job, and print one JSON line."""
    started = time.monotonic()
    out = Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    seconds = run(sys.argv[1], out)
    sys.stdout.write(json.dumps(seconds | {"total": round(time.monotonic() - started, 2)}) + "\n")


if __name__ == "__main__":
    main()
