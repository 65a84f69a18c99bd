"""Requests of people about their data, taken in before anything else of a run.

Reads   open requests; identifiers and what carries them; people and messages as the last run left them
Yields  suppressions        identifiers of which nothing is taken in any more
        erasures            what each request erased
        and the tables of ingest without what was erased

What a run has taken in is what its `erasures` say: an attempt after a crash begins again from those of the last run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts import privacy as kinds
from oneuser.contracts.changes import CHANGES
from oneuser.contracts.graph import EVENT_IDENTIFIERS, IDENTIFIERS, REFUSED_EDGES, SHARED_VALUES
from oneuser.contracts.identity import DIM_USER, EVENTS_RESOLVED, IDENTIFIER_MAP, IDENTIFIER_OWNERSHIP, USER_IDS
from oneuser.contracts.privacy import ERASURES, LINKED_PAIR, SUPPRESSIONS
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.contracts.reference import LINKS
from oneuser.contracts.registry import TABLES
from oneuser.events.normalise import make_normalisers
from oneuser.events.spec import id_type_specs
from oneuser.privacy.erased_lines import with_kept_hash
from oneuser.privacy.erasure import (
    find_ended,
    find_in_files,
    find_left_alone,
    find_mapped,
    find_messages,
    find_other_readings,
    find_own_identifiers,
    find_own_pairs,
    find_persons,
    find_residual,
    find_still_carried,
    pair_key,
)
from oneuser.privacy.requests import Request
from oneuser.privacy.text_search import find_texts
from oneuser.stages.forgetting import count_erased, forget_erased
from oneuser.stages.identity_rules import identity_values
from oneuser.stages.ingest.freed import count_freed, find_freed, is_identifier
from oneuser.stages.ingest.source_spec import names_of_identifiers
from oneuser.stages.ingest.spelled_out import spell_out
from oneuser.storage.frame_rows import read_frame
from oneuser.storage.request_files import RequestFiles, Sealed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import RunContext
    from oneuser.stages.ingest.spelled_out import Spelling, Spellings

_MOST_LISTED = 3
_KEYED = ("id_type", "id_key", "key_id")
_NAMED = "request_id string, action string, scope string, id_type string, id_key binary, key_id string"


@dataclass(frozen=True)
class Found:
    """What requests erase and suppress, found and kept; nothing is written yet.

    Attributes:
        messages: `request_id`, `message_key`.
        identifiers: `request_id`, `identifier_id` of those that nothing carries any more.
        users: `request_id`, `user_id` of the IDs that end.
        suppressed: `request_id`, `id_type`, `id_key`, `key_id`, of linked pairs and of devices that files name, too.
        carried: `request_id`, `identifier_id` of all that the messages carry, of what is mapped to who ends, and of
            what is suppressed.
        named: `request_id`, `identifier_id`, `id_key` of the identities that are known.
        persons: `request_id`, `user_id`, `is_ambiguous`: whom a request names. Where that is ambiguous, nobody ends.
        freed: `request_id`, `id_type`, `id_key` of suppressions that end, and `suppressed_by`, the request that asked
            for each; null where nobody asks for that.
        lines: `request_id`, `line_hash` of refused lines and records that hold a value; null where there are none.
        values: By request for erasure, the values that nothing holds any more when it is done.
    """

    messages: DataFrame
    identifiers: DataFrame
    users: DataFrame
    suppressed: DataFrame
    carried: DataFrame
    named: DataFrame
    persons: DataFrame
    freed: DataFrame | None = None
    lines: DataFrame | None = None
    values: Mapping[str, set[str]] = field(default_factory=dict, repr=False)


class Unstored(NamedTuple):
    """An identity of an erasure that no message has, as whichever type: refused lines may have it."""

    request_id: str
    key: bytes
    spelling: Spelling

    @property
    def forms(self) -> set[str]:
        """How it is written."""
        return {self.spelling.normal, *self.spelling.written}

    @property
    def telling(self) -> set[str]:
        """Of these, what is somebody's wherever it stands. A plain word may be anything, named by mistake, too."""
        return {form for form in self.forms if "@" in form or any(one.isdecimal() for one in form)}


