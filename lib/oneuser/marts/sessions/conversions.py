"""Conversions: events of a declared name whose properties pass, with their value.

Reads   events_resolved, events   name and properties
Yields  conversions               one row per conversion of a declared kind
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.marts import CONVERSIONS
from oneuser.core.money import exponent_of
from oneuser.marts.properties import is_value, property_text
from oneuser.marts.sessions.minor_units import currency_code, minor_units, minor_units_of
from oneuser.spark.stable_ids import stable_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import Column, DataFrame

    from oneuser.config import Conversion, PropertyFilter
    from oneuser.marts.provenance import Provenance


def build_conversions(
    events_resolved: DataFrame, events: DataFrame, *, kinds: Mapping[str, Conversion], provenance: Provenance
) -> DataFrame:
    """Find the conversions of every declared kind in one pass. An event may be one of several kinds.

    Args:
        events_resolved: Rows of `events_resolved`. An event of nobody is a conversion all the same.
        events: Rows of `events`; `event` and `properties` are read.
        kinds: Declared conversions by name.
        provenance: How the rows are made.

    Returns:
        Rows of `conversions`. One whose value cannot be read, or has no currency, counts with `value_minor` null.
    """
    names = sorted({kind.event for kind in kinds.values()})
    named = F.col("event").isin(*names)
    whose = events_resolved.where(named).select("message_key", "user_id", "account_id", "event_time")
    what = events.where(named).select("message_key", "event", "properties")
    places = {path: f"text_{place}" for place, path in enumerate(sorted(_paths(kinds)))}
    texts = {path: F.col(place) for path, place in places.items()}
    found = [F.when(_is_kind(kind, texts), _facts(name, kind, texts)) for name, kind in sorted(kinds.items())]
    empty = F.lit(None).cast(_FACTS)
    # each text is read once, and asked for a dozen times
    read = what.join(whose, on="message_key", how="inner").select(
        "*", *(property_text(path).alias(place) for path, place in places.items())
    )
    each = read.select("*", F.explode(F.array_compact(F.array(*found, empty))).alias("fact"))
    found_kinds = each.select(
        stable_id(F.col("fact.conversion"), "message_key").alias("conversion_id"),
        "fact.conversion",
        "message_key",
        "user_id",
        "account_id",
        F.col("event_time").alias("converted_at"),
        "fact.value_minor",
        "fact.currency",
        "fact.is_value_invalid",
        *provenance.columns(),
    )
    return CONVERSIONS.conform(found_kinds)


def move_conversions(conversions: DataFrame, events_resolved: DataFrame, *, provenance: Provenance) -> DataFrame:
    """The conversions of events that themselves are as they were, with whose they are now and when.

    Args:
        conversions: Rows of `conversions`, made in the same way.
        events_resolved: Rows of `events_resolved`. A conversion whose event is missing there is none any more.
        provenance: How they are made.

    Returns:
        Rows of `conversions`.
    """
    whose = events_resolved.select("message_key", "user_id", "account_id", F.col("event_time").alias("converted_at"))
    facts = conversions.drop("user_id", "account_id", "converted_at", "params_id", "identity_run")
    moved = facts.join(whose, on="message_key", how="inner")
    return CONVERSIONS.conform(moved.select("*", *provenance.columns()))


_FACTS = "struct<conversion:string,value_minor:bigint,currency:string,is_value_invalid:boolean>"


def _paths(kinds: Mapping[str, Conversion]) -> set[str]:
    """Paths of the properties that the kinds read as text."""
    read = {path for kind in kinds.values() for path in (kind.value, kind.currency) if isinstance(path, str)}
    return read.union(*(kind.where for kind in kinds.values()))


def _facts(name: str, kind: Conversion, texts: Mapping[str, Column]) -> Column:
    if kind.value is None or kind.currency is None:
        value_minor, currency = F.lit(None).cast("bigint"), F.lit(None).cast("string")
        is_value_invalid = F.lit(False)
    else:
        text = texts[kind.value]
        if isinstance(kind.currency, str):
            currency = currency_code(texts[kind.currency])
            value_minor = minor_units_of(kind.value, text, currency)
        else:
            currency = F.lit(kind.currency.const)
            value_minor = minor_units(kind.value, text, exponent=exponent_of(kind.currency.const))
        is_written = F.coalesce(F.trim(text) != F.lit(""), F.lit(False))
        is_value_invalid = is_written & value_minor.isNull()
    return F.struct(
        F.lit(name).alias("conversion"),
        value_minor.alias("value_minor"),
        currency.alias("currency"),
        is_value_invalid.alias("is_value_invalid"),
    )


def _is_kind(kind: Conversion, texts: Mapping[str, Column]) -> Column:
    holds = F.col("event") == F.lit(kind.event)
    for path, test in sorted(kind.where.items()):
        holds = holds & _passes(texts[path], test)
    return holds


def _passes(text: Column, test: PropertyFilter) -> Column:
    wanted = [test.equals] if test.equals is not None else list(test.one_of or ())
    passes = F.lit(False)
    for value in wanted:
        passes = passes | F.coalesce(is_value(text, value), F.lit(False))
    return passes
