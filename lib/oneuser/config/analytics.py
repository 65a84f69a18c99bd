"""Sessions, channels and conversions: the parameters of their definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from oneuser.config.base import Flag, Pattern, Positive, Section, Tested, Text, misplaced

# an external referrer is none of the landing host's own site
ChannelField = Literal[
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_content",
    "utm_term",
    "click_id",
    "referrer_host",
    "external_referrer_host",
    "landing_host",
]
Milestone = Literal["lead", "opportunity", "close"]


def _property_path(text: str) -> str:
    if not text.startswith("properties.") or text.endswith(".") or ".." in text:
        raise ValueError("expected a path into the event's properties, such as properties.revenue")
    return text


PropertyPath = Annotated[str, Field(max_length=1000), AfterValidator(_property_path)]


class SessionRules(Section):
    """A session is cut where its person is silent for `gap_minutes`.

    With `cut_at_campaign` one begins too with an event whose campaign (source, medium, name, or a click id) is another
    than that of the session so far.
    """

    gap_minutes: Positive = 30
    cut_at_campaign: Flag = False


class Condition(Section):
    """A test of one field. Exactly one of its keys is there.

    `matches` is a regular expression, searched for anywhere in the value. A field that is null passes `present: false`
    only.
    """

    equals: Text | None = None
    one_of: Annotated[tuple[Text, ...], Field(min_length=1)] | None = Field(default=None, alias="in")
    matches: Pattern | None = None
    present: Flag | None = None

    @model_validator(mode="after")
    def _is_one_test(self) -> Condition:
        if sum(part is not None for part in (self.equals, self.one_of, self.matches, self.present)) != 1:
            misplaced([((), "needs exactly one of `equals`, `in`, `matches`, `present`")])
        return self


class ChannelRule(Section):
    """A touch whose fields pass every test of `when` belongs to `channel`. The first rule that fits wins."""

    name: Text
    channel: Text
    when: Mapping[ChannelField, Condition] = {}


class PropertyFilter(Section):
    """A test of one property. Exactly one of its keys is there."""

    equals: Tested | None = None
    one_of: Annotated[tuple[Tested, ...], Field(min_length=1)] | None = Field(default=None, alias="in")

    @model_validator(mode="after")
    def _is_one_test(self) -> PropertyFilter:
        if (self.equals is None) == (self.one_of is None):
            misplaced([((), "needs exactly one of `equals`, `in`")])
        return self


class ConstCurrency(Section):
    """Every conversion has this currency: `{const: GBP}`."""

    const: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


def _const_or_path(value: Any) -> str:
    return "<path>" if isinstance(value, str) else "<const>"


Currency = Annotated[
    Annotated[PropertyPath, Tag("<path>")] | Annotated[ConstCurrency, Tag("<const>")], Discriminator(_const_or_path)
]


class Conversion(Section):
    """An event that counts as a conversion. `value` is in whole units of the currency, such as pounds.

    `milestone` says which stage of a sale it is, for attribution models that look at these.
    """

    event: Text
    where: Mapping[PropertyPath, PropertyFilter] = {}
    value: PropertyPath | None = None
    currency: Currency | None = None
    milestone: Milestone | None = None

    @model_validator(mode="after")
    def _money_has_a_currency(self) -> Conversion:
        if self.value is not None and self.currency is None:
            misplaced([(("value",), "a value needs a `currency`: a path, or {const: EUR}")])
        if self.value is None and self.currency is not None:
            misplaced([(("currency",), "there is no `value` that could have a currency")])
        return self
