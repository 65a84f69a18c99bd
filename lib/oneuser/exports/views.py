"""SQL that shows the published tables to other engines, each at its published version.

A view of the head of a table would show what a gate refused or a rollback took back. Spark can name a version; DuckDB
gets the list of the files that the version consists of, so that it needs no extension.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.contracts.registry import TABLES
from oneuser.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneuser.contracts.table import TableContract
    from oneuser.storage.layout import Layout
    from oneuser.storage.table_reader import TableReader

ENGINES = ("duckdb", "spark")
_DUCKDB_TYPES = {"string": "VARCHAR", "binary": "BLOB", "int": "INTEGER"}


def views_sql(
    tables: TableReader, layout: Layout, versions: Mapping[str, int], *, engine: str, raw: bool = False
) -> str:
    """One view per published table, in order of their names; those of the raw zone only where `raw` is set.

    Args:
        tables: What knows of which files a version consists.
        layout: Where the tables are.
        versions: The published ones, by the table's name.
        engine: One of ENGINES.
        raw: Whether tables of the raw zone are shown, too.

    Raises:
        ConfigError: for an engine that is none of ENGINES.
    """
    if engine not in ENGINES:
        raise ConfigError.single("export sql", f"{engine!r} is none of {', '.join(ENGINES)}")
    shown = [TABLES[name] for name in sorted(versions) if name in TABLES and (raw or TABLES[name].zone != "raw")]
    views = (
        _spark_view(contract, layout.path(contract), versions[contract.name])
        if engine == "spark"
        else _duckdb_view(contract, tables.data_files(contract, versions[contract.name]))
        for contract in shown
    )
    return "\n\n".join(views) + "\n"


def _spark_view(contract: TableContract, folder: str, version: int) -> str:
    path = folder.replace("`", "``")
    return (
        f"-- {contract.grain}\n"
        f"CREATE OR REPLACE TEMPORARY VIEW {contract.name} AS\n"
        f"SELECT * FROM delta.`{path}` VERSION AS OF {version};"
    )


def _duckdb_view(contract: TableContract, files: Sequence[str]) -> str:
    head = f"-- {contract.grain}\nCREATE OR REPLACE VIEW {contract.name} AS\n"
    if not files:
        columns = ", ".join(f"CAST(NULL AS {_duckdb_type(f.dtype)}) AS {_named(f.name)}" for f in contract.fields)
        return f"{head}SELECT {columns} WHERE false;"
    listed = ",\n  ".join(_quoted(file) for file in files)
    columns = ", ".join(_named(name) for name in contract.columns)
    return f"{head}SELECT {columns} FROM read_parquet([\n  {listed}\n]);"


def _named(column: str) -> str:
    """A column's name as DuckDB takes it; `interval` and `offset` are words of its own."""
    return f'"{column}"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _duckdb_type(ddl: str) -> str:
    """DuckDB's name of a type in Spark DDL. Nested types become text: the column of an empty view is empty anyway."""
    if "<" in ddl:
        return "VARCHAR"
    return _DUCKDB_TYPES.get(ddl, ddl.upper())
