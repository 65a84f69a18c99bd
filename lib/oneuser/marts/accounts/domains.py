"""Account domains: which domain of an address stands for which account, and which stand for none.

Addresses are read on executors; nothing of them is in a plan, and what leaves is an account.

Reads   accounts of the accounts file, account_profiles, identifier_values
Yields  rows of account_profiles; the account of each address whose domain stands for one
"""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import Window as W
from pyspark.sql import functions as F

from oneuser.contracts.reference import ACCOUNT_PROFILES
from oneuser.core.keyed import message_hasher

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from pyspark.sql import DataFrame

    from oneuser.core.keyed import Keys

    Batches = Iterator[pa.RecordBatch]

KEYED_PREFIX = "dom_"
# no source can have it for an id space: those are names
_SPACE = "account domain"
_SEPARATORS = re.compile(r"[;,|\s]+")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_MOST_CHARACTERS = 253
_PROFILES = "account_id string, name string, domain string, problem string"
_ADDRESSES = "identifier_id bigint, domains array<string>, keyed_id string"


def free_mail_domains() -> frozenset[str]:
    """Domains at which anybody can have an address, as they ship with the package."""
    text = (resources.files("oneuser.marts.accounts") / "free_mail_domains.txt").read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


def normalise_domain(text: str) -> str | None:
    """The domain in a text as systems write it (`https://www.Example.com/about`, `@example.com`), in ASCII.

    Null for what names none: a single label, an IP address, anything with characters that no domain has.
    """
    host = re.sub(r"^[a-z][a-z0-9+.-]*://", "", text.strip().lower()).split("/")[0].split("?")[0]
    host = host.rpartition("@")[2].split(":")[0].removeprefix("*.").removeprefix("www.").strip(".")
    if not host.isascii():
        import idna

        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    labels = host.split(".")
    are_labels = len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdecimal()
    return host if are_labels and len(host) <= _MOST_CHARACTERS else None


def domain_and_above(domain: str) -> list[str]:
    """A domain and those above it, nearest first, without the single label at the end."""
    labels = domain.split(".")
    return [".".join(labels[place:]) for place in range(len(labels) - 1)]


def build_account_profiles(accounts: DataFrame, *, free_mail: Collection[str], excluded: Collection[str]) -> DataFrame:
    """One row per account of the accounts file, with its domains and what keeps each of them from standing for it.

    Args:
        accounts: `account_id`, `name`, `domains` (any number, between `;`, `,`, `|` or spaces) of each record that
            counts. Several records of an account add up; their names agree.
        free_mail: Domains at which anybody can have an address.
        excluded: Other domains that stand for no account.

    Returns:
        Rows of `account_profiles`. A domain of two accounts or more is `shared` and stands for none of them.
    """
    one_each = accounts.groupBy("account_id").agg(
        F.max("name").alias("name"), F.array_join(F.array_sort(F.collect_set("domains")), ";").alias("domains")
    )
    spread = one_each.mapInArrow(_domain_reader(frozenset(free_mail), frozenset(excluded)), _PROFILES)
    of_domain = W.partitionBy("domain").rowsBetween(W.unboundedPreceding, W.unboundedFollowing)
    is_shared = F.col("domain").isNotNull() & (F.count("account_id").over(of_domain) > 1)
    judged = spread.withColumn("problem", F.coalesce("problem", F.when(is_shared, "shared")))
    entry = F.when(F.col("domain").isNotNull(), F.struct("domain", "problem"))
    return ACCOUNT_PROFILES.conform(
        judged.groupBy("account_id").agg(
            F.max("name").alias("name"), F.array_sort(F.collect_list(entry)).alias("domains")
        )
    )


