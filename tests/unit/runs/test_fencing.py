"""Files of fencing numbers that others claim meanwhile; the store itself is in the integration tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from oneuser.core.errors import EnvironmentProblem, LockedError
from oneuser.runs.fencing import FencedClaim, FenceFiles

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


@pytest.mark.parametrize("text", ["", "{", "{}", "7", SAID.replace("2026-03", "soon")])
def test_a_claim_file_that_says_nothing_is_taken_over(text: str) -> None:
    folder = Folder()
    folder.texts[f"{folder.root}/control/lease/7.json"] = text
    fences = FenceFiles(cast("Any", folder))

    newest = fences.newest()

    assert newest is not None
    assert newest.fence == 7
    assert newest.expires_at < datetime.now(UTC)
    fences.put(FencedClaim(8, "h/1", datetime(2026, 3, 1, tzinfo=UTC)))
    assert list(folder.texts) == [f"{folder.root}/control/lease/8.json"]


class Folder:
    """Files of a store; one that is heedless puts whatever the condition."""

    root = "s3a://bucket/warehouse"

    def __init__(self, *, is_heedless: bool = False) -> None:
        self.files = self
        self.texts: dict[str, str] = {}
        self._is_heedless = is_heedless

    def names(self, _folder: str) -> list[str]:
        return [path.rpartition("/")[2] for path in self.texts]

    def text_if_there(self, path: str) -> str | None:
        return self.texts.get(path)

    def create_text(self, path: str, text: str) -> bool:
        if path in self.texts and not self._is_heedless:
            return False
        self.texts[path] = text
        return True

    def puts_on_condition(self, _folder: str) -> bool:
        return not self._is_heedless

    def remove(self, path: str) -> None:
        del self.texts[path]


def test_the_last_claim_alone_stays_and_who_had_an_earlier_one_is_told() -> None:
    fences = FenceFiles(cast("Any", Folder()))
    assert fences.newest() is None

    first, second = (FencedClaim(n, f"h/{n}", datetime(2026, 3, 1, tzinfo=UTC)) for n in (1, 2))
    fences.put(first)
    with pytest.raises(LockedError):
        fences.put(first)
    fences.put(second)

    assert fences.newest() == second
    fences.require_newest(2)
    with pytest.raises(LockedError, match="took the lease over"):
        fences.require_newest(1)
    # a number that is free again, to who has slept since
    with pytest.raises(LockedError, match="took the lease over"):
        fences.put(first)


def test_a_store_that_heeds_no_condition_is_refused_at_the_first_claim() -> None:
    with pytest.raises(EnvironmentProblem, match="cannot keep two runs apart"):
        FenceFiles(cast("Any", Folder(is_heedless=True))).put(FencedClaim(1, "h/1", datetime(2026, 3, 1, tzinfo=UTC)))


def test_where_others_claim_all_the_time_the_warehouse_is_locked() -> None:
    with pytest.raises(LockedError):
        FenceFiles(cast("Any", Racing(1000))).newest()
