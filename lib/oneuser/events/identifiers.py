"""Identifiers of one message: captured, normalised, tested and keyed. Python, on executors, inside the parsing pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from oneuser.core.keyed import Keys, identifier_hasher
from oneuser.core.reasons import Reason
from oneuser.events.memo import Memo
from oneuser.events.nobody import SIGNIFICANT_DIGIT, fold_name, is_garbage, is_nobodys_mailbox
from oneuser.events.normalise import has_hidden_characters, has_lost_digits, is_plain, make_normaliser, whole_number

if TYPE_CHECKING:
    from collections.abc import Collection

    from oneuser.events.spec import IdTypeSpec

# per type and task; a value seen again within reach costs one look-up instead of normalising and hashing
MEMO_SIZE = 100_000
_MAX_CHARACTERS = 1024
_PLAIN_NORMALISERS = frozenset(["none", "trim"])
_EMAIL_NORMALISERS = frozenset(["email", "uid2_email"])
_INTEGER_LIMIT = 2**63
# beyond it neighbouring whole numbers have the same floating point
_EXACT_LIMIT = 2**53


class RoundedInteger(Exception):  # noqa: N818 - asks for a second, exact reading
    """An identifier may be an integer beyond 64 bits, which the fast parser rounds."""


class Identifier(NamedTuple):
    """A valid identifier; `key` is the keyed hash of `value`."""

    id_type: str
    key: bytes
    value: str


class IdentifierReader:
    """Reads values of one type. The answer for a value is an `Identifier`, or the reason why it is dropped.

    A whole number is one identifier whatever carried it: 13085, 13085.0, "13085.0". `is_exact` holds where integers
    come as they were written, however long. `fields` are names of fields that the values come from: a value that is
    such a name, or that of its own type, names nobody. `decimal` is the mark before the decimals of numbers.
    """

    def __init__(
        self,
        spec: IdTypeSpec,
        keys: Keys,
        *,
        is_table: bool,
        is_exact: bool = True,
        fields: Collection[str] = (),
        decimal: str = ".",
    ) -> None:
        self.id_type = spec.name
        self._normalise = make_normaliser(spec)
        self._hash = identifier_hasher(keys, spec.name)
        self._is_table = is_table
        self._is_exact = is_exact
        self._reads_numbers = spec.normaliser != "none"
        self._has_commas = self._reads_numbers and decimal == ","
        self._own_names = frozenset(fold_name(name) for name in (spec.name, *fields))
        # such a name may look like any value
        has_numbered = any(SIGNIFICANT_DIGIT.search(name) for name in self._own_names)
        self._keeps_plain = spec.normaliser in _PLAIN_NORMALISERS and not has_numbered
        # with what may stand between its letters
        self._longest_name = 2 * max(map(len, self._own_names))
        self._memo = Memo(self.judge, MEMO_SIZE)
        self._is_email, is_phone = spec.normaliser in _EMAIL_NORMALISERS, spec.normaliser == "phone"
        self._invalid = Reason.ID_EMAIL if self._is_email else Reason.ID_PHONE if is_phone else Reason.ID_FORMAT

    def read(self, raw: Any) -> Identifier | Reason | None:
        """The identifier, the code of its refusal, or null where there is no value at all.

        Raises:
            RoundedInteger: where the message must be read again exactly.
        """
        if raw is None:
            return None
        if type(raw) is float and not self._is_exact and not -_INTEGER_LIMIT < raw < _INTEGER_LIMIT:
            raise RoundedInteger
        value = raw if type(raw) is str else identifier_text(raw)
        if value is None:
            # an empty cell of a typed column is not a number, and no value
            return None if self._is_table and raw != raw else Reason.ID_TYPE  # noqa: PLR0124 - NaN alone differs from itself
        return self._memo[value]

    def judge(self, value: str) -> Identifier | Reason:
        """The same for a text, without remembering it."""
        if self._keeps_plain and is_plain(value):
            return Identifier(self.id_type, self._hash(value), value)
        if self._has_commas:
            value = whole_number(value, ",")
        problem = self._problem(value)
        if problem is not None:
            return problem
        normalised = self._normalise(value)
        if normalised is None:
            return self._invalid
        if normalised != value and is_garbage(normalised):
            return Reason.ID_BLOCKED
        if self._is_email and is_nobodys_mailbox(normalised):
            return Reason.ID_BLOCKED
        return Identifier(self.id_type, self._hash(normalised), normalised)

    def _problem(self, value: str) -> Reason | None:
        """Why a value is dropped before it is normalised."""
        if has_hidden_characters(value.strip()):
            return Reason.ID_CHARSET
        if len(value) > _MAX_CHARACTERS:
            return Reason.ID_LENGTH
        if self._reads_numbers and has_lost_digits(value):
            return Reason.ID_ROUNDED
        is_own_name = len(value) <= self._longest_name and fold_name(value) in self._own_names
        return Reason.ID_BLOCKED if is_own_name or is_garbage(value) else None


def identifier_text(raw: Any) -> str | None:
    """A scalar as the text of an identifier; null for what cannot be one.

    Whole numbers become decimal text, floating point and decimals among them: a column with gaps turns 13085 into
    13085.0. A fraction is none, nor is a floating point so large that its neighbours have the same. Bytes without a
    mark of what they are, as some programs write text to Parquet, are text where they are UTF-8.
    """
    if isinstance(raw, str):
        return raw
    if isinstance(raw, bool):
        return None
    if isinstance(raw, int):
        return str(raw)
    if isinstance(raw, float):
        return str(int(raw)) if raw.is_integer() and abs(raw) < _EXACT_LIMIT else None
    if isinstance(raw, bytes | bytearray):
        try:
            return bytes(raw).decode()
        except UnicodeDecodeError:
            return None
    if hasattr(raw, "to_integral_value"):
        return str(int(raw)) if raw.is_finite() and raw == raw.to_integral_value() else None
    return None
