"""What contradicts what in the files about accounts, by joins and by the functions that decide.

Reads   records of reference inputs: `file`, `record`, `code`, `detail`, and their columns
Yields  the same records, each with its code; account_parents, account_members
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.contracts.reference import ACCOUNT_MEMBERS, ACCOUNT_PARENTS
from oneuser.core.reasons import Reason
from oneuser.marts.accounts.batches import PARENTS, parent_batches
from oneuser.marts.accounts.hierarchy import MAX_LEVELS
from oneuser.spark.refused_records import refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

_PARENT = ["account_id", "parent_account_id", "valid_from", "valid_to"]
_DETAILS = {
    Reason.ACCOUNT_OWN_PARENT: "an account cannot be its own parent",
    Reason.ACCOUNT_TWO_PARENTS: "the account has another parent at the same time",
    Reason.ACCOUNT_CYCLE: "the account would be above itself",
    Reason.ACCOUNT_TOO_DEEP: f"more than {MAX_LEVELS} accounts would be above it",
}


def judge_accounts(records: DataFrame) -> DataFrame:
    """Refuse the records of an account that do not agree on its name; all other records of an account add up."""
    of_account = W.partitionBy("account_id").rowsBetween(W.unboundedPreceding, W.unboundedFollowing)
    name = F.when(F.col("code").isNull(), F.col("name"))
    disagree = records.withColumn("disagree", F.min(name).over(of_account) < F.max(name).over(of_account))
    return refuse(
        disagree, F.col("disagree"), Reason.ACCOUNT_TWO_NAMES, F.lit("other records of the account have another name")
    ).drop("disagree")


def refuse_unknown(records: DataFrame, accounts: DataFrame, columns: Sequence[str]) -> DataFrame:
    """Refuse the records that name an account which the accounts file does not have.

    Args:
        records: Records with the columns below.
        accounts: `account_id` of each account of the accounts file.
        columns: Which columns name an account.
    """
    judged = records
    for column in columns:
        known = accounts.select(F.col("account_id").alias(column), F.lit(True).alias("is_known")).distinct()
        joined = judged.join(known, on=column, how="left")
        judged = refuse(joined, F.col("is_known").isNull(), Reason.ACCOUNT_UNKNOWN, F.lit(column)).drop("is_known")
    return judged


def judge_parents(records: DataFrame) -> DataFrame:
    """Judge all declared parents together, in one task: rows of `PARENTS`, refused ones with a code."""
    declared = records.where(F.col("code").isNull()).select(*_PARENT).distinct()
    return declared.repartition(1).mapInArrow(parent_batches, PARENTS.ddl)


def refuse_parents(records: DataFrame, judged: DataFrame) -> DataFrame:
    """The records, those whose parent cannot hold with the code of it.

    Args:
        records: Records of the parents file.
        judged: What `judge_parents` makes of them.
    """
    refused = judged.where(F.col("code").isNotNull()).withColumnRenamed("code", "_code").alias("refused")
    is_same = [F.col(f"declared.{name}").eqNullSafe(F.col(f"refused.{name}")) for name in _PARENT]
    joined = records.alias("declared").join(refused, on=is_same, how="left").select("declared.*", "_code")
    details = F.create_map(*[F.lit(text) for pair in sorted(_DETAILS.items()) for text in pair])
    is_refused = F.col("code").isNull() & F.col("_code").isNotNull()
    return joined.withColumns(
        {
            "detail": F.when(is_refused, details[F.col("_code")]).otherwise(F.col("detail")),
            "code": F.coalesce("code", "_code"),
        }
    ).drop("_code")


def held_parents(judged: DataFrame) -> DataFrame:
    """Rows of `account_parents`: the parents that can hold."""
    return ACCOUNT_PARENTS.conform(judged.where(F.col("code").isNull()))


def build_account_members(records: DataFrame) -> DataFrame:
    """Rows of `account_members`: each identifier, account and period once.

    Args:
        records: Records of the members file, with `id_key`.
    """
    return ACCOUNT_MEMBERS.conform(records.where(F.col("code").isNull())).distinct()
