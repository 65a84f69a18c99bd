"""Channel rules as data: those of the configuration, or the built-in table, in one form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneuser.config import ChannelRule, Condition

_BUILT_IN = "default_channels.yaml"
# fields that are matched against hosts, where a list's bare names mean nothing
_HOST_FIELDS = ("referrer_host", "external_referrer_host", "landing_host")
# `google.*` is google.com, google.de, google.co.uk, but not google.example.com
_COUNTRY = r"[a-z]{2,3}(?:\.[a-z]{2})?"


@dataclass(frozen=True)
class Test:
    """A test of one field, without regard to case. Exactly one of the others is set.

    `any_of` holds lower-case values, `pattern` a regular expression that is searched for, `present` whether there must
    be a value. An absent value passes `present=False` only.
    """

    field: str
    any_of: tuple[str, ...] | None = None
    pattern: str | None = None
    present: bool | None = None


@dataclass(frozen=True)
class Rule:
    """A touch that passes every test belongs to the channel."""

    name: str
    channel: str
    tests: tuple[Test, ...]


def declared_rules(rules: Sequence[ChannelRule]) -> tuple[Rule, ...]:
    """The rules of a configuration, in their order."""
    return tuple(
        Rule(rule.name, rule.channel, tuple(_declared_test(field, test) for field, test in rule.when.items()))
        for rule in rules
    )


def _declared_test(field: str, condition: Condition) -> Test:
    if condition.equals is not None:
        return Test(field, any_of=(_folded(condition.equals),))
    if condition.one_of is not None:
        return Test(field, any_of=tuple(_folded(value) for value in condition.one_of))
    if condition.matches is not None:
        return Test(field, pattern=condition.matches)
    return Test(field, present=condition.present)


@cache
def default_rules() -> tuple[Rule, ...]:
    """The built-in table, in its order."""
    written = YAML(typ="safe", pure=True).load(default_rules_text())
    sites = written["sites"]
    return tuple(
        Rule(
            rule["name"],
            rule["channel"],
            tuple(_built_in_test(field, test, sites) for field, test in (rule["when"] or {}).items()),
        )
        for rule in written["rules"]
    )


def default_rules_text() -> str:
    """The built-in table as it is written; its hash is part of what shapes a touch."""
    return resources.files("oneuser.marts.sessions").joinpath(_BUILT_IN).read_text(encoding="utf-8")


def _built_in_test(field: str, test: Mapping[str, Any], sites: Mapping[str, Any]) -> Test:
    ((kind, value),) = test.items()
    if kind == "equals":
        return Test(field, any_of=(_folded(value),))
    if kind == "in":
        return Test(field, any_of=tuple(_folded(item) for item in value))
    if kind == "matches":
        return Test(field, pattern=value)
    if kind == "present":
        return Test(field, present=value)
    if kind == "sites":
        listed = sites[value]
        return Test(field, pattern=site_pattern([] if field in _HOST_FIELDS else listed["names"], listed["hosts"]))
    raise KeyError(kind)


def site_pattern(names: Sequence[str], hosts: Sequence[str]) -> str:
    """A regular expression for whole values: one of the names, or one of the hosts or a host under it."""
    written = "|".join(
        re.escape(host.removesuffix(".*")) + (rf"\.{_COUNTRY}" if host.endswith(".*") else "") for host in hosts
    )
    alternatives = [rf"(?:.+\.)?(?:{written})", *(re.escape(name) for name in names)]
    return rf"^(?:{'|'.join(alternatives)})\Z"


def _folded(text: object) -> str:
    return str(text).strip().lower()
