"""What of the configuration shapes the tables of a stage, where that is less than whole sections.

Where a file lies, or how another stage reads it, is no reason to do a stage again. Each answer is what JSON can hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.stages.parameters import account_touch_sources, touch_sources

if TYPE_CHECKING:
    from oneuser.config import Config


def linking_facts(config: Config) -> list[object]:
    """What may not link without consent, and by what it counts as refused."""
    rules = config.consent
    return [sorted(rules.required_for_linking), sorted(rules.opt_out_refuses)] if rules.required_for_linking else []


def identity_facts(config: Config) -> list[object]:
    """The same, and what says who belongs to an account: of its files, which there are."""
    accounts = config.accounts.model_dump(mode="json", by_alias=True)
    return [linking_facts(config), accounts | {"files": sorted(config.accounts.files.declared)}]


def consent_facts(config: Config) -> list[object]:
    """Which identifiers are the strongest of a message, and which are known."""
    return [[name, rules.priority, rules.known] for name, rules in sorted(config.identity.id_types.items())]


def sessions_facts(config: Config) -> list[object]:
    """Sources whose events are touches, of people and of accounts."""
    return [touch_sources(config), account_touch_sources(config)]
