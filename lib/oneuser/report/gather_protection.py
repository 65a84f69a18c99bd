"""What rules kept apart, and the values that hold the largest people together."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from oneuser.contracts.graph import REFUSED_EDGES
from oneuser.report.data import Bridge, Protection, RefusedBy, SharedValue
from oneuser.report.record import published_before, tally
from oneuser.storage.asked_counts import Counted, Groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneuser.report.source import Figures, ReportSource, RunFacts

# how many of the largest people are looked at, and how many values are shown
_LARGEST = 200
_BRIDGES = 10
_SHARED_VALUES = 20


def gather_protection(
    figures: Figures,
    runs: Sequence[RunFacts],
    bridges: Sequence[Bridge],
    min_people: int,
    shared: Sequence[SharedValue] = (),
) -> Protection:
    """Refusals by rule, and what the last run's record says of contested, over-shared and residual values.

    Args:
        figures: The published tables.
        runs: Published runs up to the one that is shown.
        bridges: From `find_bridges`.
        min_people: Fewer residual IDs are hidden.
        shared: From `find_shared_values`.
    """
    run = runs[-1]
    metrics = {name: round(value) for name, value in run.metrics.items()}
    residual = metrics.get("ids_residual")
    is_hidden = residual is not None and 0 < residual < min_people
    return Protection(
        refusals=_refusals(figures, run.run_seq),
        contested=metrics.get("identifiers_contested"),
        replayed=metrics.get("components_replayed"),
        over_shared=metrics.get("values_over_shared"),
        nearly_over_shared=metrics.get("values_nearly_over_shared"),
        without_owner=tally([run], "events_unowned"),
        residual=None if is_hidden else residual,
        bridges=tuple(bridges),
        shared=tuple(shared),
    )


def _refusals(figures: Figures, run_seq: int) -> tuple[RefusedBy, ...]:
    counted: Counted = {"edges": ("rows", "rule")}
    still = figures.groups(REFUSED_EDGES, Groups(("rule", "opened_run"), counted, null=("closed_run",)))
    no_longer = figures.groups(REFUSED_EDGES, Groups(("rule",), counted, where={"closed_run": [run_seq]}))
    refused, opened = Counter[str](), Counter[str]()
    for row in still:
        refused[row["rule"]] += row["edges"]
        opened[row["rule"]] += row["edges"] * (row["opened_run"] == run_seq)
    closed = {row["rule"]: row["edges"] for row in no_longer}
    rules = sorted({*refused, *closed}, key=lambda rule: (-refused[rule], rule))
    return tuple(RefusedBy(rule, refused[rule], opened[rule], closed.get(rule, 0)) for rule in rules)


def find_bridges(source: ReportSource, min_people: int) -> list[Bridge]:
    """Values without which one of the largest people would fall into several, masked, those with most effect first.

    The number of people that would be left is hidden below `min_people`.
    """
    rows = source.suspect_rows(_BRIDGES, largest=_LARGEST)
    values = source.values([row["identifier_id"] for row in rows]) if rows else {}
    bridges = []
    for row in rows:
        people = row["n_people"] if row["n_people"] >= min_people else None
        masked = values[row["identifier_id"]][1] or f"#{row['identifier_id']}"
        bridges.append(Bridge(f"{row['id_type']}: {masked}", people, row["n_parted"], row["n_events"]))
    return bridges


def find_shared_values(source: ReportSource, min_people: int) -> list[SharedValue]:
    """Values near the bound of their type or above it, masked, those first that exceed it most.

    The number of people is hidden below `min_people`.
    """
    run = published_before(source.run_records(), source.figures.publication.run_seq)[-1]
    details = run.stages["graph"].details if "graph" in run.stages else {}
    rows = details.get("shared_values", [])[:_SHARED_VALUES]
    values = source.values([row["identifier_id"] for row in rows]) if rows else {}
    found = []
    for row in rows:
        id_type, masked = values.get(row["identifier_id"], ("", None))
        n, bound = row["n_persons"], row["bound"]
        shown = f"{id_type}: {masked or '#' + str(row['identifier_id'])}"
        found.append(SharedValue(shown, n if n >= min_people else None, bound, n > bound))
    return found
