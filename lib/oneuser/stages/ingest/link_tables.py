"""Imported links: from the files of link tables to pairs of identifier ids, withdrawn where they are gone from them.

Reads   the files of `links`, identifiers, links as they were
Yields  links               one row per link table, pair of identifiers and time
        identifiers         what is named by a link and was never seen before
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial, reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.reference import LINKS
from oneuser.core.reasons import Reason
from oneuser.events.earlier_keys import with_stored_keys
from oneuser.events.link_records import LEFT_OUT, LINK_TIME, LinkSpec, Part, ValueTest, read_links
from oneuser.events.spec import id_type_specs
from oneuser.stages.ingest.assigned_ids import assign_surrogate_ids
from oneuser.stages.ingest.credible_times import earliest_time, horizon
from oneuser.stages.ingest.kept_back import KeptBack
from oneuser.stages.ingest.references import Judged, ReferenceGroup, replaced
from oneuser.stages.ingest.stored_keys import stored_keys
from oneuser.storage.reference_inputs import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oneuser.config import LinkTable
    from oneuser.stages.context import RunContext

GROUP = "links"
_TEST = "test_"
_ON = ["source", "src", "dst"]


def link_group(ctx: RunContext) -> ReferenceGroup:
    """All link tables of the configuration, to be taken in together."""
    tables = ctx.config.links
    specs = {name: _spec(ctx, table) for name, table in tables.items()}
    priorities = {name: table.priority for name, table in tables.items()}

    def judge(records: Mapping[str, DataFrame]) -> Judged:
        return _judge(ctx, records, specs, priorities)

    # when a run was is no rule, and no reason to read again
    rules = {name: replace(spec, horizon=0) for name, spec in specs.items()}
    shape = (rules, priorities)
    return ReferenceGroup(
        GROUP, [_reference(name, table) for name, table in tables.items()], shape, judge, names_people=True
    )


def _reference(name: str, table: LinkTable) -> Reference:
    ends = {
        _column(end, index): part
        for end, parts in zip("ab", table.end_parts, strict=True)
        for index, part in enumerate(parts)
        if isinstance(part, str)
    }
    typed = dict(zip(("type_a", "type_b"), table.type_columns or (), strict=False))
    timed = {LINK_TIME: table.time_column.column} if table.time_column else {}
    tested = {f"{_TEST}{index}": column for index, column in enumerate(table.where)}
    return Reference(
        name=f"{GROUP}.{name}",
        path=table.path,
        format=table.format,
        dialect=table.dialect_of(table.format),
        columns={**typed, **ends, **timed, **tested},
        # the columns must be there; a record without a value is the nature of a list, and no damage
        required=(),
        optional=(*typed, *ends, *timed, *tested),
    )


def _column(end: str, index: int) -> str:
    """What we call the column of a piece of an end's value."""
    return f"value_{end}_{index}"


def _spec(ctx: RunContext, table: LinkTable) -> LinkSpec:
    time = table.time_column
    one, other = (
        tuple(
            Part(_column(end, index)) if isinstance(part, str) else Part(None, str(part.const))
            for index, part in enumerate(parts)
        )
        for end, parts in zip("ab", table.end_parts, strict=True)
    )
    tests = {
        f"{_TEST}{index}": ValueTest(
            at_least=test.at_least,
            at_most=test.at_most,
            one_of=test.one_of if test.equals is None else (test.equals,),
        )
        for index, test in enumerate(table.where.values())
    }
    return LinkSpec(
        id_types=id_type_specs(ctx.config.identity.id_types),
        types=table.types,
        values=(one, other),
        tests=tests,
        time_format=time.format if time else None,
        time_zone=time.zone if time else None,
        earliest=earliest_time(ctx.config),
        horizon=horizon(ctx),
    )


def _judge(
    ctx: RunContext,
    records: Mapping[str, DataFrame],
    specs: Mapping[str, LinkSpec],
    priorities: Mapping[str, int | None],
) -> Judged:
    """Read the records, give what they name surrogate ids, and put the links in the place of those that were."""
    read: dict[str, DataFrame] = {}
    kept_back = KeptBack.of(ctx)
    for reference, rows in records.items():
        name = reference.removeprefix(f"{GROUP}.")
        said = _under_stored_keys(ctx, read_links(rows, spec=specs[name], keys=ctx.keys))
        priority = F.lit(priorities[name]).cast("int")
        said = _leave_out_suppressed(said, kept_back)
        read[reference] = ctx.persist(said.withColumns({"source": F.lit(name), "priority": priority}))
    if not read:
        return Judged({}, replaced(ctx, LINKS, None))
    links = reduce(DataFrame.unionByName, read.values()).where(F.col("code").isNull())
    assigned = assign_surrogate_ids(ctx, _ends(links))
    pairs = ctx.persist(_count_pairs(links, assigned.of_all))
    due = _report(ctx, read, pairs)
    writes = [*assigned.writes, *replaced(ctx, LINKS, _since_when(ctx, pairs))]
    # what a test leaves out is neither a link nor refused
    is_refused = F.col("code") != LEFT_OUT
    kept = {name: rows.withColumn("code", F.when(is_refused, F.col("code"))) for name, rows in read.items()}
    return Judged(kept, writes, due)


