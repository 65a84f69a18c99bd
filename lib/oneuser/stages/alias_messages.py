"""What alias messages carry, found once in a stage: few beside all messages, and several steps ask about them.

Reads   event_identifiers
Yields  its rows of the messages that have a previousId
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import functions as F

from oneuser.contracts.graph import EVENT_IDENTIFIERS
from oneuser.core.message_identifiers import OBSERVED
from oneuser.stages.found_rows import find

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext


class AliasMessages(NamedTuple):
    """`rows` are all rows of `event_identifiers` of the messages that have a previousId; `n_rows` is their number."""

    rows: DataFrame
    n_rows: int

    @property
    def previous(self) -> DataFrame:
        """Those of the rows that read a previousId: two of each message, of which one holds."""
        return self.rows.where(~F.col("link").isin(*OBSERVED))


def find_alias_messages(ctx: RunContext) -> AliasMessages | None:
    """Null where no message has a previousId. Grows with those that do, but for two looks at what messages carry.

    Found once in a stage, and once in a process that does several where they are few.
    """
    rows, n_rows = ctx.few_whole_rows("alias messages", [EVENT_IDENTIFIERS], lambda: _look(ctx))
    return AliasMessages(rows, n_rows) if n_rows else None


def _look(ctx: RunContext) -> DataFrame:
    stored = ctx.read(EVENT_IDENTIFIERS)
    messages = find(ctx, stored.where(~F.col("link").isin(*OBSERVED)).select("message_key").distinct())
    if not messages.n_rows:
        return EVENT_IDENTIFIERS.empty(ctx.spark)
    return ctx.read_among(EVENT_IDENTIFIERS, messages.rows)
