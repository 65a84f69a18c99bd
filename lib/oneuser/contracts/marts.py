"""Analytics tables. Each row says how it was made: parameters, zone, watermark and identity run.

A row's identity run is the first that computed it as it reads: a row that comes out the same again keeps it.
"""

from __future__ import annotations

from oneuser.contracts.subject import NOBODY, Subject
from oneuser.contracts.table import Field, TableContract

MADE = (
    Field("params_id", "string", "hash of every parameter that shapes the row"),
    Field("identity_run", "bigint", "run since whose identity the row reads as it does"),
)
STAMPS = ("identity_run",)

SESSIONS = TableContract(
    name="sessions",
    zone="pseudonymous",
    grain="one row per session of a person",
    key=("session_id",),
    subject=Subject(messages=("first_message_key",), users=("user_id",)),
    fields=(
        Field("session_id", "binary", "hash of its first message"),
        Field("user_id", "string", "person"),
        Field("account_id", "string", "account at its first event", nullable=True),
        Field("started_at", "timestamp", "first event"),
        Field("ended_at", "timestamp", "last event"),
        Field("n_events", "bigint", "events, those of touch: event sources left out"),
        Field("first_message_key", "binary", "first message in the order of events"),
        Field("source", "string", "source of its first event"),
        *MADE,
    ),
    stamps=STAMPS,
)

_CAME_BY = (
    Field("channel", "string", "channel by the declared rules, or Unassigned"),
    Field("channel_rule", "string", "name of the rule that matched, or (no rule)"),
    Field("campaign_source", "string", "utm_source", nullable=True),
    Field("campaign_medium", "string", "utm_medium", nullable=True),
    Field("campaign_name", "string", "utm_campaign", nullable=True),
    Field("campaign_content", "string", "utm_content", nullable=True),
    Field("source", "string", "name of the source"),
)

TOUCHES = TableContract(
    name="touches",
    zone="pseudonymous",
    grain="one row per touchpoint of a person",
    key=("touch_id",),
    subject=Subject(users=("user_id",)),
    fields=(
        Field("touch_id", "binary", "hash of its source event"),
        Field("user_id", "string", "person"),
        Field("account_id", "string", "account at that time", nullable=True),
        Field("touched_at", "timestamp", "when"),
        Field("kind", "string", "session or event"),
        *_CAME_BY,
        *MADE,
    ),
    stamps=STAMPS,
)

ACCOUNT_TOUCHES = TableContract(
    name="account_touches",
    zone="pseudonymous",
    grain="one row per touchpoint that names an account and is nobody's, where accounts are credited",
    key=("touch_id",),
    subject=Subject(messages=("message_key",)),
    fields=(
        Field("touch_id", "binary", "hash of its source event"),
        Field("message_key", "binary", "source event"),
        Field("account_id", "string", "account"),
        Field("touched_at", "timestamp", "when"),
        *_CAME_BY,
        *MADE,
    ),
    stamps=STAMPS,
)

CONVERSIONS = TableContract(
    name="conversions",
    zone="pseudonymous",
    grain="one row per conversion of a declared kind",
    key=("conversion_id",),
    subject=Subject(messages=("message_key",), users=("user_id",)),
    fields=(
        Field("conversion_id", "binary", "hash of kind and source event"),
        Field("conversion", "string", "declared kind"),
        Field("message_key", "binary", "source event"),
        Field("user_id", "string", "person; null where nobody owns the event", nullable=True),
        Field("account_id", "string", "account at that time", nullable=True),
        Field("converted_at", "timestamp", "when"),
        Field(
            "value_minor",
            "bigint",
            "value in minor units of the currency; null where the event has none",
            nullable=True,
        ),
        Field("currency", "string", "ISO 4217 code", nullable=True),
        Field("is_value_invalid", "boolean", "whether it has a value that cannot be read, or one without a currency"),
        *MADE,
    ),
    stamps=STAMPS,
)

