"""The tables of a warehouse, read and written. Every commit says who made it, and is told of before and after."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from delta.tables import DeltaTable
from pyspark.sql import Observation
from pyspark.sql import functions as F

from oneuser.contracts.table import DATA_FILE, DATA_ROW
from oneuser.core.errors import ContractError, EnvironmentProblem
from oneuser.spark.session import lent_conf, session_beside
from oneuser.storage.checkpoint import write_checkpoint
from oneuser.storage.commit_tags import CommitTag, tag_text
from oneuser.storage.expiry import COMPACTED_FILE, SMALL_FILE
from oneuser.storage.few_rows import COPIED_FILE, LocalTable, most_few
from oneuser.storage.frame_rows import collect
from oneuser.storage.layout import MARKER, marked_deployment, marker_text
from oneuser.storage.listing import (
    Listing,
)
from oneuser.storage.owner import only_for_owner
from oneuser.storage.stored_tables import StoredTables
from oneuser.storage.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from pyspark.sql import Column, DataFrame, SparkSession

    from oneuser.contracts.table import TableContract

# properties of every table
_PROPERTIES = {
    # statistics of personal columns would outlive their rows; nothing else prunes by statistics yet
    "delta.dataSkippingNumIndexedCols": "0",
    "delta.enableDeletionVectors": "false",
    # a checkpoint of the log costs more than ten commits, and is read where checksums do not say it all
    "delta.checkpointInterval": "100",
    # by age, whoever reads what; ours is that of maintenance
    "delta.enableExpiredLogCleanup": "false",
}
# read by Delta from the session that commits, where the operation takes no option
_TAG_OF_COMMITS = "spark.databricks.delta.commitInfo.userMetadata"
# what Delta takes for small, and for large enough, when it puts files together
_COMPACTS = {
    "spark.databricks.delta.optimize.minFileSize": str(SMALL_FILE),
    "spark.databricks.delta.optimize.maxFileSize": str(COMPACTED_FILE),
}
# called with "before" or "after" and the table's name at every commit; tests stop the process there
CommitHook = Callable[[str, str], None]


def _no_hook(_when: str, _table: str) -> None:
    """Nothing happens at a commit."""


class Warehouse(StoredTables):
    """The same tables, to be read and written."""

    def __init__(
        self, spark: SparkSession, root: str, *, raw_root: str | None = None, on_commit: CommitHook | None = None
    ) -> None:
        super().__init__(spark, root, raw_root=raw_root)
        self._on_commit = on_commit or _no_hook
        self._tagging = threading.local()
        self._lacks_links = False

    def in_session(self, spark: SparkSession) -> Warehouse:
        """The same warehouse, read and written through another session."""
        if spark is self.spark:
            return self
        same = Warehouse(spark, self.root, on_commit=self._on_commit)
        same.layout = self.layout
        return same

    def create(self, deployment: str) -> None:
        """Make the root a warehouse of a deployment; a root that is one already must be of the same.

        On this machine's disk, the new folder of the raw zone is for its owner alone.

        Raises:
            EnvironmentProblem: where the root belongs to another deployment, or does not say to which.
        """
        marker = f"{self.root}/{MARKER}"
        if not self.files.exists(marker):
            self.files.make_folder(self.root)
            self._seal_raw_zone()
            self.files.write_text(marker, marker_text(deployment))
            return
        found = marked_deployment(self.files.read_text(marker), where=self.root)
        if found != deployment:
            raise EnvironmentProblem(
                found=f"the warehouse belongs to deployment {found!r}",
                expected=f"deployment {deployment!r}, as the configuration says",
                where=self.root,
                next_step="set `deployment` back, or use another `warehouse` folder",
            )

    def _seal_raw_zone(self) -> None:
        """Make the folder of the raw zone, for its owner alone; one that is there keeps the permissions it has."""
        folder = self.layout.zones["raw"]
        if not self.files.exists(folder):
            self.files.make_folder(folder)
            only_for_owner(folder, 0o700)

    # writing ------------------------------------------------------------------------------------------------------

    def append(
        self, contract: TableContract, rows: DataFrame, tag: CommitTag, *, are_few: bool = False
    ) -> tuple[int, int]:
        """Add rows in one commit; returns the version and the number of rows.

        Where the caller knows that they `are_few`, they come to this process where that saves Delta's part; where there
        turn out to be none, a table that is there is not committed to.
        """
        return self._write(contract, rows, tag, mode="append", are_few=are_few)

    def replace(
        self, contract: TableContract, rows: DataFrame, tag: CommitTag, *, are_few: bool = False
    ) -> tuple[int, int]:
        """Put rows in the place of all there were, in one commit; returns the version and the number of rows."""
        return self._write(contract, rows, tag, mode="overwrite", are_few=are_few)

    def _write(
        self, contract: TableContract, rows: DataFrame, tag: CommitTag, *, mode: str, are_few: bool
    ) -> tuple[int, int]:
        if are_few:
            written = self._write_few(contract, rows, tag, mode=mode)
            if written is not None:
                return written
        observed = Observation(f"write_{contract.name}")
        # two counts, not one for each column: what is observed is counted row by row in interpreted code
        n_rows, n_incomplete = F.count(F.lit(1)).alias("n_rows"), F.count_if(contract.is_incomplete())
        counted = contract.described(rows).observe(observed, n_rows, n_incomplete.alias("n_incomplete"))
        writer = counted.write.format("delta").mode(mode).option("userMetadata", tag_text(tag)).options(**_PROPERTIES)
        if mode == "overwrite":
            writer = writer.option("overwriteSchema", "true")
        if contract.partition_by:
            writer = writer.partitionBy(*contract.partition_by)
        before = self.head(contract)
        with self._commit(contract):
            # a table that is new has no files yet, and an append leaves them alone: Delta does both without a look
            is_replaced = mode == "overwrite" and before is not None
            transaction = self._transaction(contract, counted) if is_replaced else None
            if transaction is None:
                writer.save(self.path(contract))
            else:
                transaction.commit(counted, removed=list(transaction.sizes), tag=tag_text(tag))
        version = self._own_head(contract, tag, is_next_to=-1 if before is None else before)
        if observed.get["n_incomplete"]:
            raise ContractError(contract.name, self._nulls(contract, version))
        return version, int(observed.get["n_rows"])

    def _write_few(
        self, contract: TableContract, rows: DataFrame, tag: CommitTag, *, mode: str
    ) -> tuple[int, int] | None:
        """The same of rows that come here first; null where Delta has to do it."""
        folder = self.local_folder(contract)
        table = None if folder is None or contract.partition_by or self._lacks_links else LocalTable.at(folder)
        schema, is_replaced = contract.nullable_schema.jsonValue(), mode == "overwrite"
        if folder is None or table is None or not table.takes(schema, is_replaced=is_replaced):
            return None
        # who says few may have multiplied them
        most = most_few(contract)
        few = collect(contract.conform(rows).limit(most + 1), contract, are_complete=True)
        if few.num_rows > most:
            return None
        if not few.num_rows and not is_replaced and table.has_shape(schema):
            return table.version, 0
        with self._commit(contract):
            version = table.commit(
                few, schema=schema, configuration=_PROPERTIES, is_replaced=is_replaced, tag=tag_text(tag)
            )
        if version is None:
            self._lacks_links = True
            return None
        return version, few.num_rows

    def _transaction(self, contract: TableContract, rows: DataFrame) -> Transaction | None:
        """A transaction that can write such rows; null where that is left to Delta's own overwrite and merge."""
        transaction = Transaction.begin(self.spark, self.path(contract))
        return transaction if transaction is not None and transaction.fits(rows) else None

    def _nulls(self, contract: TableContract, version: int) -> list[str]:
        """Which required columns are null in how many rows of a version."""
        counts = [F.count_if(F.col(name).isNull()).alias(name) for name in contract.required]
        found = self.read(contract, version).agg(*counts).collect()[0].asDict()
        return [f"{name} is null in {n} rows" for name, n in found.items() if n]

    def _own_head(self, contract: TableContract, tag: CommitTag, *, is_next_to: int | None = None) -> int:
        """Newest version, which must be the one just written; and the only new one, where the one before it is given.

        Delta tries a commit again whose answer is lost. An append that landed both times would double its rows; one
        more version than ours says so, as a Delta transaction id would, for which a table's whole log is replayed.
        """
        version = self.head(contract)
        is_single = is_next_to is None or version == is_next_to + 1
        if version is None or not is_single or self._tag(contract, version) != tag:
            raise EnvironmentProblem(
                found=f"somebody else wrote to table {contract.name} during this run, or one commit landed twice",
                expected="one writer, the run that holds the lease, and one commit for each of its writes",
                where=self.path(contract),
                next_step="stop the other writer, if there is one, then run the same command again",
            )
        return version

    def delete_matching(self, contract: TableContract, keys: DataFrame, on: list[str], tag: CommitTag) -> int:
        """Delete the rows that match one of `keys`, by join, so that no value stands in a predicate."""
        condition = " AND ".join(f"stored.{name} = doomed.{name}" for name in on)
        before = self.head(contract)
        with self._commit(contract):
            target = DeltaTable.forPath(self._tagged(tag), self.path(contract)).alias("stored")
            target.merge(keys.select(*on).distinct().alias("doomed"), condition).whenMatchedDelete().execute()
        if before is not None and self.head(contract) == before:
            # nothing matched, nothing was committed
            return before
        return self._own_head(contract, tag)

    def merge(
        self, contract: TableContract, rows: DataFrame, *, update_if: str, values: Mapping[str, str], tag: CommitTag
    ) -> int:
        """Insert rows whose key is new; set `values` on those that are there and of which `update_if` holds.

        `update_if` and `values` are our own SQL over `stored` and `incoming`, never a user's. Returns how many rows
        were inserted or updated.
        """
        incoming = contract.described(rows)
        with self._commit(contract):
            merged = self._merge_few(contract, incoming, update_if=update_if, values=values)
            if merged is not None:
                table, few, n_affected = merged
                schema = contract.nullable_schema.jsonValue()
                if not n_affected or table.commit(
                    few, schema=schema, configuration=_PROPERTIES, is_replaced=True, tag=tag_text(tag)
                ):
                    return n_affected
            transaction = self._transaction(contract, incoming)
            if transaction is None:
                condition = " AND ".join(f"stored.{name} = incoming.{name}" for name in contract.key)
                target = DeltaTable.forPath(self._tagged(tag), self.path(contract)).alias("stored")
                merge = target.merge(incoming.alias("incoming"), condition)
                merge = merge.whenMatchedUpdate(condition=update_if, set=dict(values)).whenNotMatchedInsertAll()
                counted = merge.execute().first()
                return int(counted["num_affected_rows"]) if counted is not None else 0
            # two writers at once take the same files away, and one of them fails
            stored = self.read(contract, transaction.version)
            affected = _find_affected(contract, stored, incoming, update_if=update_if, values=values).localCheckpoint()
            n_affected = affected.count()
            if n_affected:
                kept = stored.join(affected.select(*contract.key), on=list(contract.key), how="left_anti")
                whole = contract.described(kept.unionByName(affected)).coalesce(1)
                transaction.commit(whole, removed=list(transaction.sizes), tag=tag_text(tag))
            return n_affected

    def _merge_few(
        self, contract: TableContract, incoming: DataFrame, *, update_if: str, values: Mapping[str, str]
    ) -> tuple[LocalTable, pa.Table, int] | None:
        """A table of few rows, its rows after a merge, and how many that affects; null where Delta has to do it."""
        folder = None if self._lacks_links else self.local_folder(contract)
        table = None if folder is None else LocalTable.at(folder)
        if table is None or not table.has_shape(contract.nullable_schema.jsonValue()):
            return None
        stored = self.read_few(contract, table.version)
        if stored is None:
            return None
        affected = _find_affected(contract, stored, incoming, update_if=update_if, values=values)
        is_affected = F.lit(1).alias("is_affected")
        on = [F.col(f"stored.{name}") == F.col(f"affected.{name}") for name in contract.key]
        kept = stored.alias("stored").join(affected.alias("affected"), on=on, how="left_anti")
        found = kept.select("*", F.lit(0).alias("is_affected")).unionByName(affected.select("*", is_affected)).toArrow()
        n_affected = int(pc.sum(found.column("is_affected")).as_py() or 0)
        return table, found.drop_columns("is_affected").cast(contract.arrow_schema), n_affected

    def change_rows(self, contract: TableContract, changed: DataFrame, tag: CommitTag) -> int:
        """Insert, update and delete rows in one commit; returns the version. Files without a changed row stand.

        Grows with the files that hold a changed row, and with the keys of the table, which are looked at once unless
        the changes say where the rows lie.

        Args:
            contract: The table.
            changed: Rows of `TableContract.differences`, none of them incomplete; read several times.
            tag: Who commits.
        """
        before = self.head(contract)
        with self._commit(contract):
            transaction = self._transaction(contract, contract.described(contract.empty(self.spark)))
            listing = self._listing(contract, transaction.version) if transaction else None
            if transaction is None or listing is None:
                row = F.coalesce("after", "before")
                incoming = changed.select("change", *[row[name].alias(name) for name in contract.columns])
                on = " AND ".join(f"stored.{name} <=> incoming.{name}" for name in contract.key)
                columns: dict[str, str | Column] = {name: f"incoming.{name}" for name in contract.columns}
                target = DeltaTable.forPath(self._tagged(tag), self.path(contract)).alias("stored")
                merge = target.merge(incoming.alias("incoming"), on).whenMatchedDelete("incoming.change = 'deleted'")
                merge.whenMatchedUpdate(set=columns).whenNotMatchedInsert(values=columns).execute()
            else:
                removed = self._files_with(contract, listing, changed)
                rows = contract.changed(self._parquet(contract, listing, removed), changed)
                n_files = 1 + sum(transaction.sizes[name] for name in removed) // COPIED_FILE
                transaction.commit(contract.described(rows).coalesce(n_files), removed=removed, tag=tag_text(tag))
        return self._own_head(contract, tag, is_next_to=before)

    def change_few_rows(self, contract: TableContract, changed: DataFrame, tag: CommitTag) -> int | None:
        """The same of few rows that say where they lie, on this machine's disk: they come here, and no job writes.

        Grows with the files that hold a changed row, which are copied without it. Returns the version; null where
        nothing was done, and `change_rows` has to do it.
        """
        folder = self.local_folder(contract)
        located = {DATA_FILE, DATA_ROW}
        if folder is None or contract.partition_by or self._lacks_links or not located <= set(changed.columns):
            return None
        table = LocalTable.at(folder)
        if table is None or not table.has_shape(contract.nullable_schema.jsonValue()):
            return None
        sides = [F.col(side).isNotNull().alias(f"has_{side}") for side in ("before", "after")]
        few = changed.select("after.*", DATA_FILE, DATA_ROW, *sides).toArrow()
        was = few.filter(few.column("has_before"))
        lies_in: list[str | None] = pc.unique(was.column(DATA_FILE)).to_pylist()
        gone = {
            unquote(name): was.filter(pc.equal(was.column(DATA_FILE), pa.scalar(name))).column(DATA_ROW).to_numpy()
            for name in lies_in
            if name is not None
        }
        # files of another version would be others, and who looked through Delta does not know them
        if None in lies_in or not gone.keys() <= table.sizes.keys():
            return None
        come = few.filter(few.column("has_after")).select(contract.columns).cast(contract.arrow_schema)
        with self._commit(contract):
            version = table.change(gone, come, tag=tag_text(tag))
        if version is None:
            self._lacks_links = True
        return version

    def _files_with(self, contract: TableContract, listing: Listing, changed: DataFrame) -> list[str]:
        """Names of the files that hold a row which is not there any longer, or another now."""
        if not listing.files:
            return []
        if DATA_FILE in changed.columns:
            found = changed.where(F.col("before").isNotNull()).select(DATA_FILE).distinct().collect()
            told = {row[DATA_FILE] and unquote(row[DATA_FILE]) for row in found}
            # files of another version would be others
            if told <= set(listing.files):
                return sorted(told)
        gone = changed.where(F.col("before").isNotNull()).select(*[f"before.{name}" for name in contract.key])
        keys = self._parquet(contract, listing, listing.files).select(
            *contract.key, F.col("_metadata.file_name").alias(DATA_FILE)
        )
        is_gone = contract.has_same_key("stored.", "gone.")
        files = keys.alias("stored").join(gone.alias("gone"), on=is_gone, how="left_semi").select(DATA_FILE).distinct()
        # no more than the listing names
        return sorted(unquote(row[DATA_FILE]) for row in files.collect())

    def restore(self, contract: TableContract, version: int | None, tag: CommitTag) -> None:
        """Bring a table back to an earlier version, or to not existing where `version` is null."""
        with self._commit(contract):
            if version is None:
                self.files.remove(self.path(contract))
                self.forget(contract)
            else:
                DeltaTable.forPath(self._tagged(tag), self.path(contract)).restoreToVersion(version)

    def empty(
        self, contract: TableContract, columns: Sequence[str], *, time: str, before: datetime, tag: CommitTag
    ) -> tuple[int, int]:
        """Make some columns null in rows of before an instant, in one commit; returns the version, and how many rows.

        Rows whose first column is null are done already. Grows with that column, and with the files of such rows.
        """
        at = self.head(contract)
        n_rows = self.count_due(contract, columns, time=time, before=before)
        if at is not None and not n_rows:
            return at, 0
        with self._commit(contract):
            target = DeltaTable.forPath(self._tagged(tag), self.path(contract))
            nothing: dict[str, str | Column] = {name: F.lit(None).cast("string") for name in columns}
            target.update(_is_due(columns, time=time, before=before), nothing)
        return self._own_head(contract, tag, is_next_to=at), n_rows

    def count_due(self, contract: TableContract, columns: Sequence[str], *, time: str, before: datetime) -> int:
        """In how many rows `empty` would make the columns null. Grows with the first column."""
        newest = self.read(contract, self.head(contract))
        return newest.where(_is_due(columns, time=time, before=before)).count()

    def compact(self, contract: TableContract, tag: CommitTag) -> int:
        """Put small files together, in one commit that changes no row; returns the version."""
        before = self.head(contract)
        session = self._tagged(tag)
        with lent_conf(session, _COMPACTS), self._commit(contract):
            DeltaTable.forPath(session, self.path(contract)).optimize().executeCompaction()
        if before is not None and self.head(contract) == before:
            # there are no two files to put together
            return before
        return self._own_head(contract, tag, is_next_to=before)

    def checkpoint(self, contract: TableContract, version: int) -> None:
        """Write a checkpoint of a version of a table's log, where this build of Delta can."""
        with self._commit(contract):
            write_checkpoint(self.spark, self.path(contract), version)

    def remove_files(self, contract: TableContract, names: Sequence[str]) -> None:
        """Remove files of a table's folder, in this order; no version that anybody may read can need them."""
        with self._commit(contract):
            for name in names:
                self.files.remove(f"{self.path(contract)}/{name}")

    def _tagged(self, tag: CommitTag) -> SparkSession:
        """A session whose commits have a tag. No other thread has it: a lease is renewed while a stage commits.

        Made on first use, with the configuration that the warehouse's own has at that time.
        """
        if not hasattr(self._tagging, "session"):
            self._tagging.session = session_beside(self.spark)
        session: SparkSession = self._tagging.session
        session.conf.set(_TAG_OF_COMMITS, tag_text(tag))
        return session

    @contextmanager
    def _commit(self, contract: TableContract) -> Iterator[None]:
        """Call the hook around a commit."""
        self._on_commit("before", contract.name)
        yield
        self._on_commit("after", contract.name)


def _is_due(columns: Sequence[str], *, time: str, before: datetime) -> Column:
    """Whether columns of a row are to be made null that are not yet: where the first is, all are."""
    return (F.col(time) < F.lit(before)) & F.col(columns[0]).isNotNull()


def _find_affected(
    contract: TableContract, stored: DataFrame, incoming: DataFrame, *, update_if: str, values: Mapping[str, str]
) -> DataFrame:
    """Rows of the table that a merge inserts or updates, as they are to be."""
    key = list(contract.key)
    is_same = [F.col(f"stored.{name}") == F.col(f"incoming.{name}") for name in key]
    pairs = stored.alias("stored").join(incoming.alias("incoming"), on=is_same, how="inner").where(update_if)
    updated = pairs.select(*[F.expr(values.get(name, f"stored.{name}")).alias(name) for name in contract.columns])
    inserted = incoming.join(stored.select(*key), on=key, how="left_anti").select(*contract.columns)
    return updated.unionByName(inserted)
