"""Where the tables of a warehouse lie, which versions they have, and their rows through Spark. Writes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pyspark.sql import functions as F
from pyspark.sql import types as T

from oneuser.config.base import local_path
from oneuser.contracts.registry import TABLES
from oneuser.contracts.table import DATA_FILE, DATA_ROW
from oneuser.spark.arrow_batches import stream_batches
from oneuser.spark.session import READS_PINNED_VERSIONS, lent_conf
from oneuser.storage.commit_tags import Commit, CommitTag, tag_of
from oneuser.storage.few_rows import read_few, read_few_among
from oneuser.storage.files import Files
from oneuser.storage.frame_rows import collect, count_frame, first_of_frame, fitting
from oneuser.storage.layout import MARKER, Layout, versions_in
from oneuser.storage.listing import Listing, checksum_name, name_alone, read_file_names, read_listing, read_n_bytes
from oneuser.storage.log_store import has_exclusive_commits
from oneuser.storage.reader_paths import glob_safe

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from oneuser.contracts.table import TableContract
    from oneuser.storage.asked_counts import Groups, Top
    from oneuser.storage.table_reader import Row

# of a table whose rows stand in a plan
_FEW_BYTES = 64 * 1024
# of a table through which this process looks for rows: at one column of all rows, some seconds for each GB
_QUICKLY_SEARCHED = 4 * 1024 * 1024 * 1024


class StoredTables:
    """The tables below one root, to be read; those of the raw zone may lie below another."""

    def __init__(self, spark: SparkSession, root: str, *, raw_root: str | None = None) -> None:
        self.spark = spark
        self._listings: dict[tuple[str, int], Listing | None] = {}
        self._few: dict[tuple[TableContract, int], pa.Table | None] = {}
        self.layout = Layout.of(root, raw_root)
        self.root = self.layout.root
        self.files = Files(spark)

    # where things are ---------------------------------------------------------------------------------------------

    def path(self, contract: TableContract) -> str:
        """Folder of a table."""
        return self.layout.path(TABLES[contract.name])

    def exists(self) -> bool:
        """Whether the root is a warehouse."""
        return self.files.exists(f"{self.root}/{MARKER}")

    def text(self, name: str) -> str:
        """A small file in the root."""
        return self.files.read_text(f"{self.root}/{name}")

    def names(self, folder: str) -> list[str]:
        """Names of what a folder below the root holds; none where there is no folder."""
        return self.files.names(folder)

    def has_exclusive_commits(self, zone: str) -> bool:
        """Whether of two commits of the same version to a table of this zone only one lands."""
        return has_exclusive_commits(self.files.scheme(self.layout.zones[zone]), self.spark.sparkContext.getConf().get)

    def head(self, contract: TableContract) -> int | None:
        """Newest version of a table, null where it does not exist. Lists the log, runs no job."""
        return max(versions_in(self.files.names(self.layout.log(contract))), default=None)

    def committed_ms(self, contract: TableContract, version: int) -> int:
        """When a version was committed, by the clock of the storage, which dates the files beside it."""
        return self.files.modified_ms(f"{self.path(contract)}/_delta_log/{version:020d}.json")

    def commits(self, contract: TableContract, *, after: int, up_to: int) -> list[Commit]:
        """Commits with after < version <= up_to, oldest first; grows with their number."""
        return [Commit(version, self._tag(contract, version)) for version in range(after + 1, up_to + 1)]

    def _tag(self, contract: TableContract, version: int) -> CommitTag | None:
        return tag_of(self.files.read_text(f"{self.path(contract)}/_delta_log/{version:020d}.json"))

    # reading ------------------------------------------------------------------------------------------------------

    def read(self, contract: TableContract, version: int | None) -> DataFrame:
        """Rows of one version of a table; an empty frame of its shape where `version` is null.

        Raises:
            ContractError: where another version of oneuser has written it in another shape.
        """
        return contract.empty(self.spark) if version is None else contract.conform(self._stored(contract, version))

    def read_published(self, contract: TableContract, version: int | None) -> DataFrame:
        """The same for whoever writes nothing by it: columns that may be null are, where the table lacks them."""
        if version is None:
            return contract.empty(self.spark)
        return contract.conform(contract.filled(self._stored(contract, version)))

    def _stored(self, contract: TableContract, version: int) -> DataFrame:
        """Rows as they are stored."""
        listing = self._listing(contract, version)
        if listing is not None:
            return self._parquet(contract, listing, listing.files)
        # pinned even when it is the newest: a frame that is not would be computed again from whatever is newest then,
        # and what is persisted of it dropped, as soon as the stage writes to the table it reads
        reader = self.spark.read.format("delta").option("versionAsOf", version)
        with lent_conf(self.spark, READS_PINNED_VERSIONS):
            return reader.load(self.path(contract))

    def read_few(self, contract: TableContract, version: int) -> DataFrame | None:
        """Rows of one version in the plan itself, where Spark sees how many they are; null where these are many.

        They are read once, by this process: a plan with them neither lists files nor opens them.
        """
        # some of a table's columns are a contract of the same name
        key = (contract, version)
        if key not in self._few:
            self._few[key] = self._read_few(contract, version)
        few = self._few[key]
        return None if few is None else self.spark.createDataFrame(few, contract.nullable_schema)

    def _read_few(self, contract: TableContract, version: int) -> pa.Table | None:
        listing = self._listing(contract, version)
        folder = None if listing is None or listing.n_bytes > _FEW_BYTES else self.local_folder(contract)
        if folder is None or listing is None:
            return None
        return read_few([folder / name for name in listing.files], contract)

    def read_few_among(
        self, contract: TableContract, version: int, among: Callable[[], pa.Table], *, most: int
    ) -> DataFrame | None:
        """Rows of which one column has one of some values, with where they lie, in the plan itself.

        They are looked for by this process, in a tenth of what Spark takes (decision 0198), where the table is on this
        machine's disk and not large. Null elsewhere, where nobody is asked for the values, and where there are more
        rows than `most`.
        """
        listing = self._listing(contract, version)
        folder = None if listing is None or listing.n_bytes > _QUICKLY_SEARCHED else self.local_folder(contract)
        if folder is None or listing is None or contract.partition_by:
            return None
        rows = read_few_among([folder / name for name in listing.files], contract, among(), most=most)
        if rows is None:
            return None
        schema = T.StructType(
            [
                *contract.nullable_schema.fields,
                T.StructField(DATA_FILE, T.StringType()),
                T.StructField(DATA_ROW, T.LongType()),
            ]
        )
        return self.spark.createDataFrame(rows, schema)

    def read_located(self, contract: TableContract, version: int | None) -> DataFrame:
        """The same rows with `data_file` and `data_row`, the file that each lies in and its place there, from 0.

        Both are null where Delta must be asked for the files.
        """
        listing = None if version is None else self._listing(contract, version)
        if listing is None or not listing.files:
            nowhere = {DATA_FILE: F.lit(None).cast("string"), DATA_ROW: F.lit(None).cast("bigint")}
            return self.read(contract, version).withColumns(nowhere)
        rows = contract.conform(self._parquet(contract, listing, listing.files))
        lies = F.col("_metadata.file_name").alias(DATA_FILE), F.col("_metadata.row_index").alias(DATA_ROW)
        return rows.select("*", *lies)

    def batches(
        self,
        contract: TableContract,
        version: int | None,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, Collection[Any]] | None = None,
        limit: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows as `TableReader` says, which come here together. Values meet them in a join: none stands in a plan."""
        asked = where or {}
        if version is None or not all(asked.values()):
            return
        rows = fitting(self.read_published(contract, version), contract, asked)
        shown = rows.select(*(columns or contract.columns))
        yield from collect(shown if limit is None else shown.limit(limit), contract).to_batches()

    def ordered(self, contract: TableContract, version: int | None, *, by: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """All rows of a version in the order of some columns, nulls first, one partition after the other."""
        rows = self.read_published(contract, version).orderBy(*by)
        return (batch.cast(contract.arrow_schema) for batch in stream_batches(rows))

    def distinct(self, contract: TableContract, version: int | None, column: str) -> set[Any]:
        """The values that a column of a version has."""
        return {row[column] for row in self.read_published(contract, version).select(column).distinct().collect()}

    def groups(self, contract: TableContract, version: int | None, asked: Groups) -> list[Row]:
        """Rows of a version counted and added up by some columns. One job."""
        return count_frame(self.read_published(contract, version), contract, asked)

    def top(self, contract: TableContract, version: int | None, asked: Top) -> list[Row]:
        """The rows of a version that come first by some numbers. One job."""
        return first_of_frame(self.read_published(contract, version), contract, asked)

    def data_files(self, contract: TableContract, version: int | None) -> list[str]:
        """Addresses of the files that a version consists of, in their order: plain paths on this machine's disk."""
        return sorted(_plain_address(uri) for uri in self.read_published(contract, version).inputFiles())

    def _parquet(self, contract: TableContract, listing: Listing, names: Sequence[str]) -> DataFrame:
        """Rows of some of a version's files."""
        paths = [glob_safe(f"{self.path(contract)}/{name}") for name in names]
        return self.spark.read.schema(listing.schema).parquet(*paths) if paths else contract.empty(self.spark)

    def _listing(self, contract: TableContract, version: int) -> Listing | None:
        """The files of a version, where Delta has listed them; null where they must be asked for through Delta."""
        key = (contract.name, version)
        if key not in self._listings:
            text = self._checksum(contract, version)
            self._listings[key] = None if text is None else read_listing(text)
        return self._listings[key]

    def _checksum(self, contract: TableContract, version: int) -> str | None:
        """What Delta has noted beside a version; null where it has not."""
        path = f"{self.path(contract)}/_delta_log/{checksum_name(version)}"
        return self.files.read_text(path) if self.files.exists(path) else None

    def n_bytes(self, contract: TableContract, version: int | None) -> int | None:
        """Bytes of a version's files, without a job; null where Delta has not noted it."""
        if version is None:
            return 0
        text = self._checksum(contract, version)
        return None if text is None else read_n_bytes(text)

    def file_names(self, contract: TableContract, version: int) -> frozenset[str]:
        """Data files that a version of a table consists of, without their folders.

        Read from the version's checksum; through Delta, by a job, where that does not list them.
        """
        text = self._checksum(contract, version)
        listed = None if text is None else read_file_names(text)
        if listed is not None:
            return listed
        reader = self.spark.read.format("delta").option("versionAsOf", version)
        with lent_conf(self.spark, READS_PINNED_VERSIONS):
            uris = reader.load(self.path(contract)).inputFiles()
        return frozenset(name_alone(unquote(uri)) for uri in uris)

    def forget(self, contract: TableContract) -> None:
        """Forget what is known of versions of a table that is gone: they will be counted from 0 again."""
        self._listings = {key: found for key, found in self._listings.items() if key[0] != contract.name}
        self._few = {key: found for key, found in self._few.items() if key[0].name != contract.name}

    def local_folder(self, contract: TableContract) -> Path | None:
        """The folder of a table that lies on this machine's disk; null elsewhere."""
        path = self.path(contract)
        return Path(local_path(path) or path) if self.files.scheme(path) == "file" else None


def _plain_address(uri: str) -> str:
    """A file's URI as other programs take it: a path where it is local, unescaped."""
    parts = urlsplit(uri)
    return unquote(parts.path) if parts.scheme in ("", "file") else unquote(uri)
