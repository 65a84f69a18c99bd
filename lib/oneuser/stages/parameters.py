"""Hashes of the parameters that shape analytics rows. Where a source lies or how it is parsed is none of them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from oneuser.config import section_hash
from oneuser.marts.provenance import Provenance
from oneuser.marts.retention.definition import Definition, checked_definition
from oneuser.marts.sessions.channel_rules import default_rules_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneuser.config import Config, PropertyFilter, RetentionRules
    from oneuser.stages.context import RunContext


def touch_sources(config: Config) -> list[str]:
    """Sources whose events are touches themselves, in alphabetical order."""
    return sorted(name for name, source in config.sources.items() if source.touch == "event")


def account_touch_sources(config: Config) -> list[str]:
    """Those whose touches may be of an account and nobody: none where accounts are not credited."""
    return touch_sources(config) if "account" in config.attribution.levels else []


def sessions_provenance(ctx: RunContext) -> Provenance:
    """How sessions are made."""
    return _provenance(ctx, ["sessions"], touch_sources(ctx.config))


def touches_provenance(ctx: RunContext) -> Provenance:
    """How touches are made."""
    return _provenance(ctx, ["sessions", "channels"], *_channel_facts(ctx.config))


def conversions_provenance(ctx: RunContext) -> Provenance:
    """How conversions are made."""
    return _provenance(ctx, ["conversions"])


def credits_provenance(ctx: RunContext) -> Provenance:
    """How credits are made: from touches of people who consent, and conversions, by the models."""
    return Provenance(params_id=credits_params_id(ctx.config), identity_run=ctx.run_seq)


def credits_params_id(config: Config) -> str:
    """Hash of what shapes credits."""
    sections = ["sessions", "channels", "conversions", "attribution", "reporting_currency"]
    return _hashed([section_hash(config, *sections), *_channel_facts(config), *attribution_consent(config)])


def activity_properties(config: Config) -> tuple[str, ...]:
    """Properties that some definition read off `activity` names, as paths within an event's properties."""
    of_people = [
        one for name, one in retention_definitions(config).items() if config.retentions[name].level == "person"
    ]
    of_retention = {name for one in of_people for name in one.properties}
    of_product = {property_key(path) for one in config.product.of_activity() for path in one.where}
    return tuple(sorted(of_retention | of_product))


def activity_provenance(ctx: RunContext) -> Provenance:
    """How activity is made: by the declared properties alone."""
    return Provenance(params_id=_hashed(["activity", *activity_properties(ctx.config)]), identity_run=ctx.run_seq)


def retention_definitions(config: Config) -> dict[str, Definition]:
    """Every declared retention by name, in alphabetical order."""
    return {name: _definition(rules) for name, rules in sorted(config.retentions.items())}


def retention_provenance(ctx: RunContext, name: str) -> Provenance:
    """How retention of one name is made."""
    return Provenance(params_id=retention_params_id(ctx.config, name), identity_run=ctx.run_seq)


def retention_params_id(config: Config, name: str) -> str:
    """Hash of what shapes retention of one name."""
    return _hashed(["retention", config.retentions[name].model_dump(mode="json", by_alias=True)])


def product_provenance(ctx: RunContext, table: str, name: str) -> Provenance:
    """How rows of a table of product analytics are made, of one name."""
    return Provenance(params_id=product_params_id(ctx.config, table, name), identity_run=ctx.run_seq)


def product_params_id(config: Config, table: str, name: str) -> str:
    """Hash of what shapes rows of a table of product analytics, of one name."""
    rules = getattr(config.product, table)[name]
    facts = [section_hash(config, "conversions")] if hasattr(rules, "conversions") else []
    return _hashed(["product", table, rules.model_dump(mode="json", by_alias=True), *facts])


def _definition(rules: RetentionRules) -> Definition:
    return checked_definition(
        unit=rules.unit,
        zone=rules.zone,
        week_start=rules.week_start,
        mode=[{"from": one.first, "until": one.last} for one in rules.brackets] or rules.mode,
        membership=rules.membership,
        min_events=rules.min_events,
        basis=rules.basis,
        start=rules.starts.names,
        start_where=where_of(rules.starts.where),
        return_event=rules.returns.names,
        return_where=where_of(rules.returns.where),
        breakdown=None if rules.breakdown is None else property_key(rules.breakdown),
        breakdown_at=rules.breakdown_at,
        max_offset=rules.max_offset,
    )


def where_of(tests: Mapping[str, PropertyFilter]) -> dict[str, Any]:
    """Tests of properties as `oneuser.marts` takes them."""
    return {
        property_key(path): [test.equals] if test.equals is not None else list(test.one_of or ())
        for path, test in tests.items()
    }


def property_key(path: str) -> str:
    """A property as its path within an event's properties."""
    return path.removeprefix("properties.")


def _channel_facts(config: Config) -> list[Any]:
    return [touch_sources(config), default_rules_text() if config.channels is None else None]


def attribution_consent(config: Config) -> list[Any]:
    """What attribution needs consent for, and by what it counts as refused; nothing where it needs none."""
    rules = config.consent
    if not rules.required_for_attribution:
        return []
    return [sorted(one) for one in (rules.required_for_attribution, rules.opt_out_refuses, rules.events)]


def _provenance(ctx: RunContext, sections: list[str], *facts: Any) -> Provenance:
    return Provenance(params_id=_hashed([section_hash(ctx.config, *sections), *facts]), identity_run=ctx.run_seq)


def _hashed(facts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(facts, ensure_ascii=False).encode()).hexdigest()
