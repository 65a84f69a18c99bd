from __future__ import annotations

from datetime import UTC, datetime

import pytest

from oneuser.core.time_patterns import python_pattern


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-MM-dd HH:mm:ss", "2010-12-01 08:26:00"),
        ("yyyy-MM-dd'T'HH:mm:ss", "2010-12-01T08:26:00"),
        ("d/M/yy h:mm a", "1/12/10 8:26 AM"),
        ("dd MMM yyyy 'at' HH 'o''clock,' mm%", "01 Dec 2010 at 08 o'clock, 26%"),
        ("yyyyMMddHHmmss", "20101201082600"),
    ],
)
def test_a_java_pattern_reads_what_it_describes(pattern: str, text: str) -> None:
    found = datetime.strptime(text, python_pattern(pattern)).replace(tzinfo=UTC)

    assert found == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)


@pytest.mark.parametrize(("pattern", "letters"), [("yyyy-JJ", "'JJ'"), ("%Y-%m", "'Y'"), ("yyyy-MM-ddTHH", "'T'")])
def test_letters_without_a_counterpart_are_refused_by_name(pattern: str, letters: str) -> None:
    with pytest.raises(ValueError, match=letters):
        python_pattern(pattern)
