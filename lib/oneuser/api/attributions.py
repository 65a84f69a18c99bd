"""Attribution of a publication: as it was computed, or with parameters of one's own, by the same functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from oneuser.api.asked_models import (
    CHANNEL,
    UNBOUNDED,
    Lookback,
    Models,
    are_fitted,
    bound_of,
    each_of,
    facts_of,
    with_touches,
)
from oneuser.api.attributed_rows import ASKED, Asked, AttributedRows
from oneuser.api.configured import of_other_rules
from oneuser.api.entity_rows import Level, owner_of
from oneuser.config import parse_models, parse_transforms
from oneuser.contracts import marts, reference
from oneuser.core.errors import ConfigError
from oneuser.marts.attribution import (
    attribute,
    bootstrap_intervals,
    credit_by,
    lags_and_lengths,
    lookback_sensitivity,
    model_agreement,
)
from oneuser.marts.attribution.credit_rules import CreditRules, describe_transforms
from oneuser.marts.attribution.credits import window_facts
from oneuser.marts.attribution.fitted_credits import SOLVED
from oneuser.marts.attribution.fitted_tables import build_fitted_credits, find_journeys
from oneuser.marts.attribution.journeys import count_journeys
from oneuser.marts.attribution.lags import sum_lags_and_lengths
from oneuser.marts.attribution.path_rules import check_path_rules
from oneuser.marts.attribution.spending import (
    build_attribution_spend,
    credited_in_all,
    spent_by_interval,
    spent_within,
)
from oneuser.marts.calendar import checked_calendar, micros_of
from oneuser.stages.parameters import credits_params_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

    from oneuser.contracts.table import TableContract

# kept credits, and what they add up to, which says how both were made
_OF_LEVEL: dict[Level, tuple[TableContract, TableContract]] = {
    "person": (marts.ATTRIBUTION_CREDITS, marts.ATTRIBUTION_SUMMARY),
    "account": (marts.ACCOUNT_CREDITS, marts.ACCOUNT_ATTRIBUTION),
}
_MADE = ("is_additive", "transforms", "entity_level", "lookback_days", "lookback", "zone", "watermark")


class Attributions(AttributedRows):
    """Attribution of the people and accounts of a publication."""

    def attribution(
        self,
        model: Models | None = None,
        *,
        level: Level = "person",
        lookback_days: Lookback = None,
        spend: bool = False,
        by: str | Sequence[str] = CHANNEL,
        **parameters: Any,
    ) -> DataFrame:
        """One row per model, conversion kind, currency and channel; of one model, or of several, where they are named.

        As it was published, unless something else is asked for: a model that was not, accounts, or parameters. Then it
        is computed with these, and else with those of the configuration, where the warehouse was opened with one.

        Args:
            model: Its name, a mapping with its parameters, or a list of these; see
                `oneuser.marts.attribution.attribute`. A name has the parameters that the configuration gives it.
            level: `person`, or `account`: the touches of all members while they are, the account's conversions, and the
                opportunities that it won.
            lookback_days: Days of 24 hours; "none" for no bound.
            spend: With what each channel cost, as rows of `attribution_spend`: those that were published, by interval
                and of all time (`interval_date` null), or in one where it is computed: of all time, or of the days that
                begin in the report range, in the zone of the calendar.
            by: What credit is told apart by: `channel`, `campaign_source`, `campaign_medium`, `campaign_name`,
                `campaign_content`, `source`, `kind`, `channel_rule`, or a property of the touch's event, such as
                `properties.plan`, read from the raw zone, whose column is `properties_plan`; or several of these.
                Models that credit channels and no touches are left out, or refused where they are named.
            parameters: As for `attribute`, such as `exclude_channels`, `transforms`, `converted_from`.

        Returns:
            At least `model`, `conversion`, `currency`, `channel` (or the columns of `by`, see
            `oneuser.marts.attribution.credit_by`), `conversions`, `credit_minor`, `n_touches`, and how these were made:
            `is_additive`, `transforms`, `entity_level`, `lookback_days`, `lookback`, `zone`, and the `watermark` of
            models that are fitted on all journeys. Of models that credit channels also `channel_value`, `is_sampled`
            and `is_negative`.

        Raises:
            ConfigError: naming what is wrong with a model or parameter, such as a channel that no rule gives and no
                touch has; where there is no spend.
        """
        columns = facts_of(by)
        is_plain = lookback_days is None and not parameters
        if columns != {CHANNEL: None}:
            if spend:
                raise ConfigError.single(
                    "by",
                    "spend is set against channels; `add_spend` of `oneuser.marts.attribution` does it by others",
                )
            return self._by_touch(model, columns, level, lookback_days, parameters)
        table = self._table_of(level, spend=spend)
        published = self._published(model, table) if is_plain else None
        if published is not None:
            return published
        models = self._models(model)
        asked = self._asked(models, level, lookback_days, parameters)
        summary = _told(_summary(_attributed(models, asked)), models, asked.how, level)
        if not spend:
            return summary
        return self._against_spend(summary, models, asked.how, level)

    def _published(self, model: Models | None, table: TableContract | None) -> DataFrame | None:
        """Rows as they were published; null where they were not."""
        if table is None or model is None:
            return None if table is None else self.published.read(table)
        asked = each_of(model)
        is_there = all(isinstance(one, str) for one in asked) and {*asked} <= self.rows.distinct(table, "model")
        return self.published.read(table).where(F.col("model").isin(*asked)) if is_there else None

    def _by_touch(
        self,
        model: Models | None,
        columns: Mapping[str, str | None],
        level: Level,
        lookback_days: Lookback,
        parameters: Mapping[str, Any],
    ) -> DataFrame:
        """Credit by what touches say: kept credits where these are asked for, else computed ones."""
        touches = self._touch_facts(columns, level)
        kept = self._kept(model, level) if lookback_days is None and not parameters else None
        if kept is not None and (model is not None or self._keeps_all(level)):
            return self._made(credit_by(kept, touches, by=list(columns)), level)
        models, others = with_touches(self._models(model))
        if others and (model is not None or not models):
            raise ConfigError.single(
                "by", f"{', '.join(others)} credit channels and no touches: name other models, such as markov_path"
            )
        asked = self._asked(models, level, lookback_days, parameters)
        return _told(credit_by(_attributed(models, asked), touches, by=list(columns)), models, asked.how, level)

    def _kept(self, model: Models | None, level: Level) -> DataFrame | None:
        """Credits that the publication has of these models, or of all of which it has any; null where it has none."""
        kept = _OF_LEVEL[level][0]
        named = None if model is None else each_of(model)
        if not self._has(kept) or not (named is None or all(isinstance(one, str) for one in named)):
            return None
        models = self.rows.distinct(kept, "model")
        if not models or (named is not None and not {*named} <= models):
            return None
        rows = self.published.read(kept)
        return rows if named is None else rows.where(F.col("model").isin(*named))

    def _made(self, rows: DataFrame, level: Level) -> DataFrame:
        """Rows by model of what is kept, with what the summary says of how they were made."""
        summary = self.published.read(_OF_LEVEL[level][1]).select("model", *_MADE).distinct()
        return rows.join(F.broadcast(summary), on="model", how="inner")

    def _keeps_all(self, level: Level) -> bool:
        """Whether credits are kept of every published model that has touches; those of fitted models are not.

        Raises:
            ConfigError: where they are not, and no configuration says what the others are.
        """
        kept, summary = _OF_LEVEL[level]
        published = self.rows.rows(summary, columns=["model", "n_touches"], where={})
        others = {row["model"] for row in published if row["n_touches"]} - self.rows.distinct(kept, "model")
        if others and self.config is None:
            named = ", ".join(sorted(others))
            raise ConfigError.single(
                "model",
                f"of {named} no credits by touch are kept: open the warehouse with its configuration, or name others",
            )
        return not others

    def lags_and_lengths(
        self,
        model: Models | None = None,
        *,
        level: Level = "person",
        lookback_days: Lookback = None,
        **parameters: Any,
    ) -> DataFrame:
        """How long conversions took, and over how many touches: see `oneuser.marts.attribution.lags_and_lengths`.

        Takes what `attribution` takes; of models whose credit depends on one path alone. As they were published,
        unless something else is asked for. Rows say how they were made, as those of `attribution` do.
        """
        owner_of(level)
        kept = self._kept(model, level) if lookback_days is None and not parameters else None
        if kept is not None:
            return self._made(sum_lags_and_lengths(kept), level)
        models = self._models(model)
        if model is None:
            models = [one for one in models if not are_fitted([one])]
        asked = self._asked(models, level, lookback_days, parameters)
        rows = lags_and_lengths(
            asked.touches, asked.conversions, models=models, milestones=asked.milestones, **asked.how
        )
        return _told(rows, models, asked.how, level)

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

    def _against_spend(
        self, summary: DataFrame, models: Sequence[str | Mapping[str, Any]], how: Mapping[str, Any], level: Level
    ) -> DataFrame:
        rules, made = check_path_rules(**how), _facts(models, how, level)
        labels = [spec.label for spec in parse_models(models)]
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
        rows = build_attribution_spend(
            [credited],
            spent.where(F.col("interval_date").isNull()),
            calendar=calendar,
            made=made | {"lookback_days": made["lookback_days"].cast("int")},
            provenance=ASKED,
            asked=[(label, kind, True) for kind in self._kinds(level) for label in labels],
            currencies=ever,
        )
        # those that are asked for may be parts of days
        return rows.withColumn("lookback_days", made["lookback_days"])

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
        those of all. `credit_minor` is a decimal(38,0) in these, else a bigint.

        Args:
            model: What its rows are called; the kept rows of all where null.
            level: `person` or `account`.

        Raises:
            ConfigError: where credits are computed of people, or of accounts that the job credits, and the
                configuration is not that of the publication.
        """
        kept = marts.ATTRIBUTION_CREDITS if owner_of(level) == "user_id" else marts.ACCOUNT_CREDITS
        config = self.config
        rules = None if config is None else CreditRules.of(config.attribution, config.conversions)
        fitted = [spec for spec in rules.fitted if spec.label == model] if rules else []
        if config is None or rules is None or not fitted:
            rows = self.published.read(kept)
            return rows if model is None else rows.where(F.col("model") == model)
        # journeys by other rules have other paths than those that the fit knows
        summary = _OF_LEVEL[level][1]
        published = self.rows.distinct(summary, "params_id") if self._has(summary) else set()
        if published - {credits_params_id(config)}:
            raise of_other_rules("attribution")
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
        did not convert end at the publication's watermark, unless another one is given. `credit_minor` is a bigint, or
        decimal(38,0) where a model is fitted on all journeys.
        """
        models = self._models(model)
        return _attributed(models, self._asked(models, level, lookback_days, parameters))

    def model_agreement(self, *, level: Level = "person") -> DataFrame:
        """How far models divide conversions alike: see `oneuser.marts.attribution.model_agreement`.

        The published ones; of accounts that the job does not credit, those of the configuration, computed.
        """
        agreement = model_agreement(self.attribution(level=level).where("is_additive"))
        return agreement.withColumn("entity_level", F.lit(level))

    def attribution_by_lookback(
        self,
        lookbacks: Sequence[Lookback] = (1, 7, 14, 30, 60, 90),
        *,
        model: Models | None = None,
        level: Level = "person",
        **parameters: Any,
    ) -> DataFrame:
        """What each channel gets with several look-backs: see `oneuser.marts.attribution.lookback_sensitivity`.

        "none" is one without a bound. Rows say how they were made, as those of `attribution` do.
        """
        models = self._models(model)
        bounds = [bound_of(days) for days in lookbacks]
        # touches that any of them reaches
        longest: Lookback = UNBOUNDED
        if None not in bounds:
            longest = max((days or 0.0 for days in bounds), default=0.0)
        asked = self._asked(models, level, longest, parameters)
        how = {name: value for name, value in asked.how.items() if name != "lookback_days" or name in parameters}
        rows = lookback_sensitivity(
            asked.touches, asked.conversions, lookbacks=bounds, models=models, milestones=asked.milestones, **how
        )
        facts = _facts(models, how, level)
        return rows.withColumns({name: facts[name] for name in facts if name not in rows.columns})

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
        """How sure each channel's share is, over drawn people: see `oneuser.marts.attribution.bootstrap_intervals`.

        Rows say how they were made, as those of `attribution` do; with `model`, `seed` and `confidence`.
        """
        if level == "account" and self._membership_at == "conversion":
            raise ConfigError.single(
                "attribution.membership_at",
                "accounts are drawn with all that they did, and by membership at the conversion each conversion is on "
                "its own: open the warehouse with `membership_at: touch`",
            )
        # one alone: of several it is told that they are
        one = self._models(model)[0] if isinstance(model, str) else model
        asked = self._asked([one], level, lookback_days, parameters)
        rows = bootstrap_intervals(
            asked.touches,
            asked.conversions,
            model=one,
            samples=samples,
            seed=seed,
            level=confidence,
            **asked.how,
        )
        (spec,) = parse_models([one])
        drawn = {"model": F.lit(spec.label), "seed": F.lit(seed), "confidence": F.lit(confidence)}
        return _told(rows.withColumns(drawn), [one], asked.how, level)


def _attributed(models: Sequence[str | Mapping[str, Any]], asked: Asked) -> DataFrame:
    return attribute(asked.touches, asked.conversions, models=models, milestones=asked.milestones, **asked.how)


def _summary(credited: DataFrame) -> DataFrame:
    """Credits added up by channel."""
    return credited.groupBy("model", "conversion", "currency", CHANNEL).agg(
        F.sum("weight").cast("decimal(30,12)").alias("conversions"),
        *[
            F.sum(F.col(name).cast("decimal(38,0)")).alias(name)
            for name in ("credit_minor", "reporting_credit_minor")
            if name in credited.columns
        ],
        F.count("touch_id").alias("n_touches"),
        *[F.max(name).alias(name) for name in SOLVED if name in credited.columns],
    )


def _told(
    rows: DataFrame, models: Sequence[str | Mapping[str, Any]], how: Mapping[str, Any], level: Level
) -> DataFrame:
    """Rows by model with what they say of how they were made."""
    return rows.withColumns(_facts(models, how, level))


def _facts(models: Sequence[str | Mapping[str, Any]], how: Mapping[str, Any], level: Level) -> dict[str, Column]:
    """The columns of `attribution_summary` that say how rows by model were made."""
    specs, rules = parse_models(models), check_path_rules(**how)
    adds_up = [spec.label for spec in specs if spec.adds_up]
    is_fitted = F.col("model").isin(*[spec.label for spec in specs if spec.kind != "rule"])
    window = window_facts(rules.window, watermark=rules.watermark)
    return {
        "is_additive": F.col("model").isin(*adds_up),
        "transforms": F.lit(describe_transforms(parse_transforms(how.get("transforms", ())))),
        "entity_level": F.lit(level),
        "lookback_days": F.lit(rules.window.days).cast("double"),
        **window,
        "watermark": F.when(is_fitted, window["watermark"]),
    }
