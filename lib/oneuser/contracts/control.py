"""Tables about the job itself: runs with their metrics, publications."""

from __future__ import annotations

from oneuser.contracts.subject import NOBODY
from oneuser.contracts.table import Field, TableContract

RUNS = TableContract(
    name="runs",
    zone="control",
    grain="one row per fact about a run: an attempt begun, a stage done, the end",
    key=("run_seq", "attempt", "record", "stage"),
    subject=NOBODY,
    replaced=False,
    fields=(
        Field("run_seq", "bigint", "sequence number of the run, never reused"),
        Field("attempt", "int", "number of the attempt, from 1"),
        Field("record", "string", "begun, stage or ended"),
        Field("stage", "string", "stage, empty for begun and ended"),
        Field("state", "string", "begun, done, unchanged, planned, published, failed, interrupted or refused"),
        Field("fence", "bigint", "fencing number under which it was written"),
        Field("recorded_at", "timestamp", "when it was written"),
        Field("as_of", "timestamp", "as-of time of the run"),
        Field("config_hash", "string", "configuration that shapes results"),
        Field("code_version", "string", "version of oneuser"),
        Field("fingerprint", "string", "hash of what the stage read", nullable=True),
        Field("tables", "map<string,bigint>", "version of each table that the stage leaves", nullable=True),
        Field("metrics", "map<string,double>", "metrics of the stage, as metric or metric|key", nullable=True),
        Field("details", "string", "further facts as JSON: input files, engine and why, error", nullable=True),
        Field("seconds", "double", "duration", nullable=True),
        Field("exit_code", "int", "exit code, for ended", nullable=True),
    ),
)

PUBLICATIONS = TableContract(
    name="publications",
    zone="control",
    grain="one row per claim: a lease, which publishing turns into the publication of a run, rollback or maintenance",
    key=("fence",),
    subject=NOBODY,
    replaced=False,
    fields=(
        Field("fence", "bigint", "fencing number, grows with every claim; order of publication"),
        Field("run_seq", "bigint", "run that holds the lease or is published"),
        Field("kind", "string", "run, rollback, or maintenance: the run's rows in other files"),
        Field("state", "string", "leased, released, abandoned, published, or withdrawn: no longer readable"),
        Field("holder", "string", "host, process and start of the holder"),
        Field("expires_at", "timestamp", "end of the lease unless renewed"),
        Field("tables", "map<string,bigint>", "version of each published table", nullable=True),
        Field("published_at", "timestamp", "when it was published; for maintenance, when the run was", nullable=True),
        Field("reason", "string", "why it was rolled back or withdrawn", nullable=True),
    ),
)
