"""What every analytics row says about how it was made, and the ids of rows that stand for a message."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

_ID_BYTES = 16


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


def stable_id(kind: str | Column, message_key: str | Column) -> Column:
    """A 16-byte id that depends on nothing but a kind of row and the key of its message.

    The kind is written with its length, so that no two pairs are written alike.
    """
    text = F.lit(kind) if isinstance(kind, str) else kind
    key = F.col(message_key) if isinstance(message_key, str) else message_key
    written = F.concat(F.octet_length(text).cast("string"), F.lit(":"), text).cast("binary")
    return F.unhex(F.substring(F.sha2(F.concat(written, key), 256), 1, 2 * _ID_BYTES))
