"""What a stage declares of itself, and the order that follows from what stages read and write."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import RunContext


@dataclass(frozen=True)
class Stage:
    """One step of a run.

    A stage whose `reads`, configuration `sections` and code are those of the last completed run is not done again:
    its tables stand. One without reads always runs. A stage may read back what it writes without declaring it.
    """

    name: str
    run: Callable[[RunContext], None]
    reads: tuple[TableContract, ...]
    writes: tuple[TableContract, ...]
    sections: tuple[str, ...]

    @property
    def may_read(self) -> frozenset[str]:
        """Names of the tables that it may read."""
        return frozenset(contract.name for contract in (*self.reads, *self.writes))


def stages_before(stage: Stage, stages: Iterable[Stage]) -> list[Stage]:
    """The stages that write what this one reads, in the order given: it waits for these and for no other."""
    read = {contract.name for contract in stage.reads}
    return [one for one in stages if one != stage and read & {contract.name for contract in one.writes}]


def in_order(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """Stages so that each comes after those whose tables it reads; otherwise in the order given.

    Raises:
        ValueError: where two stages write one table, or stages wait for each other. A mistake in the code, not in use.
    """
    writers: dict[str, str] = {}
    for stage in stages:
        for contract in stage.writes:
            if writers.setdefault(contract.name, stage.name) != stage.name:
                raise ValueError(f"table {contract.name} is written by {writers[contract.name]} and by {stage.name}")
    by_name = {stage.name: stage for stage in stages}
    waits_for = {stage.name: [one.name for one in stages_before(stage, stages)] for stage in stages}
    try:
        return tuple(by_name[name] for name in TopologicalSorter(waits_for).static_order())
    except CycleError as problem:
        raise ValueError(f"stages wait for each other: {' <- '.join(problem.args[1])}") from problem
