"""Why an identifier or a User ID is what it is, and what leads from one to another or keeps the two apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneuser.contracts.graph import EDGES
from oneuser.contracts.identity import IDENTIFIER_MAP, LINEAGE
from oneuser.core.errors import OneUserError
from oneuser.core.identifier_text import write_identifier
from oneuser.graph.chains import Evidence, Refusal, Step
from oneuser.inspection.chain_search import ChainSearch, as_evidence, open_refusals
from oneuser.inspection.explanation import (
    Change,
    Explanation,
    OwnedInterval,
    ShownEdge,
    ShownRefusal,
    verdict_on_one,
    verdict_on_two,
)
from oneuser.inspection.lookup import Identity, find_owner, find_user, identifier_id_of, read_question, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from oneuser.core.keyed import Keys
    from oneuser.events.spec import IdTypeSpec
    from oneuser.inspection.published_rows import PublishedRows
    from oneuser.storage.table_reader import Row


@dataclass(frozen=True)
class _End:
    """One thing that was asked about, and the identifiers it stands for."""

    identity: Identity
    numbers: list[int]
    asked: dict[int, str]
    id_type: str = "User ID"


@dataclass(frozen=True)
class Explainer:
    """Explains on the tables of one publication.

    Of one person comes here what is shown: it grows with that person's identifiers, edges and refusals. Between two,
    only what a chain can touch, and no more than a limit.
    """

    published: PublishedRows
    keys: Callable[[], Keys]
    rules: dict[str, IdTypeSpec]
    unmasked: bool = False

    # one thing ----------------------------------------------------------------------------------------------------

    def explain_one(self, thing: str) -> Explanation:
        """Edges, changes, refusals and contested identifiers of one User ID or `type:value`."""
        end = self._end(thing)
        person = [known.identifier_id for known in end.identity.identifiers]
        numbers = person or end.numbers
        edges = self._edges_among(numbers)
        refused = self._refusals_of(numbers)
        intervals = self._intervals(end.identity.user_id, numbers)
        changes = self._changes(end.identity)
        named = {n for e in edges for n in (e.src, e.dst)} | {n for r in refused for n in (r.src, r.dst)}
        named |= {row["identifier_id"] for row in intervals}
        named |= {n for row in changes for n in (row["edge_src"], row["edge_dst"]) if n is not None}
        names = self._names(named, end.asked)
        refusals = self._shown_refusals(refused, set(numbers), names)
        return Explanation(
            verdict_on_one(end.identity, end.id_type, refusals),
            end.identity,
            None,
            [_shown(Step(e.src, e.dst, e, None), names) for e in edges],
            [_change(row, names) for row in changes],
            refusals,
            [_interval(row, names) for row in intervals],
        )

    def _edges_among(self, numbers: Collection[int]) -> list[Evidence]:
        """Admitted edges both of whose ends are among some identifiers."""
        inside = {"src": numbers, "dst": numbers}
        refused = {(r.src, r.dst) for r in open_refusals(self.published, inside)}
        edges = [as_evidence(row) for row in self.published.rows(EDGES, where=inside)]
        return sorted((e for e in edges if (e.src, e.dst) not in refused), key=lambda e: (e.src, e.dst, e.source))

    def _refusals_of(self, numbers: Collection[int]) -> list[Refusal]:
        """Open refusals that have one of some identifiers for an end."""
        touching = {r for side in ("src", "dst") for r in open_refusals(self.published, {side: numbers})}
        return sorted(touching, key=lambda r: (r.src, r.dst, r.rule))

    def _intervals(self, user_id: str | None, numbers: Collection[int]) -> list[Row]:
        """Intervals of the contested identifiers that a person has, or had for a time."""
        had = self.published.ownership(where={"user_id": [user_id]}) if user_id else []
        concerned = {*numbers, *(row["identifier_id"] for row in had)}
        held = self.published.ownership(where={"identifier_id": concerned})
        contested = {row["identifier_id"] for row in held if row["interval"] > 0}
        of_contested = (row for row in held if row["identifier_id"] in contested)
        return sorted(of_contested, key=lambda row: (row["identifier_id"], row["interval"]))

    def _changes(self, identity: Identity) -> list[Row]:
        """Rows of `lineage` in which a person's User ID changed, that which was asked for, or another because of it."""
        if identity.user_id is None:
            return []
        mine = {identity.user_id, identity.retired_id or identity.user_id}
        asked: list[dict[str, Collection[str]]] = [{"user_id": mine}, {"other_user_id": [identity.user_id]}]
        rows = {tuple(row.values()): row for where in asked for row in self.published.rows(LINEAGE, where=where)}
        return sorted(rows.values(), key=_place_of_change)

    def _shown_refusals(self, refused: list[Refusal], mine: set[int], names: dict[int, str]) -> list[ShownRefusal]:
        others = {r.src if r.dst in mine else r.dst for r in refused}
        columns = ["identifier_id", "user_id"]
        rows = self.published.rows(IDENTIFIER_MAP, columns=columns, where={"identifier_id": others})
        owner_of = {row["identifier_id"]: row["user_id"] for row in rows}
        shown = []
        for r in refused:
            own, other = (r.dst, r.src) if r.dst in mine else (r.src, r.dst)
            times = r.first_event_time, r.last_event_time
            shown.append(ShownRefusal(r.rule, r.opened_run, names[own], names[other], owner_of.get(other), *times))
        return shown

    # two things ---------------------------------------------------------------------------------------------------

    def explain_two(self, first: str, second: str) -> Explanation:
        """The chain of edges between two User IDs or identifiers, over refused ones where no other leads there."""
        a, b = self._end(first), self._end(second)
        chain = ChainSearch(self.published).find(a.numbers, b.numbers) if a.numbers and b.numbers else None
        steps = chain or []
        names = self._names({n for step in steps for n in (step.start, step.end)}, a.asked | b.asked)
        shown = [_shown(step, names) for step in steps]
        verdict = verdict_on_two(a.identity, b.identity, None if chain is None else shown)
        return Explanation(verdict, a.identity, b.identity, shown)

    # reading ------------------------------------------------------------------------------------------------------

    def _end(self, thing: str) -> _End:
        asked = read_question(thing, verb="explain")
        if isinstance(asked, str):
            identity = find_user(self.published, asked, unmasked=self.unmasked)
            return _End(identity, [known.identifier_id for known in identity.identifiers], {})
        id_type = asked.id_type
        number, spelling = identifier_id_of(self.published, self.keys(), named=asked, rules=self.rules)
        if number is None:
            raise OneUserError(
                found=f"no {id_type} like this in the published tables",
                expected="an identifier that an accepted message carried",
                where=self.published.tables.root,
                next_step="check type and spelling; `oneuser export table identifiers` lists what types there are",
            )
        identity = find_owner(self.published, number, spelling, unmasked=self.unmasked)
        return _End(identity, [number], {number: spelling}, id_type)

    def _names(self, numbers: set[int], asked: dict[int, str]) -> dict[int, str]:
        """`type: value` of identifiers, masked but for those asked for; the number where no value is kept."""
        values = values_of(self.published, numbers, asked, unmasked=self.unmasked) if numbers else {}
        names = {}
        for number in numbers:
            id_type, value = values.get(number, ("?", None))
            names[number] = write_identifier(id_type, value or f"#{number}")
        return names


def _shown(step: Step, names: dict[int, str]) -> ShownEdge:
    evidence, refusal = step.evidence, step.refusal
    dated = evidence or refusal
    return ShownEdge(
        names[step.start],
        names[step.end],
        evidence.source if evidence else None,
        evidence.n_events if evidence else 0,
        dated.first_event_time if dated else None,
        dated.last_event_time if dated else None,
        refusal.rule if refusal else None,
        refusal.opened_run if refusal else None,
    )


def _place_of_change(row: Row) -> tuple[Any, ...]:
    """Nulls come first, as they do everywhere."""
    key = (row[name] for name in LINEAGE.key)
    return tuple((value is not None, value) for value in key)


def _change(row: Row, names: dict[int, str]) -> Change:
    edge = (None, None) if row["edge_src"] is None else (names[row["edge_src"]], names[row["edge_dst"]])
    return Change(row["run_seq"], row["change"], row["user_id"], row["other_user_id"], *edge)


def _interval(row: Row, names: dict[int, str]) -> OwnedInterval:
    span = row["valid_from"], row["valid_to"]
    return OwnedInterval(names[row["identifier_id"]], row["interval"], row["user_id"], *span)
