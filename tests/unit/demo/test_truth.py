"""The truth of the demo against what ingest reads from its lines."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np
import pytest

from oneuser.config import make_config
from oneuser.core.keyed import Keys
from oneuser.demo.generate import end_of
from oneuser.demo.measure import measure
from oneuser.demo.poison import POISONS
from oneuser.demo.settings import demo_config
from oneuser.demo.visits import draw_visits
from oneuser.events.mapping import load_preset
from oneuser.events.parse import EVENT_COLUMNS, MessageParser
from oneuser.events.spec import IdTypeSpec, SourceSpec
from oneuser.events.syntax import RefusedLine
from tests.unit.demo.conftest import Demo

Identifier = tuple[str, str]


class Parsed(NamedTuple):
    codes: Counter[str]
    dropped: Counter[str]
    time_flags: Counter[str]
    messages: list[tuple[bytes, list[Identifier]]]


@pytest.fixture(scope="module")
def parsed(demo: Demo) -> Parsed:
    """Every line, read by the parser of the job under the demo's own rules."""
    config = make_config(demo_config(demo.folder, demo.folder / "warehouse"))
    types = tuple(IdTypeSpec(name, rules.normaliser) for name, rules in config.identity.id_types.items())
    spec = SourceSpec(name="web", id_space="web", mapping=load_preset("segment"), id_types=types)
    keys = Keys("demo", "k1", b"i" * 32, b"m" * 32, b"u" * 32)
    parser = MessageParser(spec, keys, horizon=int(end_of(demo.truth).timestamp()) * 1_000_000)
    result = Parsed(Counter(), Counter(), Counter(), [])
    for line in demo.lines():
        try:
            row = dict(zip(EVENT_COLUMNS, parser.parse_line(line, len(line)), strict=True))
        except RefusedLine as refusal:
            result.codes[refusal.code] += 1
            continue
        result.dropped.update(row["dropped"])
        result.time_flags[row["time_flag"]] += 1
        identifiers = [(link.identifier.id_type, link.identifier.value) for link in row["identifiers"]]
        previous = [link.identifier.value for link in row["identifiers"] if link.link.startswith("previous")]
        # an alias names its previous id both ways; the truth says which it is
        result.messages.append(
            (row["message_key"], [i for i in identifiers if i[1] not in previous] + [("?", p) for p in previous[:1]])
        )
    return result


