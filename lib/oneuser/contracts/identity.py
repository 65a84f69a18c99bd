"""Tables of people: the ledger of User IDs, who owns which identifier and event, and why."""

from __future__ import annotations

from oneuser.contracts.subject import NOBODY, Subject
from oneuser.contracts.table import Field, TableContract

USER_IDS = TableContract(
    name="user_ids",
    zone="pseudonymous",
    grain="one row per User ID ever published",
    key=("user_id",),
    subject=Subject(users=("user_id",), kept=("status", "erased")),
    fields=(
        Field("user_id", "string", "usr_ and 26 characters"),
        Field("status", "string", "live, retired, vacant or erased"),
        Field("redirect_to", "string", "live User ID that a retired one points at", nullable=True),
        Field(
            "anchor_identifier_id",
            "bigint",
            "anchor on which the ID stands; null where it stands nowhere",
            nullable=True,
        ),
        Field(
            "last_anchor_identifier_id",
            "bigint",
            "where the ID stands nowhere, the anchor on which it stood last; null of an erased one",
            nullable=True,
        ),
        Field(
            "anchors",
            "array<struct<identifier_id:bigint,run_seq:bigint>>",
            "every anchor it ever had, in the order taken",
        ),
        Field("minted_run", "bigint", "run that minted it; first part of its place in the order of publication"),
        Field(
            "minted_first_seen_at",
            "timestamp",
            "first seen of the anchor when minted, the end of time where no message carried it; second part",
        ),
        Field(
            "minted_first_event_order",
            "binary",
            "its place among the events of its instant; tie-break of the second part",
        ),
        Field("minted_key", "binary", "keyed hash of the anchor when minted; third part"),
        Field("status_run", "bigint", "run that last changed status, redirect or anchor"),
    ),
)

USER_REDIRECTS = TableContract(
    name="user_redirects",
    zone="pseudonymous",
    grain="one row per retired User ID: the live one it resolves to, always in one hop",
    key=("user_id",),
    subject=Subject(users=("user_id", "redirect_to")),
    fields=(
        Field("user_id", "string", "retired User ID"),
        Field("redirect_to", "string", "live User ID"),
        Field("reason", "string", "why, such as merged"),
        Field("run_seq", "bigint", "run that last changed it"),
    ),
)

IDENTIFIER_MAP = TableContract(
    name="identifier_map",
    zone="pseudonymous",
    grain="one row per identifier in the graph: its present user",
    key=("identifier_id",),
    subject=Subject(identifiers=("identifier_id",), users=("user_id",)),
    fields=(
        Field("identifier_id", "bigint", "identifier"),
        Field("id_type", "string", "its type"),
        Field("user_id", "string", "live User ID that owns it"),
        Field("strength", "int", "priority of its type, 1 is strongest"),
        Field("is_known", "boolean", "whether its type names a person"),
        Field("is_contested", "boolean", "whether several people claim it: see identifier_ownership"),
        Field("is_cut_off", "boolean", "whether it is contested by a limit or by the size of a person"),
        Field("first_seen_at", "timestamp", "event time of its earliest message", nullable=True),
        Field("last_seen_at", "timestamp", "event time of its latest message", nullable=True),
        Field("n_events", "bigint", "messages that carry it"),
    ),
)

_RECORDED = (
    Field("recorded_run", "bigint", "run that recorded it"),
    Field("recorded_at", "timestamp", "as-of time of that run"),
    Field("superseded_run", "bigint", "run that recorded something else; null where it holds now", nullable=True),
    Field("superseded_at", "timestamp", "as-of time of that run, or recorded_at where that is later", nullable=True),
)

IDENTIFIER_HISTORY = TableContract(
    name="identifier_history",
    zone="pseudonymous",
    grain="one row per identifier and stretch of runs in which it had the same user",
    key=("identifier_id", "recorded_run"),
    subject=Subject(identifiers=("identifier_id",), users=("user_id",)),
    fields=(
        Field("identifier_id", "bigint", "identifier"),
        Field("user_id", "string", "its user in these runs"),
        Field("effective_from", "timestamp", "when it was first seen, as known to the run", nullable=True),
        *_RECORDED,
    ),
)

IDENTIFIER_OWNERSHIP = TableContract(
    name="identifier_ownership",
    zone="pseudonymous",
    grain="one row per identifier, interval of ownership and stretch of runs in which it was recorded so",
    key=("identifier_id", "interval", "recorded_run"),
    subject=Subject(identifiers=("identifier_id",), users=("user_id",)),
    fields=(
        Field("identifier_id", "bigint", "identifier"),
        Field("interval", "int", "number of the interval, from 0"),
        Field("user_id", "string", "owner in the interval; null where a contested one is quarantined", nullable=True),
        Field(
            "valid_from",
            "timestamp",
            "instant of its start, inclusive; null reaches back to the beginning",
            nullable=True,
        ),
        Field(
            "valid_from_event_order",
            "binary",
            "place of the claim that starts it among the events of its instant, all of which it holds",
            nullable=True,
        ),
        Field("valid_to", "timestamp", "end, exclusive; null is open", nullable=True),
        Field("valid_to_event_order", "binary", "place of the claim that ends it", nullable=True),
        *_RECORDED,
    ),
)

