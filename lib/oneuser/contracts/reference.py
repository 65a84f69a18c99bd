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
        Field(
            "due_us",
            "bigint",
            "earliest time that was refused since it was in the future, in microseconds since 1970; null without any",
            nullable=True,
        ),
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

FX_RATES = TableContract(
    name="fx_rates",
    zone="pseudonymous",
    grain="one row per day and pair of currencies, as the files of exchange rates say it now",
    key=("rate_date", "currency", "to_currency"),
    subject=NOBODY,
    fields=(
        Field("rate_date", "date", "day"),
        Field("currency", "string", "ISO 4217 code"),
        Field("to_currency", "string", "ISO 4217 code"),
        Field("rate", "decimal(21,14)", "how many of to_currency one of currency is"),
    ),
)

SPEND = TableContract(
    name="spend",
    zone="pseudonymous",
    grain="one row per spend file, day, channel, campaign and currency, amounts added up",
    key=("source", "spend_date", "channel", "campaign_source", "campaign_name", "currency"),
    subject=NOBODY,
    fields=(
        Field("source", "string", "name of the spend file in the configuration"),
        Field("spend_date", "date", "day"),
        Field("channel", "string", "channel, written as the channel rules do; null where nothing says", nullable=True),
        Field("campaign_source", "string", "utm_source of the campaign", nullable=True),
        Field("campaign_name", "string", "utm_campaign of the campaign", nullable=True),
        Field("currency", "string", "ISO 4217 code"),
        Field("spend_minor", "bigint", "amount in minor units of the currency"),
        Field("n_records", "bigint", "records that were added up"),
    ),
)

OPPORTUNITIES = TableContract(
    name="opportunities",
    zone="pseudonymous",
    grain="one row per opportunities file and opportunity of an account",
    key=("source", "opportunity_id"),
    subject=NOBODY,
    fields=(
        Field("source", "string", "name of the opportunities file in the configuration"),
        Field("opportunity_id", "string", "opportunity"),
        Field("account_id", "string", "account"),
        Field("lead_at", "timestamp", "when it became a lead", nullable=True),
        Field("opened_at", "timestamp", "when it became an opportunity", nullable=True),
        Field("closed_at", "timestamp", "when it was won or lost; null while it is open", nullable=True),
        Field("is_won", "boolean", "whether it was won"),
        Field("value_minor", "bigint", "amount in minor units of the currency", nullable=True),
        Field("currency", "string", "ISO 4217 code", nullable=True),
    ),
)

SUBSCRIPTIONS = TableContract(
    name="subscriptions",
    zone="pseudonymous",
    grain="one row per subscriptions file, subscription and period with one amount",
    key=("source", "subscription_id", "valid_from"),
    subject=Subject(is_keyed=True),
    fields=(
        Field("source", "string", "name of the subscriptions file in the configuration"),
        Field("subscription_id", "string", "subscription"),
        Field("account_id", "string", "account; null where it is a person's", nullable=True),
        Field("id_type", "string", "type of the person's identifier; null where it is an account's", nullable=True),
        Field("id_key", "binary", "its keyed hash, as in identifiers", nullable=True),
        Field("mrr_minor", "bigint", "amount of a month in minor units of the currency"),
        Field("currency", "string", "ISO 4217 code"),
        Field("valid_from", "timestamp", "start, inclusive; null reaches back to the beginning", nullable=True),
        Field("valid_to", "timestamp", "end, exclusive; null is open", nullable=True),
    ),
)

SEATS = TableContract(
    name="seats",
    zone="pseudonymous",
    grain="one row per seats file, account and period with one number of seats",
    key=("source", "account_id", "valid_from"),
    subject=NOBODY,
    fields=(
        Field("source", "string", "name of the seats file in the configuration"),
        Field("account_id", "string", "account"),
        Field("n_seats", "bigint", "seats it has paid for"),
        Field("valid_from", "timestamp", "start, inclusive; null reaches back to the beginning", nullable=True),
        Field("valid_to", "timestamp", "end, exclusive; null is open", nullable=True),
    ),
)
