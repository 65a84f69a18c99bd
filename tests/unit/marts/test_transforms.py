"""Transforms of paths: which places stay."""

from __future__ import annotations

import pytest

from oneuser.config import parse_transforms
from oneuser.marts.attribution.transforms import kept_places, make_transforms


@pytest.mark.parametrize(
    ("written", "path", "expected"),
    [
        ("exposure", "AABAA", "A.BA."),
        ("exposure_path", "", ""),
        ("unique", "AAB", "AAB"),
        ("first", "ABACB", "AB.C."),
        ({"transform": "last_n", "n": 2}, "ABC", ".BC"),
        ({"transform": "last_n", "n": 9}, "ABC", "ABC"),
        ({"transform": "remove_if_not_all", "channel": " d"}, "DADB", ".A.B"),
        ({"transform": "remove_if_not_all", "channel": "D"}, "DD", "DD"),
        ({"transform": "remove_if_not_all", "channels": ["D", "A"]}, "DADB", "...B"),
        # one after the other: without D only A is left, and stays
        ({"transform": "remove_if_not_all", "channels": ["D", "A"]}, "DAD", ".A."),
        ({"transform": "remove_if_last_and_not_all", "channel": "D"}, "DADD", "DA.."),
        (["exposure", {"transform": "last_n", "n": 2}], "AABB", "A.B."),
        ([{"transform": "last_n", "n": 2}, "exposure"], "AABB", "..B."),
    ],
)
def test_a_transform_keeps(written: object, path: str, expected: str) -> None:
    kept = kept_places(list(path), make_transforms(parse_transforms(written)))

    assert "".join(channel if place in kept else "." for place, channel in enumerate(path)) == expected
