"""Files of finance and sales: exchange rates, spend, opportunities, subscriptions and seats.

Each is a snapshot that another system writes anew: what is no longer in its files is withdrawn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from oneuser.config.accounts import PeriodTimes
from oneuser.config.base import Name, Place, Text
from oneuser.config.identity import IdType, undeclared
from oneuser.config.reference import ReferenceFile

CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]

_NO_CURRENCY = "rates do nothing without `reporting_currency`, the one that values are told in"
_NO_ACCOUNTS = (
    "opportunities are conversions of accounts and do nothing without `attribution.levels: [person, account]`"
)


class CommercialFile(ReferenceFile):
    """A file of amounts or periods. `times` says how days and times in it are written.

    A key of `said_of_all` that the configuration gives holds for every record; its column is not read then.
    """

    said_of_all: ClassVar[tuple[str, ...]] = ()

    times: PeriodTimes = PeriodTimes()

    @property
    def given(self) -> dict[str, str]:
        """What the configuration says of every record, by column."""
        said = {name: getattr(self, name) for name in self.said_of_all}
        return {name: value for name, value in said.items() if value is not None}


class FxRatesFile(CommercialFile):
    """Exchange rates: day, currency, to_currency, rate: one of `currency` is `rate` of `to_currency`.

    `currency` or `to_currency` may be given here for all records; without either, `to_currency` is the
    reporting currency, without which rates do nothing and are refused.
    """

    required_columns: ClassVar[tuple[str, ...]] = ("day", "rate")
    optional_columns: ClassVar[tuple[str, ...]] = ("currency", "to_currency")
    said_of_all: ClassVar[tuple[str, ...]] = ("currency", "to_currency")

    currency: CurrencyCode | None = None
    to_currency: CurrencyCode | None = None


class SpendFile(CommercialFile):
    """What marketing cost: day, amount in whole units, channel, campaign_source, campaign_name, currency.

    `channel` and `currency` may be given here for all records. Rows of the same day and names are added up.
    """

    required_columns: ClassVar[tuple[str, ...]] = ("day", "amount")
    optional_columns: ClassVar[tuple[str, ...]] = ("channel", "campaign_source", "campaign_name", "currency")
    said_of_all: ClassVar[tuple[str, ...]] = ("channel", "currency")

    channel: Text | None = None
    currency: CurrencyCode | None = None


class OpportunitiesFile(CommercialFile):
    """Opportunities of accounts: opportunity_id, account_id, lead_at, opened_at, closed_at, is_won, amount, currency.

    `won_values` are those of `is_won` that say that it was won, such as the name of a stage; case does not count.
    Won ones are conversions of accounts: they need the level `account` of attribution, and are refused without it.
    """

    required_columns: ClassVar[tuple[str, ...]] = ("opportunity_id", "account_id")
    optional_columns: ClassVar[tuple[str, ...]] = ("lead_at", "opened_at", "closed_at", "is_won", "amount", "currency")
    said_of_all: ClassVar[tuple[str, ...]] = ("currency",)

    currency: CurrencyCode | None = None
    won_values: Annotated[tuple[Text, ...], Field(min_length=1)] = ("true", "1", "yes")


class SubscriptionsFile(CommercialFile):
    """Recurring revenue: subscription_id, amount of a month in whole units, currency, valid_from, valid_to, and whose.

    That is account_id, or an identifier of a person: id_value and id_type. `id_type` and `currency` may be given here
    for all records. An upgrade is another record of the same subscription, from the day on which the one before ends.
    They are what `product.revenue_retention` counts where it names the file.
    """

    required_columns: ClassVar[tuple[str, ...]] = ("subscription_id", "amount")
    optional_columns: ClassVar[tuple[str, ...]] = (
        "account_id", "id_type", "id_value", "currency", "valid_from", "valid_to",
    )  # fmt: skip
    said_of_all: ClassVar[tuple[str, ...]] = ("id_type", "currency")

    id_type: Name | None = None
    currency: CurrencyCode | None = None


class SeatsFile(CommercialFile):
    """Seats that accounts have paid for: account_id, seats, valid_from, valid_to.

    They are what `product.adoption` counts the accounts of, and their members out of, where it names the file.
    """

    required_columns: ClassVar[tuple[str, ...]] = ("account_id", "seats")
    optional_columns: ClassVar[tuple[str, ...]] = ("valid_from", "valid_to")


def commercial_problems(
    files: Mapping[str, Mapping[str, CommercialFile]],
    *,
    reporting_currency: str | None,
    id_types: Mapping[str, IdType],
    conversions: Collection[str],
    has_accounts: bool,
) -> Iterator[tuple[Place, str]]:
    """What these files say that does not go with the rest of the configuration.

    Args:
        files: By section and name.
        reporting_currency: What rates without a currency are to.
        id_types: The declared types of identifiers.
        conversions: Names of the declared conversions.
        has_accounts: Whether conversions of accounts are attributed, which won opportunities are.
    """
    for section, named in files.items():
        for name, file in named.items():
            for column in file.given:
                if column in file.columns:
                    yield (section, name, "columns", column), f"`{column}` is given for all records already"
            id_type = file.given.get("id_type")
            if id_type is not None and id_type not in id_types:
                yield (section, name, "id_type"), undeclared(id_type, id_types)
    if reporting_currency is None:
        yield from ((("fx_rates", name), _NO_CURRENCY) for name in files["fx_rates"])
    if not has_accounts:
        yield from ((("opportunities", name), _NO_ACCOUNTS) for name in files["opportunities"])
    for name in files["opportunities"]:
        if name in conversions:
            yield ("opportunities", name), "a conversion is called so already, and won opportunities are conversions"
