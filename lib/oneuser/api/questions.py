"""Questions to what is published, answered row by row: how runs went, who is who, and why. Loads no Spark by itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import structlog

from oneuser.config.base import local_path
from oneuser.config.input_paths import is_on_s3a
from oneuser.contracts.declared_by import DECLARED_BY
from oneuser.contracts.registry import find_contract
from oneuser.core.errors import ConfigError, EnvironmentProblem
from oneuser.core.identifier_text import NamedIdentifier
from oneuser.events.spec import id_type_specs
from oneuser.exports.single_file import write_file
from oneuser.inspection.explain import Explainer
from oneuser.inspection.lookup import Identity, find_identifier, find_user, read_question, values_of
from oneuser.inspection.published_rows import PublishedRows, read_published_rows
from oneuser.inspection.status import Status, read_status
from oneuser.privacy.keys import load_reading_keys
from oneuser.runs.claim_rows import load_claims
from oneuser.runs.readable import as_published, publications_of_runs
from oneuser.runs.records import load_runs
from oneuser.runs.required_purposes import required_purposes
from oneuser.spark.default_storage import is_this_disk
from oneuser.storage.export_records import record_export
from oneuser.storage.layout import Layout
from oneuser.storage.local_files import LocalFiles
from oneuser.storage.local_tables import LocalTables
from oneuser.storage.quick_tables import QuickTables
from oneuser.storage.s3_tables import S3Tables
from oneuser.storage.uncertain import UncertainError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

    from oneuser.config import Config
    from oneuser.contracts.table import TableContract
    from oneuser.core.keyed import Keys
    from oneuser.inspection.explanation import Explanation
    from oneuser.runs.records import RunRecord
    from oneuser.runs.required_purposes import Use
    from oneuser.storage.delta_rs_tables import DeltaRsTables
    from oneuser.storage.export_records import WritableFiles
    from oneuser.storage.table_reader import TableReader
    from oneuser.storage.warehouse import Warehouse

_log = structlog.get_logger("oneuser.api")
# a version with larger files is read through Spark: by then its start is the smaller part of an answer
MOST_BYTES = 1 << 30


class Questions:
    """What people ask about a publication and its runs. What it reads stays until `refresh`."""

    def __init__(
        self,
        tables: TableReader,
        deployment: str,
        *,
        config: Config | None = None,
        keys: str | None = None,
        rows: PublishedRows | None = None,
    ) -> None:
        self.tables = tables
        self.deployment = deployment
        self.config = config
        self._reference = keys or (config.keys.identifiers if config else None)
        self._rows = rows
        self._is_past = rows is not None

    @property
    def rows(self) -> PublishedRows:
        """The publication that is read, found at first use.

        Raises:
            OneUserError: before the first publication.
        """
        if self._rows is None:
            self._rows = read_published_rows(self.tables)
        return self._rows

    def refresh(self) -> Self:
        """Follow the newest publication from now on; a reader of the past stays where it is."""
        if not self._is_past:
            self._rows = None
        return self

    # people -------------------------------------------------------------------------------------------------------

    def lookup(
        self,
        thing: str | None = None,
        *,
        type: str | None = None,  # noqa: A002 - the word that people use for it
        value: str | None = None,
        user_id: str | None = None,
        unmasked: bool = False,
    ) -> Identity:
        """The person behind an identifier, or behind a User ID, be it retired.

        Say which as `explain` takes it, a User ID or `type: value`, or by name: `type` and `value`, or `user_id`.

        Identifiers in the answer are masked, but for the one that was asked for, unless `unmasked`.
        """
        asked = _asked(thing, type, value, user_id)
        if isinstance(asked, str):
            return find_user(self.rows, asked, unmasked=unmasked)
        return find_identifier(self.rows, self._keys(), named=asked, rules=self._rules(), unmasked=unmasked)

    def explain(self, a: str, b: str | None = None, *, unmasked: bool = False) -> Explanation:
        """Why a User ID or `type:value` is what it is; of two, what leads from one to the other or keeps them apart."""
        explainer = Explainer(self.rows, self._keys, self._rules(), unmasked)
        return explainer.explain_one(a) if b is None else explainer.explain_two(a, b)

    def values(self, numbers: Collection[int], *, unmasked: bool = False) -> dict[int, tuple[str, str | None]]:
        """Type and value of some identifiers, by `identifier_id`. Values are masked, unless `unmasked`."""
        return values_of(self.rows, numbers, {}, unmasked=unmasked)

    # runs ---------------------------------------------------------------------------------------------------------

    def run_records(self) -> list[RunRecord]:
        """Every run with its stages, oldest first; `published` is whatever readers were shown."""
        return as_published(load_runs(self.tables), load_claims(self.tables))

    def readable_runs(self) -> list[int]:
        """Numbers of the published runs that `as_of` and `rollback` can show; maintenance withdraws old ones."""
        return sorted(publications_of_runs(load_claims(self.tables)))

    def status(self) -> Status:
        """What readers see now, the newest run, and who holds the warehouse."""
        return read_status(self.tables, self.deployment)

    def required_purposes(self, use: Use) -> tuple[str, ...] | None:
        """Purposes that people must grant for a use, by the newest run and the configuration; null: neither says."""
        return required_purposes(self.run_records(), self.config, use)

    # other programs -----------------------------------------------------------------------------------------------

    def export(self, name: str, to: str | Path, *, raw: bool = False) -> int:
        """Write a published table to one file (csv, jsonl or parquet by its ending), in the order of its key.

        Args:
            name: The table; `runs` and `publications` are written as they are now.
            to: The file.
            raw: Must be set for tables that hold identifiers as they were received.

        Returns:
            The number of rows.

        Raises:
            ConfigError: for a table that no run has computed; one that is computed and has no rows is a file of none.
        """
        contract = self._computed(name)
        is_raw = contract.zone == "raw"
        if is_raw and not raw:
            raise ConfigError.single("--raw", f"{name} holds raw identifiers; say --raw (raw=True) if you want them")
        file = self.outside(to)
        if is_raw:
            self._record_export(name)
        return write_file(self._ordered(contract), contract.arrow_schema, file, only_for_owner=is_raw)

    def outside(self, to: str | Path) -> Path:
        """The absolute path of a file for others.

        Raises:
            ConfigError: where it is in the warehouse.
        """
        return Layout.of(self.tables.root, self.config.raw_root if self.config else None).outside(Path(to))

    def _computed(self, name: str) -> TableContract:
        """The contract of a table that the publication has.

        Raises:
            ConfigError: where there is no such table, or the run did not compute it.
        """
        contract = find_contract(name)
        if contract.zone == "control" or name in self.rows.publication.tables:
            return contract
        key = DECLARED_BY.get(name)
        raise ConfigError.single(
            "table",
            f"run {self.rows.publication.run_seq} did not compute {name}: {contract.grain}",
            next_step=f"declare it under `{key}` in the configuration, then `oneuser run`"
            if key
            else "`oneuser runs show --json` names the tables that there are",
        )

    def _record_export(self, what: str) -> None:
        """Keep that raw identifiers are given to others, for the receipts of erasures; who may only read is warned."""
        layout = Layout.of(self.tables.root, self.config.raw_root if self.config else None)
        try:
            record_export(self._files(), layout, what, run_seq=self.rows.publication.run_seq)
        except _refusals():
            _log.warning("no receipt will name this export", why="nothing can be written to the warehouse")

    def _files(self) -> WritableFiles:
        """What writes small files of the warehouse: without Spark where tables are read without it."""
        tables: Any = self.tables
        if isinstance(tables, QuickTables) and local_path(tables.root) is None:
            if isinstance(tables.quick, S3Tables):
                return tables.quick
            tables = tables.through_spark()
        return cast("WritableFiles", getattr(tables, "files", None) or LocalFiles())

    def _ordered(self, contract: TableContract) -> Iterator[pa.RecordBatch]:
        """Rows of a table as they are exported."""
        is_of_now = contract.zone == "control"
        version = self.tables.head(contract) if is_of_now else self.rows.publication.tables.get(contract.name)
        return self.tables.ordered(contract, version, by=contract.key)

    def _keys(self) -> Keys:
        return load_reading_keys(self.tables.root, self.deployment, self._reference)

    def _rules(self) -> dict[str, Any]:
        return id_type_specs(self.config.identity.id_types) if self.config else {}


def _refusals() -> tuple[type[Exception], ...]:
    """What storage refuses with; the errors of Hadoop are loaded with Spark alone."""
    of_hadoop = sys.modules.get("py4j.protocol")
    return (OSError, EnvironmentProblem, *([of_hadoop.Py4JError] if of_hadoop else []))


def open_tables(
    root: str, *, config: Config | None, spark: SparkSession | None = None
) -> tuple[TableReader, Callable[[], Warehouse]]:
    """What reads the tables of a warehouse, and what gives the warehouse for frames, starting a session if need be.

    Without a session at hand, tables on this machine's disk or on `s3a://` are read without one.
    """
    raw_root = config.raw_root if config else None

    @cache
    def start() -> Warehouse:
        from oneuser.spark.session import reading_session, settings_of
        from oneuser.storage.warehouse import Warehouse

        return Warehouse(spark or reading_session(settings_of(config, root=root)), root, raw_root=raw_root)

    def start_own() -> Warehouse:
        from oneuser.spark.session import own_session, settings_of

        warehouse = start()
        return warehouse.in_session(own_session(warehouse.spark, settings_of(config)))

    if spark is None and _running_session() is None and is_this_disk(config):
        try:
            return QuickTables(_without_spark(Layout.of(root, raw_root), config), start_own), start
        except UncertainError:
            pass
    return start(), start


def _without_spark(layout: Layout, config: Config | None) -> DeltaRsTables:
    if is_on_s3a(layout.root):
        return S3Tables(layout, config.spark.conf if config else {}, most_bytes=MOST_BYTES)
    return LocalTables(layout, most_bytes=MOST_BYTES)


def in_utc(moment: datetime | None) -> datetime | None:
    """A moment with its zone: UTC where it names none."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _running_session() -> SparkSession | None:
    """The session that is running, found without loading what would have started it."""
    if "pyspark.sql" not in sys.modules:
        return None
    from oneuser.spark.session import running_session

    return running_session()


def _asked(thing: str | None, id_type: str | None, value: str | None, user_id: str | None) -> NamedIdentifier | str:
    """The one thing that is asked about, be it said as a text or by its parts."""
    match thing, id_type, value, user_id:
        case str(text), None, None, None:
            return read_question(text, verb="lookup")
        case None, None, None, str(text):
            return text
        case None, str(name), str(text), None:
            return NamedIdentifier(name, text)
    raise ConfigError.single("lookup", "give one of TYPE:VALUE, a User ID, or a type and a value")
