"""Parents of accounts: which declared rows can hold, and who is above whom at any instant."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from oneuser.core.reasons import Reason
from oneuser.marts.accounts import hierarchy
from oneuser.marts.accounts.hierarchy import (
    BEGINNING,
    END,
    Ancestor,
    Parent,
    judge_parents,
    roll_up,
)

LAST = 10
# an instant before all periods, each of them, and one after
INSTANTS = [BEGINNING, *range(LAST + 1), END - 1]


def always(account: str, parent: str) -> Parent:
    return Parent(account, parent, BEGINNING, END)


def codes(*rows: Parent) -> dict[tuple[str, str], str]:
    return {(row.account_id, row.parent_account_id): code for row, code in judge_parents(rows)[1].items()}


def holds(row: Parent | Ancestor, at: int) -> bool:
    return row.valid_from <= at < row.valid_to


def random_parents(*, seed: int, n_accounts: int, n_rows: int, is_tree: bool = False) -> list[Parent]:
    """Rows over a few instants; in a tree an account's parent is always a smaller one, so that there is no cycle."""
    chance = random.Random(seed)
    rows = []
    for _ in range(n_rows):
        account = chance.randrange(n_accounts)
        parent = chance.randrange(account) if is_tree and account else chance.randrange(n_accounts)
        start = chance.choice([BEGINNING, *range(LAST)])
        end = chance.choice([END, *range(max(start, 0) + 1, LAST + 1)])
        if not is_tree or parent < account:
            rows.append(Parent(f"a{account}", f"a{parent}", start, end))
    return rows


def chain(account: str, rows: list[Parent], at: int) -> list[str]:
    """Accounts above one at an instant, nearest first; ends where it would come round again."""
    above: list[str] = []
    current = account
    while ups := [row.parent_account_id for row in rows if row.account_id == current and holds(row, at)]:
        assert len(set(ups)) == 1
        current = ups[0]
        above.append(current)
        if above.count(current) > 1 or current == account:
            break
    return above


def codes_by_hand(rows: list[Parent]) -> dict[Parent, str]:
    """Each rule as it is worded, instant by instant."""
    refused = {row: Reason.ACCOUNT_OWN_PARENT for row in rows if row.account_id == row.parent_account_id}
    left = [row for row in rows if row not in refused]
    refused |= {
        row: Reason.ACCOUNT_TWO_PARENTS
        for row in left
        for other in left
        if other.account_id == row.account_id
        and other.parent_account_id != row.parent_account_id
        and any(holds(row, at) and holds(other, at) for at in INSTANTS)
    }
    left = [row for row in left if row not in refused]
    refused |= {
        row: Reason.ACCOUNT_CYCLE
        for row in left
        if any(holds(row, at) and row.account_id in chain(row.account_id, left, at) for at in INSTANTS)
    }
    return refused


@pytest.mark.parametrize("seed", range(60))
def test_contradictions_are_those_that_a_walk_through_time_finds(seed: int) -> None:
    rows = random_parents(seed=seed, n_accounts=4 + seed % 5, n_rows=4 + seed % 9)

    held, refused = judge_parents(rows)

    expected = codes_by_hand(rows)
    assert refused == expected
    # what holds is what is left, instant by instant, and no two periods of a parent touch
    left = [row for row in rows if row not in expected]
    for at in INSTANTS:
        assert {row[:2] for row in held if holds(row, at)} == {row[:2] for row in left if holds(row, at)}
    in_order = sorted(held)
    assert all(one[:2] != other[:2] or one.valid_to < other.valid_from for one, other in pairwise(in_order))
    # in whatever order they are declared
    shuffled = random.Random(seed).sample(rows + rows[:2], len(rows) + len(rows[:2]))
    assert judge_parents(shuffled) == (held, refused)


def test_random_rows_hold_every_kind_of_contradiction() -> None:
    found = {
        code
        for seed in range(60)
        for code in codes_by_hand(random_parents(seed=seed, n_accounts=4 + seed % 5, n_rows=4 + seed % 9)).values()
    }

    assert found == {Reason.ACCOUNT_OWN_PARENT, Reason.ACCOUNT_TWO_PARENTS, Reason.ACCOUNT_CYCLE}


