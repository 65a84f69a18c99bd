"""Whether a stage is planned for small data: by the bytes of what it may go through, known without a job.

Each stage is looked at by itself, so that stages done by separate processes decide alike, and a table that turns out
large is small data for no stage after the one that made it so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.contracts.registry import TABLES
from oneuser.spark.session import is_local
from oneuser.storage.input_listing import COLUMNS_TIMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oneuser.config import Config
    from oneuser.stages.declaration import Stage
    from oneuser.storage.input_listing import InputFile
    from oneuser.storage.warehouse import Warehouse

MEGABYTE = 1024 * 1024


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
    n_bytes = sum(file.n_bytes_of_lines for file in inputs)
    for name in sorted(stage.may_read & tables.keys()):
        of_table = warehouse.n_bytes(TABLES[name], tables[name]) if n_bytes < bound else 0
        if of_table is None:
            return False
        n_bytes += COLUMNS_TIMES * of_table
    return n_bytes < bound
