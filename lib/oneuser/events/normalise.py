"""Normalisers of identifier values, each with a version, and the test for values that name nobody.

A normaliser gives the one form of a value in which all its spellings meet, or null for a value that cannot be one of
its type. Changing what one does means a new version: identifiers are then re-normalised.
"""

from __future__ import annotations

import re
import unicodedata
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneuser.events.spec import IdTypeSpec

    Normaliser = Callable[[str], str | None]

NORMALISER_VERSIONS = {
    "none": 1,
    "trim": 2,
    "lower": 2,
    "email": 1,
    "uid2_email": 2,
    "phone": 2,
    "salesforce_id": 1,
    "uuid": 1,
}

# words of programs for nobody, without the brackets that some of them put around: (not set), <null>, [undefined]
_NOBODY = frozenset(
    [
        *[
            "",
            "null",
            "none",
            "nil",
            "nan",
            "nat",
            "na",
            "n/a",
            "n.a.",
            "undefined",
            "undef",
            "unset",
            "empty",
            "missing",
        ],
        *["not set", "not_set", "notset", "not available", "not applicable", "not provided", "no value", "unknown"],
        *["anonymous", "anonymous user", "anonymous_user", "guest", "guest user", "guest_user", "unknown user"],
        *["not_authenticated", "not authenticated", "true", "false", "0", "-1", "object object", "object null"],
        *["object undefined", "$posthog_cookieless", "\\n", "inf", "-inf", "infinity", "-infinity", "%!s(<nil>)"],
    ]
)
_BRACKETS = {"(": ")", "<": ">", "[": "]", "{": "}"}
# what a spreadsheet writes into a cell that it could not compute
_SPREADSHEET = re.compile(
    r"#(?:n/a|n/v|ref!|value!|name\?|div/0!|num!|null!|error!|spill!|calc!|field!|blocked!|connect!|busy!|getting_data)"
)
# the nil UUID and all-zero advertising ids among them
_ZEROS = re.compile(r"\{?[0-]+\}?")
# a template that was not filled in, anywhere in a value
_TEMPLATE = re.compile(
    r"\{\{.*?\}\}|\{%.*?%\}|[$#]\{.*?\}|%%[^%]+%%|<%.*?%>|\[%.*?%\]|\*\|.*?\|\*|\[\[.*?\]\]", re.DOTALL
)
# names of fields that stand in the place of their value, without what separates their words
_FIELD_NAMES = frozenset(["userid", "anonymousid", "distinctid", "deviceid", "id"])
_SEPARATORS = re.compile(r"[_\-\s.$]+")
_QUOTES = "\"'`"
# longer values are none of these, unless they begin with one of these characters or hold what begins a template
_LONGEST_GARBAGE = 20
_LONGEST_PLAIN = 200
_GARBAGE_STARTS = frozenset("0-{(<[#$*% \t\r\n" + _QUOTES)
# a whole number as programs write it that keep numbers as decimals: 13085.0
_WHOLE_NUMBER = re.compile(r"\s*([+-]?[0-9]+)\.0+\s*")
# a number in scientific notation, as spreadsheets write what is longer than a cell; 12e4 may as well be hexadecimal
_SCIENTIFIC = re.compile(r"\s*[+-]?[0-9]+(?:[.,][0-9]+[eE][+-]?|[.,]?[eE][+-])[0-9]+\s*")
# words for an extension that phone numbers in other languages have; phonenumbers knows ext, x, # and ;ext=
_EXTENSION = re.compile(
    r"[\s,;(-]*\b(?:durchwahl|dw|apparat|app|nst|nebenstelle|klappe|klp|poste|interno|ramal|anexo|extensi[o\u00f3]n|toestel|tst)"
    r"[\s.:]*([0-9]{1,7})\s*\)?\s*$",
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


def is_garbage(value: str) -> bool:
    """Whether a value is one of those that programs write when they know nobody.

    Words (`null`, `(not set)`), errors of spreadsheets (`#N/A`), templates that were not filled in (`{{user.id}}`),
    names of fields (`userId`), zeros and the nil UUID; in any case, quotes and brackets around them.
    """
    if ("{" in value or "%" in value or "[" in value or "|" in value) and _TEMPLATE.search(value) is not None:
        return True
    if len(value) > _LONGEST_GARBAGE and value[0] not in _GARBAGE_STARTS:
        return False
    bare = value.strip().strip(_QUOTES).strip().casefold()
    if bare in _NOBODY or _ZEROS.fullmatch(bare) is not None or _SPREADSHEET.fullmatch(bare) is not None:
        return True
    inner = bare[1:-1].strip() if len(bare) > 1 and _BRACKETS.get(bare[0]) == bare[-1] else bare
    return inner in _NOBODY or fold_name(inner) in _FIELD_NAMES


def fold_name(name: str) -> str:
    """A name without case and without what separates its words: `userId`, `user_id` and `User ID` are one."""
    return _SEPARATORS.sub("", name).casefold()


def has_lost_digits(value: str) -> bool:
    """Whether a value is a number in scientific notation: what told it from its neighbours is gone."""
    return _SCIENTIFIC.fullmatch(value) is not None


def whole_number(value: str) -> str:
    """A whole number with nothing but zeros after its point, without them; any other value as it is."""
    found = _WHOLE_NUMBER.fullmatch(value)
    return value if found is None else found.group(1)


def is_plain(value: str) -> bool:
    """Whether a value is so ordinary that it needs no closer look: long, ASCII, printable, and without outer spaces.

    A short cut only: whatever is plain is neither garbage nor has hidden characters, and stays itself when trimmed.
    """
    return (
        _LONGEST_GARBAGE < len(value) < _LONGEST_PLAIN
        and value.isascii()
        and value.isprintable()
        and value[0] not in _GARBAGE_STARTS
        and value[-1] != " "
        and not ("{" in value or "%" in value or "[" in value or "|" in value)
        # neither 13085.0 nor 3.12346E+16
        and not (value[-1].isdigit() and ("." in value or "+" in value or "," in value or "-" in value[-4:]))
    )


def has_hidden_characters(value: str) -> bool:
    """Whether a value holds U+FFFD, a surrogate, or a control, zero-width or bidirectional character."""
    if value.isprintable():
        return "\ufffd" in value
    # separators and unassigned characters are not printable either, and do no harm
    return any(char == "\ufffd" or unicodedata.category(char) in _HIDDEN for char in value)


def normalise_trim(value: str) -> str:
    """White space off; a whole number without the zeros after its point. `none` keeps a value as it is."""
    return whole_number(value).strip()


def normalise_lower(value: str) -> str:
    """White space off, one Unicode form, lower case; a whole number without the zeros after its point."""
    return unicodedata.normalize("NFC", whole_number(value).strip()).lower()


def normalise_email(value: str, *, gmail: bool = False) -> str | None:
    """An address in NFC and lower case with an ASCII (IDNA) domain; null if it cannot be one.

    With `gmail`, dots and what follows `+` are left out of addresses at Gmail, which ignores both.
    """
    address = value.strip().lower()
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
        number = phonenumbers.parse(_EXTENSION.sub(r" ext. \1", whole_number(value)), region)
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
