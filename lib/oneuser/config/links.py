"""Link tables: pairs of identifiers that another system says are one person, such as a CRM or a record linker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from oneuser.config.base import InputPath, Name, Number, Place, Positive, Section, Tested, Text, misplaced
from oneuser.config.dialects import Delimited
from oneuser.config.identity import undeclared
from oneuser.config.reference import ReferenceFormat
from oneuser.config.sources import Column, Const

# what else asserts edges
_TAKEN_NAMES = ("event", "alias", "manual")
_MOST_PARTS = 20
_FOUR_COLUMNS = ("id_type_a", "id_value_a", "id_type_b", "id_value_b")


class RecordTest(Section):
    """A test of one column: bounds, or exact values. A record whose column is empty passes none."""

    at_least: Number | None = None
    at_most: Number | None = None
    equals: Tested | None = None
    one_of: Annotated[tuple[Tested, ...], Field(min_length=1)] | None = Field(default=None, alias="in")

    @model_validator(mode="after")
    def _is_one_test(self) -> RecordTest:
        kinds = (
            self.at_least is not None or self.at_most is not None,
            self.equals is not None,
            self.one_of is not None,
        )
        if sum(kinds) != 1:
            misplaced([((), "needs bounds (`at_least`, `at_most`), or exactly one of `equals`, `in`")])
        return self


def _name_or_const(value: Any) -> str:
    return "<name>" if isinstance(value, str) else "<const>"


def _name_or_column(value: Any) -> str:
    return "<name>" if isinstance(value, str) else "<column>"


def _name_or_concat(value: Any) -> str:
    return "<name>" if isinstance(value, str) else "<concat>"


class ConcatColumns(Section):
    """Columns and constant texts, one after another: `{concat: [source_dataset, {const: "-"}, unique_id]}`."""

    concat: Annotated[
        tuple[
            Annotated[Annotated[Text, Tag("<name>")] | Annotated[Const, Tag("<const>")], Discriminator(_name_or_const)],
            ...,
        ],
        Field(min_length=1, max_length=_MOST_PARTS),
    ]


End = Annotated[
    Mapping[
        Name,
        Annotated[
            Annotated[Text, Tag("<name>")] | Annotated[ConcatColumns, Tag("<concat>")], Discriminator(_name_or_concat)
        ],
    ],
    Field(min_length=1, max_length=1),
]


class LinkTable(Delimited):
    """Pairs in files, written anew each time: a pair that is no longer in them is withdrawn.

    `a` and `b` say of which type the two ends are and in which column each stands: `a: {customer_id: "Customer ID"}`.
    Without them the files have the columns id_type_a, id_value_a, id_type_b and id_value_b, or `columns` says what
    these are called. `time` is when a pair was made or last seen. `where` leaves records out:
    `{probability: {at_least: 0.95}}`. `priority` stands in place of the sum of the two types' priorities where a person
    breaks a bound.
    """

    path: InputPath
    format: ReferenceFormat
    a: End | None = None
    b: End | None = None
    columns: Mapping[Name, Text] = {}
    time: (
        Annotated[Annotated[Text, Tag("<name>")] | Annotated[Column, Tag("<column>")], Discriminator(_name_or_column)]
        | None
    ) = None
    where: Mapping[Text, RecordTest] = {}
    priority: Positive | None = None

    @model_validator(mode="after")
    def _ends_are_said_once(self) -> LinkTable:
        problems: list[tuple[Place, str]] = []
        if (self.a is None) != (self.b is None):
            problems.append(((), "needs both `a` and `b`, or neither and the columns " + ", ".join(_FOUR_COLUMNS)))
        for name in self.columns:
            if self.a is not None:
                problems.append((("columns", name), "`a` and `b` name the columns already"))
            elif name not in _FOUR_COLUMNS:
                problems.append((("columns", name), f"no such column; there are {', '.join(_FOUR_COLUMNS)}"))
        misplaced(problems)
        return self

    @property
    def types(self) -> tuple[str, str] | None:
        """Types of the two ends; null where each record says its own."""
        return None if self.a is None or self.b is None else (next(iter(self.a)), next(iter(self.b)))

    @property
    def time_column(self) -> Column | None:
        """Where the time stands, and how it is written."""
        return Column(column=self.time) if isinstance(self.time, str) else self.time

    @property
    def end_parts(self) -> tuple[tuple[str | Const, ...], tuple[str | Const, ...]]:
        """The columns and constant texts that the value of each end is put together from."""
        if self.a is None or self.b is None:
            value_a, value_b = (self.columns.get(name, name) for name in _FOUR_COLUMNS[1::2])
            return (value_a,), (value_b,)
        one, other = next(iter(self.a.values())), next(iter(self.b.values()))
        return _parts(one), _parts(other)

    @property
    def type_columns(self) -> tuple[str, str] | None:
        """The columns in which each record says the types of its ends; null where they are declared."""
        if self.types is not None:
            return None
        type_a, type_b = (self.columns.get(name, name) for name in _FOUR_COLUMNS[::2])
        return type_a, type_b


def _parts(value: str | ConcatColumns) -> tuple[str | Const, ...]:
    return (value,) if isinstance(value, str) else value.concat


def link_problems(links: Mapping[str, LinkTable], id_types: Mapping[str, object]) -> Iterator[tuple[Place, str]]:
    """Every link table whose name stands for something else or whose ends are of no declared type."""
    for name, table in links.items():
        if name in _TAKEN_NAMES:
            yield ("links", name), f"another name is needed: {', '.join(_TAKEN_NAMES)} are other kinds of evidence"
        for end, ends in (("a", table.a), ("b", table.b)):
            for id_type in ends or ():
                if id_type not in id_types:
                    yield ("links", name, end, id_type), undeclared(id_type, id_types)
