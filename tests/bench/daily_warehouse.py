"""A warehouse beside its daily log: days arrive, runs follow, and the state after the first run can be had again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.daily_log import DailyLog, daily_config, date_of, end_of_day
from tests.bench.delta_files import copy_warehouse
from tests.bench.oneuser_runs import Run, measure_run, run_of, write_config
from tests.bench.processes import TIMEOUT, say

# whose first run counts as this one's: of the same commit, of any, of none
SAME, ANY, ANEW = "same", "any", "anew"
REUSE = (SAME, ANY, ANEW)


@dataclass(frozen=True)
class DailyWarehouse:
    """A log and the tables made from it, in one folder. `commit` is of the code that runs, null where it has none."""

    folder: Path
    log: DailyLog
    commit: str | None
    timeout: int = TIMEOUT

    @property
    def warehouse(self) -> Path:
        """The tables."""
        return self.folder / "warehouse"

    @property
    def config(self) -> Path:
        """The configuration, as the last run had it."""
        return self.folder / "oneuser.yaml"

    def run(self, name: str, day: int, *, n_lines: int, more: Sequence[str] = ()) -> Run:
        """A run at the end of a day of the log, of what has arrived."""
        say(f"{self.folder.name}: {name}, {n_lines:,} new lines")
        write_config(self.config, daily_config(self.folder, self.warehouse))
        return measure_run(
            name, n_lines, self.config, self.warehouse, as_of=end_of_day(day), timeout=self.timeout, more=more
        )

    def arrive(self, day: int) -> None:
        """The lines of a day arrive."""
        self.log.write(self.folder, range(day, day + 1))

    def clear(self) -> None:
        """As before any run and any line."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def first_run(self, n_days: int, *, reuse: str = SAME) -> Run:
        """The first run, of so many days; afterwards everything is as just after it.

        The tables are kept, so that it need not be done again by the same commit, or by any.
        """
        kept, copy = self.folder / "first_run.json", self.folder / "first_run"
        if kept.is_file() and reuse != ANEW:
            document = json.loads(kept.read_text(encoding="utf-8"))
            if reuse == ANY or (self.commit and document["commit"] == self.commit):
                say(f"{self.folder.name}: the first run as commit {document['commit']} did it")
                self._forget_from(n_days)
                self.log.write_pairs(self.folder, n_days - 1)
                copy_warehouse(copy, self.warehouse)
                return run_of(document["run"])
        kept.unlink(missing_ok=True)
        shutil.rmtree(self.warehouse, ignore_errors=True)
        self._forget_from(n_days)
        say(f"{self.folder.name}: making up {n_days} days of {self.log.events:,} events")
        self.log.write(self.folder, range(n_days))
        run = self.run("first run", n_days - 1, n_lines=n_days * self.log.events)
        copy_warehouse(self.warehouse, copy)
        kept.write_text(json.dumps({"commit": self.commit, "run": asdict(run)}), encoding="utf-8")
        return run

    def _forget_from(self, day: int) -> None:
        """Days from this one on have not arrived yet."""
        for folder in (self.folder / "events").glob("day=*"):
            if folder.name >= f"day={date_of(day)}":
                shutil.rmtree(folder)
