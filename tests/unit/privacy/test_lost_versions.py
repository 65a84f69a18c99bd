"""What a run is told where a version is gone that something is stored by."""

from __future__ import annotations

import pytest

from oneuser.core.errors import EnvironmentProblem
from oneuser.core.keyed import Keys
from oneuser.privacy.key_versions import KeyVersion
from oneuser.privacy.keys import make_keys
from oneuser.privacy.lost_versions import MadeWith, lost_versions, require_nothing_lost, require_versions

VERSIONS = {name: KeyVersion(name, bytes([number]) * 32) for number, name in enumerate(("k1", "k2", "k3"), start=1)}


def keys(*names: str) -> Keys:
    return make_keys([VERSIONS[name] for name in names], deployment="acme")


BEFORE = list(keys("k1", "k2").checks)
PLACE = "file:/keys"


def refusal(now: Keys, **made_with: MadeWith) -> str | None:
    """What a run is told; null where it goes on."""
    try:
        require_nothing_lost(BEFORE, now, made_with, where=PLACE)
    except EnvironmentProblem as problem:
        return str(problem)
    return None


def test_what_no_longer_works_is_said_exactly() -> None:
    assert refusal(keys("k1"), k2=MadeWith(81_204, 12)) == (
        "key k2 is not in file:/keys: 12 suppressions made with it would no longer match; "
        "81,204 identifiers made with it would be taken for new ones\n"
        "  expected: every version that stored keys were made with, the oldest first\n"
        "  where: keys.identifiers\n"
        "  next: put the line of k2 back from a copy; nothing was changed"
    )
    assert refusal(keys("k1"), k2=MadeWith(1, 0)) is not None
    assert "1 suppression made with it would no longer match\n" in str(refusal(keys("k1"), k2=MadeWith(0, 1)))


def test_the_first_version_can_never_go() -> None:
    text = str(refusal(keys("k2")))

    assert "key k1 is not in file:/keys: all messages have keys made with it" in text


def test_another_secret_under_an_old_name_is_found() -> None:
    other = make_keys([VERSIONS["k1"], KeyVersion("k2", b"\x09" * 32)], deployment="acme")

    assert lost_versions(BEFORE, other) == ["k2"]
    assert "key k2 is another secret in file:/keys than it was: 3 identifiers" in str(
        refusal(other, k2=MadeWith(n_identifiers=3))
    )


def test_the_oldest_stays_first() -> None:
    text = str(refusal(keys("k2", "k1")))

    assert text.startswith("key k2 stands first in file:/keys, and k1 was the first before")
    assert "next: put the line of k1 first" in text


@pytest.mark.parametrize("now", [("k1", "k2"), ("k1", "k2", "k3"), ("k1", "k3")])
def test_a_version_may_come_and_one_that_nothing_is_stored_by_may_go(now: tuple[str, ...]) -> None:
    assert refusal(keys(*now)) is None


def test_a_question_needs_the_versions_of_all_identifiers() -> None:
    require_versions({"k1"}, keys("k1", "k2"), where="/warehouse")
    with pytest.raises(EnvironmentProblem, match="are keyed with k2 and k3, which the secret does not have"):
        require_versions({"k1", "k2", "k3"}, keys("k1"), where="/warehouse")
