"""What is not taken in because somebody was erased or is suppressed: messages, refused lines, records of references."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts import privacy as kinds
from oneuser.contracts.privacy import ERASURES, LINKED_PAIR, SUPPRESSIONS
from oneuser.events.earlier_keys import as_observed
from oneuser.privacy.erasure import pair_key
from oneuser.stages.ingest.unwanted_texts import find_unwanted
from oneuser.storage.request_files import RequestFiles

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext


@dataclass(frozen=True)
class KeptBack:
    """What holds for the rest of a run, after its requests were taken in. Null where there is none.

    Attributes:
        suppressions: `id_type`, `id_key` of what is suppressed, each once.
        messages: `message_key` of erased messages: one that comes again is a duplicate.
        lines: `line_hash` of refused lines and records that were erased, as `erasures` has it.
        pairs: `id_key` of linked pairs that no link table joins any more, as `pair_key` makes it.
        values: By request that is not completed, the values that it has erased.
        digest: Another one as soon as something else is suppressed: what depends on it is read again.
    """

    suppressions: DataFrame | None
    messages: DataFrame | None
    lines: DataFrame | None
    pairs: DataFrame | None = None
    values: Mapping[str, Collection[str]] = field(default_factory=dict, repr=False)
    digest: str | None = None

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
        # of an identifier that several requests have suppressed, once
        suppressed = suppressions.select("id_type", "id_key").distinct()
        digest = suppressed.agg(
            F.count(F.lit(1)).alias("n"),
            F.bit_xor(F.xxhash64("id_type", "id_key")).alias("hashed"),
            F.count_if(F.col("id_type") == LINKED_PAIR).alias("n_pairs"),
        ).first()
        is_any = digest is not None and digest["n"] > 0
        return cls(
            suppressed if is_any else None,
            found.get(kinds.MESSAGE),
            found.get(kinds.LINE),
            suppressed.where(F.col("id_type") == LINKED_PAIR).select("id_key")
            if digest and digest["n_pairs"]
            else None,
            _sealed(ctx),
            f"{digest['n']} {digest['hashed']}" if digest is not None and is_any else None,
        )

    def as_observed(self, known: DataFrame | None) -> KeptBack:
        """The same for identifiers as they are read now, given the stored keys of those of an earlier version."""
        if self.suppressions is None or known is None:
            return self
        return replace(self, suppressions=as_observed(self.suppressions, known))

    def of_lines(self, ctx: RunContext, refused: DataFrame) -> tuple[DataFrame, dict[str, int]]:
        """Refused lines (rows of `quarantine`) without those that are not kept; how many of these by source."""
        unwanted = self._unwanted(ctx, refused, text="line", hashed="line_hash")
        if unwanted is None:
            return refused, {}
        dropped = refused.join(unwanted, on="line_hash", how="left_semi")
        counted = dropped.groupBy("source").agg(F.count(F.lit(1)).alias("n")).collect()
        left = refused.join(unwanted, on="line_hash", how="left_anti").select(*refused.columns)
        return left, {row["source"]: row["n"] for row in counted}

    def of_records(self, ctx: RunContext, rejected: DataFrame) -> DataFrame:
        """Refused records (rows of `rejected_records`) without those that are not kept."""
        unwanted = self._unwanted(ctx, rejected, text="record", hashed="record_hash")
        if unwanted is None:
            return rejected
        hashes = unwanted.toDF("record_hash")
        return rejected.join(hashes, on="record_hash", how="left_anti").select(*rejected.columns)

    def _unwanted(self, ctx: RunContext, rows: DataFrame, *, text: str, hashed: str) -> DataFrame | None:
        """`line_hash` of texts that were erased, or that name whom nothing is taken in of; null where none can be."""
        return find_unwanted(
            ctx,
            rows,
            text=text,
            hashed=hashed,
            suppressions=self.suppressions,
            values=self.values,
            lines=self.lines,
        )

    def of_members(self, members: DataFrame) -> DataFrame:
        """Rows of `account_members` or `subscriptions` without what is suppressed, be it in such files alone."""
        if self.suppressions is None:
            return members
        keys = self.suppressions.select("id_key")
        return members.join(keys, on="id_key", how="left_anti").select(*members.columns)

    def is_suppressed_at(self, links: DataFrame, end: str) -> DataFrame:
        """Records of links with `is_suppressed`: true where the identifier at an end is, else null."""
        assert self.suppressions is not None  # noqa: S101 - the caller has looked
        keys = self.suppressions.select(
            F.col("id_type").alias(f"type_{end}"),
            F.col("id_key").alias(f"key_{end}"),
            F.lit(True).alias("is_suppressed"),
        )
        return links.join(keys, on=[f"type_{end}", f"key_{end}"], how="left")

    def is_own_pair(self, links: DataFrame) -> DataFrame:
        """Records of links with `is_suppressed`: true where the pair is only of somebody erased, else null."""
        assert self.pairs is not None  # noqa: S101 - the caller has looked
        hashed = pair_key(*((F.col(f"type_{end}"), F.col(f"key_{end}")) for end in "ab"))
        pairs = self.pairs.select(F.col("id_key").alias("pair"), F.lit(True).alias("is_suppressed"))
        return links.withColumn("pair", hashed).join(pairs, on="pair", how="left").drop("pair")


def _sealed(ctx: RunContext) -> dict[str, list[str]]:
    """By request whose receipt is not written yet, its values: until then nothing new may hold one."""
    files = RequestFiles(ctx.warehouse.files, ctx.warehouse.layout)
    found = {request_id: files.sealed(request_id) for request_id in files.open_requests()}
    return {request_id: sealed.values for request_id, sealed in found.items() if sealed is not None and sealed.values}
