"""The gates of a run: metrics that stop publication. A run asks before it goes on; a plan only tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneuser.core.errors import GateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oneuser.config.model import Gates
    from oneuser.runs.records import StageRecord

_NEXT_STEP = (
    "look for a placeholder value that should be blocked (`oneuser plan`, `oneuser suspects`), or raise the gate"
)


@dataclass(frozen=True)
class GateCheck:
    """One gate and whether it holds.

    Attributes:
        gate: Its key below `gates` in the configuration.
        holds: Whether publication may go on.
        found: What was found, in words.
        allowed: What is allowed, in words; null where the gate is off.
    """

    gate: str
    holds: bool
    found: str
    allowed: str | None


def gated_metrics(identity: StageRecord) -> dict[str, float]:
    """The metrics that the gates are asked over. A stage that was not done again has merged nobody in this run."""
    merged = {} if identity.state == "done" else {"ids_merged": 0.0}
    return identity.metrics | merged


def check_gates(gates: Gates, metrics: Mapping[str, float]) -> list[GateCheck]:
    """Every gate over the metrics of an identity stage."""
    n_before, n_merged = metrics.get("ids_before", 0.0), metrics.get("ids_merged", 0.0)
    share = n_merged / n_before if n_before else 0.0
    most, largest = gates.max_largest_component, metrics.get("largest_component", 0.0)
    most_share = gates.max_merged_ids_share
    return [
        GateCheck(
            "max_merged_ids_share",
            most_share is None or share <= most_share,
            f"{n_merged:.0f} of {n_before:.0f} User IDs would be merged away ({share:.1%})",
            None if most_share is None else f"at most {most_share:.1%}",
        ),
        GateCheck(
            "max_largest_component",
            most is None or largest <= most,
            f"one person would have {largest:.0f} identifiers",
            None if most is None else f"at most {most}",
        ),
    ]


def require_gates(checks: Iterable[GateCheck]) -> None:
    """Stop at the first gate that does not hold.

    Raises:
        GateError: naming it.
    """
    for check in checks:
        if not check.holds:
            raise GateError(
                found=check.found,
                expected=check.allowed or "",
                where=f"gates.{check.gate}",
                next_step=_NEXT_STEP,
                gate=check.gate,
            )
