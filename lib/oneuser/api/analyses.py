"""Analytics of a publication: as it was computed, or with parameters of one's own, by the same functions.

Frames are of the caller's session. What is asked with parameters of its own is computed when the frame is read, from
the published tables: nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.api.members_of_numbers import MembersOfNumbers
from oneuser.contracts import graph, identity, marts, reference
from oneuser.contracts import raw as raw_zone
from oneuser.core.errors import ConfigError, OneUserError
from oneuser.inspection.lookup import find_user
from oneuser.marts.attribution import attribute, bootstrap_intervals, lookback_sensitivity, model_agreement
from oneuser.marts.attribution.attributing import DEFAULT_MODELS
from oneuser.marts.attribution.credit_rules import CreditRules
from oneuser.marts.attribution.credits import find_milestones
from oneuser.marts.attribution.fitted_tables import build_fitted_credits, find_journeys
from oneuser.marts.attribution.pooling import convert_opportunities, find_stages, pool_touches
from oneuser.marts.attribution.reporting import build_conversion_values
from oneuser.marts.attribution.spending import build_attribution_spend, credited_in_all, spent_by_interval
from oneuser.marts.calendar import checked_calendar, known_word, moment_of
from oneuser.marts.funnels import funnel
from oneuser.marts.lifecycle import lifecycle
from oneuser.marts.ordered_journeys import build_journey
from oneuser.marts.provenance import Provenance
from oneuser.marts.retention import account_events, retain
from oneuser.marts.retention.activity import with_properties
from oneuser.marts.watermark import find_watermark

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from oneuser.config import AttributionRules, ModelSpec
    from oneuser.contracts.table import TableContract

Level = Literal["person", "account"]
_LEVELS = ("person", "account")
# rows that are computed when they are asked for say no more of how they were made
_ASKED = Provenance(params_id="", identity_run=0)


class Analytics(MembersOfNumbers):
    """Attribution, retention, funnels and lifecycle of the people and accounts of a publication."""

    # what the functions read ---------------------------------------------------------------------------------------

    def watermark(self) -> datetime:
        """The last instant up to which all sources were complete at the publication, in UTC.

        Raises:
            OneUserError: where no source has a time.
        """
        # as a number: a timestamp comes to Python in the zone of this machine
        files = self.published.read(graph.FILES)
        found = find_watermark(files).select(F.unix_micros("watermark").alias("us")).collect()[0]["us"]
        if found is None:
            raise OneUserError(
                found="no source has a time up to which it is complete",
                expected="files with events",
                where=self.tables.root,
                next_step="give a watermark, such as datetime(2026, 3, 1, tzinfo=UTC)",
            )
        return moment_of(int(found))

    def entity_events(self, level: Level = "person", *, properties: Sequence[str] = ()) -> DataFrame:
        """The events of people or accounts, as the functions of `oneuser.marts` take them.

        Args:
            level: `person`, or `account`: those of its members, while they are, and those that carry its id alone.
            properties: Properties that are asked for, as paths within an event's properties, such as `plan`. They are
                read from the raw zone.

        Returns:
            One row per event: `entity_id`, `event_time`, `event` (null where it has no name), and `properties`, a map
            to text, where any are asked for. Events of nobody are left out.
        """
        resolved, events = self.published.read(identity.EVENTS_RESOLVED), self.published.read(raw_zone.EVENTS)
        return with_properties(resolved, events, properties=sorted(set(properties)), owner=_owner(level))

    # attribution ---------------------------------------------------------------------------------------------------

    def attribution(
        self,
        model: str | Mapping[str, Any] | None = None,
        *,
        level: Level = "person",
        lookback_days: float | None = None,
        spend: bool = False,
        **parameters: Any,
    ) -> DataFrame:
        """One row per model, conversion kind, currency and channel; of one model where it is named.

        As it was published, unless something else is asked for: a model that was not, accounts, or parameters. Then it
        is computed with these, and else with those of the configuration, where the warehouse was opened with one.

        Args:
            model: Its name, or a mapping with its parameters; see `oneuser.marts.attribution.attribute`.
            level: `person`, or `account`: the touches of all members while they are, the account's conversions, and the
                opportunities that it won.
            lookback_days: Days of 24 hours.
            spend: With what each channel cost, as rows of `attribution_spend`: those that were published, by interval
                and of all time (`interval_date` null), or of all time where it is computed.
            parameters: As for `attribute`, such as `exclude_channels`, `transforms`, `converted_from`.

        Returns:
            At least `model`, `conversion`, `currency`, `channel`, `conversions`, `credit_minor`, `n_touches`,
            `entity_level`, `lookback_days`.

        Raises:
            ConfigError: naming what is wrong with a model or parameter; where there is no spend.
        """
        table = self._table_of(level, spend=spend)
        if table is not None and lookback_days is None and not parameters:
            published = self.published.read(table)
            if model is None:
                return published
            if isinstance(model, str) and model in self.rows.distinct(table, "model"):
                return published.where(F.col("model") == F.lit(model))
        credited = self.attribute(model, level=level, lookback_days=lookback_days, **parameters)
        summary = _summary(credited, level=level, lookback_days=self._lookback_days(lookback_days))
        return self._against_spend(summary) if spend else summary

    def _table_of(self, level: Level, *, spend: bool) -> TableContract | None:
        """The published table of what is asked for without parameters; null where there is none."""
        _owner(level)
        if spend and not self._has(reference.SPEND):
            raise ConfigError.single("spend", "there is none: name its files under `spend` in the configuration")
        if level == "person":
            return marts.ATTRIBUTION_SPEND if spend else marts.ATTRIBUTION_SUMMARY
        return marts.ACCOUNT_ATTRIBUTION if self._has(marts.ACCOUNT_ATTRIBUTION) and not spend else None

    def _against_spend(self, summary: DataFrame) -> DataFrame:
        currency = (
            self.config.reporting_currency if self.config and "reporting_credit_minor" in summary.columns else None
        )
        calendar = checked_calendar("month")
        spend, rates = self.published.read(reference.SPEND), self.published.read(reference.FX_RATES)
        spent = spent_by_interval(spend, rates, calendar, reporting_currency=currency)
        in_all = spent.where(F.col("interval_date").isNull())
        told = summary.withColumn("reporting_currency", F.lit(currency).cast("string"))
        credited = credited_in_all(told, reporting_currency=currency)
        return build_attribution_spend([credited], in_all, calendar=calendar, provenance=_ASKED)

    def credits(self, model: str | None = None) -> DataFrame:
        """One row per conversion, model and credited touch.

        Credits of a model that is fitted on all paths are kept nowhere: where the configuration has one of that name,
        they are computed from the published fit, with the columns of `oneuser.marts.attribution.attribute`. That goes
        through the conversions and the touches of people who converted.
        """
        rules = None if self.config is None else CreditRules.of(self.config.attribution, self.config.conversions)
        fitted = [spec for spec in rules.fitted if spec.label == model] if rules else []
        if rules is None or not fitted:
            kept = self.published.read(marts.ATTRIBUTION_CREDITS)
            return kept if model is None else kept.where(F.col("model") == model)
        paths, touches = self.published.read(marts.ATTRIBUTION_PATHS), self._eligible_touches()
        journeys = find_journeys(touches, self._valued_conversions(), rules=rules, with_unconverted=False)
        return build_fitted_credits(journeys, paths, specs=fitted)

    def attribute(
        self,
        model: str | Mapping[str, Any] | None = None,
        *,
        level: Level = "person",
        lookback_days: float | None = None,
        **parameters: Any,
    ) -> DataFrame:
        """Credits of every conversion, computed with parameters of one's own.

        Takes what `attribution` takes, and answers what `oneuser.marts.attribution.attribute` does.
        """
        rules = self.config.attribution if self.config else None
        touches, conversions = self._attribution_frames(level)
        if parameters.get("milestones") is None:
            parameters["milestones"] = self._milestones(level)
        return attribute(
            touches,
            conversions,
            models=[model] if model is not None else _models_of(rules),
            lookback_days=self._lookback_days(lookback_days),
            **(_path_rules_of(rules) | parameters),
        )

    def model_agreement(self, *, level: Level = "person") -> DataFrame:
        """How far the published models divide conversions alike: see `oneuser.marts.attribution.model_agreement`."""
        return model_agreement(self.attribution(level=level).where("is_additive"))

    def attribution_by_lookback(
        self,
        lookbacks: Sequence[float] = (1, 7, 14, 30, 60, 90),
        *,
        model: str | Mapping[str, Any] | None = None,
        level: Level = "person",
        **parameters: Any,
    ) -> DataFrame:
        """What each channel gets with several look-backs: see `oneuser.marts.attribution.lookback_sensitivity`."""
        rules = self.config.attribution if self.config else None
        touches, conversions = self._attribution_frames(level)
        if parameters.get("milestones") is None:
            parameters["milestones"] = self._milestones(level)
        models = [model] if model is not None else _models_of(rules)
        given = _path_rules_of(rules) | parameters
        return lookback_sensitivity(touches, conversions, lookbacks=lookbacks, models=models, **given)

    def attribution_intervals(
        self,
        model: str | Mapping[str, Any] = "markov_global",
        *,
        level: Level = "person",
        lookback_days: float | None = None,
        samples: int = 200,
        seed: int = 0,
        confidence: float = 0.95,
        **parameters: Any,
    ) -> DataFrame:
        """How sure each channel's share is, over drawn people: see `oneuser.marts.attribution.bootstrap_intervals`."""
        rules = self.config.attribution if self.config else None
        touches, conversions = self._attribution_frames(level)
        how = {"lookback_days": self._lookback_days(lookback_days), **_path_rules_of(rules), **parameters}
        return bootstrap_intervals(
            touches, conversions, model=model, samples=samples, seed=seed, level=confidence, **how
        )

    def _attribution_frames(self, level: Level) -> tuple[DataFrame, DataFrame]:
        """Touches and conversions of people or accounts, as the functions of `oneuser.marts.attribution` take them."""
        whose = F.col(_owner(level)).alias("entity_id")
        touches = self._eligible_touches()
        if level == "account":
            if self.config is not None and self.config.attribution.membership_at != "touch":
                raise ConfigError.single(
                    "attribution.membership_at",
                    "membership at the conversion is counted by runs alone: read what was published, without "
                    "parameters of your own, or open the warehouse with `membership_at: touch`",
                )
            memberships = self.published.read(identity.ACCOUNT_MEMBERSHIPS)
            touches = pool_touches(touches, memberships, own=self._touches_of_nobody())
        valued = self._valued_conversions(level)
        facts = ["conversion_id", "converted_at", "conversion", "value_minor", "currency", "reporting_minor"]
        return (
            touches.select(whose, "touch_id", "touched_at", "channel"),
            valued.select(whose, *[name for name in facts if name in valued.columns]),
        )

    def _lookback_days(self, asked: float | None) -> float:
        if asked is not None:
            return asked
        return self.config.attribution.lookback_days if self.config else 30

    def _eligible_touches(self) -> DataFrame:
        """Touches of people who grant what attribution needs, as far as the configuration says what that is."""
        purposes = self.config.consent.required_for_attribution if self.config else ()
        return self.of_consenting(self.published.read(marts.TOUCHES), purposes)

    def _touches_of_nobody(self) -> DataFrame | None:
        """Touches that name an account; none where attribution needs consent, which nobody is there to give."""
        needs_consent = bool(self.config and self.config.consent.required_for_attribution)
        if needs_consent or not self._has(marts.ACCOUNT_TOUCHES):
            return None
        return self.published.read(marts.ACCOUNT_TOUCHES)

    def _valued_conversions(self, level: Level = "person") -> DataFrame:
        """Conversions, of accounts with won opportunities; with `reporting_minor` where the run had such a currency."""
        conversions, values = self.published.read(marts.CONVERSIONS), self.published.read(marts.CONVERSION_VALUES)
        if level == "account" and self._has(reference.OPPORTUNITIES):
            won = convert_opportunities(self.published.read(reference.OPPORTUNITIES), provenance=_ASKED)
            conversions = conversions.unionByName(won)
            currency = self.config.reporting_currency if self.config else None
            if currency is not None and self.config is not None:
                rates, zone = self.published.read(reference.FX_RATES), self.config.attribution.zone
                valued = build_conversion_values(won, rates, reporting_currency=currency, zone=zone, provenance=_ASKED)
                values = values.unionByName(valued)
        if not self._has(marts.CONVERSION_VALUES):
            return conversions
        return conversions.join(values.select("conversion_id", "reporting_minor"), on="conversion_id", how="left")

    def _has(self, contract: TableContract) -> bool:
        return contract.name in self.published.publication.tables

    def _milestones(self, level: Level) -> DataFrame | None:
        """Conversions that the configuration calls milestones, and stages of opportunities; null where none are."""
        kinds = self.config.conversions if self.config else {}
        roles = {name: kind.milestone for name, kind in kinds.items() if kind.milestone}
        found = []
        if roles:
            found.append(find_milestones(self.published.read(marts.CONVERSIONS), roles, owner=_owner(level)))
        if level == "account" and self._has(reference.OPPORTUNITIES):
            found.append(find_stages(self.published.read(reference.OPPORTUNITIES)))
        return reduce(DataFrame.unionByName, found) if found else None

    # retention and product -----------------------------------------------------------------------------------------

    def retention(
        self,
        name: str | None = None,
        *,
        level: Level = "person",
        min_members: int = 1,
        watermark: datetime | None = None,
        **definition: Any,
    ) -> DataFrame:
        """One row per cohort and offset: as published, of one name where it is given, or by a definition of one's own.

        Args:
            name: A retention that the configuration names; `default` where it names none.
            level: `person` or `account`.
            min_members: Of accounts: how many members make one active.
            watermark: Last instant that is complete; the publication's own where null.
            definition: As for `oneuser.marts.retention.retain`: `unit`, `mode`, `membership`, `start` and so on. With
                any of them the answer is what `retain` gives.

        Raises:
            ConfigError: naming what is wrong; where both a name and a definition are given.
        """
        _owner(level)
        if not definition and level == "person" and watermark is None:
            published = self.published.read(marts.RETENTION)
            if name is None:
                return published
            known_word("name", name, sorted(self.rows.distinct(marts.RETENTION, "name")))
            return published.where(F.col("name") == name)
        if name is not None:
            raise ConfigError.single("retention", f"{name!r} is computed already: give its name or a definition alone")
        if "unit" not in definition:
            raise ConfigError.single("unit", "a definition of your own needs a unit: hour, day, week, month or quarter")
        named = _named(definition.get("start_where"), definition.get("return_where"), by=definition.get("breakdown"))
        calendar = {key: definition[key] for key in ("unit", "zone", "week_start") if key in definition}
        events = self._events_of(level, named, min_members=min_members, **calendar)
        return retain(events, watermark=watermark or self.watermark(), **definition)

    def _events_of(self, level: Level, properties: Sequence[str], *, min_members: int, **calendar: Any) -> DataFrame:
        if level == "person" or min_members == 1:
            return self.entity_events(level, properties=properties)
        members = self.published.read(identity.ACCOUNT_MEMBERSHIPS).withColumnRenamed("user_id", "entity_id")
        events = self.entity_events("person", properties=properties)
        return account_events(events, members, min_members=min_members, **calendar)

    def funnel(
        self,
        steps: Sequence[str | Mapping[str, Any]],
        *,
        window_days: float | None,
        level: Level = "person",
        watermark: datetime | None = None,
        **parameters: Any,
    ) -> DataFrame:
        """How many people or accounts got how far, in order of the steps: see `oneuser.marts.funnels.funnel`.

        Args:
            steps: Names of events, or `{"event": name, "where": {property: value}}`.
            window_days: Days of 24 hours for all steps, from the first on; None for no end.
            level: `person` or `account`.
            watermark: Last instant that is complete; the publication's own where null.
            parameters: As for `funnel`: `mode`, `by`.
        """
        wheres = [step.get("where") for step in steps if isinstance(step, Mapping)]
        named = _named(*wheres, by=parameters.get("by"))
        events = self.entity_events(level, properties=named)
        complete_until = watermark or self.watermark()
        return funnel(events, steps=steps, window_days=window_days, watermark=complete_until, **parameters)

    def lifecycle(
        self,
        *,
        unit: str,
        zone: str = "UTC",
        week_start: str = "monday",
        level: Level = "person",
        watermark: datetime | None = None,
    ) -> DataFrame:
        """Who is new, returning, resurrecting and dormant in each interval: see `oneuser.marts.lifecycle.lifecycle`."""
        complete_until = watermark or self.watermark()
        events = self.entity_events(level)
        return lifecycle(events, unit=unit, zone=zone, week_start=week_start, watermark=complete_until)

    # one person or account ------------------------------------------------------------------------------------------

    def journey(self, entity: str | None = None, *, level: Level = "person") -> DataFrame:
        """What a person or account went through, in order: touches, conversions, and what became of its User ID.

        Args:
            entity: A User ID, be it retired, or an account; everybody's journeys where null.
            level: `person` or `account`. Of accounts, changes of User IDs are left out.

        Returns:
            Rows of `oneuser.marts.ordered_journeys.build_journey`.
        """
        owner = _owner(level)
        is_person = level == "person"
        runs = self.spark.createDataFrame(
            [(record.run_seq, record.as_of) for record in self.run_records()], "run_seq bigint, changed_at timestamp"
        )
        touches = self.published.read(marts.TOUCHES)
        if not is_person and self._has(marts.ACCOUNT_TOUCHES):
            touches = touches.unionByName(self.published.read(marts.ACCOUNT_TOUCHES), allowMissingColumns=True)
        rows = build_journey(
            touches,
            self.published.read(marts.CONVERSIONS),
            self.published.read(identity.LINEAGE).join(F.broadcast(runs), on="run_seq", how="inner")
            if is_person
            else None,
            owner=owner,
        )
        if entity is None:
            return rows
        whose = entity
        if is_person:
            whose = find_user(self.rows, entity).user_id or entity
        named = self.spark.createDataFrame([(whose,)], "entity_id string")
        # by a join, so that it stands in no plan
        return rows.join(F.broadcast(named), on="entity_id", how="left_semi").orderBy("at", "place", "id")


def _owner(level: str) -> str:
    """The column that says whose a row is.

    Raises:
        ConfigError: for a level that there is not.
    """
    return {"person": "user_id", "account": "account_id"}[known_word("level", level, _LEVELS)]


def _models_of(rules: AttributionRules | None) -> Sequence[str | Mapping[str, Any]]:
    return DEFAULT_MODELS if rules is None else [_written(spec) for spec in rules.specs]


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


def _summary(credited: DataFrame, *, level: Level, lookback_days: float) -> DataFrame:
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
    return summed.select(
        "*", F.lit(level).alias("entity_level"), F.lit(lookback_days).cast("double").alias("lookback_days")
    )


def _named(*wheres: object, by: str | None = None) -> list[str]:
    """Properties that filters and a breakdown ask for."""
    names = {str(name) for where in wheres if isinstance(where, Mapping) for name in where}
    return sorted(names | ({by} if by else set()))
