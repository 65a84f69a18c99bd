"""Channels: which declared rule a touch belongs to, as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

    from oneuser.marts.sessions.channel_rules import Rule, Test

UNASSIGNED = "Unassigned"
NO_RULE = "(no rule)"


def add_channel(touches: DataFrame, *, rules: Sequence[Rule]) -> DataFrame:
    """Add `channel` and `channel_rule`: those of the first rule whose tests all hold.

    Args:
        touches: Rows with `campaign_source`, `campaign_medium`, `campaign_name`, `click_id_type`, `referrer_host` and
            `page_host`, each of which may be null. Empty values count as absent.
        rules: Rules in their order.

    Returns:
        The rows with the two columns, never null: where no rule holds they say `Unassigned` and `(no rule)`.
    """
    fields = _fields()
    # one number per row, looked up twice, so that the chain of tests is written once
    place = F.lit(len(rules))
    for number, rule in reversed(list(enumerate(rules))):
        holds = F.lit(True)
        for test in rule.tests:
            holds = holds & _passes(fields[test.field], test)
        place = F.when(holds, F.lit(number)).otherwise(place)
    names = F.array(*[F.lit(rule.name) for rule in rules], F.lit(NO_RULE))
    channels = F.array(*[F.lit(rule.channel) for rule in rules], F.lit(UNASSIGNED))
    return (
        touches.withColumn("_rule", place)
        .withColumn("channel", F.get(channels, F.col("_rule")))
        .withColumn("channel_rule", F.get(names, F.col("_rule")))
        .drop("_rule")
    )


def _fields() -> dict[str, Column]:
    """What a rule may test. Absent is null; case does not count."""

    def folded(column: str) -> Column:
        text = F.lower(F.trim(column))
        return F.when(text != F.lit(""), text)

    referrer, landing = folded("referrer_host"), folded("page_host")
    own_site = _bare(landing)
    is_own = (_bare(referrer) == own_site) | F.endswith(referrer, F.concat(F.lit("."), own_site))
    is_parent = F.endswith(own_site, F.concat(F.lit("."), _bare(referrer)))
    return {
        "utm_source": folded("campaign_source"),
        "utm_medium": folded("campaign_medium"),
        "utm_campaign": folded("campaign_name"),
        "click_id": folded("click_id_type"),
        "referrer_host": referrer,
        "landing_host": landing,
        "external_referrer_host": F.when(~F.coalesce(is_own | is_parent, F.lit(False)), referrer),
    }


def _bare(host: Column) -> Column:
    return F.regexp_replace(host, r"^www\.", "")


def _passes(field: Column, test: Test) -> Column:
    """Whether a field passes; never null."""
    if test.any_of is not None:
        return F.coalesce(field.isin(*test.any_of), F.lit(False))
    if test.pattern is not None:
        return F.coalesce(field.rlike(f"(?i){test.pattern}"), F.lit(False))
    return field.isNotNull() if test.present else field.isNull()
