"""Why an identifier or a User ID is what it is: its edges and changes; for two, the chain of edges between them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.graph import COMPONENTS, EDGES
from oneuser.contracts.identity import LINEAGE
from oneuser.core.errors import ConfigError, OneUserError
from oneuser.identity.explain import Evidence, shortest_chain
from oneuser.pipeline.lookup import USER_ID, Identity, find_identifier, find_user, number_of, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pyspark.sql import Row

    from oneuser.core.keyed import Keys
    from oneuser.events.spec import IdTypeSpec
    from oneuser.pipeline.reading import Published


@dataclass(frozen=True)
class ShownEdge:
    """An edge as people read it: `type: value` at both ends, who asserts it, how often and when."""

    a: str
    b: str
    source: str
    n_events: int
    first_event_time: datetime
    last_event_time: datetime


@dataclass(frozen=True)
class Change:
    """A change of a User ID in a run, as in `lineage`."""

    run_seq: int
    change: str
    user_id: str
    other_user_id: str | None


@dataclass(frozen=True)
class Explanation:
    """Why things are as they are.

    For one thing: `edges` among its person's identifiers and `changes` of the person's User ID. For two: `edges` is the
    shortest chain from `a` to `b`; `verdict` says in words what it means.
    """

    verdict: str
    a: Identity
    b: Identity | None
    edges: list[ShownEdge]
    changes: list[Change]


@dataclass(frozen=True)
class _End:
    """One thing that was asked about, and the identifiers it stands for."""

    identity: Identity
    numbers: list[int]
    asked: dict[int, str]


@dataclass(frozen=True)
class Explainer:
    """Explains on the tables of one publication. Collects the edges of one component, which a gate keeps small."""

    published: Published
    keys: Callable[[], Keys]
    rules: dict[str, IdTypeSpec]
    unmasked: bool = False

    def explain_one(self, thing: str) -> Explanation:
        """Edges and changes of one User ID or `type:value`."""
        end = self._end(thing)
        numbers = [known.identifier_id for known in end.identity.identifiers]
        edges = self._edges_among(numbers)
        shown = self._shown([(e.src, e, e.dst) for e in edges], end.asked)
        changes = self._changes(end.identity)
        n = len(numbers)
        verdict = f"{end.identity.user_id} is {end.identity.status} with {n} identifier{'s' if n != 1 else ''}"
        return Explanation(verdict, end.identity, None, shown, changes)

    def explain_two(self, first: str, second: str) -> Explanation:
        """The shortest chain of edges between two User IDs or identifiers."""
        a, b = self._end(first), self._end(second)
        chain = shortest_chain(self._component_edges(a.numbers), a.numbers, b.numbers)
        is_same = a.identity.user_id == b.identity.user_id
        if chain is None:
            verdict = "different people: no chain of edges leads from one to the other"
        else:
            people = "one person" if is_same else "different people"
            n = len(chain)
            verdict = f"{people}: a chain of {n} edge{'s' if n != 1 else ''} leads from one to the other"
        if chain == []:
            verdict = "one person: both are the same" if is_same else "both share an identifier"
        return Explanation(verdict, a.identity, b.identity, self._shown(chain or [], a.asked | b.asked), [])

    def _end(self, thing: str) -> _End:
        if USER_ID.fullmatch(thing):
            identity = find_user(self.published, thing, unmasked=self.unmasked)
            return _End(identity, [known.identifier_id for known in identity.identifiers], {})
        id_type, colon, value = thing.partition(":")
        if not colon or not value:
            raise ConfigError.single(
                "explain", "give a User ID or an identifier as TYPE:VALUE, such as email:ann@example.com"
            )
        keys, rules = self.keys(), self.rules.get(id_type)
        number, spelling = number_of(self.published, keys, id_type=id_type, value=value, rules=rules)
        identity = find_identifier(
            self.published, keys, id_type=id_type, value=value, rules=rules, unmasked=self.unmasked
        )
        if number is None or identity.status == "unknown":
            raise OneUserError(
                found=f"no {id_type} like this in the published tables",
                expected="an identifier that an accepted message carried",
                where=self.published.warehouse.root,
                next_step="check type and spelling; `oneuser export table identifiers` lists what types there are",
            )
        return _End(identity, [number], {number: spelling})

    def _edges_among(self, numbers: Collection[int]) -> list[Evidence]:
        spark = self.published.warehouse.spark
        ends = spark.createDataFrame([(number,) for number in sorted(numbers)], "number bigint")
        edges = self.published.read(EDGES)
        inside = edges.join(ends.select(F.col("number").alias("src")), on="src", how="left_semi").join(
            ends.select(F.col("number").alias("dst")), on="dst", how="left_semi"
        )
        return [_evidence(row) for row in inside.orderBy("src", "dst", "source").collect()]

    def _component_edges(self, numbers: Collection[int]) -> list[Evidence]:
        """All edges of the components that some identifiers are in."""
        spark = self.published.warehouse.spark
        wanted = spark.createDataFrame([(number,) for number in sorted(numbers)], "identifier_id bigint")
        components = self.published.read(COMPONENTS).select("identifier_id", "component_id")
        touched = (
            components.join(F.broadcast(wanted), on="identifier_id", how="left_semi").select("component_id").distinct()
        )
        members = components.join(F.broadcast(touched), on="component_id", how="left_semi")
        sources = members.select(F.col("identifier_id").alias("src"))
        edges = self.published.read(EDGES).join(sources, on="src", how="left_semi")
        return [_evidence(row) for row in edges.collect()]

    def _shown(self, steps: list[tuple[int, Evidence, int]], asked: dict[int, str]) -> list[ShownEdge]:
        numbers = {number for a, _, b in steps for number in (a, b)}
        values = values_of(self.published, numbers, asked, unmasked=self.unmasked) if numbers else {}

        def name(number: int) -> str:
            id_type, value = values.get(number, ("?", None))
            return f"{id_type}: {value or f'#{number}'}"

        return [
            ShownEdge(name(a), name(b), e.source, e.n_events, e.first_event_time, e.last_event_time)
            for a, e, b in steps
        ]

    def _changes(self, identity: Identity) -> list[Change]:
        concerned = F.col("user_id").isin(identity.user_id, identity.retired_id) | (
            F.col("other_user_id") == identity.user_id
        )
        rows = self.published.read(LINEAGE).where(concerned)
        ordered = rows.orderBy("run_seq", "change", "user_id", "other_user_id", "identifier_id")
        return [Change(r["run_seq"], r["change"], r["user_id"], r["other_user_id"]) for r in ordered.collect()]


def _evidence(row: Row) -> Evidence:
    return Evidence(
        row["src"], row["dst"], row["source"], row["n_events"], row["first_event_time"], row["last_event_time"]
    )
