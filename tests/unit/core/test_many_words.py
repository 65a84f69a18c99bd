"""Many values are found in one pass where each would be found alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneuser.core.many_words import ManyWords
from oneuser.core.whole_words import holds

# few letters, so that values meet; what is a word, what ends one, and of two, three and four bytes one of each
LETTERS = [*"ab1.@ \n\u00f6\u00ab\u1e9e\u2014\u8054\U0001d400"]
WHOLE = st.lists(st.sampled_from([letter.encode() for letter in LETTERS]), max_size=60).map(b"".join)
VALUES = st.sets(WHOLE.filter(lambda value: 0 < len(value) <= 8), max_size=12)
# and what is no UTF-8
TEXTS = st.lists(st.one_of(WHOLE, st.binary(max_size=3)), max_size=6).map(b"".join)


@given(text=TEXTS, values=VALUES, window=st.sampled_from([1, 2, 7, 1 << 20]))
def test_all_are_found_that_one_by_one_would_be(text: bytes, values: set[bytes], window: int) -> None:
    found = ManyWords(values, few=0, window=window).found_in(text)

    assert found == {value for value in values if holds(text, value)}
    assert ManyWords(values).found_in(text) == found


def test_thousands_of_values_are_found_in_a_long_text() -> None:
    values = [b"name.surname%d@mail.example" % number for number in range(20_000)]
    written = [values[place] for place in (0, 7, 19_999)]
    text = b'{"id": "someone-else-1"}, ' * 50_000 + b"x".join(values[:100]) + b", ".join([b"", *written])

    # those that are joined to a longer word do not count
    assert ManyWords(values).found_in(text) == set(written)


@pytest.mark.parametrize("few", [0, 100])
def test_nothing_is_found_of_nothing(few: int) -> None:
    assert ManyWords([], few=few).found_in(b"text") == set()
    assert ManyWords([b"", b"text"], few=few).found_in(b"") == set()
