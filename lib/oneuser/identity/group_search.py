"""What an identifier leads to, and a User ID: the steps by which a run finds all that it has to decide again.

Carry-over groups are found without looking at all of them: from what was touched to the User IDs that stand on it,
stood on it or owned it, from these to their anchors and members, and on. Every step is a look-up of few in columns of
tables of the size of identifiers or User IDs.

Reads   components, refused_edges, event_identifiers; user_ids and identifier_map of the last run
Yields  numbers of identifiers, User IDs, numbers of messages: each once
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def find_kept_apart(identifiers: DataFrame, refused: DataFrame) -> DataFrame:
    """`identifier_id` of what a manual rule keeps apart from one of the identifiers, though messages carry both.

    Their candidate components are two, and yet one may claim the other.

    Args:
        identifiers: `identifier_id`.
        refused: Rows of `refused_edges`.
    """
    is_excluded = F.col("closed_run").isNull() & (F.col("rule") == "exclude")
    ends = F.explode(
        F.array(
            F.struct(F.col("src").alias("identifier_id"), F.col("dst").alias("other_id")),
            F.struct(F.col("dst").alias("identifier_id"), F.col("src").alias("other_id")),
        )
    )
    pairs = refused.where(is_excluded).select(ends.alias("end")).select("end.*")
    named = pairs.join(identifiers, on="identifier_id", how="left_semi")
    return named.select(F.col("other_id").alias("identifier_id")).distinct()


def find_beside(identifiers: DataFrame, links: DataFrame) -> DataFrame:
    """`identifier_id` of what some messages carry beside one of the identifiers, itself included.

    Args:
        identifiers: `identifier_id`.
        links: `message_key`, `identifier_id` of these messages.
    """
    return (
        links.join(find_carrying(identifiers, links), on="message_key", how="left_semi")
        .select("identifier_id")
        .distinct()
    )


def find_carrying(identifiers: DataFrame, links: DataFrame) -> DataFrame:
    """`message_key` of the messages that carry one of the identifiers."""
    return links.join(identifiers, on="identifier_id", how="left_semi").select("message_key").distinct()


def find_user_ids(identifiers: DataFrame, previous_map: DataFrame, ledger: DataFrame) -> DataFrame:
    """`user_id` of the User IDs that owned one of the identifiers in the last run, or that ever stood on it."""
    owners = previous_map.join(identifiers, on="identifier_id", how="left_semi").select("user_id")
    anchors = ledger.select("user_id", F.explode("anchors.identifier_id").alias("identifier_id"))
    standing = anchors.join(identifiers, on="identifier_id", how="left_semi").select("user_id")
    return owners.unionByName(standing).distinct()


def find_targets(user_ids: DataFrame, ledger: DataFrame) -> DataFrame:
    """`target_id`: where the User IDs redirect to; themselves where they do not."""
    return _with_target(ledger).join(user_ids, on="user_id", how="left_semi").select("target_id").distinct()


def find_redirected(targets: DataFrame, ledger: DataFrame) -> DataFrame:
    """`user_id` of the targets and of everything that redirects to one of them."""
    return _with_target(ledger).join(targets, on="target_id", how="left_semi").select("user_id")


def _with_target(ledger: DataFrame) -> DataFrame:
    return ledger.select("user_id", F.coalesce("redirect_to", "user_id").alias("target_id"))


def find_identifiers(user_ids: DataFrame, previous_map: DataFrame, ledger: DataFrame) -> DataFrame:
    """`identifier_id` of all that the User IDs owned in the last run, or ever stood on."""
    owned = previous_map.join(user_ids, on="user_id", how="left_semi").select("identifier_id")
    anchors = ledger.join(user_ids, on="user_id", how="left_semi").select(
        F.explode("anchors.identifier_id").alias("identifier_id")
    )
    return owned.unionByName(anchors).distinct()
