"""A full resolve of what is stored against what is published. Writes nothing.

Edges, refusals and components are found again from all messages, the ledger decides again over its own decisions, and
every identifier and message gets its owner again, every person their accounts and consent, by the transforms of a run.
On the same input with the same state nothing may come out differently. What a run stamps with its number is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.graph import COMPONENTS, EDGES, REFUSED_EDGES, SHARED_VALUES
from oneuser.contracts.identity import (
    ACCOUNT_MEMBERSHIPS,
    EVENTS_RESOLVED,
    IDENTIFIER_HISTORY,
    IDENTIFIER_MAP,
    IDENTIFIER_OWNERSHIP,
    LINEAGE,
    USER_IDS,
    USER_REDIRECTS,
)
from oneuser.contracts.privacy import CONSENT, CONSENT_REPLAYS
from oneuser.core.errors import ConfigError, OneUserError
from oneuser.graph.certification import gather_evidence, judge
from oneuser.identity.carry_over import decided_redirects
from oneuser.identity.history import current
from oneuser.identity.invariants import Invariant, count_violations, ledger_invariants, ownership_invariants
from oneuser.inspection.differences import TableComparison, compare
from oneuser.inspection.read_only import reading_context
from oneuser.privacy.consent_of_people import replays_of
from oneuser.runs.claim_rows import load_claims
from oneuser.runs.compactions import Compactions
from oneuser.runs.fingerprints import stage_fingerprint
from oneuser.stages.consent.stage import replay_consent, standing_consent
from oneuser.stages.graph.gathering import gather_pairs
from oneuser.stages.graph.resolve_components import expected_vertices, resolve_components
from oneuser.stages.identity.resolve_accounts import add_accounts, find_memberships
from oneuser.stages.identity.resolve_messages import resolve_all
from oneuser.stages.identity.resolve_people import ResolvedPeople, resolve_people
from oneuser.stages.registry import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneuser.config import Config
    from oneuser.contracts.table import TableContract
    from oneuser.inspection.reading import Published
    from oneuser.runs.records import RunRecord
    from oneuser.stages.graph.evidence import Gathered
    from oneuser.stages.graph.resolve_components import ResolvedComponents

_OWN_STAGES = ("graph", "identity", "consent")
_STAMPS = {"first_run", "last_run", "opened_run", "closed_run", "status_run", "run_seq"}


@dataclass(frozen=True)
class InvariantCheck:
    """One invariant: how many rows break it, and some of them: User IDs, or numbers of identifiers."""

    name: str
    n_violations: int
    expected: str
    examples: list[str]

    @property
    def holds(self) -> bool:
        """Whether nothing breaks it."""
        return self.n_violations == 0


@dataclass(frozen=True)
class Verification:
    """What verifying a publication found.

    Attributes:
        run_seq: The run that is published.
        tables: One comparison per table.
        invariants: What must always hold.
        certificate: Why the published components are not those of the admitted edges; empty where they are.
    """

    run_seq: int
    tables: list[TableComparison]
    invariants: list[InvariantCheck]
    certificate: list[str]

    @property
    def holds(self) -> bool:
        """Whether nothing at all was found."""
        is_same, is_sound = all(one.holds for one in self.tables), all(one.holds for one in self.invariants)
        return is_same and is_sound and not self.certificate


def verify_published(published: Published, config: Config, run: RunRecord, *, examples: int = 5) -> Verification:
    """Resolve again what is published, and compare.

    Args:
        published: The publication.
        config: The configuration it was made with.
        run: The record of its run.
        examples: How many differences of a table to collect.

    Raises:
        ConfigError: where the configuration of people is another one by now: what differs would be its doing.
    """
    _require_same_rules(run, config, Compactions.of(load_claims(published.warehouse)))
    ctx = reading_context(published, config, name="verify", as_of=run.as_of)
    try:
        gathered = gather_pairs(ctx)
        linked = resolve_components(ctx, gathered)
        people = resolve_people(ctx, linked.components)
        owned = resolve_all(ctx, people)
        memberships = find_memberships(ctx, owned, people.identifier_map)
        outcomes = ctx.checkpoint(replay_consent(ctx, None))
        again = {
            EVENTS_RESOLVED: add_accounts(owned, memberships),
            ACCOUNT_MEMBERSHIPS: memberships,
            CONSENT: standing_consent(ctx, outcomes, None),
            CONSENT_REPLAYS: replays_of(outcomes),
        }
        return Verification(
            run.run_seq,
            _compare_all(published, gathered, linked, people, again, examples=examples),
            _check_invariants(published, examples=examples),
            _certify(published, gathered, linked),
        )
    finally:
        ctx.release()


def _require_same_rules(run: RunRecord, config: Config, compactions: Compactions) -> None:
    changed = []
    for stage in (stage for stage in STAGES if stage.name in _OWN_STAGES):
        record = run.stages.get(stage.name)
        shape = stage_fingerprint(stage, compactions.originals(run.tables), config, run.code_version)
        if record is None or record.fingerprint != shape:
            changed.append(stage.name)
    if changed:
        raise ConfigError.single(
            "--config",
            f"the configuration of {_listed(changed)} is not that of run {run.run_seq}, which is published",
            next_step="verify with the configuration of that run, or `oneuser run` and verify then",
        )


def _listed(names: list[str]) -> str:
    """Names in a sentence: `graph, identity and consent`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _compare_all(
    published: Published,
    gathered: Gathered,
    linked: ResolvedComponents,
    people: ResolvedPeople,
    again: Mapping[TableContract, DataFrame],
    *,
    examples: int,
) -> list[TableComparison]:
    open_refusals = published.read(REFUSED_EDGES).where(F.col("closed_run").isNull())
    refused = open_refusals.limit(0) if linked.refused is None else linked.refused
    shared = published.read(SHARED_VALUES)
    owners = current(published.read(IDENTIFIER_HISTORY))
    found: list[tuple[TableContract, DataFrame, DataFrame, list[str]]] = [
        (EDGES, published.read(EDGES), gathered.edges, [*EDGES.key]),
        (REFUSED_EDGES, open_refusals, refused, ["src", "dst", "rule"]),
        (SHARED_VALUES, shared, shared.limit(0) if gathered.shared is None else gathered.shared, [*SHARED_VALUES.key]),
        (COMPONENTS, published.read(COMPONENTS), linked.components, [*COMPONENTS.key]),
        (USER_IDS, published.read(USER_IDS), people.user_ids, [*USER_IDS.key]),
        (USER_REDIRECTS, published.read(USER_REDIRECTS), decided_redirects(people.user_ids), [*USER_REDIRECTS.key]),
        (IDENTIFIER_MAP, published.read(IDENTIFIER_MAP), people.identifier_map, [*IDENTIFIER_MAP.key]),
        (IDENTIFIER_OWNERSHIP, published.ownership(), people.ownership, ["identifier_id", "interval"]),
        (IDENTIFIER_HISTORY, owners, people.identifier_map, ["identifier_id"]),
        # a publication may be older than a table
        *(
            (contract, published.read(contract), rows, [*contract.key])
            for contract, rows in again.items()
            if contract.name in published.publication.tables
        ),
    ]
    return [
        compare(
            contract.name,
            was,
            should_be,
            key=key,
            columns=[name for name in should_be.columns if name in was.columns and name not in {*key, *_STAMPS}],
            examples=examples,
        )
        for contract, was, should_be, key in found
    ]


