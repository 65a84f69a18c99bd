"""Tables of the raw zone about events and their identifiers: personal data as it was received."""

from __future__ import annotations

from oneuser.contracts.subject import Subject
from oneuser.contracts.table import Field, TableContract

EVENTS = TableContract(
    name="events",
    zone="raw",
    grain="one row per accepted message, whatever number of copies arrived",
    key=("message_key",),
    subject=Subject(messages=("message_key",)),
    replaced=False,
    row_bytes=2_500,
    fields=(
        Field("message_key", "binary", "keyed hash (16 bytes) of id space and message id"),
        Field(
            "message_id",
            "string",
            "message id as received; null where the source gave none",
            nullable=True,
            personal=True,
        ),
        Field("source", "string", "name of the source in the configuration"),
        Field("type", "string", "identify, track, page, screen, group or alias"),
        Field("event", "string", "event name of a track, name of a page or screen", nullable=True),
        Field("event_time", "timestamp", "when it happened, corrected for clock skew"),
        Field("received_at", "timestamp", "when the collector received it", nullable=True),
        Field("time_flag", "string", "how event_time was found, where not simply read (time.* codes)", nullable=True),
        Field("group_id", "string", "account id carried by the message", nullable=True),
        Field(
            "identifiers",
            "array<struct<id_type:string,id_key:binary,id_value:string,link:string>>",
            "valid normalised identifiers with their keyed hash; link as in event_identifiers",
            personal=True,
        ),
        Field("dropped", "array<string>", "codes of the identifiers that were dropped, one per identifier"),
        Field("campaign_source", "string", "utm_source", nullable=True),
        Field("campaign_medium", "string", "utm_medium", nullable=True),
        Field("campaign_name", "string", "utm_campaign", nullable=True),
        Field("campaign_term", "string", "utm_term", nullable=True, personal=True),
        Field("campaign_content", "string", "utm_content", nullable=True),
        Field(
            "click_id_type",
            "string",
            "name of the click id parameter found (gclid, fbclid, msclkid ...)",
            nullable=True,
        ),
        Field("referrer_host", "string", "host of the referrer, lower case", nullable=True),
        Field("page_host", "string", "host of the page, lower case", nullable=True),
        Field("traits", "string", "traits as JSON text", nullable=True, personal=True),
        Field("properties", "string", "properties as JSON text", nullable=True, personal=True),
        Field(
            "consent",
            "string",
            "what it says about consent as JSON text: its source's object, with categoryPreferences and optOut",
            nullable=True,
            personal=True,
        ),
        Field(
            "raw",
            "string",
            "the message as received, as JSON text; null where `raw.keep_days` is over, as traits are",
            nullable=True,
            personal=True,
        ),
        Field("content_hash", "bigint", "hash of the canonical message, to tell copies from conflicts"),
        Field("file", "string", "input file"),
        Field("run_seq", "bigint", "run that ingested it"),
    ),
)

# what `raw.keep_days` limits; where the first is null the others are
PAYLOAD = ("raw", "traits")

QUARANTINE = TableContract(
    name="quarantine",
    zone="raw",
    grain="one row per refused line, or per refused file (line null)",
    key=("source", "file", "line_hash", "occurrence"),
    subject=Subject(texts=(("line", "line_hash"),)),
    replaced=False,
    fields=(
        Field("source", "string", "name of the source"),
        Field("file", "string", "input file"),
        Field("line_hash", "bigint", "hash of the line's bytes; of the file's for a refused file"),
        Field("occurrence", "int", "number of this line among equal lines of the file, from 0"),
        Field("code", "string", "reason, such as json.syntax"),
        Field("detail", "string", "what was found, without any value of the line", nullable=True),
        Field(
            "line",
            "binary",
            "the line as received, cut at 64 KiB; null for a refused file",
            nullable=True,
            personal=True,
        ),
        Field("sha256", "string", "of a refused file", nullable=True),
        Field("run_seq", "bigint", "run that refused it"),
    ),
)

IDENTIFIER_VALUES = TableContract(
    name="identifier_values",
    zone="raw",
    grain="one row per identifier: its normalised value",
    key=("identifier_id",),
    subject=Subject(identifiers=("identifier_id",)),
    replaced=False,
    fields=(
        Field("identifier_id", "bigint", "dense number of the identifier"),
        Field("id_type", "string", "type of the identifier"),
        Field("id_value", "string", "normalised value", personal=True),
        Field("run_seq", "bigint", "run that first saw it"),
    ),
)
