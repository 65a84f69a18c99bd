"""Which input files a run takes: those of its sources that the ledger of files does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.contracts.graph import FILES
from oneuser.storage.file_ledger import known_files
from oneuser.storage.input_listing import InputFile, list_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from oneuser.config import Config
    from oneuser.runs.records import RunRecord
    from oneuser.storage.warehouse import Warehouse


def plan_inputs(warehouse: Warehouse, config: Config, tables: Mapping[str, int]) -> list[InputFile]:
    """All files of all sources that have not been ingested, in order of source and path.

    A file that is known by path, size and modification time is passed over. One that was modified is listed again;
    the ingest stage compares its content with the ledger's digest. Grows with the files that are listed today, of which
    the ledger is asked for each; what is no longer there costs nothing but the reading of its row.

    Raises:
        EnvironmentProblem: where a source matches no file at all.
    """
    found = [file for name, source in config.sources.items() for file in list_files(warehouse.spark, name, source.path)]
    return new_among(found, known_files(warehouse.read(FILES, tables.get(FILES.name)), found))


def files_of(run: RunRecord) -> list[InputFile]:
    """The files that a run takes, as its record lists them."""
    return [InputFile(**file) for file in run.inputs]


def find_lost(warehouse: Warehouse, config: Config, inputs: Sequence[InputFile]) -> list[InputFile]:
    """Files that a run was to take and that are gone, or have another size. Grows with the files of their sources.

    Raises:
        EnvironmentProblem: where one of their sources matches no file at all.
    """
    sources = sorted({file.source for file in inputs})
    listed = [file for name in sources for file in list_files(warehouse.spark, name, config.sources[name].path)]
    there = {(file.source, file.path, file.n_bytes) for file in listed}
    return [file for file in inputs if (file.source, file.path, file.n_bytes) not in there]


def new_among(found: Sequence[InputFile], known: Mapping[tuple[str, str], Any]) -> list[InputFile]:
    """Files that the ledger does not know as they are now, given its rows for them by source and path."""
    return [file for file in found if not _is_known(file, known.get((file.source, file.path)))]


def _is_known(file: InputFile, row: Any) -> bool:
    return row is not None and (row["n_bytes"], row["modified_ms"]) == (file.n_bytes, file.modified_ms)