CONVERSION_VALUES = TableContract(
    name="conversion_values",
    zone="pseudonymous",
    grain="one row per conversion with a value, where there is a reporting currency",
    key=("conversion_id",),
    subject=Subject(messages=("message_key",), users=("user_id",)),
    fields=(
        Field("conversion_id", "binary", "conversion"),
        Field("message_key", "binary", "source event"),
        Field("user_id", "string", "person; null where nobody owns the event", nullable=True),
        Field("value_minor", "bigint", "value in minor units of its own currency"),
        Field("currency", "string", "its own currency, ISO 4217 code"),
        Field("reporting_currency", "string", "the reporting currency, ISO 4217 code"),
        Field("reporting_minor", "bigint", "value in minor units of it; null without a rate", nullable=True),
        Field("rate", "decimal(21,14)", "how many of the reporting currency one of its own is", nullable=True),
        Field("rate_date", "date", "day of the rate", nullable=True),
        Field("is_rate_earlier", "boolean", "whether the rate is of an earlier day than the conversion"),
        *MADE,
    ),
    stamps=STAMPS,
)

_CREDIT_FIELDS = (
    Field("conversion_id", "binary", "conversion"),
    Field("conversion", "string", "declared kind"),
    Field("model", "string", "attribution model"),
    Field("position", "int", "place of the touch in the path, from 1; 0 for (unattributed)"),
    Field("path_length", "int", "eligible touches"),
    Field("touch_id", "binary", "touch; null for (unattributed)", nullable=True),
    Field("channel", "string", "channel of the touch, or (unattributed)"),
    Field("user_id", "string", "person", nullable=True),
    Field("account_id", "string", "account of the conversion", nullable=True),
    Field("touched_at", "timestamp", "when the touch was", nullable=True),
    Field("converted_at", "timestamp", "when the conversion was"),
    Field(
        "weight",
        "decimal(20,12)",
        "share of the conversion; those of one conversion and model add up to 1 where is_additive",
    ),
    Field(
        "credit_minor",
        "bigint",
        "credited value in minor units; adds up to the conversion's value where is_additive",
        nullable=True,
    ),
    Field("currency", "string", "ISO 4217 code", nullable=True),
    Field(
        "reporting_credit_minor",
        "bigint",
        "credited value in minor units of the reporting currency; null without one, or without a rate",
        nullable=True,
    ),
    Field("reporting_currency", "string", "ISO 4217 code; null where none is configured", nullable=True),
    Field("is_additive", "boolean", "whether weights of a conversion add up to 1; not those of participation"),
    Field("transforms", "string", "transforms of the path before it was weighted, in their order; may be empty"),
    Field("entity_level", "string", "person or account: whose touches are credited"),
    Field("lookback_days", "int", "closed look-back window in days"),
    *MADE,
)

_SUMMARY_FIELDS = (
    Field("model", "string", "attribution model"),
    Field("conversion", "string", "declared kind"),
    Field("channel", "string", "channel, or (unattributed)"),
    Field("currency", "string", "ISO 4217 code", nullable=True),
    Field("conversions", "decimal(30,12)", "credited conversions: sum of weights"),
    Field("credit_minor", "decimal(38,0)", "credited value in minor units", nullable=True),
    Field(
        "reporting_credit_minor",
        "decimal(38,0)",
        "credited value in minor units of the reporting currency, of conversions that have a rate",
        nullable=True,
    ),
    Field("reporting_currency", "string", "ISO 4217 code; null where none is configured", nullable=True),
    Field("n_touches", "bigint", "touches with credit, once for each conversion that credits them"),
    Field(
        "channel_value",
        "double",
        "of models without touches: removal effect or Shapley value of the channel, which may be negative; else null",
        nullable=True,
    ),
    Field(
        "is_sampled",
        "boolean",
        "whether that value is of drawn orders of the channels, too many to count them all; null without one",
        nullable=True,
    ),
    Field("is_negative", "boolean", "whether that value is below 0; null without one", nullable=True),
    Field("is_additive", "boolean", "whether what a conversion gives adds up to it; not so with participation"),
    Field("transforms", "string", "transforms of paths before they were weighted, in their order; may be empty"),
    Field("entity_level", "string", "person or account: whose touches are credited"),
    Field("lookback_days", "int", "closed look-back window in days"),
    # null in rows that were written before there were these columns
    Field("lookback", "string", "how its days are counted: exact, calendar_days or whole_days", nullable=True),
    Field("zone", "string", "time zone of calendar days", nullable=True),
    Field(
        "watermark",
        "timestamp",
        "of models that are fitted on all journeys: where those end that did not convert; else null",
        nullable=True,
    ),
    *MADE,
)

