"""What a message says about consent, in one form, whatever form its source has for it. Python, on executors.

The form is that of Segment: `{"categoryPreferences": {purpose: bool}}`, beside whatever else the object holds, and
`"optOut": true` where the message carries a signal against sale and sharing, such as `Sec-GPC`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from oneuser.events.values import open_text

PREFERENCES, OPT_OUT = "categoryPreferences", "optOut"
# a message that names more purposes, or longer ones, says nothing that anybody asked
_MOST_PURPOSES = 100
_LONGEST_PURPOSE = 128
_WORDS = {
    **dict.fromkeys(("true", "yes", "granted", "opt_in", "opted_in"), True),
    **dict.fromkeys(("false", "no", "denied", "opt_out", "opted_out"), False),
}
# of Snowplow's consent_preferences; pending and implicit_consent state nothing
_SCOPES = ("consentScopes", "consent_scopes")
_SCOPES_ARE = {
    **dict.fromkeys(("allow_all", "allow_selected"), True),
    **dict.fromkeys(("deny_all", "withdrawn", "expired"), False),
}
# beside the purposes of GA4's privacy_info
_NO_PURPOSES = frozenset({"uses_transient_token"})
_NUMBERS = {"1": True, "0": False}
# the header's value, as a number, a text, a word or a structured field
_OPTED_OUT = frozenset({"1", "true", "yes", "?1"})
# version, notice given, opted out of sale, service provider agreement
_US_PRIVACY = re.compile(r"[0-9][YN-]Y[YN-]", re.IGNORECASE)


def read_consent(found: dict[str, Any] | None, opt_out: Any = None) -> dict[str, Any] | None:
    """The consent of one message; null where it says nothing about it.

    Args:
        found: The consent object of the message: one with `categoryPreferences`; one with `allowedConsentIds` and
            `deniedConsentIds`; one with `consentScopes` and the `eventType` that says what became of them; else its
            keys are purposes, as far as their values can be read. Values are true or false, also as a word (yes,
            granted, denied …); what is neither says nothing.
        opt_out: What the message carries as a signal against sale and sharing: true, 1, or a US privacy string whose
            third letter is Y. Anything else is none, and grants nothing.
    """
    if not found:
        return {OPT_OUT: True} if is_opt_out(opt_out) else None
    stated = found.get(PREFERENCES)
    preferences = _preferences(found, stated)
    if preferences is not stated:
        found = {**found, PREFERENCES: preferences}
    if opt_out is not None or OPT_OUT in found:
        is_out = is_opt_out(opt_out) or is_opt_out(found.get(OPT_OUT))
        found = {
            **{key: value for key, value in found.items() if key != OPT_OUT},
            **({OPT_OUT: True} if is_out else {}),
        }
    return found


def is_opt_out(value: Any) -> bool:
    """Whether a value is a signal against sale and sharing."""
    if value is None or type(value) is bool:
        return value is True
    text = str(value).strip().lower()
    return text in _OPTED_OUT or _US_PRIVACY.fullmatch(text) is not None


def _preferences(found: dict[str, Any], stated: Any) -> dict[str, bool]:
    """Purposes with true or false; `stated` itself where it is just that."""
    if type(stated) is dict:
        if set(map(type, stated.values())) <= {bool} and _is_short(stated):
            return stated
        return _readable((purpose, _granted(value)) for purpose, value in stated.items())
    opened = open_text(stated)
    if opened:
        return _preferences(found, opened)
    allowed, denied = found.get("allowedConsentIds"), found.get("deniedConsentIds")
    if isinstance(allowed, list) or isinstance(denied, list):
        # of a purpose on both lists, what it refuses counts
        lists = ((allowed, True), (denied, False))
        return _readable((one, granted) for ids, granted in lists if isinstance(ids, list) for one in ids)
    scopes = next((found[name] for name in _SCOPES if name in found), None)
    if scopes is not None:
        granted = _SCOPES_ARE.get(str(found.get("eventType", found.get("event_type"))).lower())
        return _readable((scope, granted) for scope in _listed(scopes))
    # a bare number is a version sooner than an answer
    named = ((purpose, value) for purpose, value in found.items() if purpose not in _NO_PURPOSES)
    return _readable((purpose, _granted(value, may_be_number=False)) for purpose, value in named)


def _listed(scopes: Any) -> list[Any]:
    """A list, also as its JSON in a text, as columns of tables have it."""
    if isinstance(scopes, str):
        try:
            scopes = json.loads(scopes)
        except (ValueError, RecursionError):
            return []
    return scopes if isinstance(scopes, list) else []


def _is_short(stated: dict[str, Any]) -> bool:
    return len(stated) <= _MOST_PURPOSES and all(0 < len(purpose) <= _LONGEST_PURPOSE for purpose in stated)


def _readable(pairs: Any) -> dict[str, bool]:
    kept: dict[str, bool] = {}
    for purpose, granted in pairs:
        if granted is None or type(purpose) is not str or not 0 < len(purpose) <= _LONGEST_PURPOSE:
            continue
        if len(kept) < _MOST_PURPOSES or purpose in kept:
            kept[purpose] = granted
    return kept


def _granted(value: Any, *, may_be_number: bool = True) -> bool | None:
    if type(value) is bool:
        return value
    if value is None or isinstance(value, dict | list) or not (may_be_number or type(value) is str):
        return None
    text = str(value).strip().lower()
    return _WORDS.get(text, _NUMBERS.get(text) if may_be_number else None)
