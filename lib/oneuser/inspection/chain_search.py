"""The chain between two identifiers, found on the cluster: what comes here is what the chain can touch, never a table.

Reads   components, edges, refused_edges
Yields  the chain with the fewest refused edges, of these the shortest

A *part* is a component, by its label, or an identifier that is in none, such as an over-shared one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import functions as F

from oneuser.contracts.graph import COMPONENTS, EDGES, REFUSED_EDGES
from oneuser.core.errors import OneUserError
from oneuser.graph.chains import Evidence, Refusal, Step, between_in_rounds, find_chain

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import DataFrame, Row

    from oneuser.inspection.reading import Published

# some 100 bytes each in Python
MOST_ROWS = 1_000_000


@dataclass
class ChainSearch:
    """One question on the tables of one publication. Fails, with a message, above `most_rows` rows of a kind."""

    published: Published
    most_rows: int = MOST_ROWS
    _n_crossings: int = 0

    def find(self, starts: Collection[int], ends: Collection[int]) -> list[Step] | None:
        """The chain from one of some identifiers to one of others; null where there is none.

        Reads refusals around the two in rounds, then the edges of those parts alone that a chain with the fewest
        refusals can pass.

        Raises:
            OneUserError: where more lies between the two than can be looked at here.
        """
        labels = self._labels({*starts, *ends})
        from_parts, to_parts = ([labels.get(number, number) for number in numbers] for numbers in (starts, ends))
        passed = between_in_rounds(self._crossings, from_parts, to_parts)
        if passed is None:
            raise self._too_many("refused edges lead away from both of them")
        if not passed:
            return None
        members = self._few(self._members(passed).select("identifier_id").distinct())
        if members is None:
            raise self._too_many("identifiers are of the people between the two")
        (inside,) = _columns(members)
        edges, refusals = (self._among(rows, inside) for rows in (self.published.read(EDGES), self._open_refusals()))
        return find_chain(map(as_evidence, edges), map(as_refusal, refusals), starts, ends)

    def _crossings(self, parts: Collection[int]) -> set[tuple[int, int]] | None:
        """Pairs of parts between which an edge is refused, one of `parts` first; null where they are too many."""
        members = self._members(parts)
        both_ways = F.explode(
            F.array(
                F.struct(F.col("src").alias("identifier_id"), F.col("dst").alias("other_id")),
                F.struct(F.col("dst").alias("identifier_id"), F.col("src").alias("other_id")),
            )
        )
        ends = self._open_refusals().select(both_ways.alias("end")).select("end.*")
        leading = ends.join(members, on="identifier_id", how="inner").select("part", "other_id").distinct()
        found = self._few(leading, spent=self._n_crossings)
        if found is None:
            return None
        self._n_crossings += found.num_rows
        here, there = _columns(found)
        labels = self._labels(set(there))
        return {(part, labels.get(other, other)) for part, other in zip(here, there, strict=True)}

    def _members(self, parts: Collection[int]) -> DataFrame:
        """`identifier_id`, `part`: what is in some parts."""
        components = self.published.read(COMPONENTS).select("identifier_id", F.col("component_id").alias("part"))
        wanted = self._wanted(parts, "part")
        inside = components.join(wanted, on="part", how="left_semi").select("identifier_id", "part")
        return inside.unionByName(wanted.select(F.col("part").alias("identifier_id"), "part"))

    def _labels(self, numbers: Collection[int]) -> dict[int, int]:
        """Component by identifier; those in none are left out."""
        components = self.published.read(COMPONENTS).select("identifier_id", "component_id")
        rows = components.join(self._wanted(numbers, "identifier_id"), on="identifier_id", how="left_semi").toArrow()
        return dict(zip(*_columns(rows), strict=True))

    def _among(self, rows: DataFrame, numbers: Collection[int]) -> list[Row]:
        """Rows both of whose ends are among some identifiers."""
        for side in ("src", "dst"):
            rows = rows.join(self._wanted(numbers, side), on=side, how="left_semi")
        found = rows.limit(self.most_rows + 1).collect()
        if len(found) > self.most_rows:
            raise self._too_many("edges are among the people between the two")
        return found

    def _few(self, rows: DataFrame, *, spent: int = 0) -> pa.Table | None:
        """Rows of numbers, brought here; null where they are too many."""
        left = self.most_rows - spent
        found = rows.limit(left + 1).toArrow()
        return found if found.num_rows <= left else None

    def _wanted(self, numbers: Collection[int], name: str) -> DataFrame:
        # what is known here is few by `most_rows`
        table = pa.table({name: pa.array(sorted(numbers), pa.int64())})
        return F.broadcast(self.published.warehouse.spark.createDataFrame(table))

    def _open_refusals(self) -> DataFrame:
        return self.published.read(REFUSED_EDGES).where(F.col("closed_run").isNull())

    def _too_many(self, what: str) -> OneUserError:
        return OneUserError(
            found=f"more than {self.most_rows:,} {what}: too many to look for a chain",
            expected="two identifiers, or people, that are not among the largest there are",
            where=self.published.warehouse.root,
            next_step="`oneuser suspects` names what holds large people together; explain each of the two by itself",
        )


def _columns(rows: pa.Table) -> list[list[int]]:
    columns: list[list[Any]] = [column.to_pylist() for column in rows.columns]
    return columns


def as_evidence(row: Row) -> Evidence:
    """A row of `edges`."""
    return Evidence(
        row["src"], row["dst"], row["source"], row["n_events"], row["first_event_time"], row["last_event_time"]
    )


def as_refusal(row: Row) -> Refusal:
    """A row of `refused_edges`."""
    return Refusal(
        row["src"], row["dst"], row["rule"], row["opened_run"], row["first_event_time"], row["last_event_time"]
    )
