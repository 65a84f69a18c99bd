"""The sections of a configuration that say how identifiers become people, for those who need no more of it."""

from __future__ import annotations

from oneuser.config.base import Section
from oneuser.config.identity import IdentityRules
from oneuser.config.model import ConsentRules


class RuleSections(Section):
    """Identity and consent."""

    identity: IdentityRules = IdentityRules()
    consent: ConsentRules = ConsentRules()
