"""What every analytics row says about how it was made."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F


@dataclass(frozen=True)
class Provenance:
    """How rows are made: the hash of their parameters, and the run whose identity they are computed from.

    A row that comes out as it is stored keeps the run that it is stored with (`TableContract.stamps`).
    """

    params_id: str
    identity_run: int

    def columns(self) -> list[Column]:
        """`params_id` and `identity_run`."""
        return [
            F.lit(self.params_id).alias("params_id"),
            F.lit(self.identity_run).cast("bigint").alias("identity_run"),
        ]
