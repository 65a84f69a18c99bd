"""Tables of product analytics: one for each key of `product` in the configuration.

Each row says how it was made: its parameters, the zone, the watermark and the run whose identity it is computed from.
Rows of people and accounts have both in `entity_id`: no User ID is an account's.
"""

from __future__ import annotations

from oneuser.contracts.marts import MADE, STAMPS
from oneuser.contracts.subject import NOBODY, Subject
from oneuser.contracts.table import Field, TableContract

_NAME = Field("name", "string", "name in the configuration")
_ENTITY = Field("entity_id", "string", "person, or account")
_LEVEL = Field("entity_level", "string", "person or account")
_ZONE = Field("zone", "string", "time zone of the calendar")
_CALENDAR = (
    Field("unit", "string", "hour, day, week, month or quarter"),
    _ZONE,
    Field("week_start", "string", "monday or sunday"),
)
_WATERMARK = Field("watermark", "timestamp", "last instant up to which all sources are complete")
_WINDOW = Field("window_days", "double", "days of 24 hours that count; null where all do", nullable=True)
_CURRENCY = Field("currency", "string", "of the conversions or subscriptions that count")
_INTERVAL = (
    Field("interval", "date", "first day of the interval; of an hour, the day that it lies in"),
    Field("starts_at", "timestamp", "instant at which the interval begins"),
)
_BY_ENTITY = Subject(users=("entity_id",))


def _table(
    name: str, grain: str, *, key: tuple[str, ...], subject: Subject, fields: tuple[Field, ...]
) -> TableContract:
    return TableContract(
        name=name,
        zone="pseudonymous",
        grain=grain,
        key=("name", *key),
        subject=subject,
        fields=(_NAME, *fields, _WATERMARK, _LEVEL, *MADE),
        stamps=STAMPS,
    )


LIFECYCLE = _table(
    "lifecycle",
    "one row per name and complete interval",
    key=("starts_at",),
    subject=NOBODY,
    fields=(
        *_INTERVAL,
        Field("new", "bigint", "active for the first time"),
        Field("returning", "bigint", "active in this interval and the one before"),
        Field("resurrecting", "bigint", "active in this interval, not in the one before, and not for the first time"),
        Field("dormant", "bigint", "active in the interval before and not in this one"),
        Field("active", "bigint", "new, returning and resurrecting"),
        *_CALENDAR,
    ),
)

STICKINESS = _table(
    "stickiness",
    "one row per name and number of intervals, of the last full ones, in which somebody may have been active",
    key=("n_intervals",),
    subject=NOBODY,
    fields=(
        Field("n_intervals", "int", "intervals active, from 1 to `intervals`"),
        Field("n_entities", "bigint", "who was active in so many"),
        Field("share", "double", "of all who were active in any; null where nobody was", nullable=True),
        Field("intervals", "int", "last full intervals that count"),
        *_CALENDAR,
    ),
)

ACTIVE_USERS = _table(
    "active_users",
    "one row per name and number of days",
    key=("days",),
    subject=NOBODY,
    fields=(
        Field("days", "int", "last full days that count: 1 is DAU, 7 WAU, 28 MAU"),
        Field("n_actives", "bigint", "different actives of these days"),
        Field("mean_daily_actives", "double", "mean number of actives of a day"),
        Field("daily_share", "double", "mean daily actives by different actives; null without any", nullable=True),
        Field("first_day", "date", "first of the days"),
        Field("last_day", "date", "last of the days"),
        _ZONE,
    ),
)

POWER_USERS = _table(
    "power_users",
    "one row per name and person or account that is active most",
    key=("entity_id",),
    subject=_BY_ENTITY,
    fields=(
        _ENTITY,
        Field("n_days", "bigint", "days active of the last full ones"),
        Field("rule", "string", "min_days or top_decile"),
        Field("min_days", "int", "days from which on somebody belongs; of top_decile, what that comes to"),
        Field("days", "int", "last full days that count"),
        _ZONE,
    ),
)