def _check_invariants(published: Published, *, examples: int) -> list[InvariantCheck]:
    ledger, mapped, ownership = published.read(USER_IDS), published.read(IDENTIFIER_MAP), published.ownership()
    lineage, history = published.read(LINEAGE), published.read(IDENTIFIER_HISTORY)
    named = [lineage.select("user_id"), lineage.select(F.col("other_user_id").alias("user_id"))]
    named_ids = reduce(DataFrame.unionByName, [*named, history.select("user_id")]).where(F.col("user_id").isNotNull())
    invariants = [
        *ledger_invariants(ledger, mapped),
        *ownership_invariants(ledger, mapped, ownership, named_ids),
    ]
    broken = {row["name"]: row["n"] for row in count_violations(invariants).collect()}
    return [
        InvariantCheck(
            one.name,
            broken.get(one.name, 0),
            one.expected,
            _first(one, examples) if one.name in broken else [],
        )
        for one in invariants
    ]


def _first(invariant: Invariant, examples: int) -> list[str]:
    return [row["broken"] for row in invariant.violations.orderBy("broken").limit(examples).collect()]


def _certify(published: Published, gathered: Gathered, linked: ResolvedComponents) -> list[str]:
    """Whether what is published are the components of what should be admitted."""
    edges = gathered.edges.select("src", "dst").distinct()
    if linked.refused is not None:
        edges = edges.join(linked.refused.select("src", "dst"), on=["src", "dst"], how="left_anti")
    evidence = gather_evidence(published.read(COMPONENTS), edges, expected_vertices(gathered)).first()
    if evidence is None:
        raise OneUserError(found="no evidence to certify components by", next_step="report this with the run record")
    return list(judge(evidence).problems)
