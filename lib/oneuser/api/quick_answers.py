"""Questions that look at whole tables, answered without Spark where these are small: `UncertainError` where not.

The command line asks here first and goes on with frames; `OpenWarehouse` does both by itself. Loads no Spark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from oneuser.api.questions import Questions, open_tables
from oneuser.core.errors import ConfigError
from oneuser.exports.single_file import write_file
from oneuser.exports.views import views_sql
from oneuser.inspection.named_owners import COLUMNS, count_withheld, hold_identities
from oneuser.inspection.near_bounds import SharedValue, shared_values
from oneuser.inspection.published_rows import read_rows_as_of, require_warehouse
from oneuser.inspection.run_diff_rows import compare_held
from oneuser.inspection.status import find_run
from oneuser.inspection.suspect_tables import rank_held
from oneuser.runs.claim_rows import load_claims
from oneuser.runs.readable import require_published
from oneuser.storage.layout import Layout
from oneuser.storage.uncertain import UncertainError

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame

    from oneuser.config import Config
    from oneuser.contracts.table import TableContract
    from oneuser.inspection.published_rows import PublishedRows
    from oneuser.inspection.reading import Published
    from oneuser.inspection.run_metrics import RunComparison
    from oneuser.runs.records import RunRecord
    from oneuser.storage.table_reader import Row

IDENTITIES = pa.schema([(name, pa.string()) for name in COLUMNS])


class QuickAnswers(Questions):
    """Questions that look at whole tables. Raise `UncertainError` where these are not to be read without Spark."""

    # people -------------------------------------------------------------------------------------------------------

    def suspect_rows(self, limit: int | None = None, *, largest: int | None = None) -> list[Row]:
        """Values without which a person would fall into several, as `OpenWarehouse.suspects` describes them."""
        return rank_held(self.rows, limit=limit, largest=largest)

    def shared_values(self) -> list[SharedValue]:
        """Values that nearly as many people share as their bound allows, or more: at most 50, the worst first.

        People are counted as `max_persons_per_value` counts them. Never the value itself.
        """
        return shared_values(self.run_records(), self.rows.publication.run_seq)

    # runs ---------------------------------------------------------------------------------------------------------

    def compare_runs(self, a: int, b: int) -> RunComparison:
        """What became of people between two published runs, whichever is named first: counts, metrics, examples.

        Raises:
            ConfigError: where one of them was never published, or the later one can no longer be read.
        """
        earlier, later = self._runs_to_compare(a, b)
        return compare_held(read_rows_as_of(self.tables, run=later.run_seq), earlier, later)

    def _runs_to_compare(self, a: int, b: int) -> tuple[RunRecord, RunRecord]:
        earlier, later = sorted((a, b))
        records = self.run_records()
        # what the later one recorded in columns is enough
        require_published(load_claims(self.tables), earlier, key="runs diff")
        return find_run(records, earlier), find_run(records, later)

    # the report ---------------------------------------------------------------------------------------------------

    @property
    def figures(self) -> PublishedRows | Published:
        """The publication that is read, to be counted."""
        return self.rows

    def frame(self, contract: TableContract) -> DataFrame:
        """A table as a frame.

        Raises:
            UncertainError: always; `OpenWarehouse` has frames.
        """
        raise UncertainError(f"{contract.name} is asked for as a frame")

    def report(self, to: str | Path, *, min_people: int | None = None) -> Path:
        """Write the report, one HTML page for a browser without network; returns the absolute path.

        Args:
            to: The file; its folder is made.
            min_people: Counts of fewer people are hidden; by default as the configuration says, or 5.
        """
        # what draws takes its time to load
        from oneuser.report.build import build_report

        return build_report(self, self.outside(to), min_people=min_people)

    # other programs -----------------------------------------------------------------------------------------------

    def export_identities(self, to: str | Path) -> int:
        """Write `identities` to one file: normalised raw values, so keep the file safe. Returns the number of rows.

        Where the configuration, or that of the newest run, names purposes under `consent.required_for_export`, only
        people are in it who grant them all, as published.
        """
        file = self.outside(to)
        rows = hold_identities(self.rows, purposes=self._purposes_of_exports)
        self._record_export("identities")
        return write_file(rows.to_batches(), IDENTITIES, file, only_for_owner=True)

    def count_withheld_identities(self) -> int:
        """How many identities `export_identities` leaves out, since their people do not grant what an export needs."""
        return count_withheld(self.rows, purposes=self._purposes_of_exports)

    @property
    def _purposes_of_exports(self) -> tuple[str, ...]:
        """By the configuration, or by what the newest run was done under, whichever asks for more.

        Raises:
            ConfigError: where neither says whether any is needed.
        """
        purposes = self.required_purposes("export")
        if purposes is None:
            raise ConfigError.single(
                "--config",
                "the warehouse does not say which purposes of consent an export needs: its last run recorded none",
                next_step="name its configuration (from Python, open_warehouse(config=...)); the next run records them",
            )
        return purposes

    def views(self, engine: str, *, raw: bool = False) -> str:
        """SQL that makes a view of every published table, at its version, in `duckdb` or `spark`."""
        layout = Layout.of(self.tables.root, self.config.raw_root if self.config else None)
        return views_sql(self.tables, layout, self.rows.publication.tables, engine=engine, raw=raw)


def ask_warehouse(root: str, *, config: Config | None = None) -> QuickAnswers:
    """Ask about a warehouse; a Spark session is started where it has to be, and not before.

    Raises:
        EnvironmentProblem: where there is no warehouse.
    """
    tables, _ = open_tables(root, config=config)
    return QuickAnswers(tables, require_warehouse(tables), config=config)