EVENTS_RESOLVED = TableContract(
    name="events_resolved",
    zone="pseudonymous",
    grain="one row per accepted message: whose it is",
    key=("message_key",),
    subject=Subject(messages=("message_key",), users=("user_id",)),
    fields=(
        Field("message_key", "binary", "message"),
        Field("event_time", "timestamp", "when it happened"),
        Field("received_at", "timestamp", "when it was received, null where that is not known", nullable=True),
        Field("type", "string", "identify, track, page, screen, group or alias"),
        Field("event", "string", "event name", nullable=True),
        Field("user_id", "string", "owner; null where nobody owns it", nullable=True),
        Field("account_id", "string", "account of the owner at that time, or the message's own", nullable=True),
        Field("source", "string", "name of the source"),
        Field("group_id", "string", "account that the message carries itself", nullable=True),
        Field(
            "unowned",
            "string",
            "rule that takes its owner away (unique_in_event or quarantined); null where it has one, or carries nobody",
            nullable=True,
        ),
    ),
)

LINEAGE = TableContract(
    name="lineage",
    zone="pseudonymous",
    grain="one row per change of a User ID in a run",
    key=("run_seq", "change", "user_id", "other_user_id", "identifier_id"),
    subject=Subject(
        identifiers=("identifier_id", "edge_src", "edge_dst"),
        users=("user_id", "other_user_id"),
        kept=("change", "erased"),
    ),
    replaced=False,
    fields=(
        Field("run_seq", "bigint", "run that made the change"),
        Field("change", "string", "minted, merged, split_from, restored, anchored, vacated or erased"),
        Field("user_id", "string", "the ID that changed"),
        Field(
            "other_user_id", "string", "merged: the survivor; split_from and restored: whom it came from", nullable=True
        ),
        Field("identifier_id", "bigint", "anchor concerned", nullable=True),
        Field("edge_src", "bigint", "edge that caused it", nullable=True),
        Field("edge_dst", "bigint", "edge that caused it", nullable=True),
    ),
)

DIM_USER = TableContract(
    name="dim_user",
    zone="pseudonymous",
    grain="one row per live User ID",
    key=("user_id",),
    subject=Subject(users=("user_id",)),
    fields=(
        Field("user_id", "string", "live User ID"),
        Field("kind", "string", "known, anonymous, or residual: cut off by a limit and no person"),
        Field("first_seen_at", "timestamp", "earliest event of its identifiers", nullable=True),
        Field("last_seen_at", "timestamp", "latest event of its identifiers", nullable=True),
        Field("n_identifiers", "bigint", "identifiers"),
        Field("identifiers_by_type", "map<string,bigint>", "identifiers by type"),
        Field("account_id", "string", "primary account now, null without one", nullable=True),
        Field("account_ids", "array<string>", "all accounts now, in alphabetical order"),
    ),
)

ACCOUNT_MEMBERSHIPS = TableContract(
    name="account_memberships",
    zone="pseudonymous",
    grain="one row per user, account and stretch of membership in which nothing about it changes",
    key=("user_id", "account_id", "valid_from"),
    subject=Subject(users=("user_id",)),
    fields=(
        Field("user_id", "string", "member"),
        Field("account_id", "string", "account"),
        Field(
            "source",
            "string",
            "what says so, the strongest where several do: group (messages), file (the members file) or domain (of an "
            "address)",
        ),
        Field("is_primary", "boolean", "whether it is the user's primary account; at any time exactly one is"),
        Field(
            "valid_from",
            "timestamp",
            "instant of its start, inclusive; null reaches back to the beginning",
            nullable=True,
        ),
        Field("valid_to", "timestamp", "end, exclusive; null is open", nullable=True),
    ),
)

ACCOUNT_ROLLUP = TableContract(
    name="account_rollup",
    zone="pseudonymous",
    grain="one row per account, account above it (itself at depth 0) and unbroken period",
    key=("account_id", "ancestor_id", "depth", "valid_from"),
    subject=NOBODY,
    fields=(
        Field("account_id", "string", "account"),
        Field("ancestor_id", "string", "account above it, or itself"),
        Field("depth", "int", "how many levels above it; 0 is the account itself"),
        Field(
            "is_top", "boolean", "whether the account above has no parent in the period: there is one such at a time"
        ),
        Field(
            "valid_from",
            "timestamp",
            "instant of its start, inclusive; null reaches back to the beginning",
            nullable=True,
        ),
        Field("valid_to", "timestamp", "end, exclusive; null is open", nullable=True),
    ),
)

DIM_ACCOUNT = TableContract(
    name="dim_account",
    zone="pseudonymous",
    grain="one row per account that a message carries, a file names or somebody belongs to",
    key=("account_id",),
    subject=NOBODY,
    fields=(
        Field("account_id", "string", "group id, id of the accounts file, or dom_ and a keyed hash of a domain"),
        Field("name", "string", "its name in the accounts file", nullable=True),
        Field("parent_account_id", "string", "account directly above it now, null where there is none", nullable=True),
        Field("top_account_id", "string", "the account furthest above it now; itself where it has no parent"),
        Field("first_seen_at", "timestamp", "earliest message that carries it; null where none does", nullable=True),
        Field("last_seen_at", "timestamp", "latest message that carries it; null where none does", nullable=True),
        Field("n_users", "bigint", "members ever"),
        Field("n_current_users", "bigint", "members now"),
        Field("n_users_rolled_up", "bigint", "members ever of it or an account below it at the time, each once"),
        Field("n_current_users_rolled_up", "bigint", "members now of it or an account below it, each once"),
    ),
)
