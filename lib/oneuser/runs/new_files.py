"""Which input files a run takes: those of its sources that the ledger of files does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.graph import FILES
from oneuser.storage.inputs import InputFile, list_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame

    from oneuser.config import Config
    from oneuser.storage.warehouse import Warehouse


def plan_inputs(warehouse: Warehouse, config: Config, tables: Mapping[str, int]) -> list[InputFile]:
    """All files of all sources that have not been ingested, in order of source and path.

    A file that is known by path, size and modification time is passed over. One that was modified is listed again;
    the ingest stage compares its content with the ledger's digest.

    Raises:
        EnvironmentProblem: where a source matches no file at all.
    """
    known = _known_files(warehouse.read(FILES, tables.get(FILES.name)))
    found = [file for name, source in config.sources.items() for file in list_files(warehouse.spark, name, source.path)]
    return [file for file in found if known.get((file.source, file.path)) != (file.n_bytes, file.modified_ms)]


def _known_files(ledger: DataFrame) -> dict[tuple[str, str], tuple[int, int]]:
    rows = ledger.select("source", "file", "n_bytes", F.unix_millis("modified_at").alias("modified_ms")).collect()
    return {(row["source"], row["file"]): (row["n_bytes"], row["modified_ms"]) for row in rows}
