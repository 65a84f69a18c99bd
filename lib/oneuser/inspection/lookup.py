"""From an identifier or a User ID to a person, in the published tables.

Values are hashed here, so that no reader of tables is told any.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from oneuser.contracts.graph import IDENTIFIERS
from oneuser.contracts.identity import DIM_USER, IDENTIFIER_MAP, USER_IDS
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.core.errors import ConfigError, EnvironmentProblem
from oneuser.core.identifier_text import Misread, NamedIdentifier, no_such_type, read_identifier
from oneuser.core.keyed import identifier_hasher
from oneuser.core.masking import mask_identifier
from oneuser.events.normalise import NORMALISER_VERSIONS, make_normaliser
from oneuser.events.spec import IdTypeSpec
from oneuser.privacy.lost_versions import require_versions

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyspark.sql import DataFrame

    from oneuser.core.keyed import Keys
    from oneuser.inspection.published_rows import PublishedRows

USER_ID = re.compile(r"usr_[0-9A-Za-z]{26}")


@dataclass(frozen=True)
class KnownIdentifier:
    """One identifier of a person. `value` is masked unless it was asked for; null where it is kept no more."""

    identifier_id: int
    id_type: str
    value: str | None
    is_contested: bool
    first_seen_at: datetime
    last_seen_at: datetime
    n_events: int


@dataclass(frozen=True)
class Identity:
    """The answer to a look-up.

    `status` is live; vacant or erased, where the ID stands for nobody now; unowned, where the identifier is stored and
    nobody's, such as one that is blocked or that too many people share; or unknown, where no such one was ever seen.
    `user_id` is the live ID, else the one asked for, and null only where the status is unowned or unknown.
    `retired_id` is the ID asked for where it points at another one. `account_id` is the primary one of `account_ids`.
    """

    status: str
    user_id: str | None = None
    retired_id: str | None = None
    kind: str | None = None
    account_id: str | None = None
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    identifiers: list[KnownIdentifier] = field(default_factory=list)
    account_ids: list[str] = field(default_factory=list)


def resolve(user_ids: DataFrame, rows: DataFrame, column: str) -> DataFrame:
    """Add `resolved_user_id` to rows that carry a User ID: the live ID, `vacant` or `erased`, never null.

    A null ID and one that the publication does not have are `vacant`.
    """
    from pyspark.sql import functions as F

    target = (
        F.when(F.col("status") == "retired", F.col("redirect_to"))
        .when(F.col("status") == "live", F.col("user_id"))
        .otherwise(F.col("status"))
    )
    known = user_ids.select(F.col("user_id").alias("_asked"), target.alias("resolved_user_id"))
    joined = rows.join(known, on=rows[column] == known["_asked"], how="left").drop("_asked")
    return joined.withColumn("resolved_user_id", F.coalesce("resolved_user_id", F.lit("vacant")))


def read_question(text: str, *, verb: str) -> NamedIdentifier | str:
    """What somebody asks about: a User ID as it is, or an identifier, written `type: value` or `type:value`.

    Raises:
        ConfigError: where it is neither.
    """
    if USER_ID.fullmatch(text):
        return text
    try:
        return read_identifier(text)
    except Misread as misread:
        raise ConfigError.single(verb, f"give a User ID, or an identifier: {misread}") from None


def find_user(published: PublishedRows, user_id: str, *, unmasked: bool = False) -> Identity:
    """The person behind a User ID, retired or not.

    Raises:
        ConfigError: for what is no User ID at all.
    """
    if USER_ID.fullmatch(user_id) is None:
        raise ConfigError.single("user_id", "this is no User ID: one is usr_ and 26 characters")
    rows = published.rows(USER_IDS, columns=["status", "redirect_to"], where={"user_id": [user_id]})
    status = rows[0]["status"] if rows else "vacant"
    if status in ("vacant", "erased"):
        return Identity(status, user_id)
    is_retired = status == "retired"
    live = rows[0]["redirect_to"] if is_retired else user_id
    return _describe(published, live, retired_id=user_id if is_retired else None, asked={}, unmasked=unmasked)


def find_identifier(
    published: PublishedRows,
    keys: Keys,
    *,
    named: NamedIdentifier,
    rules: Mapping[str, IdTypeSpec],
    unmasked: bool = False,
) -> Identity:
    """The person who owns an identifier now.

    Raises:
        ConfigError: for a type that is neither declared nor stored.
    """
    number, spelling = identifier_id_of(published, keys, named=named, rules=rules)
    return Identity("unknown") if number is None else find_owner(published, number, spelling, unmasked=unmasked)


def find_owner(published: PublishedRows, number: int, spelling: str, *, unmasked: bool = False) -> Identity:
    """The person who owns the identifier of a number now; `spelling` is shown as it is."""
    owners = published.rows(IDENTIFIER_MAP, columns=["user_id"], where={"identifier_id": [number]})
    if not owners:
        return Identity("unowned")
    return _describe(published, owners[0]["user_id"], retired_id=None, asked={number: spelling}, unmasked=unmasked)


def identifier_id_of(
    published: PublishedRows, keys: Keys, *, named: NamedIdentifier, rules: Mapping[str, IdTypeSpec]
) -> tuple[int | None, str]:
    """The `identifier_id` of an identifier with the spelling that is stored; null where it was never seen.

    Raises:
        ConfigError: for a type that is neither declared nor stored, for which alone all stored types are looked at; and
            for what UTF-8 cannot say, such as bytes of another encoding.
        EnvironmentProblem: where the key is not that of the warehouse.
    """
    id_type = named.id_type
    try:
        spellings = spellings_of(named.value, id_type, rules.get(id_type))
        hashers = [identifier_hasher(version, id_type) for version in keys.of_each_version()]
        ranks = {hash_value(text): rank for rank, text in enumerate(spellings) for hash_value in hashers}
    except UnicodeEncodeError:
        raise ConfigError.single("identifier", "it is not in UTF-8, as all stored identifiers are") from None
    found = published.rows(
        IDENTIFIERS, columns=["identifier_id", "id_key"], where={"id_type": [id_type], "id_key": ranks.keys()}
    )
    if found:
        rank, number = min((ranks[row["id_key"]], row["identifier_id"]) for row in found)
        return number, spellings[rank]
    if id_type not in rules:
        stored = published.distinct(IDENTIFIERS, "id_type")
        if id_type not in stored:
            raise ConfigError.single("type", no_such_type(id_type, sorted(stored | rules.keys())))
    _require_own_keys(published, keys)
    return None, named.value


def _require_own_keys(published: PublishedRows, keys: Keys) -> None:
    """With another key nothing is ever found: a value that is stored must have the hash that is stored."""
    versions = {version.key_id: version for version in keys.of_each_version()}
    require_versions(published.distinct(IDENTIFIERS, "key_id"), keys, where=published.tables.root)
    for kept in published.rows(IDENTIFIER_VALUES, columns=["identifier_id", "id_value"], limit=1):
        wanted = {"identifier_id": [kept["identifier_id"]]}
        for row in published.rows(IDENTIFIERS, columns=["id_type", "id_key", "key_id"], where=wanted):
            if identifier_hasher(versions[row["key_id"]], row["id_type"])(kept["id_value"]) != row["id_key"]:
                raise EnvironmentProblem(
                    found="the identifiers of this warehouse were hashed with another key",
                    expected="the key that it was made with, and its deployment",
                    where=published.tables.root,
                    next_step="let `keys.identifiers` of the configuration name it; else put the key file back",
                )


def spellings_of(value: str, id_type: str, rules: IdTypeSpec | None) -> list[str]:
    """The normalised form of a value, by the rules of its type; without rules, every form it may have been given."""
    if rules is not None:
        normalised = make_normaliser(rules)(value)
        return [] if normalised is None else [normalised]
    likely = "email" if "email" in id_type else "trim"
    names = [likely, *(name for name in NORMALISER_VERSIONS if name != likely)]
    forms = [make_normaliser(IdTypeSpec(id_type, normaliser=name))(value) for name in names]
    return list(dict.fromkeys(form for form in forms if form is not None))


def values_of(
    published: PublishedRows, numbers: Collection[int], asked: Mapping[int, str], *, unmasked: bool
) -> dict[int, tuple[str, str | None]]:
    """Type and value of identifiers by number; masked, but for those in `asked` and where all were asked for."""
    wanted = {"identifier_id": numbers}
    types = published.rows(IDENTIFIERS, columns=["identifier_id", "id_type"], where=wanted)
    stored = published.rows(IDENTIFIER_VALUES, columns=["identifier_id", "id_value"], where=wanted)
    values = {row["identifier_id"]: row["id_value"] for row in stored}
    shown: dict[int, tuple[str, str | None]] = {}
    for row in types:
        number = row["identifier_id"]
        value = values.get(number)
        is_plain = unmasked or number in asked
        shown[number] = (row["id_type"], value if is_plain or value is None else mask_identifier(value))
    return shown


def _describe(
    published: PublishedRows, user_id: str, *, retired_id: str | None, asked: Mapping[int, str], unmasked: bool
) -> Identity:
    """Grows with the identifiers of one person, which are all in the answer."""
    rows = published.rows(IDENTIFIER_MAP, where={"user_id": [user_id]})
    values = values_of(published, [row["identifier_id"] for row in rows], asked, unmasked=unmasked)
    identifiers = [
        KnownIdentifier(
            row["identifier_id"], row["id_type"], values.get(row["identifier_id"], ("", None))[1], row["is_contested"],
            row["first_seen_at"], row["last_seen_at"], row["n_events"],
        )
        for row in sorted(rows, key=lambda row: (row["strength"], row["id_type"], row["identifier_id"]))
    ]  # fmt: skip
    users = published.rows(DIM_USER, where={"user_id": [user_id]})
    if not users:
        return Identity("live", user_id, retired_id, identifiers=identifiers)
    user = users[0]
    return Identity(
        "live", user_id, retired_id, user["kind"], user["account_id"], user["first_seen_at"], user["last_seen_at"],
        identifiers, user["account_ids"],
    )  # fmt: skip
