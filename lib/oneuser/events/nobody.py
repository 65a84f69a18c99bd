"""Values that name nobody: what programs write into an identifier when they know none, by form where there is one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# longer values are none of these, unless they begin with one of these characters or hold what begins a template
LONGEST_GARBAGE = 20
QUOTES = "\"'`"
# a value that holds one is none of the words and names below
SIGNIFICANT_DIGIT = re.compile(r"[1-9]")
GARBAGE_STARTS = frozenset("0-+{(<[#$*%@_&=:~ \t\r\n" + QUOTES)

# as `fold_name` has them: (not set), not-set and NOT_SET are one
_WORDS = frozenset(
    """
    null none nil nan nat na nanind inf infinity true false undefined undef unset empty blank missing error invalid
    notset notavailable notapplicable notprovided notfound notauthenticated notloggedin novalue nodata nouser noid
    unknown unknownuser unidentified anonymous anonymoususer guest guestuser visitor default dummy void
    deleted deleteduser removed redacted masked anonymized anonymised
    nullptr dbnull systemdbnull optionalempty optionalnil objectobject objectnull objectundefined snil posthogcookieless
    unbekannt anonym gast desconocido anonimo anónimo invitado inconnu anonyme invité sconosciuto ospite onbekend
    неизвестно аноним гость
    """.split()  # noqa: SIM905 - read as words
)
# what no folding may touch: null in text files of MySQL and Hive, and -1 with either sign
_MARKS = frozenset(["\\n", "\\\\n", "-1", "\u22121", "(-1)", "[-1]"])
_MAILBOX_WORDS = _WORDS | {"noemail", "nomail", "noreply", "email", "test"}
# the name of a field in the place of its value, also by its path, or as documentation has it: YOUR_USER_ID
_FIELD = (
    r"(?:your|insert|enter|replacewith|my|the|some|this|window|data|event|message|context|traits|properties|analytics)*"
    r"(?:user|anonymous|distinct|device|customer|client|visitor|account|member|contact|profile|subscriber|external)?"
    r"(?:id|uid|uuid|guid)(?:here)?"
)
# zeros of any length and notation, the last UUID, a word several times, a mask, an object of which nothing is known
_FOLDED = re.compile(
    rf"0*(?:x0+)?|f{{16,}}|(?:null|undefined|none){{2,}}|x{{4,}}|(?:user)?o?id(?:null|undefined|none)|{_FIELD}"
)
# what a spreadsheet writes into a cell that it could not compute, or not show, in any language: #N/A, #¡REF!, #BEZUG!
_SPREADSHEET = re.compile(
    r"#+|#n/a.*|#[¡¿]?[^\W\d_]+(?:/0)?[!?]|#[^\W\d_]{1,3}/[^\W\d_]{1,3}[.!]?|err:[0-9]{3}|[+-]?1[.,]#[a-z]+"
    r"|#(?:ref|value|null|num|nv|err|error|name|qnan|getting_data)"
)
# a template that was not filled in, anywhere in a value
_TEMPLATE = re.compile(
    r"\{\{.*?\}\}|\A\s*\{\{|\{%.*?%\}|\{#.*?#\}|[$#@%]\{.*?\}|%%[^%]+%%|<%.*?%>|\[%.*?%\]|\*\|.*?\|\*"
    r"|\[\[.*?\]\]|\|\*.*?\*\||%7b.*?%7d|\A\s*(?:(?:async )?function\b[^(]*\(|promise \{)",
    re.DOTALL | re.IGNORECASE,
)
# and one that is all of the value: {name}, [NAME], <name>, %NAME%, $(name), __NAME__; objects and functions as text
_WHOLE_TEMPLATE = re.compile(
    r"\{[!$#]?[a-z_][a-z_.\s]*\}|\[[a-z_][a-z_.\s]*\]|<[^<>@]*>|&lt;.*&gt;|%[a-z_][\w .-]*%|%(?:[sdiu@]|\(\w*\)[sd])"
    r"|\$\(.*\)|@@.*@@|##.*##|__[a-z_]+__|\[(?:object|function)\b.*\]|\(.*\)\s*=>.*",
    re.DOTALL,
)
_SEPARATORS = re.compile(r"[\W_]+")


def is_garbage(value: str) -> bool:
    """Whether a value is one of those that programs write when they know nobody.

    Words (`null`, `(not set)`), errors of spreadsheets (`#N/A`), templates that were not filled in (`{{user.id}}`),
    names of fields (`userId`), zeros, punctuation alone; in any case, quotes and brackets around them.
    """
    if may_be_template(value) and _TEMPLATE.search(value) is not None:
        return True
    if len(value) > LONGEST_GARBAGE and value[0] not in GARBAGE_STARTS:
        return False
    bare = value.strip().strip(QUOTES).strip().casefold()
    if not bare[:1].isalnum() and (
        _WHOLE_TEMPLATE.fullmatch(bare) is not None or _SPREADSHEET.fullmatch(bare) is not None
    ):
        return True
    if bare in _MARKS:
        return True
    if SIGNIFICANT_DIGIT.search(bare) is not None:
        return ("#" in bare or bare[:4] == "err:") and _SPREADSHEET.fullmatch(bare) is not None
    name = fold_name(bare)
    return name in _WORDS or _FOLDED.fullmatch(name) is not None


def are_garbage(values: Sequence[str]) -> list[bool]:
    """`is_garbage` of many values, most of which are long."""
    if may_be_template("".join(values)):
        return [is_garbage(value) for value in values]
    return [(len(value) <= LONGEST_GARBAGE or value[0] in GARBAGE_STARTS) and is_garbage(value) for value in values]


def may_be_template(value: str) -> bool:
    """Whether a value holds a sign of a template; a short cut only."""
    return "{" in value or "%" in value or "[" in value or "|" in value


def is_nobodys_mailbox(address: str) -> bool:
    """Whether both sides of an address are such words: null@null.com, undefined@undefined."""
    local, _, domain = address.partition("@")
    is_word = len(local) <= LONGEST_GARBAGE and fold_name(local) in _MAILBOX_WORDS
    return is_word and fold_name(domain.partition(".")[0]) in _MAILBOX_WORDS


def fold_name(name: str) -> str:
    """A name without case and without what separates its words: `userId`, `user_id` and `User ID` are one."""
    return (name if name.isalnum() else _SEPARATORS.sub("", name)).casefold()