def take_requests(ctx: RunContext, contracts: Sequence[TableContract]) -> DataFrame | None:
    """Take in the open requests, and erase what they ask for from the tables of ingest.

    Args:
        ctx: The stage's context.
        contracts: The tables that ingest writes.

    Returns:
        `identifier_id` of what the erased messages carried; null where no request was open.
    """
    files = RequestFiles(ctx.warehouse.files, ctx.warehouse.layout)
    open_requests = {request_id: Request.from_text(text) for request_id, text in files.open_requests().items()}
    if not open_requests:
        return None
    taken = ctx.read(ERASURES).where(F.col("kind") == kinds.REQUEST).select("request_id")
    done = {row["request_id"] for row in taken.collect()}
    requests = [request for request_id, request in open_requests.items() if request_id not in done]
    if not requests:
        return None
    spellings = spell_out(ctx, requests)
    found = find_erased(ctx, requests, spellings, contracts)
    _seal(ctx, files, requests, spellings, found)
    _write(ctx, requests, found)
    count_erased(ctx)
    forget_erased(ctx, [*contracts, CHANGES])
    for action, n in Counter(request.action for request in requests).items():
        ctx.metric("requests", n, action)
    ctx.details["requests"] = _listed([request.request_id for request in requests])
    erasing = _erasing(ctx)
    ctx.metric("erasing_requests", len(erasing))
    if erasing:
        ctx.details["erasing_requests"] = _listed(erasing)
    return found.carried.select("identifier_id").distinct()


def _erasing(ctx: RunContext) -> list[str]:
    """The requests of this run by which anything is gone: only for these earlier publications are withdrawn."""
    is_something = (F.col("run_seq") == ctx.run_seq) & (F.col("kind") != kinds.REQUEST)
    rows = ctx.read(ERASURES).where(is_something).select("request_id").distinct().collect()
    return sorted(row["request_id"] for row in rows)


def _listed(names: Sequence[str]) -> list[str]:
    """The first few requests, and how many more there are."""
    more = len(names) - _MOST_LISTED
    return [*names[:_MOST_LISTED], *([f"{more} more"] if more > 0 else [])]


def find_erased(
    ctx: RunContext, requests: Sequence[Request], spellings: Spellings, contracts: Sequence[TableContract]
) -> Found:
    """What requests erase and suppress, by the tables of the last run, and by those that may have refused lines.

    What is stored nowhere is suppressed only where a refused line has it: a mistake of who asks keeps nobody else out.
    """
    found = _find_stored(ctx, requests, spellings)
    values = values_of(ctx, requests, spellings, found)
    lines, in_lines = find_lines(ctx, contracts, values, unstored_of(ctx, requests, spellings, found))
    for one in in_lines:
        values[one.request_id] |= one.telling
    known_types = identity_values(ctx.config).known_types
    named = [
        (one.request_id, one.spelling.id_type, bytearray(one.key), one.spelling.key_id)
        for one in in_lines
        if one.spelling.id_type in known_types
    ]
    suppressed = found.suppressed
    if named:
        theirs = ctx.spark.createDataFrame(named, "request_id string, id_type string, id_key binary, key_id string")
        suppressed = ctx.checkpoint(suppressed.unionByName(theirs).distinct())
    freed = find_freed(ctx, requests, spellings, suppressed)
    return replace(found, suppressed=suppressed, freed=freed, lines=lines, values=values)


