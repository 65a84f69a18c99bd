"""How often an entity counts in each sample."""

from __future__ import annotations

import numpy as np

from oneuser.marts.attribution.bootstrap import draws_of


def test_draws_are_those_of_the_distribution_and_depend_on_seed_and_entity() -> None:
    draws = np.concatenate([draws_of(f"p{n}", samples=500, seed=1)[1:] for n in range(40)])

    # 20,000 draws: the mean is within five standard errors of 1, and so are the parts of 0 and 1
    assert abs(draws.mean() - 1) < 5 / np.sqrt(len(draws))
    assert abs(draws.var() - 1) < 0.1
    for number, part in ((0, np.exp(-1)), (1, np.exp(-1)), (2, np.exp(-1) / 2)):
        assert abs((draws == number).mean() - part) < 5 * np.sqrt(part / len(draws))
    assert list(draws_of("p1", samples=3, seed=1)) == list(draws_of("p1", samples=5, seed=1)[:4])
    assert draws_of("p1", samples=3, seed=1)[0] == 1
    assert list(draws_of("p1", samples=50, seed=1)) != list(draws_of("p1", samples=50, seed=2))
    assert list(draws_of("p1", samples=50, seed=1)) != list(draws_of("p2", samples=50, seed=1))
