"""Normalisers of identifier values, each with a version, and tests for values that are damaged.

A normaliser gives the one form of a value in which all its spellings meet, or null for a value that cannot be one of
its type. Changing what one does means a new version: what is stored keeps the form that it has, and a run says where
identifiers of such a type are suppressed, which are known by the hash of a form alone (`runs/suppressed_forms.py`).
"""

from __future__ import annotations

import re
import unicodedata
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from oneuser.events.nobody import GARBAGE_STARTS, LONGEST_GARBAGE, QUOTES, SIGNIFICANT_DIGIT, may_be_template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oneuser.events.spec import IdTypeSpec

    Normaliser = Callable[[str], str | None]

NORMALISER_VERSIONS = {
    "none": 1,
    "trim": 3,
    "lower": 3,
    "email": 2,
    "uid2_email": 3,
    "phone": 3,
    "salesforce_id": 1,
    "uuid": 1,
}

_LONGEST_PLAIN = 200
# a whole number as programs write it that keep numbers as decimals: 13085.0
_WHOLE_NUMBERS = {mark: re.compile(rf"\s*([+-]?[0-9]+)[{mark}]0+\s*") for mark in ".,"}
# a number in scientific notation, as spreadsheets write what is longer than a cell; 12e4 may as well be hexadecimal
_SCIENTIFIC = re.compile(
    r"\s*[+-]?[0-9]+(?:[.,][0-9]+\s?[eE]\s?[+-]?|[.,]?\s?[eE]\s?[+-]|[.,][0-9]+\s?[x*×]\s?10\^\s?[+-]?)[0-9]+\s*"
)
_AS_ASCII = str.maketrans({"\u2212": "-", "\u0415": "E", "\u0435": "e", "\u00b7": ".", "\u22c5": "*"})
# a value in quotes that are not its own, also as a formula: "u1", ="007"; and `'007`, which spreadsheets show as 007
_QUOTED = re.compile(rf"=?([{QUOTES}])(?P<inner>(?:(?!\1).)*)\1|'(?P<number>[+-]?[0-9][^']*)", re.DOTALL)
_MAY_BE_QUOTED = frozenset(f"={QUOTES}")
# words for an extension that phone numbers in other languages have; phonenumbers knows ext, x, # and ;ext=
_EXTENSION = re.compile(
    r"[\s,;(-]*\b(?:durchwahl|dw|apparat|app|nst|nebenstelle|klappe|klp|poste|interno|ramal|anexo|extensi[o\u00f3]n|toestel|tst)"
    r"[\s.:]*([0-9]{1,7})\s*\)?\s*\Z",
    re.IGNORECASE,
)
_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]"
)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_GMAIL = "gmail.com"
_GMAIL_DOMAINS = frozenset([_GMAIL, "googlemail.com"])
_MAX_EMAIL = 254
_SALESFORCE = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_SALESFORCE_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_HIDDEN = frozenset(["Cc", "Cf", "Cs", "Zl", "Zp"])
# what counts as printable and shows nothing: joiners, fillers, selectors of variants, the blank of braille
_INVISIBLE = re.compile("[\ufffd\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def make_normalisers(specs: Mapping[str, IdTypeSpec]) -> dict[str, Normaliser]:
    """`make_normaliser` of several types, by their names."""
    return {name: make_normaliser(spec) for name, spec in specs.items()}


def make_normaliser(spec: IdTypeSpec) -> Normaliser:
    """The function that brings values of a type to one form.

    Raises:
        KeyError: for a normaliser that does not exist; the configuration refuses it before.
    """
    if spec.normaliser == "email":
        return partial(normalise_email, gmail=spec.gmail)
    if spec.normaliser == "phone":
        return partial(normalise_phone, region=spec.default_region)
    simple: dict[str, Normaliser] = {
        "none": str,
        "trim": normalise_trim,
        "lower": normalise_lower,
        "uid2_email": normalise_uid2_email,
        "salesforce_id": normalise_salesforce_id,
        "uuid": normalise_uuid,
    }
    return simple[spec.normaliser]


def has_lost_digits(value: str) -> bool:
    """Whether a value is a number in scientific notation: what told it from its neighbours is gone."""
    number = unquoted(value)
    if number[:1].isalpha():
        return False
    if not number.isascii():
        number = unicodedata.normalize("NFKC", number.translate(_AS_ASCII))
    return _SCIENTIFIC.fullmatch(number) is not None


def unquoted(value: str) -> str:
    """A value without white space and quotes around it, as text or as a formula of a spreadsheet: `="007"`."""
    value = value.strip()
    while value[:1] in _MAY_BE_QUOTED and (found := _QUOTED.fullmatch(value)) is not None:
        value = (found["inner"] if found["number"] is None else found["number"]).strip()
    return value


def whole_number(value: str, mark: str = ".") -> str:
    """A whole number with nothing but zeros after its decimal mark, without them; any other value as it is."""
    found = _WHOLE_NUMBERS[mark].fullmatch(value) if mark in value else None
    return value if found is None else found.group(1)


def is_plain(value: str) -> bool:
    """Whether a value is so ordinary that it needs no closer look: ASCII letters and digits, or long and printable.

    A short cut only: whatever is plain is neither garbage nor damaged, and stays itself when trimmed.
    """
    if not value.isascii():
        return False
    if value.isalnum():
        return len(value) < _LONGEST_PLAIN and SIGNIFICANT_DIGIT.search(value) is not None
    return (
        LONGEST_GARBAGE < len(value) < _LONGEST_PLAIN
        and value.isprintable()
        and value[0] not in GARBAGE_STARTS
        and value[-1] != " "
        and not may_be_template(value)
        # neither 13085.0 nor 3.12346E+16
        and not (value[-1].isdigit() and ("." in value or "+" in value or "," in value or "-" in value[-4:]))
    )


def has_hidden_characters(value: str) -> bool:
    """Whether a value holds U+FFFD, a surrogate, or a character that shows nothing: control, zero-width, filler."""
    if value.isprintable():
        return not value.isascii() and _INVISIBLE.search(value) is not None
    # separators and unassigned characters are not printable either, and do no harm
    return _INVISIBLE.search(value) is not None or any(unicodedata.category(char) in _HIDDEN for char in value)


def normalise_trim(value: str) -> str:
    """White space and quotes off; a whole number without the zeros after its point. `none` keeps a value as it is."""
    return whole_number(unquoted(value))


def normalise_lower(value: str) -> str:
    """White space and quotes off, one Unicode form, lower case; a whole number without the zeros after its point."""
    return unicodedata.normalize("NFC", whole_number(unquoted(value))).lower()


def normalise_email(value: str, *, gmail: bool = False) -> str | None:
    """An address in NFC and lower case with an ASCII (IDNA) domain; null if it cannot be one.

    With `gmail`, dots and what follows `+` are left out of addresses at Gmail, which ignores both.
    """
    address = unquoted(value).lower()
    if not address.isascii() or _EMAIL.fullmatch(address) is None or len(address) > _MAX_EMAIL:
        unusual = _unusual_email(address)
        if unusual is None:
            return None
        address = unusual
    if ".." in address or address[0] == "." or ".@" in address:
        return None
    return _without_gmail_variants(address) if gmail else address


def normalise_uid2_email(value: str) -> str | None:
    """An address as UID2 wants it before hashing: lower case, variants at gmail.com folded, and there alone."""
    address = normalise_email(value)
    is_gmail = address is not None and address.rpartition("@")[2] == _GMAIL
    return _without_gmail_variants(address) if address is not None and is_gmail else address


def normalise_phone(value: str, *, region: str | None) -> str | None:
    """A number as E.164; null if it cannot be one, or has no country code and no region is declared.

    An extension stays part of it, as RFC 3966 writes it (`+14155550132;ext=5`): with it the number names a desk,
    without it a company.
    """
    import phonenumbers

    try:
        number = phonenumbers.parse(_EXTENSION.sub(r" ext. \1", whole_number(unquoted(value))), region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    extension = f";ext={number.extension}" if number.extension else ""
    return f"{phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)}{extension}"


def normalise_salesforce_id(value: str) -> str | None:
    """A Salesforce record id with its 3 check characters, which make it safe to compare in any case."""
    record_id = value.strip()
    if _SALESFORCE.fullmatch(record_id) is None:
        return None
    head = record_id[:15]
    checks = (
        sum(1 << i for i, char in enumerate(head[start : start + 5]) if "A" <= char <= "Z") for start in (0, 5, 10)
    )
    full = head + "".join(_SALESFORCE_ALPHABET[check] for check in checks)
    return full if len(record_id) == len(head) or record_id[15:].upper() == full[15:] else None


def normalise_uuid(value: str) -> str | None:
    """A UUID in lower case with dashes; null if it is none."""
    try:
        return str(UUID(value.strip()))
    except ValueError:
        return None


def _unusual_email(address: str) -> str | None:
    """Addresses beyond the plain ASCII form: international ones, and domains without a dot."""
    local, at, domain = unicodedata.normalize("NFC", address).rpartition("@")
    ascii_domain = _ascii_domain(domain)
    if not at or not local or "@" in local or ascii_domain is None:
        return None
    if any(char.isspace() or char in '"(),:;<>[\\]' for char in local) or len(local.encode()) > 64:  # noqa: PLR2004
        return None
    whole = f"{local.lower()}@{ascii_domain}"
    return whole if len(whole.encode()) <= _MAX_EMAIL else None


def _ascii_domain(domain: str) -> str | None:
    """A domain in its ASCII form; null if it cannot be one. Special-use domains and single names are none of it."""
    if not domain.isascii():
        import idna

        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    labels = domain.lower().removesuffix(".").split(".")
    are_labels = all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdecimal()
    return ".".join(labels) if are_labels else None


def _without_gmail_variants(address: str) -> str:
    local, _, domain = address.rpartition("@")
    if domain not in _GMAIL_DOMAINS:
        return address
    folded = local.split("+")[0].replace(".", "")
    # what is nothing but a tag would meet every other such address
    return f"{folded}@{_GMAIL}" if folded else address