ATTRIBUTION_CREDITS = TableContract(
    name="attribution_credits",
    zone="pseudonymous",
    grain="one row per conversion, model and credited touch; one (unattributed) row where no touch is eligible",
    key=("conversion_id", "model", "position"),
    subject=Subject(users=("user_id",)),
    fields=_CREDIT_FIELDS,
    stamps=STAMPS,
)

ATTRIBUTION_SUMMARY = TableContract(
    name="attribution_summary",
    zone="pseudonymous",
    grain="one row per model, conversion kind, currency and channel",
    key=("model", "conversion", "channel", "currency"),
    subject=NOBODY,
    fields=_SUMMARY_FIELDS,
    stamps=STAMPS,
)

ACCOUNT_CREDITS = TableContract(
    name="account_credits",
    zone="pseudonymous",
    grain="one row per conversion of an account, model and credited touch of a member; one (unattributed) row without",
    key=("conversion_id", "model", "position"),
    # the touch, its time and channel are of the member who came, not of whoever converted
    subject=Subject(users=("user_id", "touch_user_id"), is_of_one=True),
    fields=(
        *_CREDIT_FIELDS,
        Field(
            "touch_user_id",
            "string",
            "person of the touch; null for (unattributed), and where it is the account's own",
            nullable=True,
        ),
    ),
    stamps=STAMPS,
)

ACCOUNT_ATTRIBUTION = TableContract(
    name="account_attribution",
    zone="pseudonymous",
    grain="one row per model, conversion kind, currency and channel, credited over the touches of accounts",
    key=("model", "conversion", "channel", "currency"),
    subject=NOBODY,
    fields=_SUMMARY_FIELDS,
    stamps=STAMPS,
)

# how the paths behind a row were made; null in rows that were written before there were these columns
_PATHS_MADE = (
    Field(
        "transforms",
        "string",
        "transforms of paths before they were weighted, in their order; may be empty",
        nullable=True,
    ),
    Field("entity_level", "string", "person or account: whose journeys", nullable=True),
    Field("lookback_days", "int", "closed look-back window in days", nullable=True),
    Field("lookback", "string", "how its days are counted: exact, calendar_days or whole_days", nullable=True),
)
_ZONE_OF_DAYS = Field("zone", "string", "time zone of calendar days", nullable=True)
_WATERMARK = Field("watermark", "timestamp", "where journeys end that did not convert", nullable=True)
_FIT_MADE = (*_PATHS_MADE, _ZONE_OF_DAYS, _WATERMARK)

ATTRIBUTION_SPEND = TableContract(
    name="attribution_spend",
    zone="pseudonymous",
    grain="one row per model, conversion kind, interval (and all time), channel and currency of spend",
    key=("model", "conversion", "interval_date", "channel", "currency"),
    subject=NOBODY,
    fields=(
        Field("model", "string", "attribution model"),
        Field("conversion", "string", "declared kind"),
        Field(
            "interval_date",
            "date",
            "first day of the interval; null for all time, which fitted models have alone",
            nullable=True,
        ),
        Field("channel", "string", "channel; (unattributed) of credit, (unallocated) of spend without a channel"),
        Field(
            "currency", "string", "the reporting currency, or that of the spend where it has no rate, or none is set"
        ),
        Field("spend_minor", "decimal(38,0)", "spend in minor units, the same for every model and kind"),
        Field("conversions", "decimal(30,12)", "credited conversions, whatever their currency"),
        Field("credit_minor", "decimal(38,0)", "credited value of conversions in this currency, in minor units"),
        Field("cpa_minor", "double", "spend by credited conversions; null without any", nullable=True),
        Field("roas", "double", "credited value by spend; null without spend", nullable=True),
        Field("unit", "string", "day, week, month or quarter"),
        Field("zone", "string", "time zone of the intervals of conversions"),
        Field("week_start", "string", "monday or sunday"),
        Field(
            "is_additive",
            "boolean",
            "whether what a conversion gives adds up to it; not so with participation",
            nullable=True,
        ),
        *_PATHS_MADE,
        Field(
            "watermark",
            "timestamp",
            "of models that are fitted on all journeys: where those end that did not convert; else null",
            nullable=True,
        ),
        *MADE,
    ),
    stamps=STAMPS,
)

