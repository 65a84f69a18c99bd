"""What a request erases, and which rows of a table are about it.

Reads   identifiers that requests name; the tables of the last run
Yields  what each request erases: people, identifiers, messages; rows that go with them

Everything is found by joins with numbers, keyed hashes and User IDs: no value stands in a plan.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts import privacy as kinds
from oneuser.core.keyed import KEY_BYTES
from oneuser.core.message_identifiers import OBSERVED
from oneuser.privacy.portability import find_uncontested
from oneuser.spark.stable_ids import OF_TOUCH, stable_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import Column

    from oneuser.contracts.table import TableContract

_CUTTING = ("limit", "size")


@dataclass(frozen=True)
class Erased:
    """What was erased, each once; null where nothing of the kind was.

    Attributes:
        messages: `message_key`.
        identifiers: `identifier_id` of those that nothing carries any more.
        users: `user_id` of the User IDs that ended.
        lines: `line_hash` of refused lines and records, as their tables have it.
        keys: `id_type`, `id_key` of what is suppressed. A key is of one type alone.
    """

    messages: DataFrame | None
    identifiers: DataFrame | None
    users: DataFrame | None
    lines: DataFrame | None
    keys: DataFrame | None

    @classmethod
    def among(
        cls, erasures: DataFrame, suppressions: DataFrame, known_lines: Callable[[DataFrame], DataFrame]
    ) -> Erased:
        """From rows of `erasures` and of `suppressions`; `known_lines` finds lines by the hashes that are kept."""

        def column(kind: str, name: str) -> DataFrame:
            return erasures.where(F.col("kind") == kind).select(name).distinct()

        return cls(
            column(kinds.MESSAGE, "message_key"),
            column(kinds.IDENTIFIER, "identifier_id"),
            column(kinds.USER, "user_id"),
            known_lines(column(kinds.LINE, "line_hash")),
            suppressions.select("id_type", "id_key").distinct(),
        )


def rows_about(contract: TableContract, rows: DataFrame, erased: Erased) -> DataFrame | None:
    """The rows of a table that are about somebody or something erased; null where none can be.

    Rows that stay of an erased person are left out.
    """
    subject = contract.subject
    if subject.kept is not None:
        column, value = subject.kept
        rows = rows.where(F.col(column) != value)
    found = []
    for name, those in _looked_for(contract, rows, erased):
        found.append(rows.join(those, on=name, how="left_semi").select(*contract.columns))
        # each row once, by whatever it is found first
        rows = rows.join(those, on=name, how="left_anti")
    return reduce(DataFrame.unionByName, found) if found else None


def _looked_for(contract: TableContract, rows: DataFrame, erased: Erased) -> Iterator[tuple[list[str], DataFrame]]:
    """Columns of a table, with the erased values of these columns."""
    subject = contract.subject
    for names, those in (
        (subject.messages, erased.messages),
        (subject.identifiers, erased.identifiers),
        (subject.users, erased.users),
        (tuple(hashed for _, hashed in subject.texts), erased.lines),
    ):
        if those is not None:
            yield from (([name], those.toDF(name)) for name in names)
    if erased.messages is not None:
        touches = erased.messages.select(stable_id(OF_TOUCH, "message_key").alias("touch_id"))
        yield from (([name], touches.toDF(name)) for name in subject.touches)
        for name, kind in subject.conversions:
            # of whatever kinds there ever were: those that are declared no longer have rows, too
            kinds_of_rows = F.broadcast(rows.select(F.col(kind).alias("kind_of_row")).distinct())
            ids = erased.messages.join(kinds_of_rows, how="cross").select(
                stable_id(F.col("kind_of_row"), "message_key")
            )
            yield [name], ids.toDF(name)
    if subject.is_keyed and erased.keys is not None:
        yield ["id_key"], erased.keys.select("id_key").distinct()


def find_other_readings(named: DataFrame, carried: DataFrame) -> DataFrame:
    """`request_id`, `identifier_id`: what else an alias may have meant by the previous id that a request names.

    Both readings of one are stored, and whoever asks cannot know which of them holds.

    Args:
        named: `request_id`, `identifier_id` of what a request names and nobody owns.
        carried: Rows of `event_identifiers`.
    """
    previous = carried.where(~F.col("link").isin(*OBSERVED)).select("message_key", "identifier_id")
    aliases = previous.join(named, on="identifier_id", how="inner").select("request_id", "message_key").distinct()
    return previous.join(aliases, on="message_key", how="inner").select("request_id", "identifier_id").distinct()


def find_persons(named: DataFrame, identifier_map: DataFrame, shared_values: DataFrame, ended: DataFrame) -> DataFrame:
    """`request_id`, `user_id`, `is_ambiguous`: whom requests name, each once.

    By what is one person's alone, as far as a request names that. Else by what several share, which tells whose it is
    only where one person owns all of it: ambiguous are several. Beside somebody who was erased before, a device names
    nobody: it may be another one's by now.

    Args:
        named: `request_id`, `identifier_id`.
        identifier_map: Rows of `identifier_map`.
        shared_values: Rows of `shared_values`.
        ended: `request_id` of requests that name somebody who was erased before.
    """
    owners = identifier_map.select("identifier_id", F.col("user_id").alias("owner"), "is_known")
    alone = find_uncontested(identifier_map, shared_values).select("identifier_id", F.lit(True).alias("is_alone"))
    owned = named.join(owners, on="identifier_id", how="inner").join(alone, on="identifier_id", how="left")
    owned = owned.join(ended.distinct().withColumn("has_ended", F.lit(True)), on="request_id", how="left")
    is_first = F.col("has_ended").isNull()
    is_alone = F.col("is_alone").isNotNull() & (F.col("is_known") | is_first)
    people = owned.groupBy("request_id").agg(
        F.collect_set(F.when(is_alone, F.col("owner"))).alias("alone"),
        F.collect_set(F.when(is_first, F.col("owner"))).alias("all"),
    )
    has_alone = F.size("alone") > 0
    return people.select(
        "request_id",
        F.explode(F.when(has_alone, F.col("alone")).otherwise(F.col("all"))).alias("user_id"),
        (~has_alone & (F.size("all") > 1)).alias("is_ambiguous"),
    )


def find_residual(persons: DataFrame, identifier_map: DataFrame, refused: DataFrame, people: DataFrame) -> DataFrame:
    """`request_id`, `user_id`: residual IDs that `limit` or `size` cut off from the persons.

    Args:
        persons: `request_id`, `user_id`.
        identifier_map: Rows of `identifier_map`.
        refused: Rows of `refused_edges`.
        people: Rows of `dim_user`.
    """
    is_cut = F.col("closed_run").isNull() & F.col("rule").isin(*_CUTTING)
    pairs = _both_ways(refused.where(is_cut))
    owners = identifier_map.select("identifier_id", "user_id")
    of_persons = persons.join(owners, on="user_id", how="inner").select(
        "request_id", F.col("identifier_id").alias("other_id")
    )
    residual = people.where(F.col("kind") == "residual").select("user_id")
    cut = pairs.join(of_persons, on="other_id", how="inner").join(owners, on="identifier_id", how="inner")
    return cut.join(residual, on="user_id", how="left_semi").select("request_id", "user_id").distinct()


def find_ended(living: DataFrame, ledger: DataFrame) -> DataFrame:
    """`request_id`, `user_id`: the living IDs (`request_id`, `user_id`), and all that redirect to one of them."""
    redirecting = ledger.select(F.col("user_id").alias("ended_id"), F.col("redirect_to").alias("user_id"))
    followers = living.join(redirecting, on="user_id", how="inner")
    return living.unionByName(followers.select("request_id", F.col("ended_id").alias("user_id"))).distinct()


def find_mapped(living: DataFrame, identifier_map: DataFrame) -> DataFrame:
    """`request_id`, `identifier_id`: all that is mapped to who ends (`request_id`, `user_id`), by whatever says so."""
    mapped = identifier_map.select("identifier_id", "user_id").join(living, on="user_id", how="inner")
    return mapped.select("request_id", "identifier_id").distinct()


def find_own_identifiers(
    living: DataFrame, identifier_map: DataFrame, ownership: DataFrame, refused: DataFrame
) -> DataFrame:
    """`request_id`, `identifier_id`: known identifiers of who ends that nobody contests who is left.

    Args:
        living: `request_id`, `user_id` of persons and of what was cut off from them.
        identifier_map: Rows of `identifier_map`.
        ownership: Rows of `identifier_ownership`.
        refused: Rows of `refused_edges`.
    """
    owners = identifier_map.select(F.col("identifier_id").alias("mapped_id"), F.col("user_id").alias("claimant"))
    known = identifier_map.where("is_known").select("identifier_id", "user_id", "is_contested")
    own = known.join(living, on="user_id", how="inner").select("request_id", "identifier_id", "is_contested").distinct()
    in_turn = ownership.where(F.col("superseded_run").isNull() & F.col("user_id").isNotNull())
    is_open = F.col("closed_run").isNull() & (F.col("rule") != "exclude")
    beside = _both_ways(refused.where(is_open)).join(owners, on=F.col("other_id") == F.col("mapped_id"), how="inner")
    claims = in_turn.select("identifier_id", F.col("user_id").alias("claimant")).unionByName(
        beside.select("identifier_id", "claimant")
    )
    ending = living.select("request_id", F.col("user_id").alias("claimant"))
    contested = own.where("is_contested").select("request_id", "identifier_id")
    of_others = contested.join(claims, on="identifier_id", how="inner").join(
        ending, on=["request_id", "claimant"], how="left_anti"
    )
    return own.select("request_id", "identifier_id").join(
        of_others.select("request_id", "identifier_id"), on=["request_id", "identifier_id"], how="left_anti"
    )


def _both_ways(edges: DataFrame) -> DataFrame:
    """`identifier_id`, `other_id`: each pair of identifiers, both ways round."""
    ends = F.explode(
        F.array(
            F.struct(F.col("src").alias("identifier_id"), F.col("dst").alias("other_id")),
            F.struct(F.col("dst").alias("identifier_id"), F.col("src").alias("other_id")),
        )
    )
    return edges.select(ends.alias("end")).select("end.*")


def find_messages(suppressed: DataFrame, living: DataFrame, carried: DataFrame, resolved: DataFrame) -> DataFrame:
    """`request_id`, `message_key`: messages that carry a suppressed identifier, or belonged to one who ends.

    Args:
        suppressed: `request_id`, `identifier_id`.
        living: `request_id`, `user_id`.
        carried: Rows of `event_identifiers`.
        resolved: Rows of `events_resolved`.
    """
    carrying = carried.select("message_key", "identifier_id").join(suppressed, on="identifier_id", how="inner")
    owned = resolved.select("message_key", "user_id").join(living, on="user_id", how="inner")
    return (
        carrying.select("request_id", "message_key").unionByName(owned.select("request_id", "message_key")).distinct()
    )


def find_still_carried(candidates: DataFrame, messages: DataFrame, carried: DataFrame) -> DataFrame:
    """`carried_id`, more than once: those of some identifiers that a message carries which is left.

    Args:
        candidates: `identifier_id`.
        messages: `message_key` of erased messages.
        carried: Rows of `event_identifiers`.
    """
    # candidates and messages may be found in these very rows: other names keep Spark from taking one for the other
    carried = carried.select(F.col("message_key").alias("carrying_key"), F.col("identifier_id").alias("carried_id"))
    named = candidates.select("identifier_id").distinct()
    is_named = F.col("carried_id") == F.col("identifier_id")
    is_erased = F.col("carrying_key") == F.col("message_key")
    still = carried.join(named, on=is_named, how="left_semi").join(messages, on=is_erased, how="left_anti")
    return still.select("carried_id")


def find_own_pairs(mapped: DataFrame, still: DataFrame, suppressed: DataFrame, links: DataFrame) -> DataFrame:
    """`request_id`, `src`, `dst`: linked pairs of which both are mapped to who ends, and carried by nobody who is left.

    Nothing else keeps them: without the link, nothing would be left that says of either.

    Args:
        mapped: `request_id`, `identifier_id` of what is mapped to who ends.
        still: `carried_id` of those that a message carries which is left.
        suppressed: `identifier_id` of suppressed identifiers: what a link joins with one of them, it joins no more.
        links: Rows of `links`.
    """
    pairs = links.select("src", "dst").distinct()
    for end in ("src", "dst"):
        pairs = pairs.join(suppressed.toDF(end), on=end, how="left_anti").join(still.toDF(end), on=end, how="left_anti")
    of_one = pairs.join(mapped.toDF("request_id", "src"), on="src", how="inner")
    of_both = of_one.join(mapped.toDF("request_id", "dst"), on=["request_id", "dst"], how="inner")
    return of_both.select("request_id", "src", "dst").distinct()


def pair_key(one: tuple[Column, Column], other: tuple[Column, Column]) -> Column:
    """A hash of two identifiers, each its type and its keyed hash, whichever is first."""
    named = [F.concat(id_type, F.lit(":"), F.hex(id_key)) for id_type, id_key in (one, other)]
    hashed = F.sha2(F.concat(F.least(*named), F.lit(" "), F.greatest(*named)), 256)
    return F.unhex(F.substring(hashed, 1, 2 * KEY_BYTES))


def find_in_files(alone: DataFrame, identifiers: DataFrame, suppressed: DataFrame, files: DataFrame) -> DataFrame:
    """`request_id`, `id_type`, `id_key`, `key_id` of identifiers that go and that files name, as suppressed there.

    Args:
        alone: `request_id`, `identifier_id` of those that go.
        identifiers: Rows of `identifiers`.
        suppressed: `id_type`, `id_key` of those that are suppressed everywhere.
        files: `id_key` of all that tables of members and subscriptions have.
    """
    keyed = alone.join(identifiers, on="identifier_id", how="inner").join(files, on="id_key", how="left_semi")
    devices = keyed.join(suppressed.select("id_type", "id_key"), on=["id_type", "id_key"], how="left_anti")
    return devices.select(
        "request_id", F.concat(F.lit(kinds.IN_FILES), "id_type").alias("id_type"), "id_key", "key_id"
    ).distinct()


def bare_type() -> Column:
    """The type of a suppressed identifier, be it suppressed everywhere or, as `find_in_files` says, in files alone."""
    return F.regexp_replace("id_type", f"^{re.escape(kinds.IN_FILES)}", "").alias("id_type")


def find_left_alone(
    candidates: DataFrame, still: DataFrame, suppressed: DataFrame, links: DataFrame, own: DataFrame
) -> DataFrame:
    """`request_id`, `identifier_id`: of the candidates, those that no remaining message carries and no link names.

    Args:
        candidates: `request_id`, `identifier_id`.
        still: `carried_id` of those that a message carries which is left.
        suppressed: `identifier_id` of suppressed identifiers: what a link joins with one of them, it joins no more.
        links: Rows of `links`.
        own: `src`, `dst` of linked pairs that go.
    """
    left = links.select("src", "dst").join(own.select("src", "dst").distinct(), on=["src", "dst"], how="left_anti")
    for end in ("src", "dst"):
        left = left.join(suppressed.toDF(end), on=end, how="left_anti")
    ends = left.select(F.explode(F.array("src", "dst")).alias("carried_id"))
    carried_on = still.unionByName(ends).distinct()
    left_alone = candidates.join(carried_on, on=F.col("carried_id") == F.col("identifier_id"), how="left_anti")
    return left_alone.select("request_id", "identifier_id").distinct()
