"""How often each rule of page 01 fires in random histories: what a comparison over them is worth.

`python -m tests.oracle.rates 2000` prints the share of histories in which each fired.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from tests.oracle.evidence import blocked, consent_for_linking, has_two_of_a_unique_type, imported
from tests.oracle.history import KEYS, History, Rules
from tests.oracle.ledger import literal_home
from tests.oracle.people import Deployment, Outcome, carries, intervals_of
from tests.oracle.random_histories import random_history


def fired_in(history: History) -> set[str]:
    """Names of everything that happens in a history."""
    deployment, before, found = Deployment(KEYS), None, set()
    without_receipts = Deployment(KEYS)
    for run in history:
        found |= {"message again" for m in run.arrived if m.id in deployment.received}
        found |= {"message dropped, suppressed" for m in run.arrived if carries(m, deployment.suppressed)}
        after = deployment.run(run)
        other = without_receipts.run(replace(run, arrived=tuple(replace(m, received=None) for m in run.arrived)))
        found |= {"receipt decides"} if after.components != other.components else set()
        assert deployment.rules is not None
        found |= {*in_the_graph(after, deployment.rules), *in_ownership(after, deployment.rules)}
        if before is not None:
            found |= {*in_the_ledger(before, after)}
        found |= {f"erasure, {e.scope}" for e in run.erased if deployment.suppressed}
        before = after
    return found


def in_the_graph(after: Outcome, rules: Rules) -> Iterator[str]:
    yield from (f"refused: {rule}" for rule, _ in after.refused)
    yield from ("refused: exclude, the pair itself" for _, ends in after.refused if ends in rules.excluded)
    yield from (
        f"refused: {rule}, nobody contested"
        for rule, ends in after.refused
        if rule != "over_shared" and not set(ends) & after.contested
    )
    yield from ("over-shared" for _ in after.over_shared)
    yield from ("alias class" for _ in after.evidence.classes)
    yield from ("two values of a unique type" for s in after.evidence.seen if has_two_of_a_unique_type(s, rules))
    consents = consent_for_linking(after.evidence.seen, rules)
    yield from ("consent withheld" for s in after.evidence.seen if len(s.observed) > 1 and not consents(s))
    yield from ("blocked" for s in after.evidence.seen if any(blocked(i, rules) for i in s.message.ids))
    yield from (f"previousId read as {t}" for s in after.evidence.seen for t, _ in s.observed - s.own)
    yield from ("link or include" for ends in imported(rules) if set(ends) <= after.evidence.graph)
    yield from ("no message" for _ in [0] if not after.evidence.seen)
    yield from (f"kind: {kind}" for kind in after.kinds.values())


def in_ownership(after: Outcome, rules: Rules) -> Iterator[str]:
    yield from ("event without owner" for owner in after.owners.values() if owner is None)
    for identifier in after.contested:
        known = "known" if rules.types[identifier[0]].known else "anonymous"
        sliced = intervals_of(identifier, after.evidence, rules, KEYS)
        component = after.evidence.component[identifier]
        yield f"contested, {known}"
        if len(sliced) > 1:
            yield "contested, several intervals"
        if sliced[0][1] != component:
            yield "contested, first of another"
        row = {"component": component, "owners": [owner for _, owner in sliced]}
        if literal_home(row) != component:
            yield "contested, at home elsewhere"


def in_the_ledger(before: Outcome, after: Outcome) -> Iterator[str]:
    for user, old in before.ledger.items():
        new = after.ledger[user]
        yield f"{old['status']} to {new['status']}"
        if old["target"] != new["target"] and old["status"] == new["status"] == "retired":
            yield "redirect moved"
        if old["present"] != new["present"] and old["status"] == new["status"] == "live":
            yield "anchor taken" if old["present"] in after.users else "anchor left"
        if len({after.users[i] for i, u in before.users.items() if u == user and i in after.users}) > 1:
            yield "split"
    if len(after.ledger) > len(before.ledger):
        yield "minted later"
    if before == after:
        yield "a run that changes nothing"


def main(n: int) -> None:
    """Print the share of histories in which each rule fired."""
    counts = Counter(name for seed in range(n) for name in fired_in(random_history(Random(seed))))
    for name, count in counts.most_common():
        print(f"{count / n:7.1%}  {name}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