_RESTATED = (
    Field("run_seq", "bigint", "run that changed it"),
    Field("conversion_id", "binary", "conversion"),
    Field("conversion", "string", "declared kind"),
    Field("model", "string", "attribution model"),
    Field("touch_id", "binary", "touch; null for (unattributed)", nullable=True),
    Field("reason", "string", "why: see ChangeReason in marts/attribution/restatement.py"),
)
_OWNERS = (
    Field("user_id_before", "string", "owner of the conversion before; null for nobody", nullable=True),
    Field("user_id", "string", "its owner now; null for nobody, or where it is gone", nullable=True),
)
_MOVED = (
    Field("channel_before", "string", "channel before; null where the touch had no credit", nullable=True),
    Field("channel", "string", "channel now; null where the touch has no credit", nullable=True),
    Field("weight_before", "decimal(20,12)", "share of the conversion before; 0 without credit"),
    Field("weight", "decimal(20,12)", "share of the conversion now; 0 without credit"),
    Field("credit_minor_before", "bigint", "credited value in minor units before; null without", nullable=True),
    Field("credit_minor", "bigint", "credited value in minor units now; null without", nullable=True),
    Field("currency_before", "string", "ISO 4217 code before", nullable=True),
    Field("currency", "string", "ISO 4217 code now", nullable=True),
)

ATTRIBUTION_CHANGES = TableContract(
    name="attribution_changes",
    zone="pseudonymous",
    grain="one row per run, conversion credited before, model and touch of which the run changed the credit",
    key=("run_seq", "conversion_id", "model", "touch_id"),
    # a conversion that has moved is its owner's now, and was credited by touches of whoever had it before
    subject=Subject(
        users=("user_id_before", "user_id"),
        touches=("touch_id",),
        conversions=(("conversion_id", "conversion"),),
        is_of_one=True,
    ),
    replaced=False,
    fields=(
        *_RESTATED,
        *_OWNERS,
        *_MOVED,
    ),
)

ACCOUNT_ATTRIBUTION_CHANGES = TableContract(
    name="account_attribution_changes",
    zone="pseudonymous",
    grain="one row per run, conversion credited to an account before, model and touch of which the run changed the "
    "credit",
    key=("run_seq", "conversion_id", "model", "touch_id"),
    # the touch and its channel are of the member who came, not of whoever converted
    subject=Subject(
        users=("user_id_before", "user_id", "touch_user_id_before", "touch_user_id"),
        touches=("touch_id",),
        conversions=(("conversion_id", "conversion"),),
        is_of_one=True,
    ),
    replaced=False,
    fields=(
        *_RESTATED,
        Field("account_id_before", "string", "account of the conversion before; null for none", nullable=True),
        Field("account_id", "string", "its account now; null for none, or where it is gone", nullable=True),
        *_OWNERS,
        Field(
            "touch_user_id_before",
            "string",
            "person of the touch before; null where it had no credit, or was the account's own",
            nullable=True,
        ),
        Field(
            "touch_user_id",
            "string",
            "person of the touch now; null where it has no credit, or is the account's own",
            nullable=True,
        ),
        *_MOVED,
    ),
)

ATTRIBUTION_PATHS = TableContract(
    name="attribution_paths",
    zone="pseudonymous",
    grain="one row per path that somebody took, where models are fitted on all paths",
    key=("path_id",),
    subject=NOBODY,
    fields=(
        Field("path_id", "binary", "hash of the path"),
        Field("path", "array<string>", "channels in order of touch, after the transforms"),
        Field("n_conversions", "bigint", "conversions with exactly this path"),
        Field("n_journeys", "bigint", "journeys of exactly this path, of conversions and of people without one"),
        *_FIT_MADE,
        *MADE,
    ),
    stamps=STAMPS,
)

ATTRIBUTION_TRANSITIONS = TableContract(
    name="attribution_transitions",
    zone="pseudonymous",
    grain="one row per order of a configured Markov model and transition that occurs",
    key=("markov_order", "from_state", "to_state"),
    subject=NOBODY,
    fields=(
        Field("markov_order", "int", "channels in a state"),
        Field("from_state", "string", "where from"),
        Field("to_state", "string", "where to"),
        Field("probability", "double", "share of the journeys that leave the state this way"),
        *_FIT_MADE,
        *MADE,
    ),
    stamps=STAMPS,
)

