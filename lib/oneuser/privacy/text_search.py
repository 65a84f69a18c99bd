"""Texts as they were received in which a value of somebody stands. Python, on executors.

Reads   texts with a hash each
Yields  one row per text and request of which it holds a value: the request, and the hash

The values travel inside the pickled function alone. A text that may hold one is taken to hold it: nobody was counted by
it, and whoever reads the refused lines would know the person by it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from oneuser.core.sought_values import Sought
from oneuser.core.whole_words import is_telling
from oneuser.privacy.short_values import folded_names, identifying_values
from oneuser.privacy.spelled import candidates, meant_by
from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    import pyarrow as pa
    from pyspark.sql import DataFrame

    Normaliser = Callable[[str], str | None]

FOUND_LINES = RowShape({"request_id": "string", "line_hash": "bigint"})
# most words of refused lines come again and again
_MOST_WORDS = 100_000
# up to so many values a text is looked through for each before it is taken apart, which takes fifty times as long
_FEW = 100
# of a telephone number, after what may be written in several ways; of an id, before what may be left out
_LAST_DIGITS, _FIRST_CHARACTERS = 4, 15
_NUMBER = re.compile(r"\+([0-9]+)(?:;ext=[0-9]+)?")
_NEITHER_LETTER_NOR_DIGIT = re.compile(r"[^0-9a-z]+")


class TextSearch:
    """Values to look for in short texts, by request: as they are, and whatever has one of them as its normal form.

    Those so short that they may mean anything are looked for where the place says that an identifier is meant.
    """

    def __init__(
        self,
        values: Mapping[str, Collection[str]],
        normalisers: Mapping[str, Normaliser],
        names: Collection[str] = (),
        in_places: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """`normalisers` by type; nobody tells of which type a value is. `names` are of keys of identifiers.

        `in_places`, by request, are values that are looked for as short ones are, however long.
        """
        self._sought = Sought({name: [one for one in some if is_telling(one)] for name, some in values.items()})
        self._asked: defaultdict[str, set[str]] = defaultdict(set)
        self._short: defaultdict[str, set[str]] = defaultdict(set)
        for request, some in values.items():
            for value in some:
                if is_telling(value):
                    self._asked[value].add(request)
                else:
                    self._short[value.strip().casefold()].add(request)
        for request, some in (in_places or {}).items():
            for value in some:
                self._short[value.strip().casefold()].add(request)
        self._names = folded_names([*normalisers, *names])
        # none is looked for where looking for all is no work
        cores = {_core(value) for value in self._asked}
        self._cores = cores if len(cores) <= _FEW and "" not in cores else {""}
        self._normalisers = list(dict.fromkeys(normalisers.values()))
        self._meant = lru_cache(maxsize=_MOST_WORDS)(self._read)

    def requests_in(self, text: bytes) -> set[str]:
        """Requests of which a text holds a value."""
        found = self._sought.requests_in([text])
        readings = list(_decoded(text))
        decoded = [reading for reading in readings if self._may_name(reading)]
        found = found.union(*map(self._meant, {word for reading in decoded for word in candidates(reading)}))
        return found.union(*map(self._short_ones, readings)) if self._short else found

    def _short_ones(self, text: str) -> set[str]:
        values = set(identifying_values(text, self._names, is_any_length=True))
        values |= {
            form for value in values for normalise in self._normalisers if (form := normalise(value)) is not None
        }
        return set[str]().union(*(self._short.get(value.strip().casefold(), ()) for value in values))

    def _may_name(self, text: str) -> bool:
        """Whether a value may be the normal form of something in a text: quick to say of most texts."""
        if "" in self._cores:
            return True
        bare = {_bare(form) for form in meant_by(text)}
        return any(core in form for core in self._cores for form in bare)

    def _read(self, word: str) -> frozenset[str]:
        forms = {normalise(word) for normalise in self._normalisers}
        return frozenset[str]().union(
            *(self._asked[form] for form in forms if form is not None and form in self._asked)
        )


def find_texts(
    rows: DataFrame,
    *,
    text: str,
    hashed: str,
    values: Mapping[str, Collection[str]],
    normalisers: Mapping[str, Normaliser],
    names: Collection[str] = (),
    in_places: Mapping[str, Collection[str]] | None = None,
) -> DataFrame:
    """`request_id`, `line_hash` of the texts that hold one of some values as a word, however it is spelled there.

    Args:
        rows: Rows of a table.
        text: Column of the texts, binary or string.
        hashed: Column of their hashes.
        values: By request.
        normalisers: By type of identifier.
        names: Keys that name identifiers, for values of which only the place says what they mean.
        in_places: Such values by request, beside those that are too short.
    """
    texts = rows.where(F.col(text).isNotNull())
    return texts.select(F.col(text).cast("binary").alias("text"), F.col(hashed).alias("line_hash")).mapInArrow(
        _searcher(values, normalisers, names, in_places), FOUND_LINES.ddl
    )


def _searcher(
    values: Mapping[str, Collection[str]],
    normalisers: Mapping[str, Normaliser],
    names: Collection[str],
    in_places: Mapping[str, Collection[str]] | None,
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def search(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # made here: it is far larger than the values
        searched = TextSearch(values, normalisers, names, in_places)
        for batch in batches:
            texts: list[Any] = batch["text"].to_pylist()
            yield FOUND_LINES.batch_of(
                (request, line_hash)
                for text, line_hash in zip(texts, batch["line_hash"].to_pylist(), strict=True)
                for request in sorted(searched.requests_in(text))
            )

    return search


def _core(value: str) -> str:
    """Letters and digits that every spelling of a value has, one behind the other."""
    number = _NUMBER.fullmatch(value)
    if number is not None:
        return number[1][-_LAST_DIGITS:]
    local, at, _ = value.rpartition("@")
    return _bare(local if at else value)[:_FIRST_CHARACTERS]


def _bare(text: str) -> str:
    """Letters and digits of a text in lower case, without letters beyond ASCII; digits of all scripts are digits."""
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        text = "".join(str(unicodedata.decimal(one)) if one.isdecimal() else one for one in parts)
    return _NEITHER_LETTER_NOR_DIGIT.sub("", text.lower())


def _decoded(text: bytes) -> Iterator[str]:
    """A text; where it is not UTF-8, also as Windows wrote it."""
    try:
        yield text.decode()
    except UnicodeDecodeError:
        yield text.decode(errors="replace")
        yield text.decode("cp1252", errors="replace")
