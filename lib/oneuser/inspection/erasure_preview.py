"""What an erasure would take from each published table, counted and not done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts.control import PUBLICATIONS
from oneuser.contracts.registry import TABLES
from oneuser.inspection.read_only import reading_context
from oneuser.privacy.erasure import Erased, rows_about
from oneuser.stages.ingest.requested import find_erased, find_lines, spell_out, values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneuser.config import Config
    from oneuser.inspection.reading import Published
    from oneuser.privacy.requests import Request


@dataclass(frozen=True)
class Preview:
    """What requests would erase.

    `rows` are those that would go, by table, where any would. What messages of other people carry too is in
    `n_identifiers_kept`; `unknown` are ids of requests of which nothing is stored that they name, `unowned` of those
    that would erase nothing all the same: what they name is blocked, or too many share it. `ambiguous` are those of
    which all that is known is shared by several people, so that they would erase nobody; `several` those that name
    several people, each by what is that one's alone, and would erase them all.
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


def preview_erasure(published: Published, config: Config, requests: Sequence[Request]) -> Preview:
    """Find what requests would erase from what readers see. Writes nothing."""
    ctx = reading_context(published, config, name="erasure")
    try:
        spellings = spell_out(ctx, requests)
        found = find_erased(ctx, requests, spellings)
        contracts = [one for one in TABLES.values() if one.zone != PUBLICATIONS.zone and one.name in ctx.tables]
        lines = find_lines(ctx, contracts, values_of(ctx, requests, spellings, found))
        messages = found.messages.select("message_key").distinct()
        identifiers = found.identifiers.select("identifier_id").distinct()
        users = found.users.select("user_id").distinct()
        texts = None if lines is None else lines.select("line_hash").distinct()
        keys = found.suppressed.select("id_type", "id_key").distinct()
        erased = Erased(messages, identifiers, users, texts, keys)
        doomed = {one.name: rows_about(one, published.read(one), erased) for one in contracts}
        n_rows = {name: rows.count() for name, rows in doomed.items() if rows is not None}
        known, erasing = (
            {row["request_id"] for one in frames for row in one.select("request_id").distinct().collect()}
            for frames in ((found.named,), (found.messages, found.identifiers, found.users))
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
            unknown=[request.request_id for request in requests if request.request_id not in known],
            unowned=[request.request_id for request in requests if request.request_id in known - erasing - ambiguous],
            ambiguous=[request.request_id for request in requests if request.request_id in ambiguous],
            several=[request.request_id for request in requests if request.request_id in several],
            rows={name: n for name, n in sorted(n_rows.items()) if n},
        )
    finally:
        ctx.release()
