"""Identifiers that stand in texts, whatever they were read from. Python, on executors.

Reads   texts of messages
Yields  keyed hashes of whatever in them could be an identifier, to be looked up among those that are known

The key travels inside the pickled function alone, and no value leaves the executors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneuser.core.keyed import identifier_hasher
from oneuser.core.text_readings import has_half_character
from oneuser.core.whole_words import is_telling
from oneuser.privacy.short_values import folded_names, identifying_values
from oneuser.privacy.spelled import candidates
from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    import pyarrow as pa
    from pyspark.sql import DataFrame

    from oneuser.core.keyed import Keys

_ROWS_PER_BATCH = 50_000
FOUND_KEYS = RowShape({"request_id": "string", "id_type": "string", "id_key": "binary"})


def find_named_in(
    texts: DataFrame,
    *,
    keys: Keys,
    normalisers: Mapping[str, Callable[[str], str | None]],
    names: Collection[str] | None = None,
) -> DataFrame:
    """`request_id`, `id_type`, `id_key` of values and words that could be identifiers, each once or more often.

    Values so short that they may mean anything are none, unless the place says that they are meant as such.

    Args:
        texts: `request_id`, `text`, without nulls.
        keys: The keys of the deployment.
        normalisers: By type.
        names: Beside the types, keys that name identifiers; null where short values are looked for nowhere.
    """
    return texts.select("request_id", "text").mapInArrow(_reader(keys, dict(normalisers), names), FOUND_KEYS.ddl)


def _reader(
    keys: Keys, normalisers: dict[str, Callable[[str], str | None]], names: Collection[str] | None = None
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # a known identifier has the key of the version that it was first seen under
        versions = keys.of_each_version()
        hashers = {name: [identifier_hasher(version, name) for version in versions] for name in normalisers}
        naming = None if names is None else folded_names([*normalisers, *names])
        found: list[tuple[str, str, bytes]] = []
        for batch in batches:
            requests: list[Any] = batch["request_id"].to_pylist()
            texts: list[Any] = batch["text"].to_pylist()
            for request, text in zip(requests, texts, strict=True):
                # text by text: a long one has thousands of candidates
                short = set() if naming is None else set(identifying_values(text, naming))
                found += [
                    (request, name, hash_value(form))
                    for candidate in sorted(short.union(candidates(text)))
                    if not has_half_character(candidate)
                    for name, normalise in normalisers.items()
                    if (form := normalise(candidate)) and (candidate in short or is_telling(form))
                    for hash_value in hashers[name]
                ]
                if len(found) >= _ROWS_PER_BATCH:
                    yield _batch_of(found)
                    found = []
        yield _batch_of(found)

    return read


def _batch_of(found: list[tuple[str, str, bytes]]) -> pa.RecordBatch:
    columns = map(list, zip(*found, strict=True)) if found else ([], [], [])
    return FOUND_KEYS.batch(len(found), dict(zip(FOUND_KEYS.columns, columns, strict=True)))
