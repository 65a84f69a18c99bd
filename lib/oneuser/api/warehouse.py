"""Reading a warehouse from Python: `open_warehouse`, and the tables, people and runs of what it opens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from pyspark.sql import functions as F

from oneuser.api.jobs import read_config, start_session
from oneuser.contracts import identity, marts
from oneuser.contracts import raw as raw_zone
from oneuser.core.config import Config
from oneuser.core.errors import ConfigError
from oneuser.core.log import ensure_logging
from oneuser.pipeline.access import id_type_rules, load_reading_keys
from oneuser.pipeline.explain import Explainer, Explanation
from oneuser.pipeline.lookup import Identity, find_identifier, find_user, resolve
from oneuser.pipeline.publication import roll_back
from oneuser.pipeline.reading import Published, find_contract, read_published, require_warehouse
from oneuser.pipeline.status import RUN_COLUMNS, Status, list_runs, read_status
from oneuser.storage.export import write_file
from oneuser.storage.views import ENGINES, views_sql
from oneuser.storage.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from oneuser.core.keyed import Keys
    from oneuser.pipeline.lease import Publication
    from oneuser.pipeline.records import RunRecord


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
        spark: The session to use.
        keys: Where the secret is, as `env:NAME` or `file:PATH`; only look-ups by value need it.

    Raises:
        EnvironmentProblem: where there is no warehouse.
    """
    ensure_logging()
    loaded = None if config is None else read_config(config)
    root = str(path) if path is not None else loaded.warehouse if loaded else None
    if root is None:
        raise ConfigError.single("open_warehouse", "give the path of a warehouse or its configuration")
    raw_root = loaded.raw_root if loaded else None
    warehouse = Warehouse(spark or start_session(loaded), root, raw_root=raw_root)
    deployment = require_warehouse(warehouse)
    return OpenWarehouse(warehouse, deployment, config=loaded, keys=keys)