def find_domain_accounts(
    values: DataFrame, profiles: DataFrame, *, excluded: Collection[str], keys: Keys | None
) -> DataFrame:
    """The account that the domain of each address stands for.

    The nearest listed domain counts, the address's own or one above it. One that several accounts share stands for
    none of them.

    Args:
        values: Rows of `identifier_values`, of addresses only.
        profiles: Rows of `account_profiles`.
        excluded: Domains that stand for no account, nor does any below them.
        keys: Secrets for the ids of accounts that no file names; null where such domains stand for none.

    Returns:
        `identifier_id`, `account_id`: one row per address whose domain stands for an account. That of a domain which no
        account lists is `dom_` and a keyed hash.
    """
    addresses = values.select("identifier_id", "id_value").mapInArrow(
        _address_reader(frozenset(excluded), keys), _ADDRESSES
    )
    known = _listed(profiles).withColumn("is_listed", F.lit(True))
    spread = addresses.select("identifier_id", "keyed_id", F.posexplode("domains").alias("place", "domain"))
    matched = spread.join(known, on="domain", how="left")
    nearest = matched.groupBy("identifier_id", "keyed_id").agg(
        F.min(F.when(F.col("is_listed"), F.struct("place", "account_id"))).alias("nearest")
    )
    found = F.when(F.col("nearest").isNull(), F.col("keyed_id")).otherwise(F.col("nearest.account_id"))
    return nearest.select("identifier_id", found.alias("account_id")).where(F.col("account_id").isNotNull())


def find_redomiciled(values: DataFrame, before: DataFrame, after: DataFrame, *, excluded: Collection[str]) -> DataFrame:
    """Addresses whose domain, or one above it, is listed otherwise than before: they may stand for another account.

    Args:
        values: Rows of `identifier_values`, of addresses only.
        before: Rows of `account_profiles`, as they were.
        after: The same as they are.
        excluded: Domains that stand for no account, nor does any below them.

    Returns:
        `identifier_id`, each once.
    """
    were, are = _listed(before), _listed(after)
    changed = were.subtract(are).unionByName(are.subtract(were)).select("domain").distinct()
    addresses = values.select("identifier_id", "id_value").mapInArrow(
        _address_reader(frozenset(excluded), None), _ADDRESSES
    )
    spread = addresses.select("identifier_id", F.explode("domains").alias("domain"))
    # as many as the accounts file lists otherwise
    return spread.join(F.broadcast(changed), on="domain", how="left_semi").select("identifier_id").distinct()


def _listed(profiles: DataFrame) -> DataFrame:
    """`domain`, `account_id`: the account that a listed domain stands for, null where several accounts share it."""
    listed = profiles.select("account_id", F.inline("domains"))
    is_usable, is_shared = F.col("problem").isNull(), F.col("problem") == "shared"
    account = F.when(is_usable, F.col("account_id")).alias("account_id")
    # a shared domain is listed, too: it hides what lies above it
    return listed.where(is_usable | is_shared).select("domain", account).distinct()


def _domain_reader(free_mail: frozenset[str], excluded: frozenset[str]) -> Callable[[Batches], Batches]:
    """Rows of `_PROFILES`, one per account and domain; an account without any has one, with nulls."""

    def problem_of(domain: str | None) -> str | None:
        if domain is None:
            return "invalid"
        above = domain_and_above(domain)
        if free_mail.intersection(above):
            return "free_mail"
        return "excluded" if excluded.intersection(above) else None

    def read(batches: Batches) -> Batches:
        for batch in batches:
            rows: list[tuple[Any, ...]] = []
            for account, name, texts in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                written = [text for text in _SEPARATORS.split(texts or "") if text]
                found = {normalise_domain(text) or text: normalise_domain(text) for text in written}
                rows += [(account, name, one, problem_of(domain)) for one, domain in sorted(found.items())]
                if not found:
                    rows.append((account, name, None, None))
            yield _batch(rows, {name: pa.string() for name in ("account_id", "name", "domain", "problem")})

    return read


def _address_reader(excluded: frozenset[str], keys: Keys | None) -> Callable[[Batches], Batches]:
    """Rows of `_ADDRESSES` for the addresses whose domain may stand for an account."""

    def read(batches: Batches) -> Batches:
        hash_domain = message_hasher(keys, _SPACE) if keys else None
        for batch in batches:
            rows: list[tuple[Any, ...]] = []
            for number, value in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                domain = value.rpartition("@")[2]
                above = domain_and_above(domain)
                if above and not excluded.intersection(above):
                    keyed = KEYED_PREFIX + hash_domain(domain.encode()).hex() if hash_domain else None
                    rows.append((number, above, keyed))
            yield _batch(rows, {"identifier_id": pa.int64(), "domains": pa.list_(pa.string()), "keyed_id": pa.string()})

    return read


def _batch(rows: Iterable[tuple[Any, ...]], columns: dict[str, pa.DataType]) -> pa.RecordBatch:
    values: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [() for _ in columns]
    arrays = [pa.array(column, dtype) for column, dtype in zip(values, columns.values(), strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))
