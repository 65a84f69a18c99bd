"""Attribution of a publication: as it was computed, or with parameters of one's own, by the same functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import structlog
from pyspark.sql import functions as F

from oneuser.api.asked_models import UNBOUNDED, Lookback, Models, are_fitted, bound_of, check_channels, each_of
from oneuser.api.entity_rows import EntityRows, Level, owner_of
from oneuser.config import parse_models
from oneuser.contracts import identity, marts, reference
from oneuser.core.errors import ConfigError
from oneuser.marts.attribution import attribute, bootstrap_intervals, lookback_sensitivity, model_agreement
from oneuser.marts.attribution.account_rows import AccountRows, milestones_of_accounts, rows_of_accounts
from oneuser.marts.attribution.attributing import DEFAULT_MODELS
from oneuser.marts.attribution.credit_rules import CreditRules
from oneuser.marts.attribution.credits import find_milestones
from oneuser.marts.attribution.fitted_tables import build_fitted_credits, find_journeys
from oneuser.marts.attribution.journeys import count_journeys
from oneuser.marts.attribution.path_rules import check_path_rules
from oneuser.marts.attribution.pooling import convert_opportunities, roll_up
from oneuser.marts.attribution.reporting import build_conversion_values
from oneuser.marts.attribution.spending import (
    build_attribution_spend,
    credited_in_all,
    spent_by_interval,
    spent_within,
)
from oneuser.marts.calendar import checked_calendar, micros_of
from oneuser.marts.provenance import Provenance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

    from oneuser.config import AttributionRules, ModelSpec
    from oneuser.contracts.table import TableContract
    from oneuser.marts.attribution.path_rules import PathRules

_log = structlog.get_logger("oneuser.api")
# rows that are computed when they are asked for say no more of how they were made
_ASKED = Provenance(params_id="", identity_run=0)


class Attributions(EntityRows):
    """Attribution of the people and accounts of a publication."""

    def attribution(
        self,
        model: Models | None = None,
        *,
        level: Level = "person",
        lookback_days: Lookback = None,
        spend: bool = False,
        **parameters: Any,
    ) -> DataFrame:
        """One row per model, conversion kind, currency and channel; of one model, or of several, where they are named.

        As it was published, unless something else is asked for: a model that was not, accounts, or parameters. Then it
        is computed with these, and else with those of the configuration, where the warehouse was opened with one.

        Args:
            model: Its name, a mapping with its parameters, or a list of these; see
                `oneuser.marts.attribution.attribute`.
            level: `person`, or `account`: the touches of all members while they are, the account's conversions, and the
                opportunities that it won.
            lookback_days: Days of 24 hours; "none" for no bound.
            spend: With what each channel cost, as rows of `attribution_spend`: those that were published, by interval
                and of all time (`interval_date` null), or in one where it is computed: of all time, or of the days that
                begin in the report range, in the zone of the calendar.
            parameters: As for `attribute`, such as `exclude_channels`, `transforms`, `converted_from`.

        Returns:
            At least `model`, `conversion`, `currency`, `channel`, `conversions`, `credit_minor`, `n_touches`,
            `entity_level`, `lookback_days`.

        Raises:
            ConfigError: naming what is wrong with a model or parameter, such as a channel that no rule gives and no
                touch has; where there is no spend.
        """
        table = self._table_of(level, spend=spend)
        if table is not None and lookback_days is None and not parameters:
            published = self.published.read(table)
            if model is None:
                return published
            asked = each_of(model)
            if all(isinstance(one, str) for one in asked) and {*asked} <= self.rows.distinct(table, "model"):
                return published.where(F.col("model").isin(*asked))
        credited = self.attribute(model, level=level, lookback_days=lookback_days, **parameters)
        summary = _summary(credited, level=level, lookback_days=self._lookback_days(lookback_days))
        if not spend:
            return summary
        how = {name: value for name, value in self._how(lookback_days, parameters).items() if name != "milestones"}
        labels = [spec.label for spec in parse_models(self._models(model))]
        return self._against_spend(summary, labels, check_path_rules(**how), level)

    def _table_of(self, level: Level, *, spend: bool) -> TableContract | None:
        """The published table of what is asked for without parameters; null where there is none."""
        owner_of(level)
        if spend and not self._has(reference.SPEND):
            raise ConfigError.single("spend", "there is none: name its files under `spend` in the configuration")
        if level == "person":
            return marts.ATTRIBUTION_SPEND if spend else marts.ATTRIBUTION_SUMMARY
        table = marts.ACCOUNT_ATTRIBUTION
        # it is left without rows where accounts are not credited any more
        return table if not spend and self._has(table) and self.rows.distinct(table, "model") else None

    def _against_spend(self, summary: DataFrame, labels: Sequence[str], rules: PathRules, level: Level) -> DataFrame:
        currency = (
            self.config.reporting_currency if self.config and "reporting_credit_minor" in summary.columns else None
        )
        of_config = self.config.attribution if self.config else None
        unit, week_start = (of_config.spend_unit, of_config.week_start) if of_config else ("month", "monday")
        calendar = checked_calendar(unit, rules.window.zone, week_start)
        spend, rates = self.published.read(reference.SPEND), self.published.read(reference.FX_RATES)
        within = spent_within(spend, calendar, since=rules.selected_from, until=rules.selected_until)
        spent, ever = (
            spent_by_interval(rows, rates, calendar, reporting_currency=currency) for rows in (within, spend)
        )
        told = summary.withColumn("reporting_currency", F.lit(currency).cast("string"))
        credited = credited_in_all(told, reporting_currency=currency)
        return build_attribution_spend(
            [credited],
            spent.where(F.col("interval_date").isNull()),
            calendar=calendar,
            provenance=_ASKED,
            asked=[(label, kind, True) for kind in self._kinds(level) for label in labels],
            currencies=ever,
        )

    def _kinds(self, level: Level) -> list[str]:
        """Kinds of conversions that are declared, or have been credited."""
        kinds = self.rows.distinct(marts.ATTRIBUTION_SUMMARY, "conversion")
        if self.config:
            kinds |= set(self.config.conversions)
        if level == "account" and self._has(reference.OPPORTUNITIES):
            kinds |= self.rows.distinct(reference.OPPORTUNITIES, "source")
        return sorted(kinds)

    def credits(self, model: str | None = None, *, level: Level = "person") -> DataFrame:
        """One row per conversion, model and credited touch.

        Credits of a model that is fitted on all paths are kept nowhere: where the configuration has one of that name,
        they are computed from the published fit, with the columns of `oneuser.marts.attribution.attribute`. That goes
        through the conversions and the touches of people who converted; of accounts, whose fit is made again, through
        those of all.

        Args:
            model: What its rows are called; the kept rows of all where null.
            level: `person` or `account`.
        """
        kept = marts.ATTRIBUTION_CREDITS if owner_of(level) == "user_id" else marts.ACCOUNT_CREDITS
        rules = None if self.config is None else CreditRules.of(self.config.attribution, self.config.conversions)
        fitted = [spec for spec in rules.fitted if spec.label == model] if rules else []
        if rules is None or not fitted:
            rows = self.published.read(kept)
            return rows if model is None else rows.where(F.col("model") == model)
        touches, conversions = self._eligible_touches(), self._valued_conversions(level)
        if level == "person":
            paths = self.published.read(marts.ATTRIBUTION_PATHS)
            journeys = find_journeys(touches, conversions, rules=rules, with_unconverted=False)
            return build_fitted_credits(journeys, paths, specs=fitted)
        complete_until = self._complete_until()
        end = None if complete_until is None else micros_of(complete_until)
        of_accounts = self._account_rows(touches, conversions, rules=rules, end=end)
        journeys = find_journeys(
            of_accounts.touches, of_accounts.conversions, rules=rules, watermark=end, owner=of_accounts.owner
        )
        return build_fitted_credits(journeys, count_journeys(journeys), specs=fitted)

    def attribute(
        self,
        model: Models | None = None,
        *,
        level: Level = "person",
        lookback_days: Lookback = None,
        **parameters: Any,
    ) -> DataFrame:
        """Credits of every conversion, computed with parameters of one's own.

        Takes what `attribution` takes, and answers what `oneuser.marts.attribution.attribute` does. Journeys of whoever
        did not convert end at the publication's watermark, unless another one is given.
        """
        models = self._models(model)
        asked = self._asked(models, level, lookback_days, parameters)
        return attribute(asked.touches, asked.conversions, models=models, milestones=asked.milestones, **asked.how)

    def model_agreement(self, *, level: Level = "person") -> DataFrame:
        """How far models divide conversions alike: see `oneuser.marts.attribution.model_agreement`.

        The published ones; of accounts that the job does not credit, those of the configuration, computed.
        """
        return model_agreement(self.attribution(level=level).where("is_additive"))

    def attribution_by_lookback(
        self,
        lookbacks: Sequence[Lookback] = (1, 7, 14, 30, 60, 90),
        *,
        model: Models | None = None,
        level: Level = "person",
        **parameters: Any,
    ) -> DataFrame:
        """What each channel gets with several look-backs: see `oneuser.marts.attribution.lookback_sensitivity`.

        "none" is one without a bound.
        """
        models = self._models(model)
        bounds = [bound_of(days) for days in lookbacks]
        # touches that any of them reaches
        longest: Lookback = UNBOUNDED
        if None not in bounds:
            longest = max((days or 0.0 for days in bounds), default=0.0)
        asked = self._asked(models, level, longest, parameters)
        how = {name: value for name, value in asked.how.items() if name != "lookback_days" or name in parameters}
        return lookback_sensitivity(
            asked.touches, asked.conversions, lookbacks=bounds, models=models, milestones=asked.milestones, **how
        )

    def attribution_intervals(
        self,
        model: str | Mapping[str, Any] = "markov_global",
        *,
        level: Level = "person",
        lookback_days: Lookback = None,
        samples: int = 200,
        seed: int = 0,
        confidence: float = 0.95,
        **parameters: Any,
    ) -> DataFrame:
        """How sure each channel's share is, over drawn people: see `oneuser.marts.attribution.bootstrap_intervals`."""
        if level == "account" and self._membership_at == "conversion":
            raise ConfigError.single(
                "attribution.membership_at",
                "accounts are drawn with all that they did, and by membership at the conversion each conversion is on "
                "its own: open the warehouse with `membership_at: touch`",
            )
        asked = self._asked([model], level, lookback_days, parameters)
        return bootstrap_intervals(
            asked.touches,
            asked.conversions,
            model=model,
            samples=samples,
            seed=seed,
            level=confidence,
            **asked.how,
        )

    def _asked(
        self,
        models: Sequence[str | Mapping[str, Any]],
        level: Level,
        lookback_days: Lookback,
        parameters: Mapping[str, Any],
    ) -> _Asked:
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
        return _Asked(
            touches.select(whose, "touch_id", "touched_at", "channel"),
            conversions.select(whose, *[name for name in facts if name in conversions.columns]),
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
        if model is not None:
            return each_of(model)
        return DEFAULT_MODELS if self.config is None else [_written(spec) for spec in self.config.attribution.specs]

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
            won = convert_opportunities(self.published.read(reference.OPPORTUNITIES), provenance=_ASKED)
            conversions = conversions.unionByName(won)
            currency = self.config.reporting_currency if self.config else None
            if currency is not None and self.config is not None:
                rates, zone = self.published.read(reference.FX_RATES), self.config.attribution.zone
                valued = build_conversion_values(won, rates, reporting_currency=currency, zone=zone, provenance=_ASKED)
                values = values.unionByName(valued)
        if level == "account":
            conversions = roll_up(conversions, self._above, time="converted_at")
        if not self._has(marts.CONVERSION_VALUES):
            return conversions
        return conversions.join(values.select("conversion_id", "reporting_minor"), on="conversion_id", how="left")


class _Asked(NamedTuple):
    """What is asked for; `how` are parameters of paths."""

    touches: DataFrame
    conversions: DataFrame
    milestones: DataFrame | None
    how: dict[str, Any]


def _written(spec: ModelSpec) -> dict[str, Any]:
    """A model of the configuration as a mapping with all its parameters."""
    parameters = dict(spec.parameters)
    shares = parameters.pop("shares", {})
    return {"model": spec.model, "name": spec.label, **parameters, **shares}


def _path_rules_of(rules: AttributionRules | None) -> dict[str, Any]:
    if rules is None:
        return {}
    names = ("lookback", "zone", "exclude_channels", "transforms", "conversion_scope", "reset_at_conversion")
    return {name: getattr(rules, name) for name in names}


def _summary(credited: DataFrame, *, level: Level, lookback_days: float | None) -> DataFrame:
    """Credits added up, with the columns of `attribution_summary` that say what was asked for."""
    summed = credited.groupBy("model", "conversion", "currency", "channel").agg(
        F.sum("weight").cast("decimal(30,12)").alias("conversions"),
        *[
            F.sum(F.col(name).cast("decimal(38,0)")).alias(name)
            for name in ("credit_minor", "reporting_credit_minor")
            if name in credited.columns
        ],
        F.count("touch_id").alias("n_touches"),
    )
    not_additive = credited.schema["model"].metadata.get("does_not_add_up", [])
    return summed.select(
        "*",
        (~F.col("model").isin(*not_additive)).alias("is_additive"),
        F.lit(level).alias("entity_level"),
        F.lit(lookback_days).cast("double").alias("lookback_days"),
    )
