"""A warehouse read by Spark and without: what is asked must be answered alike."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from oneuser import open_warehouse
from oneuser.api import OpenWarehouse
from oneuser.config import Config
from oneuser.contracts.control import PUBLICATIONS, RUNS
from oneuser.contracts.registry import TABLES
from oneuser.contracts.table import TableContract
from oneuser.core.errors import OneUserError
from oneuser.inspection.published_rows import require_warehouse
from oneuser.report.gather import gather_report
from oneuser.storage.layout import Layout
from oneuser.storage.local_tables import LocalTables
from oneuser.storage.table_reader import rows_of
from oneuser.storage.warehouse import Warehouse


def both(spark: SparkSession, root: Path, config: Config | None = None) -> tuple[OpenWarehouse, OpenWarehouse]:
    """The warehouse by Spark, and without."""
    tables = LocalTables(Layout.of(str(root)))
    quick = OpenWarehouse(tables, require_warehouse(tables), start=_no_session, config=config)
    return open_warehouse(root, config=config, spark=spark), quick


def _no_session() -> Warehouse:
    raise AssertionError("a question needed Spark")


def assert_same_rows(*readers: OpenWarehouse) -> None:
    """Every table must have the same rows and types, whoever reads it: published ones, those of control as they are."""
    versions = readers[0].rows.publication.tables
    for contract in [TABLES[name] for name in versions]:
        _assert_same([contents(reader, contract, versions[contract.name]) for reader in readers], contract.name)
    for contract in (RUNS, PUBLICATIONS):
        _assert_same([contents(reader, contract, reader.tables.head(contract)) for reader in readers], contract.name)


def assert_same_whole_tables(*readers: OpenWarehouse, to: Path, runs: Collection[tuple[int, int]] = ()) -> None:
    """Whatever looks at whole tables must come to the same, in the same order: suspects, views, identities, diffs."""
    for limits in ({}, {"limit": 1}, {"largest": 2}):
        _assert_same([reader.suspect_rows(**limits) for reader in readers], f"suspects {limits}")
    _assert_same([reader.shared_values() for reader in readers], "shared values")
    for engine in ("duckdb", "spark"):
        _assert_same([reader.views(engine, raw=True) for reader in readers], f"views of {engine}")
    if readers[0].required_purposes("export") is not None:
        _assert_same_identities(*readers, to=to)
    if runs:
        _assert_same([gather_report(reader) for reader in readers], "report")
    for pair in runs:
        compared = [reader.compare_runs(*pair) for reader in readers]
        for answers in (
            [(one.a, one.b, one.metrics) for one in compared],
            [list(one.counts.items()) for one in compared],
            [one.examples(100) for one in compared],
        ):
            _assert_same(answers, f"runs diff {pair}")


def contents(reader: OpenWarehouse, contract: TableContract, version: int | None) -> tuple[set[Any], list[str]]:
    """Types and rows of a version; the rows as text, in the order of that."""
    batches = list(reader.tables.batches(contract, version))
    types = {(name, str(batch.schema.field(name).type)) for batch in batches for name in batch.schema.names}
    return types, sorted(map(repr, rows_of(iter(batches))))


def assert_same_answers(*readers: OpenWarehouse, about: Collection[str], pairs: Collection[tuple[str, str]]) -> None:
    """Runs, and whatever there is to say of User IDs and identifiers, must be the same, in the same order."""
    _assert_same([asdict(reader.status()) for reader in readers], "status")
    _assert_same([[asdict(run) for run in reader.run_records()] for reader in readers], "runs")
    _assert_same([reader.readable_runs() for reader in readers], "readable runs")
    for thing in about:
        _assert_same([_answered(reader, "lookup", thing) for reader in readers], f"lookup {thing}")
        _assert_same([_answered(reader, "explain", thing) for reader in readers], f"explain {thing}")
    for pair in pairs:
        _assert_same([_answered(reader, "explain", *pair) for reader in readers], f"explain {pair}")


def _answered(reader: OpenWarehouse, verb: str, *things: str) -> Any:
    try:
        return asdict(getattr(reader, verb)(*things))
    except OneUserError as error:
        return type(error), str(error)


def _assert_same(answers: list[Any], what: str) -> None:
    assert answers[0] == answers[1], what


def _assert_same_identities(*readers: OpenWarehouse, to: Path) -> None:
    files = [to / f"identities-{number}.csv" for number, _ in enumerate(readers)]
    counted = [reader.export_identities(file) for reader, file in zip(readers, files, strict=True)]
    _assert_same([*counted], "number of identities")
    _assert_same([file.read_bytes() for file in files], "identities")
    _assert_same([reader.count_withheld_identities() for reader in readers], "withheld identities")
