"""Tables of reference inputs: what other systems say, beside the events."""

from __future__ import annotations

from oneuser.contracts.table import Field, TableContract

LINKS = TableContract(
    name="links",
    zone="pseudonymous",
    grain="one row per link table, pair of identifiers (src < dst) and time; what its files say now",
    key=("source", "src", "dst", "link_time"),
    fields=(
        Field("source", "string", "name of the link table in the configuration"),
        Field("src", "bigint", "smaller identifier_id"),
        Field("dst", "bigint", "larger identifier_id"),
        Field("link_time", "timestamp", "when it was made or last seen; null where nothing says", nullable=True),
        Field("priority", "int", "priority that the link table declares for itself", nullable=True),
        Field("run_seq", "bigint", "run that first saw it since it was last gone"),
    ),
)