ATTRIBUTION_REMOVAL_EFFECTS = TableContract(
    name="attribution_removal_effects",
    zone="pseudonymous",
    grain="one row per order of a configured Markov model and channel",
    key=("markov_order", "channel"),
    subject=NOBODY,
    fields=(
        Field("markov_order", "int", "channels in a state"),
        Field("channel", "string", "channel"),
        Field("removal_effect", "double", "share of conversions that would be lost without it"),
        *_FIT_MADE,
        *MADE,
    ),
    stamps=STAMPS,
)

ACTIVITY = TableContract(
    name="activity",
    zone="pseudonymous",
    grain="one row per person, event name and quarter of an hour in UTC in which the person did it",
    key=("user_id", "event", "quarter"),
    subject=Subject(users=("user_id",)),
    fields=(
        Field("user_id", "string", "person"),
        Field("event", "string", "event name; null for events that have none", nullable=True),
        Field("quarter", "timestamp", "start of the quarter of an hour, in UTC"),
        Field("n_events", "bigint", "events"),
        Field("first_at", "timestamp", "the first of them"),
        Field("last_at", "timestamp", "the last of them"),
        Field(
            "variants",
            "array<struct<properties:string,n_events:bigint,first_at:timestamp,last_at:timestamp>>",
            "the same, divided by what their declared properties say, as JSON text; null where none are declared",
            nullable=True,
        ),
        *MADE,
    ),
    stamps=STAMPS,
)

RETENTION = TableContract(
    name="retention",
    zone="pseudonymous",
    grain="one row per rule set, cohort and offset; offset 0 is the cohort's size",
    key=("name", "cohort_starts_at", "breakdown", "offset", "offset_until"),
    subject=NOBODY,
    fields=(
        Field("name", "string", "name of the rule set in the configuration; default where it has none"),
        Field("cohort", "date", "first day of the cohort's interval; of an hour, the day that it lies in"),
        Field("cohort_starts_at", "timestamp", "instant at which the cohort's interval begins"),
        Field(
            "breakdown",
            "string",
            "what the property of the breakdown says at the start; null where it says nothing, or there is none",
            nullable=True,
        ),
        Field("offset", "int", "intervals after the cohort's own; negative before it; of a bracket, its first"),
        Field("offset_until", "int", "the same, or the last of a bracket"),
        Field("cohort_size", "bigint", "members"),
        Field(
            "returned_same_interval",
            "bigint",
            "members with a return event after their start in the cohort's own interval",
        ),
        Field("retained", "bigint", "members who came back, counted so far; at offset 0 the size"),
        Field("retained_eligible", "bigint", "those of the eligible who came back"),
        Field("eligible", "bigint", "members with the cell observed; 0 where it is not"),
        Field("is_observed", "boolean", "whether the interval ended at or before the watermark, for any member"),
        Field("rate", "double", "retained_eligible by eligible; null where not observed", nullable=True),
        Field("rate_low", "double", "Wilson 95 % interval, lower end", nullable=True),
        Field("rate_high", "double", "Wilson 95 % interval, upper end", nullable=True),
        Field("mode", "string", "on, on_or_after, on_or_before, streak, bracket or before"),
        Field("membership", "string", "first_ever, first_matching or recurring"),
        Field("basis", "string", "calendar, rolling or rolling_hour_floored"),
        Field("min_events", "int", "return events that an interval must hold"),
        Field("unit", "string", "hour, day, week, month or quarter"),
        Field("zone", "string", "time zone of the calendar"),
        Field("week_start", "string", "monday or sunday"),
        Field("watermark", "timestamp", "last instant up to which all sources are complete"),
        Field("entity_level", "string", "person or account"),
        Field("min_members", "int", "different members who make an account active in an interval; 1 of people"),
        # null in rows that were written before there were these columns, too
        Field("breakdown_property", "string", "property of the breakdown; null without one", nullable=True),
        Field(
            "breakdown_at",
            "string",
            "start, or start_and_return where returns must say the same; null without a breakdown",
            nullable=True,
        ),
        *MADE,
    ),
    stamps=STAMPS,
)