AT_RISK = _table(
    "at_risk",
    "one row per name and person or account that was active and may be lost",
    key=("entity_id",),
    subject=_BY_ENTITY,
    fields=(
        _ENTITY,
        Field("n_days_previous", "bigint", "days active of the previous ones"),
        Field("n_days", "bigint", "days active of the last full ones"),
        Field("is_drop", "boolean", "whether the former are fewer by at least `drop`"),
        Field("silence_days", "int", "full days since the last active one"),
        Field("median_gap_days", "double", "from one active day to the next; null with a single one", nullable=True),
        Field("is_silent", "boolean", "whether the silence is longer than `silence_factor` times that"),
        Field("last_day", "date", "last active day"),
        Field("min_days", "int", "previous days from which on somebody can be at risk"),
        Field("days", "int", "last full days, and as many previous ones"),
        Field("drop", "double", "share of the previous days"),
        Field("silence_factor", "double", "times the median gap"),
        _ZONE,
    ),
)

ACTIVATION = _table(
    "activation",
    "one row per name and interval in which somebody began",
    key=("starts_at",),
    subject=NOBODY,
    fields=(
        *_INTERVAL,
        Field("n_new", "bigint", "who began"),
        Field("n_eligible", "bigint", "those of them whose window is over at the watermark"),
        Field("n_activated", "bigint", "who did all steps in the window, so far"),
        Field("n_activated_eligible", "bigint", "those of the eligible who did"),
        Field("rate", "double", "of the eligible; null where nobody is", nullable=True),
        Field(
            "median_seconds", "double", "to the last step, of the eligible activated; null without any", nullable=True
        ),
        Field("is_final", "boolean", "whether all are eligible"),
        Field("window_days", "double", "days of 24 hours from the start on"),
        *_CALENDAR,
    ),
)

ADOPTION = _table(
    "adoption",
    "one row per name: a feature in the last days",
    key=(),
    subject=NOBODY,
    fields=(
        Field("feature", "string", "what is a use"),
        Field("n_tried", "bigint", "people with a use; accounts with a member who has one"),
        Field("n_adopted", "bigint", "people with enough uses on enough days; accounts with enough such members"),
        Field("adoption_of_active", "double", "adopted by active; null without any", nullable=True),
        Field(
            "adoption_of_eligible", "double", "adopted by eligible, of the eligible; null without any", nullable=True
        ),
        Field("adopted_of_tried", "double", "adopted by tried; null without any", nullable=True),
        Field("n_active", "bigint", "people with any event in the window; accounts with such a member"),
        Field("n_eligible", "bigint", "who could use it; null where that is not known", nullable=True),
        Field("n_adopted_eligible", "bigint", "those of them who adopted; null where not known", nullable=True),
        Field(
            "n_without_seats",
            "bigint",
            "accounts that may have adopted it, but for seats that are not known; null where seats do not count",
            nullable=True,
        ),
        Field("min_uses", "int", "uses from which on it is adopted"),
        Field("min_days", "int", "days with a use from which on it is"),
        Field("window_days", "double", "days of 24 hours up to the watermark"),
        Field(
            "min_seats_percent",
            "double",
            "per cent of an account's seats that have to have adopted it; null where one member is enough",
            nullable=True,
        ),
        _ZONE,
    ),
)

