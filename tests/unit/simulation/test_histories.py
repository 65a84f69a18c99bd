"""The resolver and the plain oracle of page 01 over the same histories: equal in everything that a run publishes."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.oracle.history import KEYS, Erasure, History, Run
from tests.oracle.people import Deployment
from tests.oracle.random_histories import Author, random_history
from tests.unit.simulation.simulated_histories import Simulation, simulate

N_BLOCKS, N_HISTORIES = 20, 500


def check(history: History, name: Any) -> None:
    for n_run, (found, wanted) in enumerate(simulate(history, KEYS)):
        assert found == wanted, (name, n_run, [part for part in wanted if found[part] != wanted[part]])


def test_every_run_publishes_what_the_oracle_says() -> None:
    for seed in range(150):
        check(random_history(Random(seed)), seed)


@pytest.mark.soak
@pytest.mark.parametrize("block", range(N_BLOCKS))
def test_thousands_of_histories_are_what_the_oracle_says(block: int) -> None:
    for seed in range(100_000 + block * N_HISTORIES, 100_000 + (block + 1) * N_HISTORIES):
        check(random_history(Random(seed)), seed)


@given(st.randoms(use_true_random=False))
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_histories_that_hypothesis_writes_are_what_the_oracle_says(chance: Random) -> None:
    check(random_history(chance), "hypothesis")


class Histories(RuleBasedStateMachine):
    """One deployment to which anything may happen between two runs; both ways must agree after each."""

    @initialize(chance=st.randoms(use_true_random=False))
    def begin(self, chance: Random) -> None:
        self.author = Author(chance)
        self.author.begin()
        self.rules = self.author.rules()
        self.former = [self.rules]
        self.deployment, self.simulation = Deployment(KEYS), Simulation(KEYS)
        self.run(Run(self.rules, arrived=self.author.messages(4)))

    def run(self, run: Run) -> None:
        self.found, self.wanted = self.simulation.beside(self.deployment, run)

    @rule(n=st.integers(0, 5))
    def messages_arrive(self, n: int) -> None:
        self.run(Run(self.rules, arrived=self.author.messages(n)))

    @rule()
    def old_messages_arrive_again(self) -> None:
        self.run(Run(self.rules, arrived=tuple(self.author.written)))

    @rule()
    def a_rule_changes(self) -> None:
        self.rules = self.author.changed(self.rules)
        self.former.append(self.rules)
        self.run(Run(self.rules))

    @rule(data=st.data())
    def former_rules_return(self, data: st.DataObject) -> None:
        self.rules = data.draw(st.sampled_from(self.former))
        self.run(Run(self.rules))

    @rule(data=st.data(), scope=st.sampled_from(["connected", "exact"]))
    def somebody_is_erased(self, data: st.DataObject, scope: Any) -> None:
        known = sorted(self.deployment.last.users) if self.deployment.last else []
        erased = (Erasure(data.draw(st.sampled_from(known)), scope),) if known else ()
        self.run(Run(self.rules, erased=erased))

    @invariant()
    def both_publish_the_same(self) -> None:
        if hasattr(self, "found"):
            assert self.found == self.wanted


class TestHistories(Histories.TestCase):
    settings = settings(max_examples=15, stateful_step_count=10, suppress_health_check=list(HealthCheck))


@pytest.mark.soak
class TestManyHistories(Histories.TestCase):
    settings = settings(max_examples=1000, stateful_step_count=15, suppress_health_check=list(HealthCheck))