def rows_of(demo: Demo) -> list[dict[str, str]]:
    with (demo.folder / "truth" / "people.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def components(links: list[list[Identifier]]) -> dict[Identifier, Identifier]:
    """Plain union-find: the root of each identifier."""
    parent: dict[Identifier, Identifier] = {}

    def root(identifier: Identifier) -> Identifier:
        parent.setdefault(identifier, identifier)
        while parent[identifier] != identifier:
            parent[identifier] = parent[parent[identifier]]
            identifier = parent[identifier]
        return identifier

    for identifiers in links:
        for identifier in identifiers:
            parent[root(identifier)] = root(identifiers[0])
    return {identifier: root(identifier) for identifier in list(parent)}


def resolved_links(demo: Demo, parsed: Parsed) -> list[list[Identifier]]:
    known = {(row["id_type"], row["id_value"]) for row in rows_of(demo)}

    def resolve(identifier: Identifier) -> Identifier:
        if identifier[0] != "?":
            return identifier
        return next(pair for pair in (("anonymous_id", identifier[1]), ("user_id", identifier[1])) if pair in known)

    return [[resolve(identifier) for identifier in identifiers] for _, identifiers in parsed.messages]


def test_ingest_finds_exactly_the_damage_that_was_planted(demo: Demo, parsed: Parsed) -> None:
    planted: Counter[str] = Counter()
    for poison in demo.truth.poison.values():
        if poison["code"]:
            planted[poison["code"]] += poison["lines"]

    assert parsed.codes == planted
    assert parsed.codes.total() == demo.truth.quarantined


def test_ingest_finds_exactly_the_copies_that_were_planted(demo: Demo, parsed: Parsed) -> None:
    distinct = {key for key, _ in parsed.messages}

    assert len(distinct) == demo.truth.accepted
    assert len(parsed.messages) - len(distinct) == demo.truth.duplicates


def test_ingest_drops_exactly_the_odd_identifiers_and_flags_the_odd_times(demo: Demo, parsed: Parsed) -> None:
    odd: Counter[str] = Counter()
    for poison in POISONS:
        if poison.flag:
            odd[poison.flag] += demo.truth.poison[poison.name]["lines"]

    assert parsed.dropped == Counter({flag: n for flag, n in odd.items() if flag.startswith("id.")})
    for flag in ("time.epoch_ms", "time.future", "time.missing"):
        assert parsed.time_flags[flag] == odd[flag]
    assert 0 < parsed.time_flags["time.skew"] < demo.truth.skewed


def test_the_truth_lists_exactly_the_identifiers_in_the_log(demo: Demo, parsed: Parsed) -> None:
    in_log = {identifier for identifiers in resolved_links(demo, parsed) for identifier in identifiers}
    in_truth = {(row["id_type"], row["id_value"]) for row in rows_of(demo)}

    assert in_truth == in_log


def test_an_own_identifier_has_one_person_and_a_shared_one_several(demo: Demo) -> None:
    people = defaultdict(set)
    kinds = defaultdict(set)
    for row in rows_of(demo):
        people[row["id_type"], row["id_value"]].add(row["person"])
        kinds[row["id_type"], row["id_value"]].add(row["kind"])

    assert all(len(found) == 1 for found in kinds.values())
    for identifier, found in people.items():
        kind = next(iter(kinds[identifier]))
        assert (len(found) == 1) == (kind in {"own", "unlinked"}) or kind == "placeholder"
    assert Counter(row["kind"] for row in rows_of(demo)) == demo.truth.identifiers
    assert min(demo.truth.identifiers.values()) > 0


def test_following_all_evidence_but_what_is_shared_gives_the_reachable_truth(demo: Demo, parsed: Parsed) -> None:
    # given the log without shared browsers and placeholder addresses
    shared = {(row["id_type"], row["id_value"]) for row in rows_of(demo) if row["kind"] in {"shared", "placeholder"}}
    links = [[i for i in identifiers if i not in shared] for identifiers in resolved_links(demo, parsed)]

    # when
    roots = components([identifiers for identifiers in links if identifiers])
    found = measure(demo.folder / "truth" / "people.csv", ((*i, "|".join(root)) for i, root in roots.items()))

    # then nobody is mixed up, and all that evidence shows is found
    assert found.precision == 1.0
    assert found.recall == found.reachable_recall
    assert 0.5 < found.recall < 1.0
    assert found.n_missing == 0


def test_following_shared_browsers_too_costs_precision(demo: Demo, parsed: Parsed) -> None:
    roots = components(resolved_links(demo, parsed))
    found = measure(demo.folder / "truth" / "people.csv", ((*i, "|".join(root)) for i, root in roots.items()))

    assert 0.3 < found.precision < 1.0
    assert found.recall >= found.reachable_recall


def test_people_bring_a_few_visits_and_many_never_say_who_they_are(demo: Demo) -> None:
    population = demo.truth.population

    assert population["visits"] > 2 * population["people"]
    assert population["people_anonymous"] > 0.2 * population["people"]
    assert 15 < demo.truth.messages / population["people"] < 35


def test_fewer_people_come_back_as_time_goes_by() -> None:
    people, visits = draw_visits(np.random.default_rng(1), n_messages=200_000, days=120)
    week = (visits.day - people.arrival[visits.person]) // 7

    # of those who have been there for thirteen weeks
    is_early = people.arrival[visits.person] < 120 - 7 * 13
    back = [len(np.unique(visits.person[is_early & (week == n)])) for n in (0, 1, 4, 12)]

    assert back[0] > 2 * back[1]
    assert back[1] > 1.2 * back[2] > 1.4 * back[3] > 0
