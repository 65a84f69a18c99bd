"""Expressions of others: none of them takes longer than the text is long."""

from __future__ import annotations

import pyarrow as pa
import pytest

from oneuser.core.linear_patterns import check_linear, found_in

LONG = "a" * 100_000 + "!"


def test_a_text_has_an_expression_where_one_of_several_is_found_in_it() -> None:
    texts = pa.array(["noreply@x.org", "ann@noreply.org", "test", "test\n", None, ""])

    assert found_in(texts, ["^noreply@", "^test$"]).to_pylist() == [True, False, True, False, False, False]
    assert found_in(texts, []).to_pylist() == [False] * 6
    assert found_in(texts.slice(0, 0), ["a", "b"]).to_pylist() == []


# each of these would take longer than the universe lasts where it goes back
@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", "(a|aa)+b", "(.*)*b", "(a*)*(a*)*(a*)*c"])
def test_no_expression_takes_longer_than_the_text_is_long(pattern: str) -> None:
    check_linear(pattern)

    assert found_in(pa.array([LONG]), [pattern]).to_pylist() == [False]


@pytest.mark.parametrize("pattern", ["(?=a)b", "(?<!a)b", r"(a)\1", "a{1,100000}", "("])
def test_what_has_to_go_back_is_refused_without_being_repeated(pattern: str) -> None:
    with pytest.raises(ValueError, match="RE2") as refusal:
        check_linear(pattern)

    assert pattern not in str(refusal.value) or len(pattern) == 1
