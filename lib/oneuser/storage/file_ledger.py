"""What the ledger of files knows about some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from oneuser.storage.input_listing import InputFile


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
