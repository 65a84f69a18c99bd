"""The chain between two identifiers, searched for in rounds, against the chain in all there is."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import networkx as nx
import pytest

from oneuser.contracts.graph import COMPONENTS, EDGES, REFUSED_EDGES
from oneuser.contracts.table import TableContract
from oneuser.core.errors import OneUserError
from oneuser.graph.chains import find_chain
from oneuser.inspection.chain_search import ChainSearch, as_evidence, as_refusal
from oneuser.inspection.published_rows import PublishedRows

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


@dataclass
class Tables:
    """Rows in the place of a publication."""

    stored: dict[str, list[dict[str, Any]]]
    tables: Any = field(default_factory=lambda: SimpleNamespace(root="here"))

    def rows(
        self,
        contract: TableContract,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, Collection[Any]],
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        rows = self.stored[contract.name]
        found = [row for row in rows if all(row[name] in values for name, values in where.items())]
        return [{name: row[name] for name in columns or contract.columns} for row in found[:limit]]


def published(linked: Collection[tuple[int, int]], refused: dict[Any, str]) -> Tables:
    """Edges as they are given; those refused are in no component, nor is what only refusals name."""
    graph: nx.Graph[int] = nx.Graph()
    graph.add_edges_from(pair for pair in linked if pair not in refused)
    components = [
        dict.fromkeys(COMPONENTS.columns) | {"identifier_id": n, "component_id": min(members)}
        for members in nx.connected_components(graph)
        for n in members
    ]
    times = {"first_event_time": MONDAY, "last_event_time": MONDAY}
    edges = [
        dict.fromkeys(EDGES.columns) | {"src": a, "dst": b, "source": "event", "n_events": a + b} | times
        for a, b in linked
    ]
    refusals = [
        {"rule": rule, "src": a, "dst": b, "opened_run": 1, "closed_run": None} | times
        for (a, b), rule in refused.items()
    ]
    closed = [{"rule": "unique", "src": 1, "dst": 2, "opened_run": 1, "closed_run": 2} | times]
    return Tables({COMPONENTS.name: components, EDGES.name: edges, REFUSED_EDGES.name: refusals + closed})


def search(tables: Tables, **limits: int) -> ChainSearch:
    return ChainSearch(cast("PublishedRows", tables), **limits)


def test_the_chain_is_that_of_all_edges_and_refusals() -> None:
    # given 20 small people in a row and in a mesh of refusals, with over-shared values between them
    chance = random.Random(5)
    linked = {(4 * n + 1, 4 * n + k) for n in range(20) for k in (2, 3, 4)}
    pairs = [(chance.randrange(1, 80), chance.randrange(1, 80)) for _ in range(22)]
    refused = {(min(pair), max(pair)): "unique" for pair in pairs if pair[0] != pair[1]} | {
        (chance.randrange(1, 80), number): "over_shared" for number in (90, 91) for _ in range(3)
    }
    refused = {pair: rule for pair, rule in refused.items() if pair not in linked}
    tables = published(linked | {pair for pair in refused if pair[1] < 90}, refused)
    edges = [as_evidence(row) for row in tables.stored[EDGES.name]]
    refusals = [as_refusal(row) for row in tables.stored[REFUSED_EDGES.name] if row["closed_run"] is None]
    asked = [(chance.randrange(1, 80), chance.randrange(1, 80)) for _ in range(8)] + [(90, 2), (91, 90), (1, 4)]

    found = {(a, b): search(tables).find([a], [b]) for a, b in asked}

    assert found == {(a, b): find_chain(edges, refusals, [a], [b]) for a, b in asked}
    assert len({None if chain is None else sum(s.refusal is not None for s in chain) for chain in found.values()}) > 2


def test_more_than_the_limit_is_said_and_not_brought_here() -> None:
    # given two values that ten people each share, and one person between them
    hub, other = 90, 91
    people = {(2 * n + 1, 2 * n + 2) for n in range(20)}
    refused = {(2 * n + 1, hub if n < 10 else other): "over_shared" for n in range(20)} | {(1, other): "over_shared"}
    tables = published(people, refused)

    with pytest.raises(OneUserError, match=r"more than 5 refused edges lead away from both"):
        search(tables, most_rows=5).find([hub], [other])
    chain = search(tables, most_rows=5).find([hub], [2])
    assert chain is not None
    assert [(step.start, step.end) for step in chain] == [(hub, 1), (1, 2)]
    with pytest.raises(OneUserError, match=r"more than 1 identifiers are of the people between the two"):
        search(tables, most_rows=1).find([1], [2])
