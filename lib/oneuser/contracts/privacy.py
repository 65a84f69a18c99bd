"""For what people let themselves be used; and what stays of those who were erased.

That is keyed hashes and numbers, by which they are recognised if they come again: these tables are nobody's, since they
hold what an erasure keeps on purpose, and no value.
"""

from __future__ import annotations

from oneuser.contracts.subject import NOBODY, Subject
from oneuser.contracts.table import Field, TableContract

GRANTED, REFUSED = "granted", "refused"

CONSENT = TableContract(
    name="consent",
    zone="pseudonymous",
    grain="one row per person and purpose that they have said something about; no row is not granted",
    key=("user_id", "purpose"),
    subject=Subject(messages=("message_key",), users=("user_id",)),
    fields=(
        Field("user_id", "string", "person"),
        Field("purpose", "string", "purpose, or category, in the words of the source"),
        Field("state", "string", "granted or refused"),
        Field("since", "timestamp", "time of the message since which that stands"),
        Field("source", "string", "source of that message"),
        Field(
            "message_key",
            "binary",
            "that message; the device that said so is what it carries. Null of a refusal whose message was erased",
            nullable=True,
        ),
    ),
)

CONSENT_REPLAYS = TableContract(
    name="consent_replays",
    zone="pseudonymous",
    grain="one row per person of whom a message says something or joins identifiers: from there later ones go on",
    key=("user_id",),
    subject=Subject(users=("user_id",), is_for_runs=True),
    row_bytes=1_000,
    fields=(
        Field("user_id", "string", "person"),
        Field("last_at", "timestamp", "time of the last of these messages"),
        Field("last_order", "binary", "its place among messages of that time: receipt and message key"),
        Field("replayed", "string", "as JSON: sets of joined identifiers with what stands, what each device said last"),
    ),
)

# what `suppressions` has for the type of a pair that a link table joins, and no type can be called
LINKED_PAIR = "(link)"
# and before the type of an identifier that is kept out of files of members and subscriptions alone
IN_FILES = "(file) "

SUPPRESSIONS = TableContract(
    name="suppressions",
    zone="pseudonymous",
    grain="one row per identifier or linked pair of which nothing is taken in any more, and request that asked for it",
    key=("id_type", "id_key", "request_id"),
    subject=NOBODY,
    replaced=False,
    fields=(
        Field(
            "id_type",
            "string",
            "type of the identifier, behind (file) where only files of members and subscriptions are read without it; "
            "(link) of a pair that a link table joins",
        ),
        Field("id_key", "binary", "its keyed hash, as in identifiers; of a pair, a hash of both"),
        Field("key_id", "string", "which key version made id_key"),
        Field("request_id", "string", "request that asked for it"),
        Field("run_seq", "bigint", "run since which it holds"),
    ),
)

# what a row of `erasures` is about
REQUEST, MESSAGE, IDENTIFIER, USER, LINE = "request", "message", "identifier", "user", "line"

ERASURES = TableContract(
    name="erasures",
    zone="pseudonymous",
    grain="one row per request that was taken in, and per message, identifier, User ID and refused line it erased",
    key=("request_id", "kind", "message_key", "identifier_id", "user_id", "line_hash"),
    subject=NOBODY,
    replaced=False,
    fields=(
        Field("run_seq", "bigint", "run that took the request in"),
        Field("request_id", "string", "request"),
        Field("kind", "string", "request, message, identifier, user or line: what the row is about"),
        Field("message_key", "binary", "message; when it comes again, it is a duplicate", nullable=True),
        Field("identifier_id", "bigint", "number of an identifier; it is given to no other", nullable=True),
        Field("user_id", "string", "User ID that the request ended", nullable=True),
        Field(
            "line_hash",
            "bigint",
            "keyed hash of the hash of a refused line or record that held a value; without a key in rows of earlier "
            "versions",
            nullable=True,
        ),
    ),
)
