"""Short identifiers under the keys of JSON, whole or cut off, each string of which is read once."""

from __future__ import annotations

import time

import pytest

from oneuser.privacy.short_values import folded_names, identifying_values

NAMES = folded_names(["contact"])
LENGTH = 1 << 16


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"Contact": 42, "age": 43}', ["42"]),
        ('{"a": "x:y", "b": {"contact": "ab"}, "uid": [7, "8"]}', ["ab", "7", "8"]),
        (r'{"uid": ["a]b", 7], "q": "say \"uid\": 5", "n": ["uid", 6]}', ["a]b", "7"]),
        (r'{"body": "{\"uid\": \"42\"}"}', ["42"]),
        ('{"uid": null, "contact": 9', ["9"]),
        # cut off within a value, and within JSON within JSON
        ('{"uid": 1, "contact": "9', ["1", "9"]),
        (r'{"body": "{\"uid\": 42, \"q', ["42"]),
        ('{"uid": ["\\"941\\', ['"941']),
        ('{"uid"', []),
    ],
)
def test_a_value_counts_under_a_key_that_names_an_identifier(text: str, found: list[str]) -> None:
    assert list(identifying_values(text, NAMES)) == found


@pytest.mark.parametrize(
    "part", ['\\"', '"', '"a":', '"a":"', '"a": [', '"a":["', '"a":"b" ', '{\\"a\\":\\"', '"\\', "\\"]
)
@pytest.mark.parametrize("before", ['{"', '{"uid": "', '{"uid": ["'])
def test_no_text_takes_longer_than_it_is_long(before: str, part: str) -> None:
    text = before + part * (LENGTH // len(part))
    started = time.process_time()

    list(identifying_values(text, NAMES))

    assert time.process_time() - started < 1
