"""SQL that shows the published tables to other engines, each at its published version.

A view of the head of a table would show what a gate refused or a rollback took back. Spark can name a version; DuckDB
gets the list of the files that the version consists of, so that it needs no extension.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from oneuser.contracts.registry import TABLES

if TYPE_CHECKING:
    from oneuser.contracts.table import TableContract
    from oneuser.storage.warehouse import Warehouse

ENGINES = ("duckdb", "spark")
_DUCKDB_TYPES = {"string": "VARCHAR", "binary": "BLOB", "int": "INTEGER"}


def views_sql(warehouse: Warehouse, tables: Mapping[str, int], *, engine: str, raw: bool = False) -> str:
    """One view per published table, in order of their names; those of the raw zone only where `raw` is set."""
    shown = [TABLES[name] for name in sorted(tables) if name in TABLES and (raw or TABLES[name].zone != "raw")]
    make = _spark_view if engine == "spark" else _duckdb_view
    return "\n\n".join(make(warehouse, contract, tables[contract.name]) for contract in shown) + "\n"


def _spark_view(warehouse: Warehouse, contract: TableContract, version: int) -> str:
    path = warehouse.path(contract).replace("`", "``")
    return (
        f"-- {contract.grain}\n"
        f"CREATE OR REPLACE TEMPORARY VIEW {contract.name} AS\n"
        f"SELECT * FROM delta.`{path}` VERSION AS OF {version};"
    )


def _duckdb_view(warehouse: Warehouse, contract: TableContract, version: int) -> str:
    files = sorted(_local(file) for file in warehouse.read(contract, version).inputFiles())
    head = f"-- {contract.grain}\nCREATE OR REPLACE VIEW {contract.name} AS\n"
    if not files:
        columns = ", ".join(f"CAST(NULL AS {_duckdb_type(f.dtype)}) AS {_named(f.name)}" for f in contract.fields)
        return f"{head}SELECT {columns} WHERE false;"
    listed = ",\n  ".join(_quoted(file) for file in files)
    columns = ", ".join(_named(name) for name in contract.columns)
    return f"{head}SELECT {columns} FROM read_parquet([\n  {listed}\n]);"


def _local(file: str) -> str:
    """A file's address as DuckDB takes it: a plain path where it is local."""
    parts = urlsplit(file)
    return unquote(parts.path) if parts.scheme in ("", "file") else file


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
