"""What is not taken in because somebody was erased or is suppressed: messages, refused lines, records of references."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts import privacy as kinds
from oneuser.contracts.privacy import ERASURES, SUPPRESSIONS
from oneuser.events.earlier_keys import as_observed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext


@dataclass(frozen=True)
class KeptBack:
    """What holds for the rest of a run, after its requests were taken in. Null where there is none.

    Attributes:
        suppressions: Rows of `suppressions`.
        messages: `message_key` of erased messages: one that comes again is a duplicate.
        lines: `line_hash` of refused lines and records that were erased.
    """

    suppressions: DataFrame | None
    messages: DataFrame | None
    lines: DataFrame | None

    @classmethod
    def of(cls, ctx: RunContext) -> KeptBack:
        """As the tables say, looked up once in a stage."""
        return ctx.once("kept back", lambda: cls._look(ctx))

    @classmethod
    def _look(cls, ctx: RunContext) -> KeptBack:
        if ERASURES.name not in ctx.tables:
            return cls(None, None, None)
        erasures, suppressions = ctx.read(ERASURES), ctx.read(SUPPRESSIONS)
        found: dict[str, DataFrame | None] = {
            kind: erasures.where(F.col("kind") == kind).select(column).distinct()
            for kind, column in ((kinds.MESSAGE, "message_key"), (kinds.LINE, "line_hash"))
            if not erasures.where(F.col("kind") == kind).isEmpty()
        }
        is_any_suppressed = not suppressions.isEmpty()
        return cls(suppressions if is_any_suppressed else None, found.get(kinds.MESSAGE), found.get(kinds.LINE))

    def as_observed(self, known: DataFrame | None) -> KeptBack:
        """The same for identifiers as they are read now, given the stored keys of those of an earlier version."""
        if self.suppressions is None or known is None:
            return self
        return replace(self, suppressions=as_observed(self.suppressions, known))

    def of_lines(self, refused: DataFrame) -> tuple[DataFrame, dict[str, int]]:
        """Refused lines (rows of `quarantine`) without those that were erased before; how many of these by source."""
        if self.lines is None:
            return refused, {}
        dropped = refused.join(self.lines, on="line_hash", how="left_semi")
        counted = dropped.groupBy("source").agg(F.count(F.lit(1)).alias("n")).collect()
        left = refused.join(self.lines, on="line_hash", how="left_anti").select(*refused.columns)
        return left, {row["source"]: row["n"] for row in counted}

    def of_records(self, rejected: DataFrame) -> DataFrame:
        """Refused records (rows of `rejected_records`) without those that were erased before."""
        if self.lines is None:
            return rejected
        hashes = self.lines.toDF("record_hash")
        return rejected.join(hashes, on="record_hash", how="left_anti").select(*rejected.columns)

    def of_members(self, members: DataFrame) -> DataFrame:
        """Rows of `account_members` without suppressed identifiers."""
        if self.suppressions is None:
            return members
        on = ["id_type", "id_key"]
        return members.join(self.suppressions.select(*on), on=on, how="left_anti").select(*members.columns)

    def is_suppressed_at(self, links: DataFrame, end: str) -> DataFrame:
        """Records of links with `is_suppressed`: true where the identifier at an end is, else null."""
        assert self.suppressions is not None  # noqa: S101 - the caller has looked
        keys = self.suppressions.select(
            F.col("id_type").alias(f"type_{end}"),
            F.col("id_key").alias(f"key_{end}"),
            F.lit(True).alias("is_suppressed"),
        )
        return links.join(keys, on=[f"type_{end}", f"key_{end}"], how="left")
