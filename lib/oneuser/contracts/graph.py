"""Tables between events and people: identifiers, edges and refusals, components."""

from __future__ import annotations

from oneuser.contracts.subject import NOBODY, Subject
from oneuser.contracts.table import Field, TableContract

FILES = TableContract(
    name="files",
    zone="pseudonymous",
    grain="one row per input file ever ingested or refused",
    key=("source", "file"),
    subject=NOBODY,
    replaced=False,
    fields=(
        Field("source", "string", "name of the source"),
        Field("file", "string", "path of the file"),
        Field("n_bytes", "bigint", "size when it was read"),
        Field("modified_at", "timestamp", "modification time when it was read"),
        Field("n_lines", "bigint", "lines or rows read from it"),
        Field("digest", "bigint", "order-independent sum of the hashes of its lines"),
        Field("last_received_at", "timestamp", "latest receipt of a line of it; null without any", nullable=True),
        Field("last_event_at", "timestamp", "latest event time of a line of it; null without any", nullable=True),
        Field("state", "string", "ingested or refused"),
        Field("run_seq", "bigint", "run that read it"),
    ),
)

IDENTIFIERS = TableContract(
    name="identifiers",
    zone="pseudonymous",
    grain="one row per identifier ever seen; never changed, never reused",
    key=("identifier_id",),
    subject=Subject(identifiers=("identifier_id",)),
    replaced=False,
    fields=(
        Field("identifier_id", "bigint", "dense number, given once; decides nothing"),
        Field("id_type", "string", "type of the identifier"),
        Field("id_key", "binary", "keyed hash (16 bytes) of the normalised value, separated by type and deployment"),
        Field("key_id", "string", "which key version made id_key"),
        Field("run_seq", "bigint", "run that first saw it"),
    ),
)

EVENT_IDENTIFIERS = TableContract(
    name="event_identifiers",
    zone="pseudonymous",
    grain="one row per message, identifier and kind of link",
    key=("message_key", "identifier_id", "link"),
    subject=Subject(messages=("message_key",), identifiers=("identifier_id",)),
    replaced=False,
    fields=(
        Field("message_key", "binary", "message"),
        Field("identifier_id", "bigint", "identifier that it carries"),
        Field("id_type", "string", "type of the identifier"),
        Field("type_rank", "int", "place of its key among the message's identifiers of that type, from 0"),
        Field("event_time", "timestamp", "when the message happened"),
        Field("received_at", "timestamp", "when it was received, null where that is not known", nullable=True),
        Field(
            "link",
            "string",
            "event: carried by an ordinary message; alias: the new id of an alias; "
            "previous_anonymous and previous_user: the two readings of an alias's previousId; "
            "previous: its declared reading",
        ),
        Field("n_links", "int", "rows that its message has here; one that has no other links nothing"),
        Field("run_seq", "bigint", "run that ingested the message"),
    ),
)

EDGES = TableContract(
    name="edges",
    zone="pseudonymous",
    grain="one row per unordered pair of identifiers (src < dst) and kind of evidence",
    key=("src", "dst", "source"),
    subject=Subject(identifiers=("src", "dst")),
    fields=(
        Field("src", "bigint", "smaller identifier_id"),
        Field("dst", "bigint", "larger identifier_id"),
        Field("source", "string", "event, alias, manual, or the name of an imported link table"),
        Field("n_events", "bigint", "messages or records that assert it"),
        Field("first_event_time", "timestamp", "time of the earliest of them, null where none has one", nullable=True),
        Field(
            "first_event_order",
            "binary",
            "place of the earliest of them among the events of its instant, null where it is no message",
            nullable=True,
        ),
        Field("last_event_time", "timestamp", "time of the latest of them, null where none has one", nullable=True),
        Field(
            "last_event_order",
            "binary",
            "place of the latest of them among the events of its instant, null where it is no message",
            nullable=True,
        ),
        Field("priority", "int", "priority that an imported link table declares for itself", nullable=True),
        Field("first_run", "bigint", "first run that ingested one of them"),
        Field("last_run", "bigint", "last run that ingested one of them"),
    ),
)

REFUSED_EDGES = TableContract(
    name="refused_edges",
    zone="pseudonymous",
    grain="one row per pair, rule and stretch of runs in which the rule refused the pair",
    key=("src", "dst", "rule", "opened_run"),
    subject=Subject(identifiers=("src", "dst")),
    fields=(
        Field("rule", "string", "unique, limit, size, exclude or over_shared"),
        Field("src", "bigint", "smaller identifier_id"),
        Field("dst", "bigint", "larger identifier_id"),
        Field("first_event_time", "timestamp", "time of the earliest message that asserts the pair", nullable=True),
        Field("last_event_time", "timestamp", "time of the latest message that asserts the pair", nullable=True),
        Field("opened_run", "bigint", "first run that refused it"),
        Field("closed_run", "bigint", "run that refused it no longer; null while it is refused", nullable=True),
    ),
)

SHARED_VALUES = TableContract(
    name="shared_values",
    zone="pseudonymous",
    grain="one row per value that nearly too many people share, or too many",
    key=("identifier_id",),
    subject=Subject(identifiers=("identifier_id",)),
    fields=(
        Field("identifier_id", "bigint", "the value"),
        Field("n_persons", "bigint", "people whose messages carry it, as max_persons_per_value counts them"),
        Field("bound", "bigint", "max_persons_per_value of its type; a value with more people is over-shared"),
    ),
)

COMPONENTS = TableContract(
    name="components",
    zone="pseudonymous",
    grain="one row per identifier in the graph; labels hold for one run",
    key=("identifier_id",),
    subject=Subject(identifiers=("identifier_id",)),
    fields=(
        Field("identifier_id", "bigint", "identifier"),
        Field("component_id", "bigint", "smallest identifier_id of its component"),
        Field("candidate_id", "bigint", "smallest identifier_id of its candidate component, before refusals by replay"),
        Field("id_type", "string", "type of the identifier"),
        Field("id_key", "binary", "its keyed hash"),
        Field("priority", "int", "priority of its type; 1 is strongest"),
        Field("is_known", "boolean", "whether its type names a person"),
        Field("is_contested", "boolean", "whether an edge from it into another component was refused over it"),
        Field("is_cut_off", "boolean", "whether it is contested by a limit or by the size of a person"),
        Field(
            "first_seen_at",
            "timestamp",
            "event time of the earliest message that carries it; null where only links or manual rules name it",
            nullable=True,
        ),
        Field("first_event_order", "binary", "its place among the events of its instant", nullable=True),
        Field("last_seen_at", "timestamp", "event time of the latest message that carries it", nullable=True),
        Field("n_events", "bigint", "messages that carry it"),
    ),
)
