"""What runs came to, in figures: what they read and took, what they refused and why, and who there is now."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oneuser.core.reasons import explain_code, is_damage
from oneuser.runs.records import READING_STAGE, UNCHANGED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneuser.runs.records import StageRecord

# metrics with a code behind the bar, and what is counted by them
_REFUSED = {"lines_quarantined": "lines", "files_refused": "files", "records_rejected": "records"}
_DROPPED = {"values_dropped": "values"}


@dataclass(frozen=True)
class CodeCount:
    """How many lines, files, records of reference inputs or values one code was the reason for.

    `is_damage` as in `core.reasons`.
    """

    what: str
    code: str
    count: int
    explanation: str
    is_damage: bool


@dataclass(frozen=True)
class Outcome:
    """What a run came to, or several of them together; people and identifiers are those that the last one left.

    `events` are those that are stored, `refused` are lines, files and records, `dropped` are values of lines that were
    taken otherwise; `columns_left_out` are columns of Parquet files, and parts of them, whose names are rather values.
    People, identifiers and the values that too many people share are null before the stage that finds them.
    """

    lines: int = 0
    events: int = 0
    duplicates: int = 0
    suppressed: int = 0
    columns_left_out: int = 0
    lines_by_source: dict[str, int] = field(default_factory=dict)
    refused: list[CodeCount] = field(default_factory=list)
    dropped: list[CodeCount] = field(default_factory=list)
    people: int | None = None
    identifiers: int | None = None
    over_shared: int | None = None

    @property
    def lines_refused(self) -> int:
        """Lines that were refused, for whatever reason."""
        return sum(one.count for one in self.refused if one.what == "lines")


def outcome_of(runs: Sequence[Mapping[str, StageRecord]]) -> Outcome:
    """What runs came to, given their stages by name, oldest run first."""
    read: Counter[str] = Counter()
    for stages in runs:
        reading = stages.get(READING_STAGE)
        if reading is not None and reading.state != UNCHANGED:
            read.update({name: round(value) for name, value in reading.metrics.items()})
    last = {name: value for stage in runs[-1].values() for name, value in stage.metrics.items()} if runs else {}
    sources = _by_key(read, "lines_in")
    return Outcome(
        lines=sum(sources.values()),
        events=read["lines|accepted"],
        duplicates=read["lines|duplicate"],
        suppressed=read["lines|suppressed"],
        columns_left_out=sum(_by_key(read, "columns_left_out").values()),
        lines_by_source=sources,
        refused=_counts(read, _REFUSED),
        dropped=_counts(read, _DROPPED),
        people=_whole(last.get("people")),
        identifiers=_whole(last.get("identifiers")),
        over_shared=_whole(last.get("values_over_shared")),
    )


def _counts(metrics: Mapping[str, int], names: Mapping[str, str]) -> list[CodeCount]:
    """The most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    for name, what in names.items():
        for key, count in _by_key(metrics, name).items():
            # records are counted by `input:code`, and by the input alone
            place, _, code = key.rpartition(":")
            if what != "records" or place:
                counts[what, code] += count
    found = [
        CodeCount(what, code, count, explain_code(code), bool(explain_code(code)) and is_damage(code))
        for (what, code), count in counts.items()
        if count
    ]
    return sorted(found, key=lambda one: (-one.count, one.code))


def _by_key(metrics: Mapping[str, int], metric: str) -> dict[str, int]:
    prefix = f"{metric}|"
    return {name.removeprefix(prefix): value for name, value in metrics.items() if name.startswith(prefix)}


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
