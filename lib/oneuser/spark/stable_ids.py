"""The ids of rows that stand for a message."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

_ID_BYTES = 16
# the kind of the ids of touches; those of conversions are of the kind of conversion
OF_TOUCH = "touch"


def stable_id(kind: str | Column, message_key: str | Column) -> Column:
    """A 16-byte id that depends on nothing but a kind of row and the key of its message.

    The kind is written with its length, so that no two pairs are written alike.
    """
    text = F.lit(kind) if isinstance(kind, str) else kind
    key = F.col(message_key) if isinstance(message_key, str) else message_key
    written = F.concat(F.octet_length(text).cast("string"), F.lit(":"), text).cast("binary")
    return F.unhex(F.substring(F.sha2(F.concat(written, key), 256), 1, 2 * _ID_BYTES))
