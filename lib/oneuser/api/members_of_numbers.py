"""Who is in a number of a published table: exactly as many as the number says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from oneuser.api.attributions import Attributions
from oneuser.api.cell_values import NUMBER, checked_values, rows_with
from oneuser.api.configured import of_other_rules
from oneuser.api.entity_rows import owner_of
from oneuser.contracts import marts
from oneuser.contracts.product import PRODUCT_TABLES
from oneuser.core.errors import ConfigError
from oneuser.marts.calendar import known_word, moment_of
from oneuser.marts.retention.cell_members import find_cell_members
from oneuser.stages.parameters import credits_params_id, product_params_id, retention_definitions, retention_params_id
from oneuser.stages.product.counted_entities import NUMBERS, find_counted
from oneuser.stages.product.counted_rows import ProductSources
from oneuser.stages.retention.stage import moments

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

    from oneuser.api.entity_rows import Level
    from oneuser.config import Config
    from oneuser.contracts.table import TableContract

# the one first that is meant where none is named
_OF_RETENTION = ("retained", "cohort_size", "returned_same_interval", "retained_eligible", "eligible")
_OF_ATTRIBUTION = ("n_touches",)
# tables of people and accounts themselves: their rows are who is in them
_LISTS = tuple(name for name in PRODUCT_TABLES if name not in NUMBERS)
_ATTRIBUTION = {one.name: one for one in (marts.ATTRIBUTION_SUMMARY, marts.ACCOUNT_ATTRIBUTION)}
TABLES = (marts.RETENTION.name, *_ATTRIBUTION, *PRODUCT_TABLES)


class MembersOfNumbers(Attributions):
    """Who is in the numbers of a publication."""

    def members(self, table: str, cell: Mapping[str, Any] | None = None) -> DataFrame:
        """Who is in a number of a published table; exactly as many rows as the number says.

        Found by the rules of the configuration that the warehouse was opened with, as of the watermark of the number.
        Nothing is written.

        Args:
            table: `retention`, `attribution_summary`, `account_attribution`, or a table of product analytics, such as
                `funnels`.
            cell: Which number: values of the table's columns that only one row has, such as
                `{"name": "weekly", "interval": "2026-03-02", "number": "new"}`; `None` means null. `number` is the
                column that is asked about; without it, the first of those that somebody is in: `retained`,
                `n_touches`, `active`, `n_entities` and so on. Of tables whose rows are people (`power_users`,
                `at_risk`, `feature_usage`, `rfm`), values of columns that their rows have; all rows where there are
                none.

        Returns:
            `entity_id`, a person, or an account where the row is about such: one row for each that the number counts.
            Of attribution, whose numbers count touches, also `conversion_id` and `touch_id`; the entity is whose
            conversion it is, and null where it is nobody's. Of the tables of people, their rows.

        Raises:
            ConfigError: for a table, column or number that there is not, for a cell that no row or several rows are,
                and where the configuration is not that of the published row.
        """
        known_word("table", table, TABLES)
        asked = dict(cell or {})
        if table in _LISTS:
            contract = PRODUCT_TABLES[table]
            return rows_with(self.published.read(contract), contract, checked_values(contract, asked))
        if table in _ATTRIBUTION:
            return self._credited(_ATTRIBUTION[table], asked)
        contract = marts.RETENTION if table == marts.RETENTION.name else PRODUCT_TABLES[table]
        numbers = _OF_RETENTION if contract is marts.RETENTION else NUMBERS[table]
        number = known_word(NUMBER, asked.pop(NUMBER, numbers[0]), numbers)
        row = self._row(contract, asked)
        config = self._config_of(contract, row)
        found = self._of_retention(row, config) if contract is marts.RETENTION else self._of_product(table, row, config)
        return found.where(F.col(number)).select("entity_id")

    def _of_retention(self, row: Row, config: Config) -> DataFrame:
        definition = retention_definitions(config)[row["name"]]
        # of a bracket, its number; 0 is the size, as ever
        number = row["offset"]
        if definition.brackets:
            number = 0 if row["offset"] == 0 else definition.brackets.index((row["offset"], row["offset_until"])) + 1
        cells = self._one_row(row, "cohort_starts_at", "breakdown").select(
            definition.calendar.interval_of(F.col("cohort_starts_at")).alias("interval"),
            "breakdown",
            F.lit(number).alias("offset"),
        )
        watermark = moment_of(row["us_watermark"])
        read = self.published.read
        counted = moments(read, definition, watermark, config.retentions[row["name"]])
        return find_cell_members(counted, definition, watermark=watermark, cells=cells)

    def _of_product(self, table: str, row: Row, config: Config) -> DataFrame:
        rules = getattr(config.product, table)[row["name"]]
        sources = ProductSources(self.published.read, config, moment_of(row["us_watermark"]))
        counted = find_counted(rules, sources)
        key = [name for name in PRODUCT_TABLES[table].key if name != "name"]
        if not key:
            return counted
        cell = F.broadcast(self._one_row(row, *key)).alias("cell")
        is_same = F.lit(True)
        for name in key:
            is_same = is_same & F.col(f"counted.{name}").eqNullSafe(F.col(f"cell.{name}"))
        # by a join, so that no value of it stands in a plan
        return counted.alias("counted").join(cell, on=is_same, how="inner").select("counted.*")

    def _credited(self, contract: TableContract, asked: dict[str, Any]) -> DataFrame:
        known_word(NUMBER, asked.pop(NUMBER, _OF_ATTRIBUTION[0]), _OF_ATTRIBUTION)
        row = self._row(contract, asked)
        level: Level = "person" if contract is marts.ATTRIBUTION_SUMMARY else "account"
        key = list(contract.key)
        cell = F.broadcast(self._one_row(row, *key)).alias("cell")
        credited = self._credits_of(row, level)
        is_same = F.col("credit.touch_id").isNotNull()
        for name in key:
            is_same = is_same & F.col(f"credit.{name}").eqNullSafe(F.col(f"cell.{name}"))
        found = credited.alias("credit").join(cell, on=is_same, how="inner")
        whose = F.col(f"credit.{owner_of(level)}").alias("entity_id")
        return found.select(whose, "credit.conversion_id", "credit.touch_id")

    def _credits_of(self, row: Row, level: Level) -> DataFrame:
        """Credits with whose conversion each is: kept ones, or by a model that is fitted on all paths."""
        kept = self.credits(level=level)
        if not row["n_touches"] or not kept.where(F.col("model") == F.lit(row["model"])).isEmpty():
            return kept
        if credits_params_id(self._given_config()) != row["params_id"]:
            raise of_other_rules("attribution")
        of_whom = self._valued_conversions(level).select("conversion_id", owner_of(level))
        return self.credits(row["model"], level=level).join(of_whom, on="conversion_id", how="inner")

    def _row(self, contract: TableContract, asked: Mapping[str, Any]) -> Row:
        """The one row of the table that the cell names, with its times in microseconds since 1970."""
        # read first: it may have to start the session that columns need
        rows = rows_with(self.published.read(contract), contract, checked_values(contract, asked))
        times = [F.unix_micros(one.name).alias(f"us_{one.name}") for one in contract.fields if one.dtype == "timestamp"]
        found = rows.select("*", *times).limit(2).collect()
        if len(found) != 1:
            shown = ", ".join(name for name in contract.key if name not in asked)
            raise ConfigError.single(
                "cell",
                f"no row of {contract.name} has these values"
                if not found
                else f"several rows of {contract.name} have these values; say more: its rows are told apart by {shown}",
            )
        return found[0]

    def _one_row(self, row: Row, *names: str) -> DataFrame:
        """Some columns of a row as a frame; times come as they are stored, whatever the machine's zone."""
        values, columns = [], []
        for name in names:
            is_time = isinstance(row[name], datetime)
            values.append(row[f"us_{name}"] if is_time else row[name])
            columns.append((F.timestamp_micros(name) if is_time else F.col(name)).alias(name))
        kinds = {bool: "boolean", int: "bigint", date: "date", datetime: "bigint", float: "double"}
        ddl = ", ".join(f"{name} {kinds.get(type(row[name]), 'string')}" for name in names)
        return self.spark.createDataFrame([tuple(values)], ddl).select(*columns)

    def _config_of(self, contract: TableContract, row: Row) -> Config:
        """The configuration, where it says of the row's name what it said when the row was computed."""
        config, name = self._given_config(), row["name"]
        is_retention = contract is marts.RETENTION
        declared = config.retentions if is_retention else getattr(config.product, contract.name)
        params_id = None
        if name in declared:
            params_id = (
                retention_params_id(config, name) if is_retention else product_params_id(config, contract.name, name)
            )
        if params_id != row["params_id"]:
            section = "retention" if is_retention else f"product.{contract.name}"
            raise of_other_rules(f"{section}.{name}")
        return config

    def _given_config(self) -> Config:
        if self.config is None:
            raise ConfigError.single(
                "open_warehouse",
                "who is in a number is found by the rules of the configuration: open it with `config=`",
            )
        return self.config
