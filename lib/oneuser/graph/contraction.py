"""Connected components by contraction: what one partition knows is joined there, and only the rest travels on.

Reads pairs of dense ids, yields one row per id that has an edge. A round has two steps. First every partition contracts
the pairs that it holds, chunk by chunk, to (id, root), the root being the smallest id that the chunk joins it with; in
the first round these are the pairs that lie there, which nothing has moved.
Then the roots of an id that several chunks have seen are linked to the smallest of them. These links are a graph over
roots alone; it goes round again, or into one task once it fits there, and its labels are joined back, round by round.

What grows with what:

* memory of a contracting task with the chunk, some 100 bytes a pair, whatever the partition holds;
* memory of a linking task with the rows that it is given: ids times the chunks that saw them, over
  `spark.sql.shuffle.partitions`, or 64 MB of them where Spark joins small partitions itself;
* rounds with the logarithm of pairs over `one_task_max_pairs`: after the first, a pair goes where the end with the
  smaller hash goes, so such an end meets all its neighbours, and a tree keeps at most two thirds of its pairs on
  average; a chain does. The hash changes from round to round. What people leave behind, small components with a hub,
  shrinks far faster;
* two shuffles and one join a round, one and one in the first, of two bigints a row.

Every round ends for good: the largest id of a component is never a root, so fewer ids go on than came in.

Which roots a chunk finds depends on the order in which its pairs arrive. A part of a round that is computed again after
an executor is lost need not go with the links that were made from the first; so on a cluster every round is kept where
that cannot happen.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import structlog
from pyspark import StorageLevel
from pyspark.sql import functions as F

from oneuser.graph.one_task import batches_of, connect_in_one_task, label_components
from oneuser.spark.clustering import cluster
from oneuser.spark.session import is_local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray
    from pyspark.sql import DataFrame

_log = structlog.get_logger("oneuser.graph")
_ROOTS_DDL = "identifier_id bigint, root bigint"
# a row that is no link says what root an id has; a link says that two roots are one component
_ASSIGNED_DDL = "identifier_id bigint, root bigint, is_link boolean"


# 200 MB of pairs at a time while contracting
_CHUNK_PAIRS = 2_000_000


def connect_by_contraction(
    pairs: DataFrame,
    *,
    one_task_max_pairs: int,
    keep: Callable[[DataFrame], DataFrame],
    chunk_pairs: int = _CHUNK_PAIRS,
) -> DataFrame:
    """Label each id that has an edge with the smallest id of its component. Runs one job a round and one at the end.

    Args:
        pairs: `src`, `dst` of bigint; duplicates, reversed pairs and loops are harmless.
        one_task_max_pairs: From how many links between roots on there is another round.
        keep: Computes a frame, and returns its rows wherever they outlive what they were made from. Keeps the result,
            and on a cluster the rounds.
        chunk_pairs: How many pairs are contracted at a time.

    Returns:
        `identifier_id`, `component_id`: one row per id, kept.
    """
    rounds: list[DataFrame] = []
    links = pairs
    has_one_process = is_local(pairs.sparkSession)
    try:
        while True:
            gathered = _gather(links, salt=len(rounds)) if rounds else links
            assigned = _assign_roots(gathered, chunk_pairs)
            rounds.append(assigned.persist(StorageLevel.MEMORY_AND_DISK) if has_one_process else keep(assigned))
            links = rounds[-1].where("is_link").select(F.col("identifier_id").alias("src"), F.col("root").alias("dst"))
            n_links = links.count()
            _log.info("round of contraction", round=len(rounds), links_left=n_links)
            if n_links <= one_task_max_pairs:
                break
        labels = connect_in_one_task(links)
        for assigned in reversed(rounds):
            labels = _join_back(assigned, labels)
        # the labels stand on the rounds, which are released here: they are copied before
        return keep(labels)
    finally:
        for assigned in rounds:
            assigned.unpersist()


def _gather(pairs: DataFrame, *, salt: int) -> DataFrame:
    """The pairs, each in the partition of its end with the smaller hash."""
    comes_first = F.xxhash64(F.lit(salt), "src") <= F.xxhash64(F.lit(salt), "dst")
    return pairs.repartition(F.when(comes_first, F.col("src")).otherwise(F.col("dst")))


def _assign_roots(pairs: DataFrame, chunk_pairs: int) -> DataFrame:
    """One round: rows of `_ASSIGNED_DDL`."""
    contracted = pairs.select("src", "dst").mapInArrow(
        functools.partial(_contract_chunks, chunk_pairs=chunk_pairs), _ROOTS_DDL
    )
    return cluster(contracted, "identifier_id").mapInArrow(_link_roots, _ASSIGNED_DDL)


def _join_back(assigned: DataFrame, labels: DataFrame) -> DataFrame:
    """Labels of the ids of one round, from those of their roots; a root without a link is a component of its own."""
    of_roots = labels.withColumnRenamed("identifier_id", "root")
    members = assigned.where(~F.col("is_link")).select("identifier_id", "root")
    return members.join(of_roots, on="root", how="left").select(
        "identifier_id", F.coalesce("component_id", "root").alias("component_id")
    )


def _contract_chunks(batches: Iterable[pa.RecordBatch], *, chunk_pairs: int) -> Iterator[pa.RecordBatch]:
    """Rows of `_ROOTS_DDL`: one per id of a chunk."""
    chunk: list[pa.RecordBatch] = []
    n_pairs = 0
    for batch in batches:
        chunk.append(batch)
        n_pairs += batch.num_rows
        if n_pairs >= chunk_pairs:
            yield from _contract(chunk)
            chunk, n_pairs = [], 0
    yield from _contract(chunk)


def _contract(chunk: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    src, dst = _columns(chunk)
    if len(src):
        ids, roots = label_components(src, dst)
        yield from batches_of(identifier_id=ids, root=roots)


def _link_roots(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows of `_ASSIGNED_DDL` from all rows of the ids that a task has."""
    ids, roots = _columns(list(batches))
    if len(ids) == 0:
        return
    order = np.lexsort((roots, ids))
    ids, roots = ids[order], roots[order]
    is_first = np.append(True, ids[1:] != ids[:-1])
    members, least = ids[is_first], roots[is_first]
    yield from batches_of(identifier_id=members, root=least, is_link=np.zeros(len(members), dtype=bool))
    least_of_each = least[np.cumsum(is_first) - 1]
    is_other = roots != least_of_each
    ends = pa.table({"identifier_id": least_of_each[is_other], "root": roots[is_other]})
    links = ends.group_by(ends.column_names).aggregate([])
    yield from links.append_column("is_link", pa.array(np.ones(links.num_rows, dtype=bool))).to_batches()


def _columns(batches: list[pa.RecordBatch]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, second = (
        np.concatenate([np.empty(0, dtype=np.int64), *(batch.column(place).to_numpy() for batch in batches)])
        for place in (0, 1)
    )
    return first, second
