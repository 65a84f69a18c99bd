"""What attribution is computed from: touches, conversions and milestones of people or accounts, and parameters."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import structlog
from pyspark.sql import functions as F

from oneuser.api.asked_models import (
    CHANNEL,
    Lookback,
    Models,
    are_fitted,
    as_configured,
    bound_of,
    check_channels,
    each_of,
    written,
)
from oneuser.api.entity_rows import EntityRows, Level, owner_of
from oneuser.contracts import identity, marts, reference
from oneuser.contracts import raw as raw_zone
from oneuser.marts.attribution.account_rows import AccountRows, milestones_of_accounts, rows_of_accounts
from oneuser.marts.attribution.attributing import DEFAULT_MODELS
from oneuser.marts.attribution.credit_rules import CreditRules
from oneuser.marts.attribution.credits import find_milestones
from oneuser.marts.attribution.fitted_tables import with_wide_money
from oneuser.marts.attribution.path_rules import check_path_rules
from oneuser.marts.attribution.pooling import convert_opportunities, pool_touches, roll_up
from oneuser.marts.attribution.reporting import build_conversion_values
from oneuser.marts.properties import property_text
from oneuser.marts.provenance import Provenance
from oneuser.spark.stable_ids import OF_TOUCH, stable_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import Column, DataFrame

    from oneuser.config import AttributionRules
    from oneuser.marts.attribution.path_rules import PathRules

_log = structlog.get_logger("oneuser.api")
# rows that are computed when they are asked for say no more of how they were made
ASKED = Provenance(params_id="", identity_run=0)


class Asked(NamedTuple):
    """What is asked for; `how` are parameters of paths."""

    touches: DataFrame
    conversions: DataFrame
    milestones: DataFrame | None
    how: dict[str, Any]


class AttributedRows(EntityRows):
    """Touches and conversions of a publication, as the functions of `oneuser.marts.attribution` take them."""

    def _asked(
        self,
        models: Sequence[str | Mapping[str, Any]],
        level: Level,
        lookback_days: Lookback,
        parameters: Mapping[str, Any],
    ) -> Asked:
        """Touches and conversions of people or accounts, as the functions of `oneuser.marts.attribution` take them."""
        owner = owner_of(level)
        how = self._how(lookback_days, parameters)
        self._check_channels(models, how, level)
        milestones = how.pop("milestones", None)
        is_fitted = are_fitted(models)
        if is_fitted and how.get("watermark") is None:
            how["watermark"] = self._complete_until()
        touches, conversions = self._eligible_touches(), self._valued_conversions(level)
        if level == "account":
            checked = check_path_rules(**how)
            until = None if checked.selected_until is None else checked.selected_until - 1
            ends = [end for end in (until, checked.watermark) if is_fitted and end is not None]
            rows = self._account_rows(
                touches,
                conversions,
                rules=checked,
                milestones=milestones,
                is_selected=checked.selects(F.col("converted_at")),
                end=min(ends, default=None),
            )
            touches, conversions, milestones, owner = rows
        elif milestones is None and (roles := self._roles):
            milestones = find_milestones(conversions, roles)
        whose = F.col(owner).alias("entity_id")
        facts = ["conversion_id", "converted_at", "conversion", "value_minor", "currency", "reporting_minor"]
        valued = with_wide_money(conversions) if is_fitted else conversions
        return Asked(
            touches.select(whose, "touch_id", "touched_at", "channel"),
            valued.select(whose, *[name for name in facts if name in conversions.columns]),
            milestones,
            how,
        )

    def _check_channels(self, models: Sequence[str | Mapping[str, Any]], how: Mapping[str, Any], level: Level) -> None:
        tables = [marts.TOUCHES, *([marts.ACCOUNT_TOUCHES] if level == "account" else [])]

        def of_touches() -> set[str]:
            return {name for one in tables if self._has(one) for name in self.rows.distinct(one, "channel")}

        check_channels(models, how, rules=self.config.channels if self.config else None, of_touches=of_touches)

    def _how(self, lookback_days: Lookback, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters of paths: those that are given, else the configuration's."""
        rules = self.config.attribution if self.config else None
        return {"lookback_days": self._lookback_days(lookback_days), **_path_rules_of(rules), **parameters}

    def _account_rows(
        self,
        touches: DataFrame,
        conversions: DataFrame,
        *,
        rules: CreditRules | PathRules,
        milestones: DataFrame | None = None,
        is_selected: Column | None = None,
        end: int | None = None,
    ) -> AccountRows:
        """As the job makes them, by the configuration's membership and roll-up, of what `_valued_conversions` gives."""
        read, above = self.published.read, self._above
        if milestones is None:
            opportunities = read(reference.OPPORTUNITIES) if self._has(reference.OPPORTUNITIES) else None
            milestones = milestones_of_accounts(conversions, opportunities, roles=self._roles, rollup=above)
        return rows_of_accounts(
            touches,
            read(identity.ACCOUNT_MEMBERSHIPS),
            conversions,
            rules=rules,
            membership_at=self._membership_at,
            rollup=above,
            own=self._touches_of_nobody(),
            milestones=milestones,
            is_selected=is_selected,
            end=end,
        )

    def _account_journeys(self) -> tuple[DataFrame, DataFrame]:
        """Touches and conversions of accounts, by `account_id`, whoever consents.

        With membership at the conversion, touches of whoever was a member when the account converted, within look-back
        and two days of it, stand beside those of whoever was one at the touch.
        """
        read, conversions = self.published.read, self._valued_conversions("account")
        touches = read(marts.TOUCHES)
        own = read(marts.ACCOUNT_TOUCHES) if self._has(marts.ACCOUNT_TOUCHES) else None
        found = pool_touches(touches, read(identity.ACCOUNT_MEMBERSHIPS), self._above, own=own)
        if self.config is not None and self._membership_at == "conversion":
            rules = CreditRules.of(self.config.attribution, self.config.conversions)
            pooled = self._account_rows(touches, conversions, rules=rules)
            of_accounts = pooled.conversions.select(pooled.owner, "account_id")
            met = pooled.touches.join(of_accounts, on=pooled.owner, how="inner").select(*found.columns)
            found = found.unionByName(met).distinct()
        named = touches if own is None else touches.unionByName(own, allowMissingColumns=True)
        campaigns = named.select("touch_id", "campaign_name")
        return found.join(campaigns, on="touch_id", how="left"), conversions

    @property
    def _above(self) -> DataFrame | None:
        """Which accounts are above which, where the configuration rolls them up."""
        is_rolled_up = bool(self.config and self.config.attribution.roll_up)
        return self.published.read(identity.ACCOUNT_ROLLUP) if is_rolled_up else None

    @property
    def _membership_at(self) -> Literal["touch", "conversion"]:
        return self.config.attribution.membership_at if self.config else "touch"

    @property
    def _roles(self) -> dict[str, str]:
        """Kinds of conversions that the configuration calls milestones, and which."""
        kinds = self.config.conversions if self.config else {}
        return {name: kind.milestone for name, kind in kinds.items() if kind.milestone}

    def _models(self, model: Models | None) -> Sequence[str | Mapping[str, Any]]:
        rules = self.config.attribution if self.config else None
        if model is not None:
            return as_configured(each_of(model), rules)
        return DEFAULT_MODELS if rules is None else [written(spec) for spec in rules.specs]

    def _lookback_days(self, asked: Lookback) -> float | None:
        """Days; null for no bound."""
        if asked is not None:
            return bound_of(asked)
        return self.config.attribution.lookback_days if self.config else 30

    def _eligible_touches(self) -> DataFrame:
        """Touches of people who grant what attribution needs, by the configuration or by that of the newest run."""
        return self.of_consenting(self.published.read(marts.TOUCHES), self._purposes)

    @property
    def _purposes(self) -> tuple[str, ...]:
        purposes = self.required_purposes("attribution")
        if purposes is None:
            _log.warning("touches of all people are credited", why="no run says which purposes attribution needs")
        return purposes or ()

    def _touch_facts(self, columns: Mapping[str, str | None], level: Level) -> DataFrame:
        """What touches say: `touch_id`, and the columns, each of the touch itself or a property of its event."""
        own = [name for name, path in columns.items() if path is None and name != CHANNEL]
        of_account = level == "account" and self._has(marts.ACCOUNT_TOUCHES)
        tables = [marts.TOUCHES, *([marts.ACCOUNT_TOUCHES] if of_account else [])]
        each = [
            self.published.read(one).select("touch_id", *[name for name in own if name in one.columns])
            for one in tables
        ]
        touches = reduce(lambda some, more: some.unionByName(more, allowMissingColumns=True), each)
        properties = {name: property_text(path) for name, path in columns.items() if path is not None}
        if not properties:
            return touches
        events = self.published.read(raw_zone.EVENTS).select(
            stable_id(OF_TOUCH, "message_key").alias("touch_id"),
            *[text.alias(name) for name, text in properties.items()],
        )
        return touches.join(events, on="touch_id", how="left")

    def _touches_of_nobody(self) -> DataFrame | None:
        """Touches that name an account; none where attribution needs consent, which nobody is there to give."""
        if self._purposes or not self._has(marts.ACCOUNT_TOUCHES):
            return None
        return self.published.read(marts.ACCOUNT_TOUCHES)

    def _valued_conversions(self, level: Level = "person") -> DataFrame:
        """Conversions; with `reporting_minor` where the run had a reporting currency.

        Those of accounts have won opportunities among them, and are of the account furthest above where they roll up.
        """
        conversions, values = self.published.read(marts.CONVERSIONS), self.published.read(marts.CONVERSION_VALUES)
        if level == "account" and self._has(reference.OPPORTUNITIES):
            won = convert_opportunities(self.published.read(reference.OPPORTUNITIES), provenance=ASKED)
            conversions = conversions.unionByName(won)
            currency = self.config.reporting_currency if self.config else None
            if currency is not None and self.config is not None:
                rates, zone = self.published.read(reference.FX_RATES), self.config.attribution.zone
                valued = build_conversion_values(won, rates, reporting_currency=currency, zone=zone, provenance=ASKED)
                values = values.unionByName(valued)
        if level == "account":
            conversions = roll_up(conversions, self._above, time="converted_at")
        if not self._has(marts.CONVERSION_VALUES):
            return conversions
        return conversions.join(values.select("conversion_id", "reporting_minor"), on="conversion_id", how="left")


def _path_rules_of(rules: AttributionRules | None) -> dict[str, Any]:
    if rules is None:
        return {}
    names = ("lookback", "zone", "exclude_channels", "transforms", "conversion_scope", "reset_at_conversion")
    return {name: getattr(rules, name) for name in names}