def _find_stored(ctx: RunContext, requests: Sequence[Request], spellings: Spellings) -> Found:
    """What requests erase and suppress of what messages, links and files have."""
    rows = [
        (request.request_id, request.action, request.scope, spelling.id_type, bytearray(key), spelling.key_id)
        for request in requests
        for key, spelling in spellings[request.request_id].items()
    ]
    named = ctx.spark.createDataFrame(rows, _NAMED)
    identifiers = ctx.read(IDENTIFIERS).select("id_type", "id_key", "key_id", "identifier_id")
    numbered = ctx.checkpoint(named.join(identifiers.drop("key_id"), on=["id_type", "id_key"], how="inner"))
    is_erasure, is_connected = F.col("action") == "erase", F.col("scope") == "connected"
    by_person = numbered.where(is_erasure & is_connected).select("request_id", "identifier_id")
    by_value = numbered.where(is_erasure & ~is_connected).select("request_id", "identifier_id")
    carried = ctx.read(EVENT_IDENTIFIERS)
    identifier_map = ctx.read_last(IDENTIFIER_MAP)
    whom = ctx.checkpoint(_persons(ctx, by_person, identifier_map, carried, named))
    persons = whom.where(~F.col("is_ambiguous")).select("request_id", "user_id")
    refused = ctx.read_last(REFUSED_EDGES)
    residual = find_residual(persons, identifier_map, refused, ctx.read_last(DIM_USER))
    living = ctx.checkpoint(persons.unionByName(residual).distinct())
    of_persons = find_own_identifiers(living, identifier_map, ctx.read_last(IDENTIFIER_OWNERSHIP), refused)
    own = ctx.checkpoint(of_persons.unionByName(by_value).distinct())
    messages = ctx.checkpoint(find_messages(own, living, carried, ctx.read_last(EVENTS_RESOLVED)))
    beside = carried.join(messages, on="message_key", how="inner").select("request_id", "identifier_id")
    # what only a link or a previous id has said of them is carried by none of their messages
    mapped = find_mapped(living, identifier_map)
    candidates = ctx.checkpoint(beside.unionByName(own).unionByName(mapped).distinct())
    gone = own.select("identifier_id").distinct()
    still = ctx.checkpoint(
        find_still_carried(candidates, messages.select("message_key").distinct(), carried).distinct()
    )
    pairs = ctx.checkpoint(find_own_pairs(mapped, still, gone, ctx.read(LINKS)))
    left_alone = ctx.checkpoint(find_left_alone(candidates, still, gone, ctx.read(LINKS), pairs))
    columns = ["request_id", "id_type", "id_key", "key_id"]
    is_by_value = (F.col("action") == "suppress") | (is_erasure & ~is_connected)
    of_own = own.join(identifiers, on="identifier_id", how="inner").select(*columns)
    by_name = named.where(is_by_value).select(*columns)
    of_pairs = _suppressed_pairs(pairs, identifiers)
    everywhere = of_own.unionByName(by_name)
    parts = [everywhere, of_pairs, *_in_files(ctx, left_alone, identifiers, everywhere)]
    suppressed = ctx.checkpoint(reduce(DataFrame.unionByName, parts).distinct())
    return Found(
        messages=messages,
        identifiers=left_alone,
        users=ctx.checkpoint(find_ended(living, ctx.read_last(USER_IDS))),
        suppressed=suppressed,
        carried=candidates,
        named=numbered.select("request_id", "identifier_id", "id_key"),
        persons=whom,
    )


def _in_files(ctx: RunContext, alone: DataFrame, identifiers: DataFrame, suppressed: DataFrame) -> Iterator[DataFrame]:
    """What `find_in_files` finds, where there are such tables."""
    keyed = [contract for contract in TABLES.values() if contract.subject.is_keyed and contract.name in ctx.tables]
    if keyed:
        files = reduce(DataFrame.unionByName, [ctx.read(contract).select("id_key") for contract in keyed])
        yield find_in_files(alone, identifiers, suppressed, files)


def _suppressed_pairs(pairs: DataFrame, identifiers: DataFrame) -> DataFrame:
    """`request_id`, `id_type`, `id_key`, `key_id` of linked pairs (`request_id`, `src`, `dst`), as suppressed."""
    one, other = (
        identifiers.select(F.col("identifier_id").alias(end), *[F.col(name).alias(f"{name}_{end}") for name in _KEYED])
        for end in ("src", "dst")
    )
    keyed = pairs.join(one, on="src", how="inner").join(other, on="dst", how="inner")
    hashed = pair_key(*((F.col(f"id_type_{end}"), F.col(f"id_key_{end}")) for end in ("src", "dst")))
    key_id = F.least("key_id_src", "key_id_dst").alias("key_id")
    return keyed.select("request_id", F.lit(LINKED_PAIR).alias("id_type"), hashed.alias("id_key"), key_id)


