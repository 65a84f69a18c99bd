from __future__ import annotations

from oneuser.inspection.explanation import ShownEdge, ShownRefusal, verdict_on_one, verdict_on_two
from oneuser.inspection.lookup import Identity

ANN, BOB, NOBODY = Identity("live", "usr_ann"), Identity("live", "usr_bob"), Identity("unowned")


def edge(refused_by: str | None = None, since: int | None = None) -> ShownEdge:
    return ShownEdge("a", "b", "event", 1, None, None, refused_by, since)


def refusal(rule: str, since: int) -> ShownRefusal:
    return ShownRefusal(rule, since, "a", "b", None, None, None)


def test_admitted_edges_make_one_person() -> None:
    assert verdict_on_two(ANN, ANN, [edge()]) == "one person: a chain of 1 edge leads from one to the other"
    assert verdict_on_two(ANN, ANN, []) == "one person: both are the same"


def test_refused_edges_are_counted_by_rule_with_the_first_run() -> None:
    chain = [edge(), edge("unique", 4), edge("unique", 2), edge("limit", 7)]

    assert verdict_on_two(ANN, BOB, chain) == (
        "different people: a chain of 4 edges leads from one to the other, with refused ones: "
        "1 by rule limit (since run 7), 2 by rule unique (since run 2)"
    )


def test_without_a_chain_nothing_connects_two_people() -> None:
    assert verdict_on_two(ANN, BOB, None).startswith("different people: no chain of edges leads")


def test_what_nobody_owns_is_blocked_or_refused() -> None:
    assert verdict_on_one(NOBODY, "email", []) == (
        "nobody owns this email: it is blocked, or no message that counts carries it"
    )
    assert verdict_on_one(NOBODY, "email", [refusal("over_shared", 3), refusal("over_shared", 5)]) == (
        "nobody owns this email: its edges are refused, 2 by rule over_shared (since run 3)"
    )


def test_a_person_with_refusals_is_said_to_be_kept_apart() -> None:
    assert verdict_on_one(ANN, "User ID", [refusal("unique", 1)]) == (
        "usr_ann is live with 0 identifiers, kept apart by 1 refused edge"
    )