FUNNELS = _table(
    "funnels",
    "one row per name and step, for each value where the funnel is broken down",
    key=("step", "by_value"),
    subject=NOBODY,
    fields=(
        Field("step", "int", "from 1 on; with any_order, the number of different steps done"),
        Field("step_name", "string", "what the step is; null with any_order", nullable=True),
        Field(
            "by_value", "string", "value at step 1; null where there is none or nothing is broken down", nullable=True
        ),
        Field("n_entities", "bigint", "who came so far"),
        Field("n_eligible", "bigint", "those of them whose window is over at the watermark"),
        Field("rate_from_first", "double", "of the eligible at step 1; null without any", nullable=True),
        Field("rate_from_previous", "double", "of the eligible at the step before; null without any", nullable=True),
        Field("is_final", "boolean", "whether the windows of all are over; never without a window"),
        Field("median_seconds", "double", "from step 1, of the eligible; null without any", nullable=True),
        Field("p90_seconds", "double", "nine of ten were as quick", nullable=True),
        Field("median_seconds_from_previous", "double", "from the step before", nullable=True),
        Field("p90_seconds_from_previous", "double", "nine of ten were as quick", nullable=True),
        Field("breakdown", "string", "property that the funnel is broken down by; null for none", nullable=True),
        Field("mode", "string", "ordered, strict or any_order"),
        _WINDOW,
    ),
)

FEATURE_USAGE = _table(
    "feature_usage",
    "one row per name, person or account, and feature that it used",
    key=("entity_id", "feature"),
    subject=_BY_ENTITY,
    fields=(
        _ENTITY,
        Field("feature", "string", "name of the feature"),
        Field("n_uses", "bigint", "uses"),
        Field("n_days", "bigint", "days with a use"),
        Field("first_used_at", "timestamp", "first use that counts"),
        Field("last_used_at", "timestamp", "last use that counts"),
        _WINDOW,
        _ZONE,
    ),
)

RFM = _table(
    "rfm",
    "one row per name and person who bought",
    key=("entity_id",),
    subject=_BY_ENTITY,
    fields=(
        _ENTITY,
        Field("frequency", "bigint", "days with a purchase after the first such day"),
        Field("recency_days", "int", "from the first day with a purchase to the last"),
        Field("t_days", "int", "from the first day with a purchase to the day of the watermark"),
        Field(
            "monetary_minor",
            "double",
            "mean value in minor units of the days that frequency counts; null without any",
            nullable=True,
        ),
        _CURRENCY,
        _ZONE,
    ),
)

LIFETIME_VALUE = _table(
    "lifetime_value",
    "one row per name and age in intervals",
    key=("age",),
    subject=NOBODY,
    fields=(
        Field("age", "int", "intervals since the member's first, which is 0"),
        Field("n_members", "bigint", "people whose age is over at the watermark"),
        Field("revenue_minor", "decimal(38,0)", "what they paid up to that age, in minor units"),
        Field("ltv_minor", "double", "the one by the other"),
        _CURRENCY,
        *_CALENDAR,
    ),
)

REVENUE_RETENTION = _table(
    "revenue_retention",
    "one row per name, month and number of months later",
    key=("month", "offset"),
    subject=NOBODY,
    fields=(
        Field("month", "date", "first day of the month"),
        Field("offset", "int", "months later"),
        Field("n_customers", "bigint", "people or accounts with recurring revenue in the month"),
        Field("mrr_minor", "decimal(38,0)", "their recurring revenue of the month, in minor units"),
        Field("gross_mrr_minor", "decimal(38,0)", "of each what there is later, at most what there was", nullable=True),
        Field("later_mrr_minor", "decimal(38,0)", "of each what there is later", nullable=True),
        Field("n_retained", "bigint", "those with recurring revenue later", nullable=True),
        Field("grr", "double", "gross by what there was; null where not observed", nullable=True),
        Field("nrr", "double", "later by what there was; null where not observed", nullable=True),
        Field("logo_retention", "double", "retained by customers; null where not observed", nullable=True),
        Field("is_observed", "boolean", "whether the later month is over at the watermark"),
        Field("membership", "string", "recurring or first_ever"),
        _CURRENCY,
        _ZONE,
    ),
)

PRODUCT_TABLES = {
    one.name: one
    for one in (
        LIFECYCLE, STICKINESS, ACTIVE_USERS, POWER_USERS, AT_RISK, ACTIVATION, ADOPTION, FUNNELS, FEATURE_USAGE, RFM,
        LIFETIME_VALUE, REVENUE_RETENTION,
    )
}  # fmt: skip
