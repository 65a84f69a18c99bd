"""Versions of tables that maintenance has put in the place of others: the same rows in fewer files.

Records of runs go on naming the versions that their stages left; here is what these have become, and the other way
round, so that a stage does not take fewer files for other rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oneuser.runs.records import RunRecord
    from oneuser.storage.table_reader import Row

MAINTENANCE = "maintenance"
_SHOWN = {"published", "withdrawn"}


@dataclass(frozen=True)
class Compactions:
    """All that there were: by table and version, the version in its place. Of `changes`, rows nobody can need are gone.

    Grows by a few numbers with every compaction of a table.
    """

    successors: Mapping[tuple[str, int], int]

    @classmethod
    def of(cls, claims: Iterable[Row]) -> Compactions:
        """Those in rows of `publications`, oldest first: one of maintenance follows that of the run it is about."""
        successors: dict[tuple[str, int], int] = {}
        shown: dict[int, dict[str, int]] = {}
        for row in claims:
            if row["state"] not in _SHOWN:
                continue
            tables, before = row["tables"], shown.get(row["run_seq"], {})
            if row["kind"] == MAINTENANCE:
                successors |= {(name, v): tables[name] for name, v in before.items() if tables[name] != v}
            if row["kind"] == MAINTENANCE or row["run_seq"] not in shown:
                shown[row["run_seq"]] = tables
        return cls(successors)

    def renewed(self, run: RunRecord) -> RunRecord:
        """The record of a run as if its stages had left what is in the place of their tables now."""
        stages = {name: replace(stage, tables=self.newest(stage.tables)) for name, stage in run.stages.items()}
        return replace(run, base=self.newest(run.base), stages=stages)

    def newest(self, tables: Mapping[str, int]) -> dict[str, int]:
        """Versions of tables, each as the newest one with the same rows."""
        return {name: self._end(name, version, self.successors) for name, version in tables.items()}

    def originals(self, tables: Mapping[str, int]) -> dict[str, int]:
        """Versions of tables, each as the first one with the same rows: that which a stage has left."""
        origins = {(name, after): before for (name, before), after in self.successors.items()}
        return {name: self._end(name, version, origins) for name, version in tables.items()}

    @staticmethod
    def _end(name: str, version: int, steps: Mapping[tuple[str, int], int]) -> int:
        while (name, version) in steps:
            version = steps[name, version]
        return version
