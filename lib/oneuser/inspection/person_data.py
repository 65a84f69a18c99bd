"""What is published about the people who ask for it: who they are, and their rows, without anything of others.

To this process come the identifiers of all who ask, with those beside them in messages, and of each table the rows of
one partition at a time. Each table is passed over once for all requests. The cluster keeps User IDs, message keys and
identifiers of those who ask.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from pyspark.sql import functions as F

from oneuser.contracts.graph import EVENT_IDENTIFIERS, IDENTIFIERS, SHARED_VALUES
from oneuser.contracts.identity import EVENTS_RESOLVED, IDENTIFIER_MAP, USER_IDS
from oneuser.contracts.raw import EVENTS, IDENTIFIER_VALUES
from oneuser.contracts.registry import TABLES
from oneuser.core.identifier_text import NamedIdentifier
from oneuser.core.meanwhile import say
from oneuser.events.normalise import make_normalisers
from oneuser.events.spec import id_type_specs
from oneuser.inspection.read_only import reading_context
from oneuser.privacy.erasure import find_ended, find_other_readings
from oneuser.privacy.masked_text import TextMask
from oneuser.privacy.named_in_texts import find_named_in
from oneuser.privacy.portability import Belongings, find_beside, find_uncontested, rows_of_people
from oneuser.spark.arrow_batches import stream_batches
from oneuser.stages.ingest.requested import naming_erased
from oneuser.stages.ingest.spelled_out import spell_out
from oneuser.storage.table_reader import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyspark.sql import DataFrame

    from oneuser.config import Config
    from oneuser.contracts.table import TableContract
    from oneuser.inspection.reading import Published
    from oneuser.privacy.requests import Request
    from oneuser.stages.context import RunContext
    from oneuser.storage.table_reader import Row

# found; nothing that is named was ever seen; what is named is several people's
Outcome = Literal["found", "unknown", "ambiguous"]
RequestRows = tuple[str, "TableContract", "Iterator[Row]"]
# hashes, without a key, of whole messages: by trying, they would tell what is masked in one
_TELLTALE = {(EVENTS.name, "content_hash")}
_CARRIED = (EVENTS.name, "identifiers")


@dataclass(frozen=True)
class Named:
    """Whom a request names. `user_id` is their live User ID, null unless the outcome is `found`."""

    request_id: str
    outcome: Outcome
    user_id: str | None


class PersonData:
    """One publication, for those who ask about themselves."""

    def __init__(self, ctx: RunContext) -> None:
        self._ctx = ctx

    def find(self, requests: Sequence[Request]) -> list[Named]:
        """Whom each request names, in the order of the requests.

        Only what belongs to one person alone says who that is. Identities of several people name nobody: whose data it
        is to be cannot be told. Beside somebody who was erased before, a device names nobody: it may be another one's
        by now.
        """
        say("looking for whom the requests name")
        ctx = self._ctx
        spellings = spell_out(ctx, requests)
        keys = [
            (name, spelling.id_type, bytearray(key))
            for name, spelled in spellings.items()
            for key, spelling in spelled.items()
        ]
        named = ctx.spark.createDataFrame(keys, "request_id string, id_type string, id_key binary")
        identifiers = ctx.read(IDENTIFIERS).select("id_type", "id_key", "identifier_id")
        stored = named.join(identifiers, on=["id_type", "id_key"], how="inner").select("request_id", "identifier_id")
        numbered = ctx.checkpoint(stored)
        nobodys = numbered.join(ctx.read(IDENTIFIER_MAP), on="identifier_id", how="left_anti")
        numbered = numbered.unionByName(find_other_readings(nobodys, ctx.read(EVENT_IDENTIFIERS))).distinct()
        known = ctx.read(IDENTIFIER_MAP).where("is_known").select("identifier_id", F.lit(True).alias("is_known"))
        erased = naming_erased(ctx, named).withColumn("names_erased", F.lit(True))
        owned = numbered.join(self._uncontested(), on="identifier_id", how="left")
        owned = owned.join(known, on="identifier_id", how="left").join(erased, on="request_id", how="left")
        is_theirs = F.col("names_erased").isNull() | F.col("is_known").isNotNull()
        owned = owned.select("request_id", F.when(is_theirs, F.col("user_id")).alias("user_id"))
        owners: defaultdict[str, set[str | None]] = defaultdict(set)
        for row in owned.select("request_id", "user_id").distinct().collect():
            owners[row["request_id"]].add(row["user_id"])
        return [_named(request.request_id, owners.get(request.request_id, set())) for request in requests]

    def rows(self, people: Mapping[str, str]) -> Iterator[RequestRows]:
        """Rows of each table and each request that has some there, table by table, in the order of the table's key.

        Args:
            people: Live User IDs by request.
        """
        say("looking for what is theirs, and for values of others in it")
        belongings = self._belongings(people)
        masks = self._masks(belongings, people)
        for contract in map(_without_hashes, TABLES.values()):
            is_given = contract.name in self._ctx.tables and not contract.subject.is_for_runs
            rows = self._rows(contract, belongings) if is_given else None
            if rows is not None:
                for request_id, theirs in groupby(rows, key=lambda row: str(row["request_id"])):
                    yield request_id, contract, (_masked(contract, row, masks[request_id]) for row in theirs)

    def _uncontested(self) -> DataFrame:
        return find_uncontested(self._ctx.read(IDENTIFIER_MAP), self._ctx.read(SHARED_VALUES))

    def _belongings(self, people: Mapping[str, str]) -> Belongings:
        ctx = self._ctx
        living = ctx.spark.createDataFrame(list(people.items()), "request_id string, user_id string")
        users = ctx.checkpoint(find_ended(living, ctx.read(USER_IDS)))
        resolved = ctx.read(EVENTS_RESOLVED).select("message_key", "user_id")
        own = self._uncontested().join(users, on="user_id", how="inner").select("request_id", "identifier_id")
        identifiers = ctx.checkpoint(own.distinct())
        keyed = ctx.read(IDENTIFIERS).join(identifiers, on="identifier_id", how="inner")
        return Belongings(
            users=users,
            messages=ctx.checkpoint(
                resolved.join(users, on="user_id", how="inner").select("request_id", "message_key").distinct()
            ),
            identifiers=identifiers,
            keys=ctx.checkpoint(keyed.select("request_id", "id_type", "id_key")),
        )

    def _masks(self, belongings: Belongings, people: Mapping[str, str]) -> dict[str, TextMask]:
        """What is put out of sight in the texts of each request."""
        ctx = self._ctx
        normalisers = make_normalisers(id_type_specs(ctx.config.identity.id_types))
        # where the message as received is kept no longer, what is left of it names others all the same
        left = F.to_json(F.struct(*[one.name for one in EVENTS.fields if one.dtype == "string" and one.name != "raw"]))
        messages = ctx.read(EVENTS).select("message_key", F.coalesce("raw", left).alias("text"))
        texts = messages.join(belongings.messages, on="message_key", how="inner")
        written = find_named_in(texts, keys=ctx.keys, normalisers=normalisers).distinct()
        known = written.join(ctx.read(IDENTIFIERS), on=["id_type", "id_key"], how="inner")
        beside = find_beside(
            belongings,
            ctx.read(EVENT_IDENTIFIERS),
            ctx.read(IDENTIFIER_MAP),
            known.select("request_id", "identifier_id"),
        )
        sides = belongings.identifiers.withColumn("is_own", F.lit(True)).unionByName(
            beside.withColumn("is_own", F.lit(False))
        )
        values = sides.join(ctx.read(IDENTIFIER_VALUES), on="identifier_id", how="inner")
        found: dict[str, tuple[set[NamedIdentifier], set[NamedIdentifier]]] = {name: (set(), set()) for name in people}
        for row in values.select("request_id", "is_own", "id_type", "id_value").collect():
            own, others = found[row["request_id"]]
            (own if row["is_own"] else others).add(NamedIdentifier(row["id_type"], row["id_value"]))
        return {
            name: TextMask(own=own, others=others, normalisers=normalisers) for name, (own, others) in found.items()
        }

    def _rows(self, contract: TableContract, belongings: Belongings) -> Iterator[Row] | None:
        found = rows_of_people(contract, self._ctx.read(contract), belongings)
        if found is None:
            return None
        say(f"reading {contract.name}")
        # whatever is one request's comes in a row, as it happened
        times = [field.name for field in contract.fields if field.dtype == "timestamp"]
        return rows_of(stream_batches(found.orderBy("request_id", *times[:1], *contract.key)))


@contextmanager
def person_data(published: Published, config: Config) -> Iterator[PersonData]:
    """What readers see, for those who ask about themselves. Writes nothing, and takes no lease."""
    ctx = reading_context(published, config, name="portability")
    try:
        yield PersonData(ctx)
    finally:
        ctx.release()


def _named(request_id: str, owners: set[str | None]) -> Named:
    """From the owners of what a request names; null is among them where that is not one person's alone."""
    people = sorted(owner for owner in owners if owner is not None)
    if len(people) == 1:
        return Named(request_id, "found", people[0])
    return Named(request_id, "ambiguous" if owners else "unknown", None)


def _without_hashes(contract: TableContract) -> TableContract:
    """The contract without columns that would tell what is masked in another one."""
    return replace(contract, fields=tuple(one for one in contract.fields if (contract.name, one.name) not in _TELLTALE))


def _masked(contract: TableContract, row: Row, mask: TextMask) -> Row:
    """The columns of a table, without what is not theirs in texts."""
    return {name: _value(contract, name, row[name], mask) for name in contract.columns}


def _value(contract: TableContract, name: str, value: Any, mask: TextMask) -> Any:
    if isinstance(value, str):
        return mask.text(value)
    return mask.identifiers(value) if (contract.name, name) == _CARRIED else value
