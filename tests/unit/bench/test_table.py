from __future__ import annotations

import pytest

from tests.bench import table


def test_numbers_stand_to_the_right_under_their_header() -> None:
    written = table.text_table(["step", "seconds"], [["ingest", "1.00"], ["graph", "100.0"]])

    assert written.splitlines() == ["step    seconds", "------  -------", "ingest     1.00", "graph     100.0"]


def test_a_row_with_too_few_cells_is_refused() -> None:
    with pytest.raises(IndexError):
        table.text_table(["step", "seconds"], [["ingest"]])


def test_small_durations_keep_their_digits() -> None:
    assert [table.seconds(value) for value in (0.123, 9.5, 12.34, 1234.5)] == ["0.12", "9.50", "12.3", "1,234.5"]


def test_what_cannot_be_divided_is_a_dash() -> None:
    assert (table.rate(10_000, 4.0), table.rate(10, 0.0)) == ("2,500", "-")
    assert (table.memory(3 * 1024**3 // 2), table.memory(None), table.memory(0)) == ("1.50", "-", "-")
