"""Files of fencing numbers that others claim meanwhile; the store itself is in the integration tests."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from oneuser.core.errors import LockedError
from oneuser.runs.fencing import FenceFiles

SAID = json.dumps({"holder": "a/1", "expires_at": "2026-03-01T00:00:00+00:00"})


class Racing:
    """Files of a folder that another process claims a number in, and tidies, between each list and the read after."""

    def __init__(self, n_claims: int) -> None:
        self.root = "s3a://bucket/warehouse"
        self.files = self
        self._n_claims = n_claims
        self._there = {"7.json"}

    def names(self, _folder: str) -> list[str]:
        found = sorted(self._there)
        if self._n_claims:
            self._n_claims -= 1
            self._there = {f"{max(int(name.removesuffix('.json')) for name in self._there) + 1}.json"}
        return found

    def text_if_there(self, path: str) -> str | None:
        return SAID if path.rpartition("/")[2] in self._there else None

    def read_text(self, path: str) -> str:
        text = self.text_if_there(path)
        if text is None:
            raise FileNotFoundError(path)
        return text


@pytest.mark.parametrize("n_claims", [0, 1, 3])
def test_a_claim_that_is_tidied_while_it_is_read_is_looked_for_again(n_claims: int) -> None:
    newest = FenceFiles(cast("Any", Racing(n_claims))).newest()

    assert newest is not None
    assert (newest.fence, newest.holder) == (7 + n_claims, "a/1")


def test_where_others_claim_all_the_time_the_warehouse_is_locked() -> None:
    with pytest.raises(LockedError):
        FenceFiles(cast("Any", Racing(1000))).newest()
