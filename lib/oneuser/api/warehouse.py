"""Reading a warehouse from Python: `open_warehouse`, and the tables, people and runs of what it opens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from oneuser.api.analyses import Analytics
from oneuser.api.configured import read_config
from oneuser.api.questions import in_utc, open_tables
from oneuser.config import Config, LeaseRules
from oneuser.contracts import identity
from oneuser.core.errors import ConfigError
from oneuser.core.log import ensure_logging
from oneuser.inspection.headline import headline
from oneuser.inspection.lookup import find_user, resolve
from oneuser.inspection.published_rows import read_rows_as_of, require_warehouse
from oneuser.inspection.run_diff import RunDiff, compare_runs
from oneuser.inspection.status import RUN_COLUMNS, find_run
from oneuser.inspection.suspects import find_suspects
from oneuser.inspection.verify import Verification, verify_published
from oneuser.runs.rollback import roll_back
from oneuser.spark.session import own_session, settings_of, working_in
from oneuser.storage.quick_tables import IfCertain

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from oneuser.inspection.published_rows import PublishedRows
    from oneuser.inspection.reading import Published
    from oneuser.inspection.run_metrics import RunComparison
    from oneuser.runs.claim_rows import Publication
    from oneuser.storage.table_reader import Row


def open_warehouse(
    path: str | Path | None = None,
    *,
    config: Config | Mapping[str, Any] | str | Path | None = None,
    spark: SparkSession | None = None,
    keys: str | None = None,
) -> OpenWarehouse:
    """Open what was published in a warehouse, for reading.

    Args:
        path: The warehouse; taken from `config` where null.
        config: Its configuration. Without one, keys come from the warehouse's own secrets file and spellings of
            identifiers are tried.
        spark: The session that frames are to belong to; where null, the one that is running, else one of ours that is
            started when it is needed.
        keys: Where the secret is, as `keys.identifiers` says it; only look-ups by value need it.

    Raises:
        EnvironmentProblem: where there is no warehouse.
    """
    ensure_logging()
    loaded = None if config is None else read_config(config)
    root = str(path) if path is not None else loaded.warehouse if loaded else None
    if root is None:
        raise ConfigError.single("open_warehouse", "give the path of a warehouse or its configuration")
    tables, start = open_tables(root, config=loaded, spark=spark)
    return OpenWarehouse(tables, require_warehouse(tables), start=start, config=loaded, keys=keys)


class OpenWarehouse(Analytics):
    """What was published in a warehouse: its tables, its people, how runs went. What it reads stays until `refresh`."""

    def as_of(self, *, run: int | None = None, time: datetime | None = None) -> OpenWarehouse:
        """The same warehouse as the readers of an earlier run saw it.

        Identifiers and their ownership come from the history that the newest run keeps in columns, everything else from
        the versions that the run published. Whatever has been erased since is not there any more.

        Args:
            run: Number of the run.
            time: Instead of it, a time; a time without a zone is UTC. The newest run counts whose own as-of time is not
                after it.

        Raises:
            ConfigError: where that run was never published or can no longer be read, or none was as of that time.
        """
        then = read_rows_as_of(self.tables, run=run, time=in_utc(time))
        return OpenWarehouse(
            self.tables, self.deployment, start=self._start, config=self.config, keys=self._reference, rows=then
        )

    # people -------------------------------------------------------------------------------------------------------

    @overload
    def resolve_user_id(self, ids: str, column: str = ...) -> str: ...

    @overload
    def resolve_user_id(self, ids: DataFrame, column: str = ...) -> DataFrame: ...

    def resolve_user_id(self, ids: str | DataFrame, column: str = "user_id") -> str | DataFrame:
        """The live ID that a User ID stands for now, `vacant` or `erased`; never null.

        For a frame, its rows with `resolved_user_id` for the ID in `column`.
        """
        if isinstance(ids, str):
            found = find_user(self.rows, ids)
            return found.user_id if found.status == "live" and found.user_id else found.status
        return resolve(self.published.read(identity.USER_IDS), ids, column)

    def suspects(self, limit: int | None = None, *, largest: int | None = None) -> DataFrame:
        """Values without which a person would fall into several that each hold a known identifier: ones to block?

        One row per value, that with most effect first; what blocking it would do is in `n_people`, `n_parts`,
        `n_parted` and `part_sizes`, the messages that carry it in `n_events`. Never the value itself.

        Args:
            limit: How many rows; all where null.
            largest: Look at so many of the people with most identifiers only.
        """
        return find_suspects(self.published, limit=limit, largest=largest)

    def suspect_rows(self, limit: int | None = None, *, largest: int | None = None) -> list[Row]:
        """The same rows in this process: without Spark where the tables are small and nobody has a session."""
        with IfCertain():
            return super().suspect_rows(limit, largest=largest)
        return [row.asDict() for row in self.suspects(limit, largest=largest).collect()]

    # runs ---------------------------------------------------------------------------------------------------------

    def runs(self) -> DataFrame:
        """One row per run, oldest first: state, attempts, times."""
        rows = [tuple(getattr(record, name) for name, _ in RUN_COLUMNS) for record in self.run_records()]
        return self.spark.createDataFrame(rows, ", ".join(f"{name} {dtype}" for name, dtype in RUN_COLUMNS))

    def diff_runs(self, a: int, b: int) -> RunDiff:
        """What became of people between two published runs, whichever is named first.

        Raises:
            ConfigError: where one of them was never published, or the later one can no longer be read.
        """
        earlier, later = self._runs_to_compare(a, b)
        return compare_runs(self.as_of(run=later.run_seq).published, earlier, later)

    def compare_runs(self, a: int, b: int) -> RunComparison:
        """The same in this process: without Spark where the tables are small and nobody has a session."""
        with IfCertain():
            return super().compare_runs(a, b)
        return self.diff_runs(a, b)

    def verify(self, *, examples: int = 5) -> Verification:
        """Resolve everything that is stored again and compare it with what is published. Writes nothing.

        Args:
            examples: How many differences to show of each table.

        Raises:
            ConfigError: without a configuration, or where people are resolved by other rules in it by now.
        """
        if self.config is None:
            raise ConfigError.single("verify", "open the warehouse with its configuration: people are resolved by it")
        record = find_run(self.run_records(), self.published.publication.run_seq)
        with self._in_own_session() as own:
            return verify_published(own.published, self.config, record, examples=examples)

    def headline(self) -> dict[str, Any]:
        """What came out, in the figures that a person asks for first.

        Counts of people, events, identifiers, accounts, sessions and conversions, `revenue` by currency, and
        `top_channels` by one attribution `model`. Money is in whole units of its currency.
        """
        return headline(self.published)

    @property
    def figures(self) -> PublishedRows | Published:
        """The publication that is read, to be counted: of the past by frames, which know whose what was then."""
        return self.published if self._is_past else self.rows

    def rollback(self, to_run: int, *, reason: str | None = None) -> Publication:
        """Show an earlier publication again. Changes what readers see and nothing else."""
        rules = self.config.lease if self.config else LeaseRules()
        with working_in(own_session(self.spark, settings_of(self.config))) as own:
            warehouse = self.warehouse.in_session(own)
            shown = roll_back(warehouse, to_run=to_run, reason=reason, rules=rules)
        self.refresh()
        return shown
