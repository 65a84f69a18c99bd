"""Texts as they were received in which a value of somebody stands. Python, on executors.

Reads   texts with a hash each
Yields  one row per text that holds a value: whose request names it, and the hash

The values travel inside the pickled function alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from oneuser.core.many_words import ManyWords
from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa
    from pyspark.sql import DataFrame

FOUND_LINES = RowShape({"request_id": "string", "line_hash": "bigint"})


def find_texts(rows: DataFrame, *, text: str, hashed: str, values: Mapping[str, str]) -> DataFrame:
    """`request_id`, `line_hash` of the texts that hold one of some values as a word, in whatever case.

    Args:
        rows: Rows of a table.
        text: Column of the texts, binary or string.
        hashed: Column of their hashes.
        values: Request by value.
    """
    wanted = {value.lower().encode(): request for value, request in values.items() if value}
    texts = rows.where(F.col(text).isNotNull())
    return texts.select(F.col(text).cast("binary").alias("text"), F.col(hashed).alias("line_hash")).mapInArrow(
        _searcher(wanted), FOUND_LINES.ddl
    )


def _searcher(wanted: dict[bytes, str]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def search(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # made here: it is far larger than the values
        words = ManyWords(wanted)
        for batch in batches:
            texts: list[Any] = batch["text"].to_pylist()
            found = [
                (request, line_hash)
                for text, line_hash in zip(texts, batch["line_hash"].to_pylist(), strict=True)
                for request in sorted({wanted[value] for value in words.found_in(text.lower())})
            ]
            requests, hashes = map(list, zip(*found, strict=True)) if found else ([], [])
            yield FOUND_LINES.batch(len(found), {"request_id": requests, "line_hash": hashes})

    return search
