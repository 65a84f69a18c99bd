"""Why something was refused, left out or read in another way: every code that a table or a run record can hold.

A code has a class before its dot. It is text in tables; here it has a name, so that none is written that nobody
explains, and none is explained that nothing writes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """A code, with what it means in plain words. Equal to its text and stored as it.

    `is_damage` says that a line or record with it counts for `quarantine.max_share`. What lacks an identity, names what
    does not exist or contradicts another is the nature of a source, and no damage.
    """

    explanation: str
    is_damage: bool

    def __new__(cls, code: str, explanation: str, is_damage: bool = False) -> Self:  # noqa: FBT001, FBT002 - as listed
        """A member from its code, explanation and whether it is damage."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.explanation = explanation
        member.is_damage = is_damage
        return member

    # lines
    JSON_SYNTAX = "json.syntax", "not one valid JSON object", True
    JSON_MULTI = "json.multi", "several objects on one line", True
    JSON_DUP_KEY = "json.dup_key", "an identifier, time or type given twice", True
    CSV_SYNTAX = "csv.syntax", "more or fewer fields than the header has", True
    CSV_ENCODING = "csv.encoding", "text that is not in the encoding of its source, UTF-8 unless one is declared", True
    CSV_HEADER = "csv.header", "the header once more", True
    LINE_BLANK = "line.blank", "an empty line"
    LIMIT_LINE = "limit.line", "line too long", True
    LIMIT_DEPTH = "limit.depth", "nested too deeply", True
    LIMIT_TRAITS = "limit.traits", "too many traits", True
    SPEC_NO_IDENTITY = "spec.no_identity", "no identifier and no account"
    SPEC_NO_TYPE = "spec.no_type", "no type of event"
    SPEC_NO_ROOT = "spec.no_root", "no event where the source says it sits"
    SPEC_UNKNOWN_TYPE = "spec.unknown_type", "unknown type of event"
    SPEC_ALIAS = "spec.alias", "an alias without both IDs"
    SPEC_GROUP = "spec.group", "a group without a group ID"

    # times: of a line that is refused, or of one that counts by its receipt
    TIME_MISSING = "time.missing", "no time", True
    TIME_INVALID = "time.invalid", "no readable time", True
    TIME_BEFORE_1970 = "time.before_1970", "a time before 1970", True
    TIME_TOO_EARLY = "time.too_early", "a time before ingest.earliest_time, as of a clock that was never set", True
    TIME_FUTURE = "time.future", "a time in the future", True
    # of one that counts by its receipt only: a line without a receipt has no readable time
    TIME_IMPLAUSIBLE = "time.implausible", "a number that is no epoch of a credible year and no calendar time"
    # and how a time was found
    TIME_SKEW = "time.skew", "corrected by what the device's clock was wrong"
    TIME_NO_ZONE = "time.no_zone", "no zone given, taken for UTC"
    TIME_DST_GAP = "time.dst_gap", "a local time that the change of clocks skips"
    TIME_DST_OVERLAP = "time.dst_overlap", "a local time that comes twice, taken for the first"
    TIME_EPOCH_S = "time.epoch_s", "a number, taken for seconds since 1970"
    TIME_EPOCH_MS = "time.epoch_ms", "a number, taken for milliseconds since 1970"
    TIME_EPOCH_US = "time.epoch_us", "a number, taken for microseconds since 1970"
    TIME_EPOCH_NS = "time.epoch_ns", "a number, taken for nanoseconds since 1970"

    # files
    FILE_EMPTY = "file.empty", "empty file", True
    FILE_ENCODING = "file.encoding", "file in another encoding", True
    FILE_TRUNCATED = "file.truncated", "file cut short", True
    FILE_LINE = "file.line", "a line without end", True
    FILE_LINK = "file.link", "a link out of the folder of its source", True
    FILE_HEADER = "file.header", "first row of values, not of names", True
    FILE_SCHEMA = "file.schema", "a column that the mapping reads is of a type that cannot be read", True

    # identifiers
    ID_BLOCKED = "id.blocked", "a value such as null or 0 names nobody"
    ID_CHARSET = "id.charset", "hidden or damaged characters"
    ID_EMAIL = "id.email", "no e-mail address"
    ID_PHONE = "id.phone", "no phone number"
    ID_TYPE = "id.type", "not text and not a whole number"
    ID_FORMAT = "id.format", "not of the form of its type"
    ID_ROUNDED = "id.rounded", "a number in scientific notation, whose digits are lost"
    ID_LENGTH = "id.length", "longer than 1,024 characters"

    # other parts of a message
    PART_SPELLING = "part.spelling", "a key in another spelling than the one that is read, such as user_id for userId"
    PART_TYPE = "part.type", "a part that is no object where one belongs, such as a text for the context"

    # records of reference inputs
    REFERENCE_SYNTAX = "reference.syntax", "no record at all", True
    REFERENCE_CHARSET = "reference.charset", "hidden or damaged characters", True
    REFERENCE_TYPE = "reference.type", "an object or a list where a value belongs", True
    REFERENCE_MISSING = "reference.missing", "a value that every record needs is missing", True
    REFERENCE_TIME = "reference.time", "no time, or one that cannot be", True
    REFERENCE_PERIOD = "reference.period", "a period that ends before it begins", True
    REFERENCE_NUMBER = "reference.number", "no number where one belongs", True
    REFERENCE_CURRENCY = "reference.currency", "no currency code of three letters", True
    FX_RATES_CONFLICT = "fx_rates.conflict", "another rate of the same currencies and day"
    OPPORTUNITIES_CONFLICT = "opportunities.conflict", "another record of the opportunity says otherwise"
    SUBSCRIPTIONS_OWNER = "subscriptions.owner", "neither an account nor an identifier, or both"
    SUBSCRIPTIONS_OVERLAP = "subscriptions.overlap", "another record of the subscription for the same time"
    SEATS_OVERLAP = "seats.overlap", "another record of the account's seats for the same time"
    LINKS_MISSING = "links.missing", "an end without a value"
    LINKS_TYPE = "links.type", "an end of a type that is not declared"
    LINKS_SELF = "links.self", "both ends are the same identifier"
    MEMBER_ID_TYPE = "member.id_type", "an identifier of a type that is not declared"
    ACCOUNT_UNKNOWN = "account.unknown", "an account that the accounts file does not have"
    ACCOUNT_TWO_NAMES = "account.two_names", "an account with two names"
    ACCOUNT_OWN_PARENT = "account.own_parent", "an account that is its own parent"
    ACCOUNT_TWO_PARENTS = "account.two_parents", "an account with two parents at a time"
    ACCOUNT_CYCLE = "account.cycle", "accounts that are above themselves"
    ACCOUNT_TOO_DEEP = "account.too_deep", "too many accounts above one another"


_BY_CODE = {reason.value: reason for reason in Reason}


def is_damage(code: str) -> bool:
    """Whether what is refused with a code counts for `quarantine.max_share`."""
    return _BY_CODE[code].is_damage


def explain_code(code: str) -> str:
    """A code in words; empty for one that no version of ours writes any more."""
    return _BY_CODE[code].explanation if code in _BY_CODE else ""
