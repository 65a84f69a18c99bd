"""Values of a table that Python has no form for end no job and become no other value."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from oneuser.events.parse import canonical_json
from oneuser.events.parsing_pass import _rows

YEAR_50000 = 1_515_700_000_000_000_000


def invalid_text() -> pa.Array[Any]:
    values = pa.array([b"j\xfcrgen", b"ann"])
    return pa.Array.from_buffers(pa.string(), 2, values.buffers())


def rows(**columns: pa.Array[Any]) -> list[dict[str, Any]]:
    return _rows(pa.RecordBatch.from_pydict(columns))


def test_text_that_is_no_utf8_stays_bytes() -> None:
    assert rows(name=invalid_text(), n=pa.array([1, 2])) == [{"name": b"j\xfcrgen", "n": 1}, {"name": "ann", "n": 2}]


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_a_time_that_python_does_not_count_is_its_number_and_no_time(unit: str) -> None:
    number = YEAR_50000 if unit == "us" else 0
    found = rows(at=pa.array([number, 0], pa.timestamp(unit, "UTC")), id=pa.array(["a", "b"]))

    assert [row["id"] for row in found] == ["a", "b"]
    if unit == "us":
        assert found[0]["at"] == f"{YEAR_50000} us since 1970"
        assert found[1]["at"].year == 1970


def test_a_day_that_python_does_not_count_is_its_number() -> None:
    assert rows(day=pa.array([3_000_000], pa.date32())) == [{"day": "3000000 days since 1970"}]


def test_what_is_beside_such_a_value_inside_another_stays_what_it_is() -> None:
    kind = pa.struct([("at", pa.timestamp("us")), ("name", pa.string())])
    days = pa.map_(pa.string(), pa.date32())
    found = rows(
        one=pa.array([{"at": YEAR_50000, "name": "ann"}, None], kind),
        several=pa.array([[0, YEAR_50000], []], pa.list_(pa.timestamp("us"))),
        days=pa.array([[("a", 3_000_000)], None], days),
    )

    assert found[0]["one"] == {"at": f"{YEAR_50000} us since 1970", "name": "ann"}
    assert found[0]["several"][1] == f"{YEAR_50000} us since 1970"
    assert found[0]["days"] == {"a": "3000000 days since 1970"}
    assert found[1] == {"one": None, "several": [], "days": None}


def test_maps_are_objects_at_every_depth() -> None:
    inner = pa.map_(pa.string(), pa.int64())
    found = rows(
        traits=pa.array([[("plan", 1), ("plan", 2)]], inner),
        numbers=pa.array([[(1, "a")]], pa.map_(pa.int64(), pa.string())),
        hashes=pa.array([[(b"\x01", "a")]], pa.map_(pa.binary(), pa.string())),
        deep=pa.array([[{"m": [("k", 1)]}]], pa.list_(pa.struct([("m", inner)]))),
    )

    assert found == [
        {"traits": {"plan": 2}, "numbers": {"1": "a"}, "hashes": {"01": "a"}, "deep": [{"m": {"k": 1}}]},
    ]
    assert json.loads(canonical_json(found[0])) == found[0]
