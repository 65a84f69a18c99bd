"""What a stage declares of itself, and the order that follows from what stages read and write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from oneuser.config import Config
    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import RunContext


def _no_facts(_config: Config) -> None:
    """Nothing beyond its sections shapes a stage."""


@dataclass(frozen=True)
class Stage:
    """One step of a run.

    A stage whose `reads`, configuration `sections` and code are those of the last completed run is not done again:
    its tables stand. One without reads always runs. A stage may read back what it writes without declaring it.

    `gives` names the change sets that it writes, `takes` those that it follows, each with the tables whose changes it
    tells of. Where nothing that the stage depends on has changed but such tables, it is done again for what was touched
    alone; else for everything.

    `facts` is what it reads of sections that it has not declared, as JSON can hold it: of a section that many read, its
    part alone counts. `fresh_sections` shape only what it makes anew each time: another one is a reason to do the stage
    again, and none to do it for everything.
    """

    name: str
    run: Callable[[RunContext], None]
    reads: tuple[TableContract, ...]
    writes: tuple[TableContract, ...]
    sections: tuple[str, ...]
    takes: Mapping[str, tuple[TableContract, ...]] = field(default_factory=dict)
    gives: tuple[str, ...] = ()
    facts: Callable[[Config], object] = _no_facts
    fresh_sections: tuple[str, ...] = ()

    @property
    def may_read(self) -> frozenset[str]:
        """Names of the tables that it may read."""
        return self.may_write | frozenset(contract.name for contract in self.reads)

    @property
    def may_write(self) -> frozenset[str]:
        """Names of the tables that it may write."""
        return frozenset(contract.name for contract in self.writes)


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
    placed: list[Stage] = []
    left = list(stages)
    while left:
        # the first one given whose tables are there, so that nothing moves that need not
        following = next((one for one in left if all(other in placed for other in stages_before(one, stages))), None)
        if following is None:
            raise ValueError(f"stages wait for each other: {', '.join(sorted(one.name for one in _in_circles(left)))}")
        placed.append(following)
        left.remove(following)
    return tuple(placed)


def _in_circles(stages: list[Stage]) -> list[Stage]:
    """The stages that wait for each other, without those that only wait for one of them."""
    needed = [one for one in stages if any(one in stages_before(other, stages) for other in stages)]
    return needed if len(needed) == len(stages) else _in_circles(needed)
