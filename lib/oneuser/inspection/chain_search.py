"""The chain between two identifiers: what comes here is what the chain can touch, never a table.

Reads   components, edges, refused_edges
Yields  the chain with the fewest refused edges, of these the shortest

A *part* is a component, by its label, or an identifier that is in none, such as an over-shared one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneuser.contracts.graph import COMPONENTS, EDGES, REFUSED_EDGES
from oneuser.core.errors import OneUserError
from oneuser.graph.chains import Evidence, Refusal, Step, between_in_rounds, find_chain

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from oneuser.contracts.table import TableContract
    from oneuser.inspection.published_rows import PublishedRows
    from oneuser.storage.table_reader import Row

# some hundred bytes each in Python
MOST_ROWS = 1_000_000
_LABEL = ("identifier_id", "component_id")


@dataclass
class ChainSearch:
    """One question on the tables of one publication. Fails, with a message, above `most_rows` rows of a kind."""

    published: PublishedRows
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
        members = self._members(passed)
        if members is None:
            raise self._too_many("identifiers are of the people between the two")
        among = {"src": members.keys(), "dst": members.keys()}
        edges, refusals = (self._few(contract, where=among) for contract in (EDGES, REFUSED_EDGES))
        if edges is None or refusals is None:
            raise self._too_many("edges are among the people between the two")
        return find_chain(map(as_evidence, edges), map(as_refusal, _open(refusals)), starts, ends)

    def _crossings(self, parts: Collection[int]) -> set[tuple[int, int]] | None:
        """Pairs of parts between which an edge is refused, one of `parts` first; null where they are too many."""
        part_of = self._members(parts)
        if part_of is None:
            return None
        leading: set[tuple[int, int]] = set()
        for here, there in (("src", "dst"), ("dst", "src")):
            rows = self._few(REFUSED_EDGES, where={here: part_of.keys()}, columns=["src", "dst", "closed_run"])
            if rows is None:
                return None
            leading |= {(part_of[row[here]], row[there]) for row in _open(rows)}
        if self._n_crossings + len(leading) > self.most_rows:
            return None
        self._n_crossings += len(leading)
        labels = self._labels({other for _, other in leading})
        return {(part, labels.get(other, other)) for part, other in leading}

    def _members(self, parts: Collection[int]) -> dict[int, int] | None:
        """Part by identifier, of what is in some parts; null where it is too much."""
        rows = self._few(COMPONENTS, where={"component_id": parts}, columns=_LABEL)
        return None if rows is None else {part: part for part in parts} | dict(map(_label, rows))

    def _labels(self, numbers: Collection[int]) -> dict[int, int]:
        """Component by identifier; those in none are left out."""
        rows = self.published.rows(COMPONENTS, columns=_LABEL, where={"identifier_id": numbers})
        return dict(map(_label, rows))

    def _few(
        self, contract: TableContract, *, where: Mapping[str, Collection[Any]], columns: Sequence[str] | None = None
    ) -> list[Row] | None:
        """Rows of a table; null where they are too many."""
        rows = self.published.rows(contract, columns=columns, where=where, limit=self.most_rows + 1)
        return rows if len(rows) <= self.most_rows else None

    def _too_many(self, what: str) -> OneUserError:
        return OneUserError(
            found=f"more than {self.most_rows:,} {what}: too many to look for a chain",
            expected="two identifiers, or people, that are not among the largest there are",
            where=self.published.tables.root,
            next_step="`oneuser suspects` names what holds large people together; explain each of the two by itself",
        )


def open_refusals(published: PublishedRows, where: Mapping[str, Collection[int]]) -> list[Refusal]:
    """Refusals that are not closed, by the identifiers at their ends."""
    return [as_refusal(row) for row in _open(published.rows(REFUSED_EDGES, where=where))]


def _label(row: Row) -> tuple[int, int]:
    return row["identifier_id"], row["component_id"]


def _open(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["closed_run"] is None]


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
