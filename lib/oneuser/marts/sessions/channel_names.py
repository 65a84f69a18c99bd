"""Channels: which declared rule a touch belongs to.

Where touches come from is said by a few thousand different combinations of values, so the rules are tried in Python
once per combination and task, and remembered. As one expression of Spark the built-in table is a method too long for
the JVM to compile: measured on two cores, it took longer than everything else about touches together.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import types as T

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyspark.sql import DataFrame

    from oneuser.marts.sessions.channel_rules import Rule, Test

UNASSIGNED = "Unassigned"
NO_RULE = "(no rule)"
# what a touch knows about where it came from
ORIGIN = ("campaign_source", "campaign_medium", "campaign_name", "click_id_type", "referrer_host", "page_host")
_FIELDS = ("utm_source", "utm_medium", "utm_campaign", "click_id", "referrer_host", "landing_host")
# what few rules look at, and what differs in many touches: read where some rule does
_RARE_FIELDS = {"utm_content": "campaign_content", "utm_term": "campaign_term"}
_MOST_REMEMBERED = 100_000

Origin = tuple[str | None, ...]


def origin_columns(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Columns that say where a touch came from, as far as rules look at them."""
    tested = {test.field for rule in rules for test in rule.tests}
    return (*ORIGIN, *(column for field, column in _RARE_FIELDS.items() if field in tested))


def add_channel(touches: DataFrame, *, rules: Sequence[Rule]) -> DataFrame:
    """Add `channel` and `channel_rule`: those of the first rule whose tests all hold.

    Args:
        touches: Rows with the columns of `origin_columns`, each of which may be null, and any others.
        rules: Rules in their order.

    Returns:
        The rows with the two columns, never null: where no rule holds they say `Unassigned` and `(no rule)`.
    """
    named = T.StructType(
        [*touches.schema, T.StructField("channel", T.StringType()), T.StructField("channel_rule", T.StringType())]
    )
    return touches.mapInArrow(partial(name_channels, rules=tuple(rules)), named)


def name_channels(batches: Iterable[pa.RecordBatch], *, rules: Sequence[Rule]) -> Iterator[pa.RecordBatch]:
    """The batches with the two columns at their end."""
    known: dict[Origin, tuple[str, str]] = {}
    table = ChannelTable(rules)
    for batch in batches:
        if len(known) > _MOST_REMEMBERED:
            known.clear()
        found = []
        for origin in zip(*(batch.column(name).to_pylist() for name in table.columns), strict=True):
            answer = known.get(origin)
            if answer is None:
                answer = known[origin] = table.channel_of(origin)
            found.append(answer)
        named = [pa.array([answer[place] for answer in found], pa.string()) for place in (0, 1)]
        yield pa.RecordBatch.from_arrays(
            [*batch.columns, *named], names=[*batch.schema.names, "channel", "channel_rule"]
        )


class ChannelTable:
    """Rules made ready to be tried, with their expressions compiled."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.columns = origin_columns(rules)
        self._fields = (*_FIELDS, *(field for field, column in _RARE_FIELDS.items() if column in self.columns))
        self._rules = rules
        self._patterns = {
            test.pattern: re.compile(test.pattern, re.IGNORECASE)
            for rule in rules
            for test in rule.tests
            if test.pattern is not None
        }

    def channel_of(self, origin: Origin) -> tuple[str, str]:
        """Channel and name of the first rule that holds, for the values of the columns."""
        fields = dict(zip(self._fields, map(_folded, origin), strict=True))
        own = _is_own_site(fields["referrer_host"], fields["landing_host"])
        fields["external_referrer_host"] = None if own else fields["referrer_host"]
        for rule in self._rules:
            if all(self._passes(fields[test.field], test) for test in rule.tests):
                return rule.channel, rule.name
        return UNASSIGNED, NO_RULE

    def _passes(self, value: str | None, test: Test) -> bool:
        if test.present is not None:
            return (value is not None) == test.present
        if value is None:
            return False
        if test.any_of is not None:
            return value in test.any_of
        return test.pattern is not None and self._patterns[test.pattern].search(value) is not None


def _folded(value: str | None) -> str | None:
    """Case does not count, and what is empty is absent."""
    return (value.strip().lower() or None) if value is not None else None


def _is_own_site(referrer: str | None, landing: str | None) -> bool:
    """Whether a referrer is the landing host, or one of the two is under the other."""
    if referrer is None or landing is None:
        return False
    referrer, landing = referrer.removeprefix("www."), landing.removeprefix("www.")
    return referrer == landing or referrer.endswith(f".{landing}") or landing.endswith(f".{referrer}")
