"""What no longer works without a version of the secret that stored keys were made with, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from oneuser.core.errors import EnvironmentProblem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from oneuser.core.keyed import Keys

# id and check of a version, as `Keys.checks` has them
Check = tuple[str, str]


class MadeWith(NamedTuple):
    """How much is stored by the keys of one version."""

    n_identifiers: int = 0
    n_suppressions: int = 0


def lost_versions(before: Sequence[Check], keys: Keys) -> list[str]:
    """Ids of versions that there were, and that are gone or another secret now."""
    now = dict(keys.checks)
    return [key_id for key_id, check in before if now.get(key_id) != check]


def require_versions(used: Collection[str], keys: Keys, *, where: str) -> None:
    """Check that there are the versions that identifiers of a warehouse were made with.

    Raises:
        EnvironmentProblem: naming those that are not.
    """
    missing = sorted(set(used) - dict(keys.checks).keys())
    if missing:
        names = " and ".join(missing)
        raise EnvironmentProblem(
            found=f"identifiers of this warehouse are keyed with {names}, which the secret does not have",
            expected="every version that stored keys were made with",
            where=where,
            next_step=_put_back(missing),
        )


def require_nothing_lost(before: Sequence[Check], keys: Keys, made_with: Mapping[str, MadeWith], *, where: str) -> None:
    """Check that a run recognises all that earlier runs have stored.

    A version by which nothing is stored any more may go; the first never, since message keys are made with it.

    Args:
        before: The versions of the last run, oldest first.
        keys: The versions now.
        made_with: What is stored by those of `lost_versions`.
        where: Where the secret is, in words.

    Raises:
        EnvironmentProblem: saying of each version what no longer works.
    """
    now = dict(keys.checks)
    first = before[0] if before else keys.checks[0]
    found = []
    for key_id, check in before:
        if now.get(key_id) == check:
            continue
        lost = _made(made_with.get(key_id, MadeWith()), is_first=key_id == first[0])
        if lost:
            state = f"is another secret in {where} than it was" if key_id in now else f"is not in {where}"
            found.append(f"key {key_id} {state}: {'; '.join(lost)}")
    if found:
        raise EnvironmentProblem(
            found="\n".join(found),
            expected="every version that stored keys were made with, the oldest first",
            where="keys.identifiers",
            next_step=_put_back(lost_versions(before, keys)),
        )
    if keys.checks[0] != first:
        raise EnvironmentProblem(
            found=f"key {keys.checks[0][0]} stands first in {where}, and {first[0]} was the first before: "
            "all messages would get other keys, and be taken in a second time if they came again",
            expected="the oldest version in the first line",
            where="keys.identifiers",
            next_step=f"put the line of {first[0]} first",
        )


def _made(stored: MadeWith, *, is_first: bool) -> list[str]:
    """What a version has made, each with what becomes of it without."""
    found = []
    if stored.n_suppressions:
        found.append(f"{_count(stored.n_suppressions, 'suppression')} made with it would no longer match")
    if stored.n_identifiers:
        found.append(f"{_count(stored.n_identifiers, 'identifier')} made with it would be taken for new ones")
    if is_first:
        found.append("all messages have keys made with it, and would be taken in a second time if they came again")
    return found


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _put_back(missing: Sequence[str]) -> str:
    lines = "line" if len(missing) == 1 else "lines"
    return f"put the {lines} of {' and '.join(missing)} back from a copy; nothing was changed"
