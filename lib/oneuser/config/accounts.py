"""Accounts: what says that a person belongs to one, and which accounts lie above which."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from oneuser.config.base import Flag, Name, Place, Section, Text, Zone, misplaced
from oneuser.config.identity import IdType, undeclared
from oneuser.config.reference import ReferenceFile
from oneuser.config.sources import TimePattern

MembershipSource = Literal["file", "group", "domain"]
_SOURCES: tuple[MembershipSource, ...] = ("file", "group", "domain")
_ADDRESSES = ("email", "uid2_email")
_DOMAIN = re.compile(r"[^\s@/:.]+(?:\.[^\s@/:.]+)+")


def _one_or_several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _domain(text: str) -> str:
    if not _DOMAIN.fullmatch(text):
        raise ValueError("expected a domain such as example.com")
    return text


Domain = Annotated[str, Field(max_length=253), AfterValidator(_domain)]


class AccountsFile(ReferenceFile):
    """The accounts of a CRM: account_id; name and domains where there are. Records of one account add up."""

    required_columns: ClassVar[tuple[str, ...]] = ("account_id",)
    optional_columns: ClassVar[tuple[str, ...]] = ("name", "domains")
    list_columns: ClassVar[tuple[str, ...]] = ("domains",)


class PeriodTimes(Section):
    """How valid_from and valid_to are written: ISO 8601, or `format` in Java's letters (`dd/MM/yyyy`).

    `zone` is that of times that name none.
    """

    format: TimePattern | None = None
    zone: Zone = "UTC"


class ParentsFile(ReferenceFile):
    """Which account lies directly below which: account_id, parent_account_id; valid_from and valid_to where dated.

    valid_from is inclusive, and empty reaches back to the beginning; valid_to is exclusive, and empty is open.
    """

    required_columns: ClassVar[tuple[str, ...]] = ("account_id", "parent_account_id")
    optional_columns: ClassVar[tuple[str, ...]] = ("valid_from", "valid_to")

    times: PeriodTimes = PeriodTimes()


class MembersFile(ReferenceFile):
    """Who belongs to which account, by an identifier: id_value, account_id; valid_from and valid_to where dated.

    `id_type` is that of all records; without it the files have a column id_type.
    """

    required_columns: ClassVar[tuple[str, ...]] = ("id_value", "account_id")
    optional_columns: ClassVar[tuple[str, ...]] = ("id_type", "valid_from", "valid_to")

    id_type: Name | None = None
    times: PeriodTimes = PeriodTimes()


class AccountFiles(Section):
    """Files about accounts, each written anew by another system: what is no longer in one is withdrawn."""

    accounts: AccountsFile | None = None
    parents: ParentsFile | None = None
    members: MembersFile | None = None

    @property
    def declared(self) -> dict[str, ReferenceFile]:
        """Those that there are, by their key."""
        files = {"accounts": self.accounts, "parents": self.parents, "members": self.members}
        return {name: file for name, file in files.items() if file is not None}


class DomainRules(Section):
    """Membership by the domain of an address: of the accounts that list it as theirs in the accounts file.

    `from` names the id types that are addresses. Domains at which anybody can have an address stand for no account, nor
    do those of `extra_excluded`, such as your own. `unmapped: keyed` makes an account of each domain that no account
    lists; its id is a keyed hash.
    """

    from_types: Annotated[tuple[Name, ...], BeforeValidator(_one_or_several), Field(min_length=1, alias="from")] = (
        "email",
    )
    exclude_free_mail: Flag = True
    extra_excluded: tuple[Domain, ...] = ()
    unmapped: Literal["ignore", "keyed"] = "ignore"


class AccountRules(Section):
    """Accounts and who belongs to them.

    `membership`: with `single` a person has one account at a time, and a `group` message for another one ends the
    membership before; with `multiple` they have several until something says otherwise: one of `leave_events`, events
    that carry the account that is left, or the end of a record's validity. The `primary` account is that of the
    strongest source in `source_order`, and of several of those the latest, the first, or the one that most of the
    person's events carry.
    """

    membership: Literal["single", "multiple"] = "single"
    primary: Literal["latest", "first", "most_events"] = "latest"
    source_order: tuple[MembershipSource, ...] = _SOURCES
    leave_events: tuple[Text, ...] = ()
    files: AccountFiles = AccountFiles()
    domains: DomainRules | None = None

    @field_validator("source_order")
    @classmethod
    def _names_each_source_once(cls, order: tuple[MembershipSource, ...]) -> tuple[MembershipSource, ...]:
        if sorted(order) != sorted(_SOURCES):
            misplaced([((), f"needs each of {', '.join(_SOURCES)} once, the strongest first")])
        return order


def account_problems(accounts: AccountRules, id_types: Mapping[str, IdType]) -> Iterator[tuple[Place, str]]:
    """What the rules of accounts say that does not go with the declared id types, or with each other."""
    members = accounts.files.members
    if members is not None and members.id_type is not None and members.id_type not in id_types:
        place: Place = ("accounts", "files", "members", "id_type")
        yield place, undeclared(members.id_type, id_types)
    if accounts.domains is None:
        return
    for number, name in enumerate(accounts.domains.from_types):
        if name not in id_types:
            yield ("accounts", "domains", "from", number), undeclared(name, id_types)
        elif id_types[name].normaliser not in _ADDRESSES:
            yield ("accounts", "domains", "from", number), f"{name} holds no addresses: its normaliser is not email"
    if accounts.files.accounts is None and accounts.domains.unmapped == "ignore":
        yield ("accounts", "domains"), "no file lists domains of accounts: add `files.accounts`, or `unmapped: keyed`"
