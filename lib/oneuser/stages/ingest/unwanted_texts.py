"""Refused lines and records that are not kept, since they name somebody who was erased or is suppressed.

Reads   texts as they were received, with a hash each
Yields  the hashes of those that are kept nowhere
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.events.normalise import make_normalisers
from oneuser.events.spec import id_type_specs
from oneuser.privacy.erased_lines import find_erased_lines
from oneuser.privacy.named_in_texts import find_named_in
from oneuser.privacy.text_search import find_texts
from oneuser.stages.ingest.source_spec import names_of_identifiers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from oneuser.stages.context import RunContext

_ON = ["id_type", "id_key"]


def find_unwanted(
    ctx: RunContext,
    rows: DataFrame,
    *,
    text: str,
    hashed: str,
    suppressions: DataFrame | None,
    values: Mapping[str, Collection[str]],
    lines: DataFrame | None,
) -> DataFrame | None:
    """`line_hash` of texts that are not kept, each once; null where there is nothing to look for. Found in one job.

    Args:
        ctx: The stage's context.
        rows: Rows of `quarantine` or `rejected_records`.
        text: Column of the texts, binary or string.
        hashed: Column of their hashes.
        suppressions: Rows of `suppressions`: any of them may stand in a text, in whatever spelling.
        values: By request what it has erased, as long as that is known: devices that are not suppressed, too.
        lines: `line_hash` of texts that were erased before, as `erasures` has it.
    """
    normalisers = make_normalisers(id_type_specs(ctx.config.identity.id_types))
    names = names_of_identifiers(ctx.config)
    parts = []
    if lines is not None:
        parts.append(find_erased_lines(rows.select(F.col(hashed).alias("line_hash")), lines, ctx.keys))
    if values:
        found = find_texts(rows, text=text, hashed=hashed, values=values, normalisers=normalisers, names=names)
        parts.append(found.select("line_hash"))
    if suppressions is not None:
        texts = rows.where(F.col(text).isNotNull()).select(
            # whose text it is: no request's
            F.col(hashed).cast("string").alias("request_id"),
            F.make_valid_utf8(F.col(text).cast("string")).alias("text"),
        )
        # a word or value that is suppressed, as whichever type it may be
        named = find_named_in(texts, keys=ctx.keys, normalisers=normalisers, names=names)
        suppressed = named.join(suppressions.select(*_ON), on=_ON, how="left_semi")
        parts.append(suppressed.select(F.col("request_id").cast("bigint").alias("line_hash")))
    return ctx.persist(reduce(DataFrame.unionByName, parts).distinct()) if parts else None
