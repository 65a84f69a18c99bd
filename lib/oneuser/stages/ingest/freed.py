"""Suppressions that end because somebody asks for that: what was suppressed is taken in again.

Reads   requests to let somebody in; suppressions, and what other requests of the run suppress
Yields  suppressions that end, and how many identifiers nothing suppresses any more
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.privacy import LINKED_PAIR, SUPPRESSIONS
from oneuser.privacy.erasure import bare_type
from oneuser.storage.request_files import RequestFiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

    from oneuser.privacy.requests import Request
    from oneuser.stages.context import RunContext
    from oneuser.stages.ingest.spelled_out import Spellings


def is_identifier() -> Column:
    """Whether a suppression is no linked pair, and holds not for files alone: neither is told to who erases."""
    return ~F.col("id_type").startswith("(")


def find_freed(
    ctx: RunContext, requests: Sequence[Request], spellings: Spellings, suppressed: DataFrame
) -> DataFrame | None:
    """`request_id`, `id_type`, `id_key`, `suppressed_by` of suppressions that end; null where nobody asks for that.

    Connected with what is named is whatever was suppressed by the same request: of the person, nothing else is left.
    What a request of this run suppresses is freed by those that were made after it alone.
    """
    if not any(request.action == "unsuppress" for request in requests):
        return None
    turns = _in_turn(ctx, requests)
    rows = [
        (request.request_id, spelling.id_type, bytearray(key), request.scope == "connected", turns[request.request_id])
        for request in requests
        if request.action == "unsuppress"
        for key, spelling in spellings[request.request_id].items()
    ]
    stored, on = ["id_type", "id_key"], ["named_type", "id_key"]
    named = ctx.spark.createDataFrame(
        rows, "request_id string, named_type string, id_key binary, is_connected boolean, turn int"
    )
    made = ctx.spark.createDataFrame(list(turns.items()), "suppressed_by string, made_in_turn int")
    standing = ctx.read(SUPPRESSIONS).select(F.col("request_id").alias("suppressed_by"), *stored)
    news = suppressed.select(F.col("request_id").alias("suppressed_by"), *stored).join(
        made, on="suppressed_by", how="inner"
    )
    standing = standing.withColumn("made_in_turn", F.lit(-1)).unionByName(news)
    # whoever names a device does not know that it is suppressed in files alone
    standing = standing.withColumn("named_type", bare_type())
    asked = ctx.checkpoint(named.join(standing, on=on, how="inner").where(F.col("made_in_turn") < F.col("turn")))
    columns = ["request_id", *stored, "suppressed_by"]
    connected = asked.where("is_connected").select("request_id", "suppressed_by").distinct()
    beside = connected.join(standing, on="suppressed_by", how="inner").select(*columns)
    return ctx.checkpoint(asked.select(*columns).unionByName(beside).distinct())


def _in_turn(ctx: RunContext, requests: Sequence[Request]) -> dict[str, int]:
    """In which turn each request was made, by its id."""
    files = RequestFiles(ctx.warehouse.files, ctx.warehouse.layout)
    told = {request.request_id: files.status(request.request_id) or {} for request in requests}
    made = sorted(told, key=lambda name: (told[name].get("submitted_at", ""), name))
    return {name: turn for turn, name in enumerate(made)}


def count_freed(ctx: RunContext, freed: DataFrame, suppressed: DataFrame) -> DataFrame:
    """`request_id`, `id_type`, `id_key` of what nothing suppresses any more.

    Args:
        ctx: The stage's context.
        freed: What `find_freed` gives.
        suppressed: What requests of this run suppress.
    """
    on = ["id_type", "id_key"]
    rows = ctx.read(SUPPRESSIONS).select(*on, "request_id").unionByName(suppressed.select(*on, "request_id"))
    ended = freed.select(*on, F.col("suppressed_by").alias("request_id"))
    left = rows.join(ended, on=[*on, "request_id"], how="left_anti").select(bare_type(), "id_key")
    identifiers = freed.where(F.col("id_type") != LINKED_PAIR).select("request_id", bare_type(), "id_key").distinct()
    return identifiers.join(left, on=on, how="left_anti")