class OpenWarehouse:
    """The published tables of a warehouse. What it reads stays the same until `refresh`."""

    def __init__(
        self, warehouse: Warehouse, deployment: str, *, config: Config | None = None, keys: str | None = None
    ) -> None:
        self.warehouse = warehouse
        self.deployment = deployment
        self.config = config
        self._reference = keys or (config.keys.identifiers if config else None)
        self._published: Published | None = None

    @property
    def spark(self) -> SparkSession:
        """The session that reads."""
        return self.warehouse.spark

    @property
    def published(self) -> Published:
        """The publication that is read, found at first use.

        Raises:
            OneUserError: before the first publication.
        """
        if self._published is None:
            self._published = read_published(self.warehouse)
        return self._published

    def refresh(self) -> OpenWarehouse:
        """Follow the newest publication from now on."""
        self._published = None
        return self

    # tables -------------------------------------------------------------------------------------------------------

    def table(self, name: str) -> DataFrame:
        """A table by its name, at the published version; `runs` and `publications` as they are now."""
        contract = find_contract(name)
        if contract.zone == "control":
            return self.warehouse.read(contract, self.warehouse.head(contract))
        return self.published.read(contract)

    def users(self) -> DataFrame:
        """One row per person."""
        return self.published.read(identity.DIM_USER)

    def identifiers(self) -> DataFrame:
        """One row per identifier and the person who owns it now; never its value."""
        return self.published.read(identity.IDENTIFIER_MAP)

    def events(self) -> DataFrame:
        """One row per accepted message and whose it is; no payload."""
        return self.published.read(identity.EVENTS_RESOLVED)

    def attribution(self, model: str | None = None) -> DataFrame:
        """One row per model, conversion kind, currency and channel; of one model where it is named."""
        return _of_model(self.published.read(marts.ATTRIBUTION_SUMMARY), model)

    def credits(self, model: str | None = None) -> DataFrame:
        """One row per conversion, model and credited touch."""
        return _of_model(self.published.read(marts.ATTRIBUTION_CREDITS), model)

    def retention(self) -> DataFrame:
        """One row per cohort and offset."""
        return self.published.read(marts.RETENTION)

    def accounts(self) -> DataFrame:
        """One row per account."""
        return self.published.read(identity.DIM_ACCOUNT)

    # people -------------------------------------------------------------------------------------------------------

    def lookup(
        self,
        *,
        type: str | None = None,  # noqa: A002 - the word that people use for it
        value: str | None = None,
        user_id: str | None = None,
        unmasked: bool = False,
    ) -> Identity:
        """The person behind an identifier, or behind a User ID, be it retired.

        Identifiers in the answer are masked, but for the one that was asked for, unless `unmasked`.
        """
        if user_id is not None and type is None and value is None:
            return find_user(self.published, user_id, unmasked=unmasked)
        if type is None or value is None or user_id is not None:
            raise ConfigError.single("lookup", "give either a type and a value, or a User ID")
        return find_identifier(
            self.published, self._keys(), id_type=type, value=value, rules=self._rules().get(type), unmasked=unmasked
        )

    @overload
    def resolve_user_id(self, ids: str, column: str = ...) -> str: ...

    @overload
    def resolve_user_id(self, ids: DataFrame, column: str = ...) -> DataFrame: ...

    def resolve_user_id(self, ids: str | DataFrame, column: str = "user_id") -> str | DataFrame:
        """The live ID that a User ID stands for now, `vacant` or `erased`; never null.

        For a frame, its rows with `resolved_user_id` for the ID in `column`.
        """
        if isinstance(ids, str):
            found = find_user(self.published, ids)
            return found.user_id if found.status == "live" and found.user_id else found.status
        return resolve(self.published.read(identity.USER_IDS), ids, column)

    def explain(self, a: str, b: str | None = None, *, unmasked: bool = False) -> Explanation:
        """Why a User ID or `type:value` is what it is; for two of them, the shortest chain of edges between them."""
        explainer = Explainer(self.published, self._keys, self._rules(), unmasked)
        return explainer.explain_one(a) if b is None else explainer.explain_two(a, b)

    # runs ---------------------------------------------------------------------------------------------------------

    def run_records(self) -> list[RunRecord]:
        """Every run with its stages, oldest first."""
        return list_runs(self.warehouse)

    def runs(self) -> DataFrame:
        """One row per run, oldest first: state, attempts, times."""
        rows = [tuple(getattr(record, name) for name, _ in RUN_COLUMNS) for record in self.run_records()]
        return self.spark.createDataFrame(rows, ", ".join(f"{name} {dtype}" for name, dtype in RUN_COLUMNS))

    def status(self) -> Status:
        """What readers see now, the newest run, and who holds the warehouse."""
        return read_status(self.warehouse, self.deployment)

    def rollback(self, to_run: int, *, reason: str | None = None) -> Publication:
        """Show an earlier publication again. Changes what readers see and nothing else."""
        minutes = self.config.lease.ttl_minutes if self.config else 10
        shown = roll_back(self.warehouse, to_run=to_run, reason=reason, ttl=timedelta(minutes=minutes))
        self.refresh()
        return shown

    # other programs -----------------------------------------------------------------------------------------------

    def export(self, name: str, to: str | Path, *, raw: bool = False) -> int:
        """Write a published table to one file (csv, jsonl or parquet by its ending), in the order of its key.

        Args:
            name: The table.
            to: The file.
            raw: Must be set for tables that hold identifiers as they were received.

        Returns:
            The number of rows.
        """
        contract = find_contract(name)
        if contract.zone == "raw" and not raw:
            raise ConfigError.single("--raw", f"{name} holds raw identifiers; say --raw (raw=True) if you want them")
        return write_file(self.table(name).orderBy(*contract.key), Path(to))

    def export_identities(self, to: str | Path) -> int:
        """Write `identities` to one file: normalised raw values, so keep the file safe. Returns the number of rows."""
        return write_file(self.identities().orderBy("id_type", "id_value"), Path(to))

    def identities(self) -> DataFrame:
        """One row per identifier in the graph: `id_type`, normalised raw `id_value`, `user_id` of its owner."""
        values = self.published.read(raw_zone.IDENTIFIER_VALUES).select("identifier_id", "id_value")
        owners = self.published.read(identity.IDENTIFIER_MAP).select("identifier_id", "id_type", "user_id")
        return owners.join(values, on="identifier_id", how="inner").select("id_type", "id_value", "user_id")

    def views(self, engine: str, *, raw: bool = False) -> str:
        """SQL that makes a view of every published table, at its version, in `duckdb` or `spark`."""
        if engine not in ENGINES:
            raise ConfigError.single("export sql", f"{engine!r} is none of {', '.join(ENGINES)}")
        return views_sql(self.warehouse, self.published.publication.tables, engine=engine, raw=raw)

    def _keys(self) -> Keys:
        return load_reading_keys(self.warehouse, self.deployment, self._reference)

    def _rules(self) -> dict[str, Any]:
        return id_type_rules(self.config) if self.config else {}


def _of_model(rows: DataFrame, model: str | None) -> DataFrame:
    return rows if model is None else rows.where(F.col("model") == model)
