"""Values that nearly too many people share, or too many: what the stage graph of a run recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneuser.runs.records import RunRecord


@dataclass(frozen=True)
class SharedValue:
    """A value that nearly as many people share as its bound allows, or more: then it is nobody's."""

    identifier_id: int
    n_people: int
    bound: int

    @property
    def is_over_shared(self) -> bool:
        """Whether it has been taken out of the graph."""
        return self.n_people > self.bound


def shared_values(records: Iterable[RunRecord], run_seq: int) -> list[SharedValue]:
    """What the stage graph of a run recorded: those first that exceed their bound most, or come nearest to it."""
    stages = next((record.stages for record in records if record.run_seq == run_seq), {})
    details = stages["graph"].details if "graph" in stages else {}
    return [
        SharedValue(row["identifier_id"], row["n_persons"], row["bound"]) for row in details.get("shared_values", [])
    ]
