"""Where events come from, and where in a row or line each part of an event is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from oneuser.config.base import (
    ColumnOrPath,
    InputPath,
    Name,
    Place,
    Scalar,
    Section,
    Text,
    Zone,
    misplaced,
)
from oneuser.config.dialects import Delimited
from oneuser.core.time_patterns import compile_time_pattern

Format = Literal["jsonl", "csv", "tsv", "parquet", "delta"]
Preset = Literal[
    "segment", "rudderstack", "snowplow", "ga4", "amplitude", "mixpanel", "posthog", "salesforce", "hubspot", "generic"
]
Transform = Literal["sha256", "md5", "uid2"]
_MOST_PARTS = 20


def _time_pattern(text: str) -> str:
    compile_time_pattern(text)
    return text


TimePattern = Annotated[Text, AfterValidator(_time_pattern)]


class Const(Section):
    """The same value for every row: `{const: track}`."""

    const: Scalar


class Concat(Section):
    """Texts one after another: `{concat: [country, number]}`. Null where one of them is missing."""

    concat: Annotated[tuple[Expression, ...], Field(min_length=1, max_length=_MOST_PARTS)]


class Product(Section):
    """Numbers multiplied exactly: `{product: [Quantity, Price]}`. Null where one of them is no number."""

    product: Annotated[tuple[Expression, ...], Field(min_length=1, max_length=_MOST_PARTS)]


class UrlParam(Section):
    """A query parameter of a URL, by its name: `{url_param: [context.page.url, eid]}`. The first of a name counts.

    It is decoded as forms are: `%40` and `+` mean `@` and a space. What stands after `#`
    counts where the query lacks it.
    """

    url_param: tuple[Expression, Text]


class Column(Section):
    """A column that holds a time: `{column: InvoiceDate, format: yyyy-MM-dd HH:mm:ss, zone: Europe/London}`.

    `format` is in Java's letters, and what stands in [ ] may be missing; `zone` is that of times that name none. A bare
    name does for every other column.
    """

    column: ColumnOrPath
    format: TimePattern | None = None
    zone: Zone | None = None


class Derivation(Section):
    """From which type of identifier another one is made, and how."""

    from_type: Name = Field(alias="from")
    transform: Transform


class Derived(Section):
    """An identifier that is made of another one of the same event: `{derive: {from: email, transform: sha256}}`.

    It is made of the normalised value, so that what a tool has hashed already meets the address. `sha256` and `md5` are
    in hexadecimal, `uid2` is what UID2 makes of an e-mail address.
    """

    derive: Derivation


def _kind(value: Any, kinds: tuple[str, ...]) -> str | None:
    if isinstance(value, str):
        return "<path>"
    if isinstance(value, Section):
        return next((f"<{key}>" for key in kinds if hasattr(value, key)), None)
    if isinstance(value, Mapping):
        return next((f"<{key}>" for key in kinds if key in value), None)
    return None


_KINDS = ("const", "concat", "product", "url_param", "column")


def _expression_kind(value: Any) -> str | None:
    return _kind(value, _KINDS)


def _identifier_kind(value: Any) -> str | None:
    return _kind(value, (*_KINDS, "derive"))


_Place = (
    Annotated[ColumnOrPath, Tag("<path>")]
    | Annotated[Const, Tag("<const>")]
    | Annotated[Concat, Tag("<concat>")]
    | Annotated[Product, Tag("<product>")]
    | Annotated[UrlParam, Tag("<url_param>")]
    | Annotated[Column, Tag("<column>")]
)
Expression = Annotated[_Place, Discriminator(_expression_kind)]
IdentifierPlace = Annotated[_Place | Annotated[Derived, Tag("<derive>")], Discriminator(_identifier_kind)]


def _one_or_several(value: Any) -> str:
    return "<several>" if isinstance(value, list | tuple) else "<one>"


def _object_or_parts(value: Any) -> str:
    return "<object>" if isinstance(value, str) else "<parts>"


OneOrSeveral = Annotated[
    Annotated[IdentifierPlace, Tag("<one>")]
    | Annotated[tuple[IdentifierPlace, ...], Field(min_length=1, max_length=_MOST_PARTS), Tag("<several>")],
    Discriminator(_one_or_several),
]
ObjectOrParts = Annotated[
    Annotated[ColumnOrPath, Tag("<object>")] | Annotated[Mapping[Text, Expression], Tag("<parts>")],
    Discriminator(_object_or_parts),
]


class Campaign(Section):
    """Where the parts of a campaign are."""

    source: Expression | None = None
    medium: Expression | None = None
    name: Expression | None = None
    term: Expression | None = None
    content: Expression | None = None


class SourceMapping(Section):
    """Where each part of an event is: a column of a table, or a path into the object of a line.

    A part that is not declared is never there. `identifiers` names the id type; several places for one type all count.
    `traits`, `properties` and `consent` are a path to an object, or a place for each of their keys; those of `consent`
    are purposes. `opt_out` is a signal against sale and sharing, such as that of `Sec-GPC`.
    """

    message_id: Expression | None = None
    type: Expression
    event: Expression | None = None
    event_time: Expression | None = None
    original_time: Expression | None = None
    sent_at: Expression | None = None
    received_at: Expression | None = None
    group_id: Expression | None = None
    identifiers: Mapping[Name, OneOrSeveral] = {}
    external_ids: ColumnOrPath | None = None
    previous_id: Expression | None = None
    traits: ObjectOrParts | None = None
    properties: ObjectOrParts | None = None
    consent: ObjectOrParts | None = None
    opt_out: Expression | None = None
    campaign: Campaign | None = None
    page_url: Expression | None = None
    page_search: Expression | None = None
    referrer: Expression | None = None

    @model_validator(mode="after")
    def _needs_a_time_and_somebody(self) -> SourceMapping:
        problems: list[tuple[Place, str]] = []
        if self.event_time is None and self.received_at is None:
            problems.append(((), "says nowhere when an event happened: add `event_time` or `received_at`"))
        if not self.identifiers and self.external_ids is None and self.group_id is None:
            problems.append(((), "says nowhere whose event it is: add `identifiers`, `external_ids` or `group_id`"))
        misplaced(problems)
        return self


class Source(Delimited):
    """One input: files of one format and shape.

    `path` may hold wildcards. `identifiers` are further ones, beside those of a preset. `id_space` is the space in
    which message ids are unique, by default the source's name, so that two sources may share one. `touch` says what a
    touchpoint is: the first event of a session, or each event. `separator`, `quote`, `encoding` and `decimal` say
    how csv and tsv files are written.
    """

    path: InputPath
    format: Format
    root: ColumnOrPath | None = None
    preset: Preset | None = None
    mapping: SourceMapping | None = None
    identifiers: Mapping[Name, OneOrSeveral] = {}
    touch: Literal["session", "event"] = "session"
    id_space: Name | None = None

    @property
    def is_table(self) -> bool:
        """Whether rows have columns, instead of being lines of JSON."""
        return self.format != "jsonl"

    @model_validator(mode="after")
    def _is_described_once(self) -> Source:
        problems: list[tuple[Place, str]] = []
        if self.preset is None and self.mapping is None:
            problems.append(((), "needs a `preset` or a `mapping`"))
        if self.preset is not None and self.mapping is not None:
            problems.append((("mapping",), "a source has a `preset` or a `mapping`, not both"))
        elif self.preset == "segment" and self.is_table:
            problems.append((("preset",), f"segment messages are JSON Lines; a {self.format} source needs a `mapping`"))
        if self.mapping is not None and self.identifiers:
            problems.append((("identifiers",), "beside a `mapping` they stand in `mapping.identifiers`"))
        if self.root is not None and self.is_table:
            problems.append((("root",), f"only JSON Lines have a root, {self.format} has columns"))
        misplaced(problems)
        return self


Concat.model_rebuild()
Product.model_rebuild()
UrlParam.model_rebuild()
