"""How well people were found: agreement of predicted User IDs with the truth, over pairs of identifiers.

Pairs are counted from the table of (person, User ID) counts and never enumerated (Hubert and Arabie 1985, "Comparing
partitions"): a cell of n identifiers holds n (n - 1) / 2 pairs that both sides put together.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneuser.core.errors import OneUserError
from oneuser.demo.truth import HEADER, OWN, UNLINKED

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_COUNTED = frozenset([OWN, UNLINKED])
_TEXT_TYPES_IN_LOWER_CASE = frozenset(["email"])


@dataclass(frozen=True)
class Agreement:
    """Pairs of identifiers, counted.

    Attributes:
        precision: Of the pairs that share a User ID, the share that is one person. 1 where no pair is predicted.
        recall: Of the pairs that are one person, the share that shares a User ID. 1 where there is no such pair.
        f1: Harmonic mean of the two.
        reachable_recall: Recall of a job that follows all evidence in the log: some browsers never saw a log-in.
        n_identifiers: Identifiers of the truth that count.
        n_missing: Those of them without a User ID; each stands alone.
        n_true_pairs: Pairs that are one person.
        n_predicted_pairs: Pairs that share a User ID.
        n_right_pairs: Pairs that are both.
    """

    precision: float
    recall: float
    f1: float
    reachable_recall: float
    n_identifiers: int
    n_missing: int
    n_true_pairs: int
    n_predicted_pairs: int
    n_right_pairs: int


def measure(truth_csv: Path, predicted: Iterable[tuple[str, str, str]]) -> Agreement:
    """Compare predicted rows (id type, normalised value, User ID) with the truth.

    Only identifiers of exactly one person count. Shared browsers and placeholder addresses are nobody's and are left
    out on both sides; what they wrongly tie together still shows, in the identifiers that they tie. Predicted rows of
    identifiers that are not in the truth are left out too.

    Raises:
        OneUserError: for a file that is not a truth, or an identifier that is predicted to be two people.
    """
    person_of, n_linked, n_true = _read_truth(truth_csv)
    user_of: dict[tuple[str, str], str] = {}
    for id_type, id_value, user_id in predicted:
        value = id_value.strip().lower() if id_type in _TEXT_TYPES_IN_LOWER_CASE else id_value
        identifier = (id_type, value)
        if identifier in person_of and user_of.setdefault(identifier, user_id) != user_id:
            raise OneUserError(found=f"an identifier of type {id_type} with two User IDs", expected="one User ID each")
    users = Counter(user_of.values())
    cells = Counter((person_of[identifier], user_id) for identifier, user_id in user_of.items())
    true_pairs, predicted_pairs, right = _pairs(n_true), _pairs(users), _pairs(cells)
    precision = right / predicted_pairs if predicted_pairs else 1.0
    recall = right / true_pairs if true_pairs else 1.0
    return Agreement(
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        reachable_recall=_pairs(n_linked) / true_pairs if true_pairs else 1.0,
        n_identifiers=len(person_of),
        n_missing=len(person_of) - len(user_of),
        n_true_pairs=true_pairs,
        n_predicted_pairs=predicted_pairs,
        n_right_pairs=right,
    )


def _read_truth(path: Path) -> tuple[dict[tuple[str, str], str], Counter[str], Counter[str]]:
    """Person of each identifier that counts; how many of each person evidence ties together; and how many there are."""
    person_of: dict[tuple[str, str], str] = {}
    n_linked: Counter[str] = Counter()
    n_all: Counter[str] = Counter()
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        header = tuple(next(rows, ()))
        if header != HEADER:
            raise OneUserError(
                found=f"columns {', '.join(header) or 'none'}", expected=", ".join(HEADER), where=path.name
            )
        for id_type, id_value, person, kind in rows:
            if kind in _COUNTED:
                person_of[id_type, id_value] = person
                n_all[person] += 1
                n_linked[person] += kind == OWN
    return person_of, n_linked, n_all


def _pairs(groups: Counter[str] | Counter[tuple[str, str]]) -> int:
    return sum(n * (n - 1) // 2 for n in groups.values())
