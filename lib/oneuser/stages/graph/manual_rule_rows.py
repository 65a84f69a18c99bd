"""Manual rules: the pairs that a file includes or excludes, normalised, and by the numbers of their identifiers.

Reads   identifiers   one row per identifier ever seen
Yields  one row per rule both of whose identifiers have been seen
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.graph import IDENTIFIERS
from oneuser.core.keyed import identifier_hasher
from oneuser.stages.graph.manual_pairs import ManualPair, normalised_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext

MANUAL_RULES_DDL = "action string, src bigint, dst bigint, reason string"
_KEYS_DDL = "id_type string, id_key binary"


def manual_rule_rows(ctx: RunContext) -> DataFrame | None:
    """The rules by the numbers of their identifiers; null where no rule has an effect.

    A pair one of whose identifiers was never seen, in an event or a link, has none: the metric `manual_rules_unmatched`
    counts them. Runs one job, over the keys of all identifiers. No value stands in a plan.

    Returns:
        `action` (include or exclude), `src`, `dst` (src < dst), `reason`; each pair once.
    """
    pairs = normalised_rules(ctx.config, ctx.keys)
    if not pairs:
        return None
    numbers = _numbers(ctx, pairs)
    rows = sorted(_numbered(pairs, numbers))
    ctx.metric("manual_rules", len(pairs))
    ctx.metric("manual_rules_unmatched", len(pairs) - len(rows))
    return ctx.spark.createDataFrame(rows, MANUAL_RULES_DDL) if rows else None


def _numbers(ctx: RunContext, pairs: list[ManualPair]) -> dict[tuple[str, bytes], int]:
    """Numbers of the ends that have been seen, by type and by the key that the newest version gives them."""
    # as many as the file of rules has lines, by every version: each has the key that it had when it was first seen
    ends = {end for pair in pairs for end in (pair.a, pair.b)}
    newest = {
        (end.id_type, identifier_hasher(version, end.id_type)(end.value)): (end.id_type, end.key)
        for version in ctx.keys.of_each_version()
        for end in ends
    }
    wanted = ctx.spark.createDataFrame([(id_type, bytearray(key)) for id_type, key in sorted(newest)], _KEYS_DDL)
    seen = ctx.read(IDENTIFIERS).join(F.broadcast(wanted), on=["id_type", "id_key"], how="inner")
    rows = seen.select("id_type", "id_key", "identifier_id").collect()
    return {newest[(row["id_type"], bytes(row["id_key"]))]: row["identifier_id"] for row in rows}


def _numbered(pairs: list[ManualPair], numbers: dict[tuple[str, bytes], int]) -> Iterator[tuple[str, int, int, str]]:
    for pair in pairs:
        ends = sorted(numbers.get((end.id_type, end.key), 0) for end in (pair.a, pair.b))
        if all(ends):
            yield pair.action, ends[0], ends[1], pair.reason
