"""The sections of a configuration that say how identifiers become people, for those who need no more of it."""

from __future__ import annotations

from oneuser.core.config.base import Section
from oneuser.core.config.identity import IdentityRules
from oneuser.core.config.model import ConsentRules


class RuleSections(Section):
    """Identity and consent."""

    identity: IdentityRules
    consent: ConsentRules = ConsentRules()
