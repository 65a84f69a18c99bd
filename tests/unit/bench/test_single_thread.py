from __future__ import annotations

import numpy as np

from tests.bench.single_thread import label_components


def test_components_are_numbered_among_the_ends_of_pairs() -> None:
    ids, label = label_components(np.array([1, 2, 50]), np.array([2, 9, 70]))

    assert ids.tolist() == [1, 2, 9, 50, 70]
    assert len(set(label[:3])) == 1
    assert len(set(label.tolist())) == 2


def test_nothing_has_no_components() -> None:
    none = np.array([], np.int64)

    assert [len(found) for found in label_components(none, none)] == [0, 0]
