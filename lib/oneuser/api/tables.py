"""The published tables of a warehouse, as frames and as files.

Frames are of the caller's session, so that they join with its own and its SQL finds a view of them; nothing of that
session is changed. Files are written without Spark or in a session of ours: the same whatever the caller's is like.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pyspark.sql import functions as F

from oneuser.api.quick_answers import IDENTITIES, QuickAnswers
from oneuser.config import Config
from oneuser.contracts import identity
from oneuser.contracts import raw as raw_zone
from oneuser.contracts.privacy import CONSENT
from oneuser.exports.single_file import write_file
from oneuser.inspection.reading import Published, in_frames
from oneuser.privacy.consent_of_people import find_consenting_people
from oneuser.spark.arrow_batches import stream_batches
from oneuser.spark.session import own_session, settings_of, working_in
from oneuser.storage.quick_tables import IfCertain, QuickTables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from oneuser.contracts.table import TableContract
    from oneuser.inspection.published_rows import PublishedRows
    from oneuser.storage.table_reader import TableReader
    from oneuser.storage.warehouse import Warehouse


class OpenTables(QuickAnswers):
    """The published tables of a warehouse."""

    def __init__(
        self,
        tables: TableReader,
        deployment: str,
        *,
        start: Callable[[], Warehouse],
        config: Config | None = None,
        keys: str | None = None,
        rows: PublishedRows | None = None,
    ) -> None:
        super().__init__(tables, deployment, config=config, keys=keys, rows=rows)
        self._start = start

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse in a Spark session, which is started where there is none."""
        return self._start()

    @property
    def spark(self) -> SparkSession:
        """The session of the frames."""
        return self.warehouse.spark

    @property
    def published(self) -> Published:
        """The publication that is read, as frames.

        Raises:
            OneUserError: before the first publication.
        """
        return in_frames(self.warehouse, self.rows)

    @contextmanager
    def _in_own_session(self) -> Iterator[Self]:
        """The same publication in a session of ours: for what must not depend on how the caller's is configured."""
        with working_in(own_session(self.spark, settings_of(self.config))) as own:
            warehouse = self.warehouse.in_session(own)
            yield type(self)(
                warehouse,
                self.deployment,
                start=lambda: warehouse,
                config=self.config,
                keys=self._reference,
                rows=self.rows,
            )

    # tables -------------------------------------------------------------------------------------------------------

    def table(self, name: str) -> DataFrame:
        """A table by its name, at the published version; `runs` and `publications` as they are now.

        Raises:
            ConfigError: for a table that no run has computed; one that is computed may have no rows.
        """
        return self.frame(self._computed(name))

    def frame(self, contract: TableContract) -> DataFrame:
        """The same for whoever takes a table that was never computed for one without rows."""
        if contract.zone == "control":
            return self.warehouse.read(contract, self.warehouse.head(contract))
        return self.published.read(contract)

    def users(self) -> DataFrame:
        """One row per person."""
        return self.published.read(identity.DIM_USER)

    def identifiers(self) -> DataFrame:
        """One row per identifier and the person who owns it now; never its value."""
        return self.published.read(identity.IDENTIFIER_MAP)

    def ownership(self) -> DataFrame:
        """One row per identifier and interval of time: whose it is then. Only contested ones have several."""
        return self.published.ownership()

    def events(self) -> DataFrame:
        """One row per accepted message and whose it is; no payload."""
        return self.published.read(identity.EVENTS_RESOLVED)

    def accounts(self, *, rollup: bool = False) -> DataFrame:
        """One row per account; with `rollup`, one per account, account above it and period.

        The roll-up has each account itself, too, at depth 0, so that a join by account and time counts an event for
        every account that was above its own then; `is_top` keeps the one furthest above.
        """
        accounts = self.published.read(identity.DIM_ACCOUNT)
        if not rollup:
            return accounts
        above = self.published.read(identity.ACCOUNT_ROLLUP)
        # where no file names parents there is no such table, and nobody above anybody
        alone = accounts.join(above, on="account_id", how="left_anti").select(
            "account_id",
            F.col("account_id").alias("ancestor_id"),
            F.lit(0).alias("depth"),
            F.lit(True).alias("is_top"),
            F.lit(None).cast("timestamp").alias("valid_from"),
            F.lit(None).cast("timestamp").alias("valid_to"),
        )
        return above.unionByName(alone)

    # other programs -----------------------------------------------------------------------------------------------

    def _ordered(self, contract: TableContract) -> Iterator[pa.RecordBatch]:
        if isinstance(self.tables, QuickTables) and not self._is_past:
            yield from super()._ordered(contract)
            return
        with self._in_own_session() as own:
            rows = own.frame(contract).orderBy(*contract.key)
            yield from (batch.cast(contract.arrow_schema) for batch in stream_batches(rows))

    def export_identities(self, to: str | Path) -> int:
        """Write `identities` to one file: normalised raw values, so keep the file safe. Returns the number of rows.

        Where the configuration, or that of the newest run, names purposes under `consent.required_for_export`, only
        people are in it who grant them all, as published.
        """
        with IfCertain():
            return super().export_identities(to)
        file = self.outside(to)
        with self._in_own_session() as own:
            rows = own.of_consenting(own.identities(), self._purposes_of_exports).orderBy("id_type", "id_value")
            self._record_export("identities")
            return write_file(stream_batches(rows), IDENTITIES, file, only_for_owner=True)

    def of_consenting(self, rows: DataFrame, purposes: Collection[str]) -> DataFrame:
        """Rows of people (`user_id`) who grant every purpose; all rows where none is needed."""
        if not purposes:
            return rows
        people = find_consenting_people(self.published.read(CONSENT), purposes)
        return rows.join(people, on="user_id", how="left_semi").select(*rows.columns)

    def count_withheld_identities(self) -> int:
        """How many identities `export_identities` leaves out, since their people do not grant what an export needs."""
        with IfCertain():
            return super().count_withheld_identities()
        with self._in_own_session() as own:
            owners = own.identifiers().select("user_id")
            return owners.count() - own.of_consenting(owners, self._purposes_of_exports).count()

    def identities(self) -> DataFrame:
        """One row per identifier in the graph: `id_type`, normalised raw `id_value`, `user_id` of its owner."""
        values = self.published.read(raw_zone.IDENTIFIER_VALUES).select("identifier_id", "id_value")
        owners = self.published.read(identity.IDENTIFIER_MAP).select("identifier_id", "id_type", "user_id")
        return owners.join(values, on="identifier_id", how="inner").select("id_type", "id_value", "user_id")
