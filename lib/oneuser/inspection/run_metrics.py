"""The metrics of two runs side by side, and the kinds of rows in which the runs differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneuser.runs.records import RunRecord

KINDS = ("ids", "moved", "divided", "changes", "refusals")
# metrics that say how a run went, in this order; those of a metric with keys one after another
_HEADLINE = (
    "lines", "files_ingested", "edges", "components", "components_replayed", "certified_identifiers", "identifiers",
    "people", "ids_residual", "largest_component", "ids_before", "ids_kept", "ids_minted", "ids_merged",
    "ids_split_from", "ids_restored", "ids_anchored", "ids_vacated", "ids_erased", "identifiers_moved", "events_moved",
    "events_unowned", "identifiers_contested", "edges_refused", "values_over_shared", "values_nearly_over_shared",
    "sessions", "conversions", "touches",
)  # fmt: skip


@dataclass(frozen=True)
class MetricChange:
    """A metric in the records of both runs; null where a run has none."""

    metric: str
    a: float | None
    b: float | None


class RunComparison(Protocol):
    """What two published runs differ in, `a` the earlier one, whoever has compared them."""

    @property
    def a(self) -> RunRecord:
        """The earlier run."""

    @property
    def b(self) -> RunRecord:
        """The later run."""

    @property
    def metrics(self) -> list[MetricChange]:
        """Headline metrics of both, side by side."""

    @property
    def counts(self) -> dict[str, int]:
        """How many rows of each kind there are, such as `ids|gone`, `moved`, `changes|merged`, `refusals|opened`."""

    def examples(self, limit: int) -> Mapping[str, list[dict[str, Any]]]:
        """The first rows of each of KINDS."""


def compare_metrics(a: RunRecord, b: RunRecord) -> list[MetricChange]:
    """Headline metrics of both runs."""
    place = {metric: number for number, metric in enumerate(_HEADLINE)}
    names = [name for name in {**a.metrics, **b.metrics} if name.partition("|")[0] in place]
    names.sort(key=lambda name: (place[name.partition("|")[0]], name))
    return [MetricChange(name, a.metrics.get(name), b.metrics.get(name)) for name in names]
