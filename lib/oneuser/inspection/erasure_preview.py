"""What an erasure would take from each published table, counted and not done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.control import PUBLICATIONS
from oneuser.contracts.registry import TABLES
from oneuser.core.meanwhile import say
from oneuser.inspection.published_rows import read_published_rows
from oneuser.inspection.read_only import reading_context
from oneuser.inspection.reading import Published, in_frames
from oneuser.privacy.erasure import Erased, rows_about
from oneuser.runs.claim_rows import load_claims, newest_completed, published
from oneuser.runs.compactions import Compactions
from oneuser.runs.records import load_runs
from oneuser.stages.ingest.requested import find_erased
from oneuser.stages.ingest.spelled_out import spell_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneuser.config import Config
    from oneuser.privacy.requests import Request
    from oneuser.storage.warehouse import Warehouse


@dataclass(frozen=True)
class Preview:
    """What requests would erase.

    `rows` are those that would go, by table, where any would. What messages of other people carry too is in
    `n_identifiers_kept`; `unknown` are ids of requests of which nothing is stored that they name, `unowned` of those
    that would erase nothing all the same: what they name is blocked, or too many share it. `ambiguous` are those of
    which all that is known is shared by several people, so that they would erase nobody; `several` those that name
    several people, each by what is that one's alone, and would erase them all. `answered` are those that were asked
    before, of which nothing is done any more; `others` are open requests that the same run takes in, and whose erasures
    are counted here, too.
    """

    n_requests: int
    n_messages: int
    n_identifiers: int
    n_user_ids: int
    n_identifiers_kept: int
    unknown: list[str]
    unowned: list[str]
    ambiguous: list[str]
    several: list[str]
    rows: dict[str, int]
    answered: list[str]
    others: list[str]


def as_the_next_run_begins(warehouse: Warehouse) -> Published:
    """The tables that the next run starts from: those of the newest completed run, whatever a rollback shows.

    Raises:
        OneUserError: before the first publication.
    """
    claims = load_claims(warehouse)
    publications = published(claims)
    completed = newest_completed(publications, load_runs(warehouse))
    if completed is None:
        return in_frames(warehouse, read_published_rows(warehouse))
    own = [one for one in publications if one.kind == "run" and one.run_seq == completed.run_seq]
    tables = Compactions.of(claims).renewed(completed).tables
    return Published(warehouse, replace(max(own, key=lambda one: one.fence), tables=tables))


def preview_erasure(
    begun_with: Published,
    config: Config,
    requests: Sequence[Request],
    *,
    others: Sequence[Request] = (),
    answered: Sequence[str] = (),
) -> Preview:
    """Find what a run that takes requests in would erase from the tables that it starts from. Writes nothing.

    Args:
        begun_with: These tables.
        config: What shapes the run.
        requests: Requests for erasure that are asked now.
        others: Open requests that were asked before.
        answered: Ids of requests that a run has taken in already.
    """
    say("counting what would go")
    requests = [*requests, *(one for one in others if one.action == "erase")]
    ctx = reading_context(begun_with, config, name="erasure")
    try:
        spellings = spell_out(ctx, requests)
        contracts = [one for one in TABLES.values() if one.zone != PUBLICATIONS.zone and one.name in ctx.tables]
        found = find_erased(ctx, requests, spellings, contracts)
        lines = found.lines
        messages = found.messages.select("message_key").distinct()
        identifiers = found.identifiers.select("identifier_id").distinct()
        users = found.users.select("user_id").distinct()
        texts = None if lines is None else lines.select("line_hash").distinct()
        keys = found.suppressed.select("id_type", "id_key").distinct()
        erased = Erased(messages, identifiers, users, texts, keys)
        doomed = {one.name: rows_about(one, begun_with.read(one), erased) for one in contracts}
        n_rows = {name: rows.count() for name, rows in doomed.items() if rows is not None}
        known, erasing = (
            {row["request_id"] for one in frames for row in one.select("request_id").distinct().collect()}
            for frames in (
                (found.named,),
                (found.messages, found.identifiers, found.users, *([lines] if lines is not None else [])),
            )
        )
        whom = Counter((row["request_id"], row["is_ambiguous"]) for row in found.persons.collect())
        ambiguous = {name for name, is_ambiguous in whom if is_ambiguous}
        several = {name for (name, is_ambiguous), n in whom.items() if n > 1 and not is_ambiguous}
        n_identifiers = identifiers.count()
        n_carried = found.carried.select(F.countDistinct("identifier_id").alias("n")).collect()[0]["n"]
        return Preview(
            n_requests=len(requests),
            n_messages=messages.count(),
            n_identifiers=n_identifiers,
            n_user_ids=users.count(),
            n_identifiers_kept=n_carried - n_identifiers,
            unknown=[request.request_id for request in requests if request.request_id not in known | erasing],
            unowned=[request.request_id for request in requests if request.request_id in known - erasing - ambiguous],
            ambiguous=[request.request_id for request in requests if request.request_id in ambiguous],
            several=[request.request_id for request in requests if request.request_id in several],
            rows={name: n for name, n in sorted(n_rows.items()) if n},
            answered=list(answered),
            others=[one.request_id for one in others],
        )
    finally:
        ctx.release()