@pytest.mark.parametrize("seed", range(40))
def test_the_accounts_above_one_are_those_of_a_walk_at_any_time(seed: int) -> None:
    held, _ = judge_parents(random_parents(seed=seed, n_accounts=8, n_rows=16, is_tree=True))

    rows = list(roll_up(held))

    for at in INSTANTS:
        for account in {name for row in held for name in row[:2]}:
            above = chain(account, held, at)
            expected = [(name, depth, depth == len(above)) for depth, name in enumerate([account, *above])]
            found = [(r.ancestor_id, r.depth, r.is_top) for r in rows if r.account_id == account and holds(r, at)]
            assert sorted(found, key=lambda one: one[1]) == expected
    # and no row could be joined with another that touches it
    in_order = sorted(rows)
    assert all(one[:4] != other[:4] or one.valid_to < other.valid_from for one, other in pairwise(in_order))


def test_no_parents_are_no_rows() -> None:
    assert judge_parents([]) == ([], {})
    assert list(roll_up([])) == []


def test_a_takeover_in_both_directions_one_after_the_other_is_no_cycle() -> None:
    before, after = Parent("a", "b", BEGINNING, 5), Parent("b", "a", 5, END)

    held, refused = judge_parents([before, after])

    assert held == [before, after]
    assert refused == {}
    assert codes(before, Parent("b", "a", 4, END)) == {
        ("a", "b"): Reason.ACCOUNT_CYCLE,
        ("b", "a"): Reason.ACCOUNT_CYCLE,
    }


def test_two_parents_refuse_each_other_and_a_third_period_stands() -> None:
    rows = [Parent("a", "x", 0, 5), Parent("a", "y", 4, 8), Parent("a", "x", 8, END), always("b", "x")]

    held, refused = judge_parents(rows)

    assert refused == {rows[0]: Reason.ACCOUNT_TWO_PARENTS, rows[1]: Reason.ACCOUNT_TWO_PARENTS}
    assert held == [rows[2], rows[3]]


def test_the_same_parent_twice_is_one_period() -> None:
    rows = [Parent("a", "x", 0, 5), Parent("a", "x", 3, 7), Parent("a", "x", 7, 9), Parent("a", "x", 10, END)]

    assert judge_parents(rows) == ([Parent("a", "x", 0, 9), Parent("a", "x", 10, END)], {})


def test_of_a_cycle_with_a_tail_only_the_cycle_is_refused() -> None:
    assert codes(always("a", "b"), always("b", "c"), always("c", "a"), always("tail", "a"), always("d", "d")) == {
        ("a", "b"): Reason.ACCOUNT_CYCLE,
        ("b", "c"): Reason.ACCOUNT_CYCLE,
        ("c", "a"): Reason.ACCOUNT_CYCLE,
        ("d", "d"): Reason.ACCOUNT_OWN_PARENT,
    }


def test_chains_end_at_the_bound_and_a_long_cycle_goes_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hierarchy, "MAX_LEVELS", 3)
    row = [always(f"a{n}", f"a{n + 1}") for n in range(6)]
    ring = [always(f"r{n}", f"r{(n + 1) % 5}") for n in range(5)]

    held, refused = judge_parents([*row, *ring])

    # a3 has three accounts above it; what is below would have more, and is cut off
    assert held == row[3:]
    assert refused == dict.fromkeys([*row[:3], *ring], Reason.ACCOUNT_TOO_DEEP)
    assert max(one.depth for one in roll_up(held)) == 3


def test_a_very_long_chain_is_judged_in_time() -> None:
    n = 2_000

    held, refused = judge_parents(always(f"{k:06}", f"{k + 1:06}") for k in range(n))

    assert len(held) == hierarchy.MAX_LEVELS
    assert len(refused) == n - hierarchy.MAX_LEVELS


def test_many_rows_of_one_account_are_judged_in_time() -> None:
    n = 5_000

    held, refused = judge_parents([Parent("a", f"p{k}", k, k + 1) for k in range(n)] + [always("b", "a")])

    assert len(held) == n + 1
    assert not refused
    assert sum(1 for _ in roll_up(held)) > n
