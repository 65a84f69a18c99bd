"""What has to stand in the configuration for a table to be computed at all. The others come of every run."""

from __future__ import annotations

from oneuser.contracts import marts, reference
from oneuser.contracts.product import PRODUCT_TABLES

DECLARED_BY: dict[str, str] = {name: f"product.{name}" for name in PRODUCT_TABLES} | {
    reference.LINKS.name: "links",
    reference.ACCOUNT_PROFILES.name: "accounts.files.accounts",
    reference.ACCOUNT_PARENTS.name: "accounts.files.parents",
    reference.ACCOUNT_MEMBERS.name: "accounts.files.members",
    reference.FX_RATES.name: "fx_rates",
    reference.SPEND.name: "spend",
    reference.OPPORTUNITIES.name: "opportunities",
    reference.SUBSCRIPTIONS.name: "subscriptions",
    reference.SEATS.name: "seats",
    marts.CONVERSION_VALUES.name: "reporting_currency",
    marts.ATTRIBUTION_SPEND.name: "spend",
    marts.ACCOUNT_TOUCHES.name: "attribution.levels",
    marts.ACCOUNT_CREDITS.name: "attribution.levels",
    marts.ACCOUNT_ATTRIBUTION.name: "attribution.levels",
    marts.ACCOUNT_ATTRIBUTION_CHANGES.name: "attribution.levels",
    marts.ATTRIBUTION_PATHS.name: "attribution.models",
    marts.ATTRIBUTION_TRANSITIONS.name: "attribution.models",
    marts.ATTRIBUTION_REMOVAL_EFFECTS.name: "attribution.models",
}