def _under_stored_keys(ctx: RunContext, said: DataFrame) -> DataFrame:
    """Records of links, each end by the key that it is stored under."""
    if not ctx.keys.earlier:
        return said
    said = ctx.persist(said)
    known = stored_keys(ctx, _ends(said))
    if known is None:
        return said
    return with_stored_keys(with_stored_keys(said, known, end="a"), known, end="b").select(*said.columns)


def _leave_out_suppressed(said: DataFrame, kept_back: KeptBack) -> DataFrame:
    """Records of links, left out those with a suppressed end, and those that only join what somebody erased had."""
    looks: list[Callable[[DataFrame], DataFrame]] = []
    if kept_back.suppressions is not None:
        looks += [partial(kept_back.is_suppressed_at, end=end) for end in "ab"]
    if kept_back.pairs is not None:
        looks.append(kept_back.is_own_pair)
    is_left_out = F.col("code").isNull() & F.col("is_suppressed")
    code = F.when(is_left_out, LEFT_OUT).otherwise(F.col("code")).alias("code")
    for look in looks:
        said = look(said).select(*[code if name == "code" else name for name in said.columns])
    return said


def _ends(links: DataFrame) -> DataFrame:
    """One row per end: `id_type`, `id_key`, `id_value`."""
    ends = [
        links.select(
            F.col(f"type_{end}").alias("id_type"),
            F.col(f"key_{end}").alias("id_key"),
            F.col(f"value_{end}").alias("id_value"),
        )
        for end in "ab"
    ]
    return ends[0].unionByName(ends[1])


def _count_pairs(links: DataFrame, surrogate_ids: DataFrame) -> DataFrame:
    """One row per link table, pair and time: `source`, `src`, `dst`, `link_time`, `priority`, `n_records`."""
    for end in "ab":
        ids = surrogate_ids.select(
            F.col("id_type").alias(f"type_{end}"),
            F.col("id_key").alias(f"key_{end}"),
            F.col("identifier_id").alias(end),
        )
        links = links.join(ids, on=[f"type_{end}", f"key_{end}"], how="inner")
    ordered = links.withColumns({"src": F.least("a", "b"), "dst": F.greatest("a", "b")})
    return ordered.groupBy(*_ON, LINK_TIME, "priority").agg(F.count(F.lit(1)).alias("n_records"))


def _since_when(ctx: RunContext, pairs: DataFrame) -> DataFrame:
    """Rows of `links`: those that were there before keep the run that first saw them."""
    before = ctx.read(LINKS).select(*_ON, LINK_TIME, F.col("run_seq").alias("seen_run")).alias("before")
    is_same = [F.col(f"now.{name}").eqNullSafe(F.col(f"before.{name}")) for name in (*_ON, LINK_TIME)]
    met = pairs.alias("now").join(before, on=reduce(lambda one, other: one & other, is_same), how="left")
    run_seq = F.coalesce("seen_run", F.lit(ctx.run_seq).cast("bigint")).alias("run_seq")
    return LINKS.conform(met.select("now.*", run_seq))


def _report(ctx: RunContext, read: Mapping[str, DataFrame], pairs: DataFrame) -> dict[str, int]:
    """Metrics of what became of the records, and the check that none is lost.

    Returns:
        By reference, the earliest time that is still in the future, of those that have one.
    """
    is_ahead = F.col("code") == Reason.REFERENCE_TIME
    counted = pairs.groupBy("source").agg(F.count(F.lit(1)).alias("n"), F.sum("n_records").alias("n_records"))
    of_pairs = {row["source"]: (row["n"], row["n_records"]) for row in counted.collect()}
    tagged = (
        reduce(DataFrame.unionByName, read.values())
        .groupBy("source")
        .agg(
            F.count_if(F.col("code").isNull()).alias("n_links"),
            F.count_if(F.col("code") == LEFT_OUT).alias("n_left_out"),
            F.min(F.when(is_ahead, F.unix_micros(LINK_TIME))).alias("due"),
        )
        .collect()
    )
    of_records = {row["source"]: (row["n_links"], row["n_left_out"]) for row in tagged}
    for reference in read:
        name = reference.removeprefix(f"{GROUP}.")
        n_pairs, n_paired = of_pairs.get(name, (0, 0))
        n_links, n_left_out = of_records.get(name, (0, 0))
        ctx.metric("links", n_pairs, name)
        ctx.metric("link_records_left_out", n_left_out, name)
        ctx.metric("link_records_duplicate", n_paired - n_pairs, name)
        ctx.check(
            f"links_accounted:{name}",
            ok=n_paired == n_links,
            found=f"{n_paired} of {n_links} records are links or repeat one",
            expected="each of them",
        )
    return {f"{GROUP}.{row['source']}": row["due"] for row in tagged if row["due"] is not None}
