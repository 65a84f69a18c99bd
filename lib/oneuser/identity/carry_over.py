"""The carry-over on Spark: from components and the ledger to decided rows, and from these to tables.

Reads   components, user_ids (the ledger), identifier_map of the last run, edges
Yields  decided rows; from them user_ids, user_redirects, lineage and the owner of each component
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.identity import LINEAGE, USER_IDS, USER_REDIRECTS
from oneuser.identity import carry_over_rows as shape
from oneuser.identity.carry_over_batches import SORTED_BY, decide_batches
from oneuser.spark.clustering import cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa
    from pyspark.sql import Column

    from oneuser.identity.succession import Rules

# first seen of what no message carries: after everything, and within what counts of nanoseconds reach, in which other
# readers than Spark hold a time
NEVER_SEEN = "2262-01-01 00:00:00"


def carry_over_user_ids(
    components: DataFrame,
    ledger: DataFrame,
    previous_map: DataFrame,
    *,
    rules: Rules,
    connect: Callable[[DataFrame], DataFrame],
    owners_over_time: DataFrame | None = None,
    is_first_run: bool = False,
) -> DataFrame:
    """Decide the User ID of every component, and what becomes of every User ID.

    Args:
        components: Rows of `components`.
        ledger: Rows of `user_ids` before this run.
        previous_map: Rows of `identifier_map` of the last run.
        rules: Mint and survivor; the secret travels inside the pickled function alone.
        connect: Engine for connected components of `src`, `dst`, yielding `identifier_id`, `component_id`.
        owners_over_time: `identifier_id`, `owners`: components that own a contested identifier over time, from which
            its home component follows; null where nothing is contested.
        is_first_run: Whether ledger and map are known to be empty; spares looking.

    Returns:
        Rows of the shape `carry_over_rows.DECISIONS`. Several tables are made from them: persist them.
    """
    identifiers = _identifiers(components)
    if owners_over_time is not None:
        identifiers = identifiers.join(owners_over_time, on="identifier_id", how="left")
    if is_first_run and owners_over_time is None:
        rows = shape.ROWS.select(identifiers.withColumn("group_id", F.col("component_id")))
    else:
        rows = _rows_with_ledger(identifiers, ledger, previous_map, connect)
    order = [F.col(name).asc_nulls_first() if ascends else F.col(name).desc_nulls_last() for name, ascends in SORTED_BY]
    clustered = cluster(rows, "group_id", *order)

    def decide_partition(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return decide_batches(batches, rules)

    return clustered.mapInArrow(decide_partition, shape.DECISIONS.ddl)


def end_user_ids(ledger: DataFrame, ended: DataFrame, *, run_seq: int) -> DataFrame:
    """The ledger (rows of `user_ids`) with some User IDs erased: `user_id` in `ended`.

    An erased ID stands nowhere, for ever. Nothing is left that says what it stood on: no anchor, no key, no time.
    """
    is_ended = F.col("is_ended")
    never = F.to_timestamp(F.lit(NEVER_SEEN))
    emptied = {
        "status": F.lit("erased"),
        "redirect_to": F.lit(None).cast("string"),
        "anchor_identifier_id": F.lit(None).cast("bigint"),
        "last_anchor_identifier_id": F.lit(None).cast("bigint"),
        "anchors": F.array().cast(USER_IDS.schema["anchors"].dataType),
        "minted_first_seen_at": never,
        "minted_first_event_order": F.lit(b""),
        "minted_key": F.lit(b""),
        "status_run": F.lit(run_seq).cast("bigint"),
    }
    marked = ledger.join(ended.select("user_id", F.lit(True).alias("is_ended")), on="user_id", how="left")
    return USER_IDS.conform(
        marked.withColumns({name: F.when(is_ended, value).otherwise(F.col(name)) for name, value in emptied.items()})
    )


def ended_lineage(ended: DataFrame, *, run_seq: int) -> DataFrame:
    """Rows of `lineage` of the User IDs that a run has erased: `user_id` in `ended`."""
    said = {"run_seq": F.lit(run_seq).cast("bigint"), "change": F.lit("erased")}
    unsaid = {
        one.name: F.lit(None).cast(one.dtype) for one in LINEAGE.fields if one.name not in {*said, *ended.columns}
    }
    return LINEAGE.conform(ended.withColumns(said | unsaid))


def decided_owners(decided: DataFrame) -> DataFrame:
    """`component_id`, `user_id`: the live User ID of each component."""
    return decided.where(F.col("kind") == shape.OWNER).select("component_id", "user_id")


def decided_user_ids(decided: DataFrame, ledger: DataFrame) -> DataFrame:
    """The whole ledger after the run: changed and new rows, and those that stay as they were."""
    changed = USER_IDS.conform(decided.where(F.col("kind") == shape.USER))
    unchanged = USER_IDS.conform(ledger).join(changed.select("user_id"), on="user_id", how="left_anti")
    return USER_IDS.conform(changed.unionByName(unchanged))


def decided_redirects(user_ids: DataFrame) -> DataFrame:
    """One row per retired ID of the ledger.

    `reason` is `merged` where its anchor is in the component of the live ID, `followed` where nothing of it is left and
    it goes wherever its target goes.
    """
    reason = F.when(F.col("anchor_identifier_id").isNull(), F.lit("followed")).otherwise(F.lit("merged"))
    retired = user_ids.where(F.col("status") == "retired")
    return USER_REDIRECTS.conform(
        retired.select("user_id", "redirect_to", reason.alias("reason"), F.col("status_run").alias("run_seq"))
    )


def changes_with_causes(decided: DataFrame) -> DataFrame:
    """`run_seq`, `change`, `user_id`, `identifier_id`: what happened to User IDs that a new edge may have caused."""
    is_caused = (F.col("kind") == shape.LINEAGE) & F.col("change").isin("merged", "anchored")
    return decided.where(is_caused).select("run_seq", "change", "user_id", "identifier_id")


def decided_lineage(
    decided: DataFrame, edges: DataFrame, previous_map: DataFrame | None = None, *, has_few_causes: bool = False
) -> DataFrame:
    """What happened to each User ID, with the edge that caused it.

    The cause of `merged` is the earliest edge new in the run that leads from an identifier of the ID to one that was
    not its own; of `anchored`, the earliest new edge at the new anchor. Everything else comes of an edge that is gone,
    or of an identifier that came or left, and has none.

    Args:
        decided: Decided rows.
        edges: Rows of `edges` of this run, at least those that are new in it.
        previous_map: Rows of `identifier_map` of the last run. Without it an ID counts by its anchor alone.
        has_few_causes: Whether `changes_with_causes` are few enough to travel to every task: then the map is not moved.

    Returns:
        Rows of `lineage`.
    """
    changes = decided.where(F.col("kind") == shape.LINEAGE).select(
        "run_seq", "change", "user_id", "other_user_id", "identifier_id"
    )
    caused = changes_with_causes(decided)
    causes = _causes(F.broadcast(caused) if has_few_causes else caused, edges, previous_map).withColumnsRenamed(
        {"user_id": "caused_id", "change": "caused_change"}
    )
    is_cause = (F.col("user_id") == F.col("caused_id")) & (F.col("change") == F.col("caused_change"))
    return LINEAGE.conform(changes.join(causes, on=is_cause, how="left"))


def _causes(caused: DataFrame, edges: DataFrame, previous_map: DataFrame | None) -> DataFrame:
    """`user_id`, `change`, `edge_src`, `edge_dst`: one row per change that a new edge explains."""
    anchored = caused.where(F.col("change") == "anchored")
    merged = caused.where(F.col("change") == "merged")
    owned = (merged if previous_map is None else previous_map).select("identifier_id", "user_id")
    members = owned.join(merged.drop("identifier_id"), on="user_id", how="inner").select(*merged.columns)
    both_ends = F.explode(
        F.array(
            F.struct(F.col("src").alias("identifier_id"), F.col("dst").alias("other_id")),
            F.struct(F.col("dst").alias("identifier_id"), F.col("src").alias("other_id")),
        )
    )
    ends = edges.select("src", "dst", "first_run", "first_event_time", "first_event_order", both_ends.alias("end"))
    concerned = anchored.unionByName(members)
    is_here = (F.col("end.identifier_id") == F.col("identifier_id")) & (F.col("first_run") == F.col("run_seq"))
    here = ends.join(concerned, on=is_here, how="inner")
    others = owned.select(F.col("identifier_id").alias("other_id"), F.col("user_id").alias("other_user"))
    across = here.withColumn("other_id", F.col("end.other_id")).join(others, on="other_id", how="left")
    leads_away = (F.col("change") == "anchored") | ~F.col("other_user").eqNullSafe(F.col("user_id"))
    earliest = F.min(F.struct("first_event_time", "first_event_order", "src", "dst")).alias("earliest")
    found = across.where(leads_away).groupBy("user_id", "change").agg(earliest)
    return found.select(
        "user_id", "change", F.col("earliest.src").alias("edge_src"), F.col("earliest.dst").alias("edge_dst")
    )


def _identifiers(components: DataFrame) -> DataFrame:
    """Member rows but for group and previous user."""
    return components.select(
        F.lit(shape.MEMBER_ROW).alias("row_kind"),
        "component_id",
        "identifier_id",
        "is_known",
        "priority",
        # what no message carries was seen after everything else
        F.coalesce("first_seen_at", F.to_timestamp(F.lit(NEVER_SEEN))).alias("first_seen_at"),
        F.coalesce("first_event_order", F.lit(b"")).alias("first_event_order"),
        "id_key",
    )


def _rows_with_ledger(
    identifiers: DataFrame, ledger: DataFrame, previous_map: DataFrame, connect: Callable[[DataFrame], DataFrame]
) -> DataFrame:
    """Members and users, each with its carry-over group."""
    members = identifiers.join(previous_map.select("identifier_id", "user_id"), on="identifier_id", how="left")
    groups = connect(_group_pairs(members, ledger)).select(
        F.col("identifier_id").alias("node"), F.col("component_id").alias("group")
    )
    users = ledger.withColumns(
        {
            "row_kind": F.lit(shape.USER_ROW),
            "first_seen_at": F.col("minted_first_seen_at"),
            "first_event_order": F.col("minted_first_event_order"),
            "id_key": F.col("minted_key"),
        }
    )
    grouped = []
    for rows, node in ((members, F.col("component_id")), (users, _node_of(F.col("user_id")))):
        with_group = rows.withColumn("node", node).join(groups, on="node", how="left")
        # what nothing joins is a group of its own
        with_group = with_group.withColumn("group_id", F.coalesce("group", "node"))
        grouped.append(shape.ROWS.select(with_group))
    return reduce(DataFrame.unionByName, grouped)


def _group_pairs(members: DataFrame, ledger: DataFrame) -> DataFrame:
    """What makes a carry-over group, as pairs of nodes: a previous member, an anchor, a redirect, another owner."""
    user = _node_of(F.col("user_id"))
    by_member = members.where(F.col("user_id").isNotNull()).select(
        F.col("component_id").alias("src"), user.alias("dst")
    )
    anchors = ledger.select("user_id", F.explode("anchors.identifier_id").alias("identifier_id"))
    by_anchor = anchors.join(members.select("identifier_id", "component_id"), on="identifier_id", how="inner").select(
        F.col("component_id").alias("src"), user.alias("dst")
    )
    by_redirect = ledger.where(F.col("redirect_to").isNotNull()).select(
        _node_of(F.col("redirect_to")).alias("src"), user.alias("dst")
    )
    pairs = by_member.unionByName(by_anchor).unionByName(by_redirect)
    if "owners" in members.columns:
        owners = members.select(F.col("component_id").alias("src"), F.explode("owners").alias("dst"))
        pairs = pairs.unionByName(owners)
    return pairs.distinct()


def _node_of(user_id: Column) -> Column:
    # two IDs of one hash, or one that equals a component's number, only share a group, which is harmless
    return F.xxhash64(user_id)