def _persons(
    ctx: RunContext, named: DataFrame, identifier_map: DataFrame, carried: DataFrame, keyed: DataFrame
) -> DataFrame:
    """Whom requests name, as `find_persons` says: by what is mapped to them, or is the other reading of that."""
    nobodys = ctx.checkpoint(named.join(identifier_map, on="identifier_id", how="left_anti"))
    if not nobodys.isEmpty():
        named = named.unionByName(find_other_readings(nobodys, carried)).distinct()
    return find_persons(named, identifier_map, ctx.read_last(SHARED_VALUES), naming_erased(ctx, keyed))


def naming_erased(ctx: RunContext, keyed: DataFrame) -> DataFrame:
    """`request_id`, each once: requests (`request_id`, `id_type`, `id_key`) that name somebody erased before."""
    ending = ctx.read(ERASURES).where(F.col("kind") == kinds.USER).select("request_id").distinct()
    of_ended = ctx.read(SUPPRESSIONS).join(ending, on="request_id", how="left_semi").select("id_type", "id_key")
    return keyed.join(of_ended, on=["id_type", "id_key"], how="left_semi").select("request_id").distinct()


def values_of(ctx: RunContext, requests: Sequence[Request], spellings: Spellings, found: Found) -> dict[str, set[str]]:
    """The values that nothing holds any more when each erasure is done, by request. Come to this process."""
    rows = found.identifiers.join(ctx.read(IDENTIFIER_VALUES), on="identifier_id", how="inner")
    values: dict[str, set[str]] = {request.request_id: set() for request in requests if request.action == "erase"}
    for row in rows.select("request_id", "id_value").collect():
        values[row["request_id"]].add(row["id_value"])
    for request_id, gone in values.items():
        # what is named and stays, such as a device of several people, is looked for nowhere
        values[request_id] = gone | _written(spellings[request_id], gone)
    return values


def unstored_of(ctx: RunContext, requests: Sequence[Request], spellings: Spellings, found: Found) -> list[Unstored]:
    """The identities of erasures that no message has. None of a request that leaves open who asks."""
    known = {(row["request_id"], bytes(row["id_key"])) for row in found.named.select("request_id", "id_key").collect()}
    ambiguous = _ambiguous(found)
    asking = [one.request_id for one in requests if one.action == "erase" and one.request_id not in ambiguous]
    unknown = [
        Unstored(name, key, one)
        for name in asking
        for key, one in spellings[name].items()
        if (name, bytes(key)) not in known
    ]
    looked_for = {one.spelling.normal for one in unknown}
    if not looked_for:
        return []
    rows = ctx.read(IDENTIFIER_VALUES)
    read = read_frame(rows, IDENTIFIER_VALUES, columns=["id_value"], where={"id_value": looked_for})
    stored = {row["id_value"] for row in read}
    return [one for one in unknown if one.spelling.normal not in stored]


def _written(spelled: Mapping[bytes, Spelling], forms: Collection[str]) -> set[str]:
    """How a request has written what has one of some normal forms."""
    return {text for one in spelled.values() if one.normal in forms for text in one.written}


def _ambiguous(found: Found) -> set[str]:
    """Requests that leave open who asks."""
    return {row["request_id"] for row in found.persons.where("is_ambiguous").select("request_id").distinct().collect()}


def _seal(
    ctx: RunContext,
    files: RequestFiles,
    requests: Sequence[Request],
    spellings: Spellings,
    found: Found,
) -> None:
    """Keep the values of what goes until nothing holds them any more, with what the receipt will say of the rest."""
    freed = None if found.freed is None else count_freed(ctx, found.freed, found.suppressed)
    n_known, n_carried, n_gone, n_suppressed, n_freed = (
        {}
        if some is None
        else {row["request_id"]: row["count"] for row in some.groupBy("request_id").count().collect()}
        for some in (
            found.named,
            found.carried,
            found.identifiers,
            found.suppressed.where(is_identifier()),
            freed,
        )
    )
    ambiguous = _ambiguous(found)
    for request in requests:
        name = request.request_id
        n_none = len(request.identities) - sum(len(one.written) for one in spellings[name].values())
        known = n_known.get(name, 0)
        sealed = Sealed(
            sorted(found.values.get(name, ())),
            n_unknown=n_none + len(spellings[name]) - known,
            n_kept=n_carried.get(name, 0) - n_gone.get(name, 0),
            n_known=known,
            n_suppressed=n_suppressed.get(name, 0),
            n_freed=n_freed.get(name, 0),
            is_ambiguous=name in ambiguous,
        )
        files.seal(name, sealed)


