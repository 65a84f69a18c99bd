"""What belongs to a person who asks for their data, and to nobody else.

Reads   identifiers that requests name; published tables
Yields  what belongs to whom, and the rows of a table that are theirs

Everything is found by joins with numbers, keyed hashes and User IDs: no value stands in a plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract


@dataclass(frozen=True)
class Belongings:
    """What belongs to the people of some requests, each once, with the `request_id` before it.

    Attributes:
        users: `user_id`, live and retired.
        messages: `message_key` of the messages that are theirs.
        identifiers: `identifier_id` of what is theirs alone.
        keys: `id_type`, `id_key` of the same.
    """

    users: DataFrame
    messages: DataFrame
    identifiers: DataFrame
    keys: DataFrame


def find_uncontested(identifier_map: DataFrame, shared_values: DataFrame) -> DataFrame:
    """`identifier_id`, `user_id`: identifiers that belong to one person alone, known or anonymous.

    Args:
        identifier_map: Rows of `identifier_map`.
        shared_values: Rows of `shared_values`.
    """
    over_shared = shared_values.where(F.col("n_persons") > F.col("bound")).select("identifier_id")
    uncontested = identifier_map.where(~F.col("is_contested")).select("identifier_id", "user_id")
    return uncontested.join(over_shared, on="identifier_id", how="left_anti")


def find_beside(belongings: Belongings, carried: DataFrame, identifier_map: DataFrame, written: DataFrame) -> DataFrame:
    """`request_id`, `identifier_id`: what is not theirs alone, and their messages carry or name, or is mapped to them.

    Args:
        belongings: What belongs to whom.
        carried: Rows of `event_identifiers`.
        identifier_map: Rows of `identifier_map`.
        written: `request_id`, `identifier_id` of what stands in texts of their messages.
    """
    of_messages = carried.select("message_key", "identifier_id").join(
        belongings.messages, on="message_key", how="inner"
    )
    mapped = identifier_map.select("identifier_id", "user_id").join(belongings.users, on="user_id", how="inner")
    found = written.unionByName(of_messages.select("request_id", "identifier_id")).unionByName(
        mapped.select("request_id", "identifier_id")
    )
    return found.distinct().join(belongings.identifiers, on=["request_id", "identifier_id"], how="left_anti")


def rows_of_people(contract: TableContract, rows: DataFrame, belongings: Belongings) -> DataFrame | None:
    """`request_id` and the columns of a table: the rows that are somebody's; null where none can be.

    A row is theirs by the first of its subjects: a User ID, else a message, else an identifier; one that is about one
    person alone, by whichever User ID it names. Where it also names
    what is not theirs, that is emptied, or the row is left out where the column cannot be empty, or where the table
    says that more of the row is about whoever else it names. Texts that nothing could read have no subject, and are
    nobody's.
    """
    subject = contract.subject
    named = [
        *(([name], belongings.users) for name in subject.users),
        *(([name], belongings.messages) for name in subject.messages),
        *(([name], belongings.identifiers) for name in subject.identifiers),
        *([(["id_type", "id_key"], belongings.keys)] if subject.is_keyed else []),
    ]
    if not named:
        return None
    may_be_null = {field.name for field in contract.fields if field.nullable}
    if subject.is_of_one and len(subject.users) > 1:
        # whoever the row names is its owner; the rest must be theirs, too, or nobody
        owner = F.coalesce(*[F.col(name) for name in subject.users]).alias("owner")
        found, rest = (
            rows.select("*", owner).join(belongings.users.toDF("request_id", "owner"), on="owner", how="inner"),
            named,
        )
    else:
        (first, theirs), *rest = named
        found = rows.join(theirs.toDF("request_id", *first), on=first, how="inner")
    for names, those in rest:
        if subject.is_of_one:
            found = _without_others(found, names[0], those)
        elif may_be_null.issuperset(names):
            found = _emptied(found, names[0], those)
        else:
            found = found.join(those.toDF("request_id", *names), on=["request_id", *names], how="left_semi")
    return found.select("request_id", *contract.columns)


def _without_others(rows: DataFrame, name: str, theirs: DataFrame) -> DataFrame:
    """The rows whose column is null or among theirs (`request_id`, the value)."""
    kept = theirs.toDF("request_id", name).withColumn("is_theirs", F.lit(True))
    marked = rows.join(kept, on=["request_id", name], how="left")
    return marked.where(F.col(name).isNull() | F.col("is_theirs")).drop("is_theirs")


def _emptied(rows: DataFrame, name: str, theirs: DataFrame) -> DataFrame:
    """The rows with a column null where its value is not among theirs (`request_id`, the value)."""
    kept = theirs.toDF("request_id", "named").withColumn("kept", F.col("named"))
    marked = rows.withColumnRenamed(name, "named").join(kept, on=["request_id", "named"], how="left")
    return marked.drop("named").withColumnRenamed("kept", name)
