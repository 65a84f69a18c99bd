"""What the ledger of files knows about some of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import functions as F

from oneuser.contracts.graph import FILES
from oneuser.storage.table_reader import EPOCH, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from oneuser.storage.delta_rs_tables import DeltaRsTables
    from oneuser.storage.input_listing import InputFile

_MILLISECOND = timedelta(milliseconds=1)


def known_files(ledger: DataFrame, files: Sequence[InputFile]) -> dict[tuple[str, str], Any]:
    """Rows of the ledger for those of `files` that it has, by source and path, with `modified_ms`.

    The ledger is read to its end, as it has a row for every file ever ingested; what is collected grows with `files`
    alone. One job, none where there are no files.
    """
    if not files:
        return {}
    keys = pa.table({"source": [file.source for file in files], "file": [file.path for file in files]})
    asked = ledger.sparkSession.createDataFrame(keys)
    known = ledger.withColumn("modified_ms", F.unix_millis("modified_at"))
    rows = known.join(asked, on=["source", "file"], how="left_semi").collect()
    return {(row["source"], row["file"]): row for row in rows}


def known_on_disk(
    tables: DeltaRsTables, version: int | None, files: Sequence[InputFile]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Size and `modified_ms` in a version of the ledger of those of `files` that it has, by source and path.

    Without Spark. Read to its end, batch by batch; what is kept grows with `files` alone.
    """
    if version is None or not files:
        return {}
    asked = {(file.source, file.path) for file in files}
    paths = {path for _, path in asked}
    columns = ["source", "file", "n_bytes", "modified_at"]
    return {
        key: {"n_bytes": row["n_bytes"], "modified_ms": (row["modified_at"] - EPOCH) // _MILLISECOND}
        for row in rows_of(tables.batches(FILES, version, columns=columns, where={"file": paths}))
        if (key := (row["source"], row["file"])) in asked
    }
