"""Lines of a simulation that are no events: rules, links, erasure, rollback.

    block email: x@y.z          unblock email: x@y.z      also patterns: block email: re:^noreply@
    include A | B (reason)      exclude A | B (reason)    uninclude A | B    unexclude A | B
    link crm: A | B             unlink crm: A | B         unlink crm         link crm priority 3: A | B
    rule email limit 5          rule user_id unique       rule loyalty_id priority 7 known
    set shared_device last_owner
    erase user_id: 1            unsuppress user_id: 1     rollback 1

A and B are identifiers, `type: value`. A rule holds from the run in whose part it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

from oneuser.config.base import Place
from oneuser.core.identifier_text import Misread, read_identifier, read_pair
from oneuser.simulation.line_statements import (
    Block,
    Erase,
    Linked,
    Manual,
    Rollback,
    Setting,
    Statement,
    Unlinked,
    Unsuppress,
)

_WITH_REASON = re.compile(r"(.*?)\s*\(([^()]*)\)")
_LINK = re.compile(r"([A-Za-z_]\w*)(?:\s+priority\s+(\d{1,9}))?\s*:\s*(.*)")
_WHOLE_TABLE = re.compile(r"[A-Za-z_]\w*")
_NAME = re.compile(r"[A-Za-z_]\w*")

# words of `rule` that stand for themselves, and those that a value follows
_FLAGS: dict[str, tuple[str, bool]] = {
    "known": ("known", True), "anonymous": ("known", False), "unique": ("unique", True),
}  # fmt: skip
_TYPE_KEYS = ("priority", "limit", "max_persons_per_value", "normaliser", "default_region")
_SETTINGS: dict[str, Place] = {
    "survivor": ("identity", "survivor"),
    "conflict": ("identity", "conflict"),
    "shared_device": ("identity", "shared_device"),
    "max_identifiers_per_user": ("identity", "max_identifiers_per_user"),
    "may_join_unique": ("identity", "alias", "may_join_unique"),
    "previous_id_type": ("identity", "alias", "previous_id_type"),
    "required_for_linking": ("consent", "required_for_linking"),
}
_LISTS = ("required_for_linking",)


def _block(rest: str, line: int, *, is_on: bool) -> Block:
    return Block(line, read_identifier(rest), is_on)


def _manual(rest: str, line: int, *, action: Literal["include", "exclude"], is_on: bool) -> Manual:
    with_reason = _WITH_REASON.fullmatch(rest)
    pair, reason = (with_reason[1], with_reason[2]) if with_reason else (rest, "")
    return Manual(line, action, *read_pair(pair), reason, is_on)


def _link(rest: str, line: int) -> Linked:
    found = _LINK.fullmatch(rest)
    try:
        ends = read_pair(found[3] if found else "")
    except Misread:
        raise Misread(
            "expected the name of a link table and a pair, such as `link crm: user_id: 1 | email: ann@example.com`"
        ) from None
    return Linked(line, found[1] if found else "", *ends, int(found[2]) if found and found[2] else None)


def _unlink(rest: str, line: int) -> Unlinked:
    if _WHOLE_TABLE.fullmatch(rest):
        return Unlinked(line, rest, None)
    linked = _link(rest, line)
    return Unlinked(line, linked.source, (linked.a, linked.b))


def _erase(rest: str, line: int) -> Erase:
    return Erase(line, read_identifier(rest))


def _unsuppress(rest: str, line: int) -> Unsuppress:
    return Unsuppress(line, read_identifier(rest))


def _rule(rest: str, line: int) -> Setting:
    id_type, *words = rest.split() or [""]
    if not _NAME.fullmatch(id_type) or not words:
        raise Misread("expected an identifier type and what holds for it, such as `rule email limit 5`")
    values: dict[Place, Any] = {}
    pending = iter(words)
    for word in pending:
        is_not = word == "not"
        flag = next(pending, "") if is_not else word
        if flag in _FLAGS:
            key, value = _FLAGS[flag]
            values["identity", "id_types", id_type, key] = value != is_not
        elif word in _TYPE_KEYS:
            values["identity", "id_types", id_type, word] = _value(next(pending, None), word)
        else:
            raise Misread(
                f"expected one of {', '.join((*_FLAGS, *_TYPE_KEYS))}; `not` may stand before the first three"
            )
    return Setting(line, values)


def _set(rest: str, line: int) -> Setting:
    key, _, text = rest.partition(" ")
    if key not in _SETTINGS:
        raise Misread(f"expected one of {', '.join(_SETTINGS)}, and its value")
    if key in _LISTS:
        words = [word for word in text.replace(",", " ").split() if word != "none"]
        return Setting(line, {_SETTINGS[key]: words})
    return Setting(line, {_SETTINGS[key]: _value(text.strip() or None, key)})


def _value(word: str | None, key: str) -> Any:
    """A word as a value of the configuration."""
    if word is None:
        raise Misread(f"{key} has no value: expected one after it")
    if re.fullmatch(r"\d{1,9}", word):
        return int(word)
    return {"none": None, "true": True, "false": False}.get(word, word)


def _rollback(rest: str, line: int) -> Rollback:
    if not re.fullmatch(r"[1-9]\d{0,5}", rest):
        raise Misread("expected the number of an earlier run, such as `rollback 1`")
    return Rollback(line, int(rest))


DIRECTIVES: Mapping[str, Callable[[str, int], Statement]] = {
    "block": partial(_block, is_on=True),
    "unblock": partial(_block, is_on=False),
    "include": partial(_manual, action="include", is_on=True),
    "uninclude": partial(_manual, action="include", is_on=False),
    "exclude": partial(_manual, action="exclude", is_on=True),
    "unexclude": partial(_manual, action="exclude", is_on=False),
    "link": _link,
    "unlink": _unlink,
    "rule": _rule,
    "set": _set,
    "erase": _erase,
    "unsuppress": _unsuppress,
    "rollback": _rollback,
}
