"""Whether a stage is planned for small data: by the bytes of what it may go through, known without a job.

Each stage is looked at by itself, so that stages done by separate processes decide alike, and a table that turns out
large is small data for no stage after the one that made it so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.contracts.registry import TABLES
from oneuser.spark.session import is_local

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oneuser.config import Config
    from oneuser.stages.declaration import Stage
    from oneuser.storage.input_listing import InputFile
    from oneuser.storage.warehouse import Warehouse

MEGABYTE = 1024 * 1024
# event logs take an eighth of their room when they are compressed, columns of tables and of Parquet a quarter
_COMPRESSED = (".gz", ".bz2", ".zst", ".zstd", ".deflate", ".lz4", ".snappy", ".xz")
_DECOMPRESSED_TIMES = 8
COLUMNS_TIMES = 4


def is_small(
    warehouse: Warehouse, config: Config, stage: Stage, tables: Mapping[str, int], inputs: Iterable[InputFile]
) -> bool:
    """Whether a stage has less than `spark.small_mb` megabytes to go through, on one machine.

    Args:
        warehouse: Where the tables are.
        config: Has the bound; with 0 nothing is small.
        stage: The stage; what it may read or write back counts, as many bytes as its rows have in memory.
        tables: Version of each table that it sees; those that are not there yet have no bytes.
        inputs: New input files, where the stage reads them.
    """
    bound = config.spark.small_mb * MEGABYTE
    if not bound or not is_local(warehouse.spark):
        return False
    n_bytes = sum(map(bytes_of_lines, inputs))
    for name in sorted(stage.may_read & tables.keys()):
        of_table = warehouse.n_bytes(TABLES[name], tables[name]) if n_bytes < bound else 0
        if of_table is None:
            return False
        n_bytes += COLUMNS_TIMES * of_table
    return n_bytes < bound


def bytes_of_lines(file: InputFile) -> int:
    """Bytes of a file's lines or rows, at a guess where it is compressed."""
    if file.path.endswith(".parquet"):
        return COLUMNS_TIMES * file.n_bytes
    return file.n_bytes * (_DECOMPRESSED_TIMES if file.path.endswith(_COMPRESSED) else 1)
