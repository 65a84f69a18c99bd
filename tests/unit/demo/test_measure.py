from __future__ import annotations

import random
from itertools import combinations
from pathlib import Path

import pytest

from oneuser.core.errors import OneUserError
from oneuser.demo.measure import measure

Row = tuple[str, str, str, str]


def write(path: Path, *rows: Row) -> Path:
    path.write_text("\n".join(["id_type,id_value,person,kind", *(",".join(row) for row in rows), ""]), encoding="utf-8")
    return path


@pytest.mark.parametrize("seed", range(30))
def test_counting_cells_equals_looking_at_every_pair(tmp_path: Path, seed: int) -> None:
    # given a few people, some identifiers of which do not count, and a prediction that misses some and knows others
    rng = random.Random(seed)
    kinds = ("own", "own", "own", "unlinked", "shared", "placeholder")
    rows = [("user_id", f"u{n}", f"p{rng.randrange(4)}", rng.choice(kinds)) for n in range(rng.randrange(14))]
    predicted = {("user_id", f"u{n}"): f"usr_{rng.randrange(4)}" for n in range(18) if rng.random() < 0.8}

    # when
    found = measure(write(tmp_path / "people.csv", *rows), ((*i, user) for i, user in predicted.items()))

    # then
    counted = [row for row in rows if row[3] in {"own", "unlinked"}]
    pairs = list(combinations(counted, 2))
    same_person = {(a[1], b[1]) for a, b in pairs if a[2] == b[2]}
    user = {value: predicted.get(("user_id", value), f"alone-{value}") for _, value, _, _ in counted}
    same_user = {(a[1], b[1]) for a, b in pairs if user[a[1]] == user[b[1]]}
    reachable = {(a[1], b[1]) for a, b in pairs if a[2] == b[2] and a[3] == b[3] == "own"}
    right = same_person & same_user
    assert (found.n_true_pairs, found.n_predicted_pairs, found.n_right_pairs) == tuple(
        map(len, (same_person, same_user, right))
    )
    assert found.precision == (len(right) / len(same_user) if same_user else 1)
    assert found.recall == (len(right) / len(same_person) if same_person else 1)
    assert found.reachable_recall == (len(reachable) / len(same_person) if same_person else 1)
    assert found.n_missing == sum(("user_id", value) not in predicted for value in user)


def test_the_truth_itself_scores_one(tmp_path: Path) -> None:
    truth = write(tmp_path / "people.csv", ("user_id", "a", "p1", "own"), ("email", "a@x.example", "p1", "own"))

    found = measure(truth, [("user_id", "a", "usr_1"), ("email", " A@X.example ", "usr_1")])

    assert (found.precision, found.recall, found.f1) == (1.0, 1.0, 1.0)


def test_nothing_predicted_finds_nobody(tmp_path: Path) -> None:
    truth = write(tmp_path / "people.csv", ("user_id", "a", "p1", "own"), ("user_id", "b", "p1", "own"))

    found = measure(truth, [])

    assert (found.precision, found.recall, found.f1, found.n_missing) == (1.0, 0.0, 0.0, 2)


def test_an_identifier_with_two_user_ids_is_refused_without_naming_it(tmp_path: Path) -> None:
    truth = write(tmp_path / "people.csv", ("email", "ada@x.example", "p1", "own"))

    with pytest.raises(OneUserError, match="type email with two") as refusal:
        measure(truth, [("email", "ada@x.example", "usr_1"), ("email", "ada@x.example", "usr_2")])

    assert "ada" not in str(refusal.value)


def test_a_file_that_is_no_truth_is_refused(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("a,b\n1,2\n", encoding="utf-8")

    with pytest.raises(OneUserError, match="columns a, b"):
        measure(tmp_path / "people.csv", [])
