"""What the parser of one source has to know. Frozen and picklable: it travels inside the function that executors run.

A mapping says where each part of an event sits in a line's object; a preset is a mapping that ships with the package.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping as MappingOf

    from oneuser.config import IdType

# 2000-01-01 in microseconds: no earlier time is believed, unless the configuration says otherwise
EARLIEST_TIME = 946_684_800_000_000
EVENT_TYPES = ("identify", "track", "page", "screen", "group", "alias")


@dataclass(frozen=True)
class Path:
    """A value by its keys from the top of the object. For tables the first key may be a whole column name."""

    keys: tuple[str, ...]


@dataclass(frozen=True)
class Const:
    """The same value for every line."""

    value: str | int | float | bool


@dataclass(frozen=True)
class FirstOf:
    """The first of several that is there."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Concat:
    """Texts one after another; null if one of them is missing."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Product:
    """Numbers multiplied in exact decimal arithmetic, as text; null if one of them is no number."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Time:
    """A time with a declared pattern (Java's letters) or a zone for values that name none."""

    part: Expression
    pattern: str | None = None
    zone: str | None = None


@dataclass(frozen=True)
class UrlParam:
    """A query parameter of a URL."""

    part: Expression
    name: str


@dataclass(frozen=True)
class Derived:
    """An identifier that is made of each identifier of another type in the same message, from its normalised value."""

    from_type: str
    transform: str


Expression = Path | Const | FirstOf | Concat | Product | Time | UrlParam


@dataclass(frozen=True)
class Mapping:
    """Where each part of an event is. A part without an expression is never there.

    `identifiers` may name a type several times; every value counts. `derived` are made of the others. `traits`,
    `properties` and `consent` are either one expression that gives an object, or pairs of a name and an expression.
    `opt_out` is a signal against sale and sharing.
    """

    message_id: Expression | None = None
    type: Expression | None = None
    event: Expression | None = None
    event_time: Expression | None = None
    original_time: Expression | None = None
    sent_at: Expression | None = None
    received_at: Expression | None = None
    group_id: Expression | None = None
    identifiers: tuple[tuple[str, Expression], ...] = ()
    derived: tuple[tuple[str, Derived], ...] = ()
    external_ids: Expression | None = None
    previous_id: Expression | None = None
    traits: Expression | tuple[tuple[str, Expression], ...] | None = None
    properties: Expression | tuple[tuple[str, Expression], ...] | None = None
    consent: Expression | tuple[tuple[str, Expression], ...] | None = None
    opt_out: Expression | None = None
    campaign: Expression | tuple[tuple[str, Expression], ...] | None = None
    page_url: Expression | None = None
    page_search: Expression | None = None
    referrer: Expression | None = None


@dataclass(frozen=True)
class IdTypeSpec:
    """How values of one identifier type are brought to one form."""

    name: str
    normaliser: str = "trim"
    default_region: str | None = None
    gmail: bool = False


def id_type_specs(id_types: MappingOf[str, IdType]) -> dict[str, IdTypeSpec]:
    """How values of each declared type are brought to one form, by the type's name."""
    return {
        name: IdTypeSpec(name, normaliser=rules.normaliser, default_region=rules.default_region, gmail=rules.gmail)
        for name, rules in id_types.items()
    }


@dataclass(frozen=True)
class Limits:
    """Bounds beyond which a line is refused, or its time not believed; that in microseconds since 1970 UTC."""

    max_line_bytes: int = 32 * 1024
    max_depth: int = 100
    max_traits: int = 300
    earliest_time: int = EARLIEST_TIME


@dataclass(frozen=True)
class SourceSpec:
    """Everything the parser needs to know about one source, secrets apart.

    `is_table` holds for CSV, TSV and Parquet: a row has typed columns instead of a line of JSON. `decimal` is the mark
    before the decimals of numbers that are text.
    """

    name: str
    id_space: str
    mapping: Mapping
    id_types: tuple[IdTypeSpec, ...]
    root: tuple[str, ...] = ()
    previous_id_type: str = "auto"
    is_table: bool = False
    decimal: str = "."
    limits: Limits = field(default_factory=Limits)