def find_lines(
    ctx: RunContext,
    contracts: Sequence[TableContract],
    values: Mapping[str, set[str]],
    unstored: Sequence[Unstored],
) -> tuple[DataFrame | None, list[Unstored]]:
    """`request_id`, `line_hash` of refused lines and records that hold a value; null where there are none at all.

    Args:
        ctx: The stage's context.
        contracts: The tables that may have some.
        values: What `values_of` gives.
        unstored: What `unstored_of` gives: what is no telling value is looked for only where an identifier is meant.

    Returns:
        Also what of `unstored` a line holds.
    """
    # each by itself, to know which are found; no id of a request has a space
    named = {f"{one.request_id} {number}": one for number, one in enumerate(unstored)}
    sought = {
        name: some for name, some in [*values.items(), *((key, one.telling) for key, one in named.items())] if some
    }
    in_places = {key: words for key, one in named.items() if (words := one.forms - one.telling)}
    normalisers = make_normalisers(id_type_specs(ctx.config.identity.id_types))
    names = names_of_identifiers(ctx.config)
    parts = [
        find_texts(
            ctx.read(contract),
            text=text,
            hashed=hashed,
            values=sought,
            normalisers=normalisers,
            names=names,
            in_places=in_places,
        )
        for contract in contracts
        for text, hashed in contract.subject.texts
        if contract.name in ctx.tables and (sought or in_places)
    ]
    if not parts:
        return None, []
    found = ctx.checkpoint(reduce(DataFrame.unionByName, parts).distinct())
    lines = found.select(F.substring_index("request_id", " ", 1).alias("request_id"), "line_hash").distinct()
    keys = {row["request_id"] for row in found.select("request_id").distinct().collect()} if named else set()
    return lines, [one for key, one in named.items() if key in keys]


def _write(ctx: RunContext, requests: Sequence[Request], found: Found) -> None:
    run_seq, lines = F.lit(ctx.run_seq).cast("bigint").alias("run_seq"), found.lines
    if lines is not None:
        lines = with_kept_hash(lines, ctx.keys).select("request_id", F.col("kept_hash").alias("line_hash"))
    told = ctx.spark.createDataFrame([(request.request_id,) for request in requests], "request_id string")
    parts = [
        (kinds.REQUEST, told), (kinds.MESSAGE, found.messages), (kinds.IDENTIFIER, found.identifiers),
        (kinds.USER, found.users), *([(kinds.LINE, lines)] if lines is not None else []),
    ]  # fmt: skip
    rows = [
        part.select(
            run_seq,
            "request_id",
            F.lit(kind).alias("kind"),
            *[
                F.col(one.name) if one.name in part.columns else F.lit(None).cast(one.dtype).alias(one.name)
                for one in ERASURES.fields
                if one.nullable
            ],
        )
        for kind, part in parts
    ]
    news = found.suppressed
    if found.freed is not None:
        ended = found.freed.select("id_type", "id_key", F.col("suppressed_by").alias("request_id")).distinct()
        if not ended.isEmpty():
            ctx.delete(SUPPRESSIONS, ended, list(SUPPRESSIONS.key))
        news = news.join(ended, on=list(SUPPRESSIONS.key), how="left_anti")
    ctx.write_together(
        [
            (ERASURES, reduce(DataFrame.unionByName, rows), "append"),
            (SUPPRESSIONS, SUPPRESSIONS.conform(news.select("*", run_seq)), "append"),
        ]
    )
