from __future__ import annotations

import pyarrow as pa
import pytest

from oneuser.events.normalise import make_normaliser
from oneuser.events.spec import IdTypeSpec
from oneuser.privacy import named_in_texts
from tests.unit.events.parsing import KEYS


def named(*texts: str, names: list[str] | None = None) -> list[pa.RecordBatch]:
    batch = pa.RecordBatch.from_pydict({"request_id": ["r"] * len(texts), "text": list(texts)})
    normalisers = {
        "user_id": make_normaliser(IdTypeSpec("user_id")),
        "email": make_normaliser(IdTypeSpec("email", normaliser="email")),
    }
    return list(named_in_texts._reader(KEYS, normalisers, names)(iter([batch])))


def test_half_a_character_is_no_identifier_and_stops_nothing() -> None:
    (found,) = named(r'{"title": "Hello \ud83d", "email": "ann@example.com"}')

    assert "email" in found.column("id_type").to_pylist()


def test_texts_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = named("ann@example.com", "bob@example.com")
    assert len(whole) == 1
    monkeypatch.setattr(named_in_texts, "_ROWS_PER_BATCH", 1)

    parts = named("ann@example.com", "bob@example.com")

    assert [part.num_rows > 0 for part in parts] == [True, True, False]
    assert pa.Table.from_batches(parts).to_pylist() == pa.Table.from_batches(whole).to_pylist()


def test_short_values_count_only_where_an_identifier_is_meant() -> None:
    text = '{"Contact": 42, "age": 43}'

    # the text as a whole may be one, too
    assert [batch.num_rows for batch in (*named(text), *named(text, names=["contact"]))] == [1, 2]
