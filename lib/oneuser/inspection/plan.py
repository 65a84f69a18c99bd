"""What the next run would do to people, read off the tables that a plan has left and readers do not see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.graph import COMPONENTS, REFUSED_EDGES
from oneuser.contracts.identity import IDENTIFIER_MAP, LINEAGE
from oneuser.inspection.lookup import values_of
from oneuser.inspection.reading import Published
from oneuser.runs.claim_rows import Publication
from oneuser.runs.gates import GateCheck, check_gates, gated_metrics

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import DataFrame, Row

    from oneuser.config import Config
    from oneuser.runs.result import RunResult
    from oneuser.storage.warehouse import Warehouse

PLANNED_STAGES = ("ingest", "graph", "identity")


@dataclass(frozen=True)
class PlannedChange:
    """A User ID that would merge into another, split off it, or come back from it.

    Attributes:
        change: merged, split_from or restored.
        user_id: The ID.
        other_user_id: Into which it would merge, or from which it would come; null where from none.
        n_identifiers: Identifiers that it has now (merged), or would have.
        edge_a: One end of the edge that causes it, as `type: value`; null where no edge does.
        edge_b: The other end.
    """

    change: str
    user_id: str
    other_user_id: str | None
    n_identifiers: int
    edge_a: str | None
    edge_b: str | None


@dataclass(frozen=True)
class PlannedMove:
    """Identifiers that would go from one User ID to another."""

    from_user_id: str
    to_user_id: str
    n_identifiers: int


@dataclass(frozen=True)
class PlannedRefusals:
    """Edges that a rule would refuse: all of them, and those that it would refuse anew, or no longer."""

    rule: str
    n_refused: int
    n_opened: int
    n_closed: int


@dataclass(frozen=True)
class OverShared:
    """A value that too many people would share, and how many edges are refused over it."""

    identifier: str
    n_edges: int


@dataclass(frozen=True)
class Plan:
    """What the next run would do. It is run `run_seq`, done up to people, and published by the next `run`.

    Attributes:
        run_seq: Number of the run.
        as_of: Its own time.
        seconds: How long planning took.
        metrics: Metrics of its stages.
        merges: IDs that would merge into others, the largest first; `n_merges` counts all of them.
        splits: IDs that would split off or come back, the largest first; `n_splits` counts all of them.
        moves: From where to where most identifiers would move, merges among them; `n_moved` counts all identifiers.
        n_minted: New IDs.
        n_events_moved: Events that would get another owner.
        refusals: Refused edges by rule.
        over_shared: Values that too many people would share, that with most edges first.
        gates: Each gate and whether it holds.
    """

    run_seq: int
    as_of: datetime
    seconds: float
    metrics: dict[str, float]
    merges: list[PlannedChange]
    n_merges: int
    splits: list[PlannedChange]
    n_splits: int
    moves: list[PlannedMove]
    n_moved: int
    n_minted: int
    n_events_moved: int
    refusals: list[PlannedRefusals]
    over_shared: list[OverShared]
    gates: list[GateCheck]

    @property
    def holds(self) -> bool:
        """Whether every gate lets the run be published."""
        return all(gate.holds for gate in self.gates)


def describe_plan(
    warehouse: Warehouse,
    config: Config,
    result: RunResult,
    *,
    limit: int = 20,
    unmasked: bool = False,
) -> Plan:
    """Describe what the stages of a plan have left.

    Args:
        warehouse: Its warehouse.
        config: The configuration it was made with.
        result: What the run gave.
        limit: How many merges, splits, moves and values to list.
        unmasked: Whether identifiers are shown as they are.
    """
    return _Describer(warehouse, config, result, limit, unmasked).describe()


@dataclass(frozen=True)
class _Describer:
    warehouse: Warehouse
    config: Config
    result: RunResult
    limit: int
    unmasked: bool

    def describe(self) -> Plan:
        merged, split = self._changes(self.before, "merged"), self._changes(self.after, "split_from", "restored")
        merges, splits = (rows.limit(self.limit).collect() for rows in (merged, split))
        over_shared = self._over_shared().limit(self.limit).collect()
        numbers = {row[end] for row in (*merges, *splits) for end in ("edge_src", "edge_dst") if row[end] is not None}
        names = self._names(numbers | {row["identifier_id"] for row in over_shared})
        # a stage that was not done again has the metrics of the run that did it
        people = self.result.stages["identity"]
        is_new = people.state == "done"
        metrics = self.result.metrics if is_new else {}
        n = {name: round(value) for name, value in metrics.items()}
        moved = self._moves().limit(self.limit).collect() if is_new else []
        return Plan(
            run_seq=self.result.run_seq,
            as_of=self.result.as_of,
            seconds=self.result.seconds,
            metrics=self.result.metrics,
            merges=[_change(row, names) for row in merges],
            n_merges=n.get("ids_merged", 0),
            splits=[_change(row, names) for row in splits],
            n_splits=n.get("ids_split_from", 0) + n.get("ids_restored", 0),
            moves=[PlannedMove(row["from_user_id"], row["to_user_id"], row["n"]) for row in moved],
            n_moved=n.get("identifiers_moved", 0),
            n_minted=n.get("ids_minted", 0),
            n_events_moved=n.get("events_moved", 0),
            refusals=self._refusals(),
            over_shared=[OverShared(names[row["identifier_id"]], row["n"]) for row in over_shared],
            gates=check_gates(self.config.gates, gated_metrics(people)),
        )

    @property
    def after(self) -> Published:
        """The tables of the plan."""
        return self._tables(self.result.tables)

    @property
    def before(self) -> Published:
        """The tables that the plan starts from."""
        return self._tables(self.result.base)

    def _tables(self, tables: dict[str, int]) -> Published:
        return Published(self.warehouse, Publication(0, self.result.run_seq, "plan", tables, self.result.as_of))

    def _changes(self, sized_by: Published, *kinds: str) -> DataFrame:
        """Rows of lineage of this run with the size of the ID, the largest first."""
        rows = self.after.read(LINEAGE).where((F.col("run_seq") == self.result.run_seq) & F.col("change").isin(*kinds))
        sizes = sized_by.read(IDENTIFIER_MAP).groupBy("user_id").agg(F.count(F.lit(1)).alias("n"))
        sized = rows.join(sizes, on="user_id", how="left").withColumn("n", F.coalesce("n", F.lit(0)))
        return sized.orderBy(F.desc("n"), "user_id", "change", "other_user_id")

    def _moves(self) -> DataFrame:
        was = self.before.read(IDENTIFIER_MAP).select("identifier_id", F.col("user_id").alias("from_user_id"))
        will_be = self.after.read(IDENTIFIER_MAP).select("identifier_id", F.col("user_id").alias("to_user_id"))
        both = was.join(will_be, on="identifier_id", how="inner").where(F.col("from_user_id") != F.col("to_user_id"))
        counted = both.groupBy("from_user_id", "to_user_id").agg(F.count(F.lit(1)).alias("n"))
        return counted.orderBy(F.desc("n"), "from_user_id", "to_user_id")

    def _refusals(self) -> list[PlannedRefusals]:
        run = F.lit(self.result.run_seq)
        is_open = F.col("closed_run").isNull()
        counted = (
            self.after.read(REFUSED_EDGES)
            .groupBy("rule")
            .agg(
                F.count_if(is_open).alias("n_refused"),
                F.count_if(is_open & (F.col("opened_run") == run)).alias("n_opened"),
                F.count_if(F.col("closed_run") == run).alias("n_closed"),
            )
        )
        rows = counted.where("n_refused > 0 OR n_closed > 0").orderBy("rule").collect()
        return [PlannedRefusals(row["rule"], row["n_refused"], row["n_opened"], row["n_closed"]) for row in rows]

    def _over_shared(self) -> DataFrame:
        """`identifier_id`, `n`: the over-shared ends of refused edges; they are in no component."""
        is_over_shared = (F.col("rule") == "over_shared") & F.col("closed_run").isNull()
        ends = (
            self.after.read(REFUSED_EDGES)
            .where(is_over_shared)
            .select(F.explode(F.array("src", "dst")).alias("identifier_id"))
        )
        outside = ends.join(self.after.read(COMPONENTS), on="identifier_id", how="left_anti")
        return outside.groupBy("identifier_id").agg(F.count(F.lit(1)).alias("n")).orderBy(F.desc("n"), "identifier_id")

    def _names(self, numbers: set[int]) -> dict[int, str]:
        values = values_of(self.after.in_rows(), numbers, {}, unmasked=self.unmasked) if numbers else {}
        return {number: f"{id_type}: {value or f'#{number}'}" for number, (id_type, value) in values.items()}


def _change(row: Row, names: dict[int, str]) -> PlannedChange:
    edge = (None, None) if row["edge_src"] is None else (names[row["edge_src"]], names[row["edge_dst"]])
    return PlannedChange(row["change"], row["user_id"], row["other_user_id"], row["n"], *edge)
