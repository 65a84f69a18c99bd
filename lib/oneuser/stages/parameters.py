"""Hashes of the parameters that shape analytics rows. Where a source lies or how it is parsed is none of them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from oneuser.config import section_hash
from oneuser.marts.provenance import Provenance
from oneuser.marts.sessions.channel_rules import default_rules_text

if TYPE_CHECKING:
    from oneuser.config import Config
    from oneuser.stages.context import RunContext


def touch_sources(config: Config) -> list[str]:
    """Sources whose events are touches themselves, in alphabetical order."""
    return sorted(name for name, source in config.sources.items() if source.touch == "event")


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
    """How credits are made: from touches and conversions, by the models."""
    return _provenance(ctx, ["sessions", "channels", "conversions", "attribution"], *_channel_facts(ctx.config))


def retention_provenance(ctx: RunContext) -> Provenance:
    """How activity and retention are made."""
    return _provenance(ctx, ["retention"])


def _channel_facts(config: Config) -> list[Any]:
    return [touch_sources(config), default_rules_text() if config.channels is None else None]


def _provenance(ctx: RunContext, sections: list[str], *facts: Any) -> Provenance:
    text = json.dumps([section_hash(ctx.config, *sections), *facts], ensure_ascii=False)
    return Provenance(params_id=hashlib.sha256(text.encode()).hexdigest(), identity_run=ctx.run_seq)
