"""Tables of reference inputs: what other systems say, beside the events."""

from __future__ import annotations

from oneuser.contracts.subject import NOBODY, Subject
from oneuser.contracts.table import Field, TableContract

LINKS = TableContract(
    name="links",
    zone="pseudonymous",
    grain="one row per link table, pair of identifiers (src < dst) and time; what its files say now",
    key=("source", "src", "dst", "link_time"),
    subject=Subject(identifiers=("src", "dst")),
    fields=(
        Field("source", "string", "name of the link table in the configuration"),
        Field("src", "bigint", "smaller identifier_id"),
        Field("dst", "bigint", "larger identifier_id"),
        Field("link_time", "timestamp", "when it was made or last seen; null where nothing says", nullable=True),
        Field("priority", "int", "priority that the link table declares for itself", nullable=True),
        Field("run_seq", "bigint", "run that first saw it since it was last gone"),
    ),
)

REFERENCE_INPUTS = TableContract(
    name="reference_inputs",
    zone="pseudonymous",
    grain="one row per reference input: the snapshot that holds now",
    key=("reference",),
    subject=NOBODY,
    fields=(
        Field("reference", "string", "its key in the configuration, such as accounts.files.parents"),
        Field("listing", "string", "hash of the paths, sizes and times of its files"),
        Field("shape", "string", "hash of how its records are read and judged"),
        Field("digest", "string", "order-independent sum of the hashes of its records"),
        Field("n_files", "bigint", "files"),
        Field("n_records", "bigint", "records in them"),
        Field("n_rejected", "bigint", "records that were refused: see rejected_records"),
        Field("run_seq", "bigint", "run that last found other records, or judged them otherwise"),
    ),
)

REJECTED_RECORDS = TableContract(
    name="rejected_records",
    zone="raw",
    grain="one row per record of a reference input that was refused, and reason; equal records of a file are one row",
    key=("reference", "file", "record_hash", "code"),
    subject=Subject(texts=(("record", "record_hash"),)),
    fields=(
        Field("reference", "string", "key of the reference input in the configuration"),
        Field("file", "string", "file that holds it"),
        Field("record_hash", "bigint", "hash of the record's text"),
        Field("code", "string", "reason, such as reference.missing or account.cycle"),
        Field("detail", "string", "what was found, without any value of the record", nullable=True),
        Field("record", "string", "the record as text, cut at 64 Ki characters", personal=True),
        Field("n_records", "bigint", "equal records in the file"),
    ),
)

ACCOUNT_PROFILES = TableContract(
    name="account_profiles",
    zone="raw",
    grain="one row per account of the accounts file",
    key=("account_id",),
    subject=NOBODY,
    fields=(
        Field("account_id", "string", "account"),
        Field("name", "string", "its name", nullable=True),
        Field(
            "domains",
            "array<struct<domain:string,problem:string>>",
            "its domains in ASCII and lower case; problem is null where a domain stands for this account alone, else "
            "invalid, free_mail, excluded or shared",
            personal=True,
        ),
    ),
)

ACCOUNT_MEMBERS = TableContract(
    name="account_members",
    zone="pseudonymous",
    grain="one row per identifier, account and period of the members file",
    key=("id_type", "id_key", "account_id", "valid_from", "valid_to"),
    subject=Subject(is_keyed=True),
    fields=(
        Field("id_type", "string", "type of the member's identifier"),
        Field("id_key", "binary", "its keyed hash, as in identifiers"),
        Field("account_id", "string", "account"),
        Field("valid_from", "timestamp", "start, inclusive; null reaches back to the beginning", nullable=True),
        Field("valid_to", "timestamp", "end, exclusive; null is open", nullable=True),
    ),
)

ACCOUNT_PARENTS = TableContract(
    name="account_parents",
    zone="pseudonymous",
    grain="one row per account, parent and unbroken period; one parent at a time, and none of them below it",
    key=("account_id", "parent_account_id", "valid_from"),
    subject=NOBODY,
    fields=(
        Field("account_id", "string", "account"),
        Field("parent_account_id", "string", "account directly above it"),
        Field("valid_from", "timestamp", "start, inclusive; null reaches back to the beginning", nullable=True),
        Field("valid_to", "timestamp", "end, exclusive; null is open", nullable=True),
    ),
)
