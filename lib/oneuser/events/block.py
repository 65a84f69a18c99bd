"""Values of many messages at once: an expression of a mapping, read from a block of messages as a column.

A look-up inside a comprehension costs a third of a getter's call, and objects that several paths lead through are found
once. A column holds for each message what the getter of `values` gives for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneuser.events.spec import Expression, FirstOf, Path
from oneuser.events.values import make_getter, open_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Column = list[Any]
    ColumnReader = Callable[["Block"], Column]

_EMPTY: dict[str, Any] = {}
_USUAL = {dict, type(None)}


class Block:
    """Some messages; null stands for one that could not be read the fast way.

    `unusual` are the indexes of messages that need a closer look than a column can give. Few enough messages fit the
    processor's cache, which makes everything done with them several times faster.
    """

    def __init__(self, messages: Sequence[dict[str, Any] | None]) -> None:
        self.messages = [_EMPTY if message is None else message for message in messages]
        self.nothing: Column = [None] * len(messages)
        self.unusual: set[int] = set()
        self._objects: dict[tuple[str, ...], list[dict[str, Any]]] = {(): self.messages}
        self.require(messages)

    def require(self, column: Sequence[Any]) -> None:
        """Take messages without a value in `column` for unusual."""
        if None in column:
            self.unusual.update(index for index, value in enumerate(column) if value is None)

    def values(self, keys: tuple[str, ...]) -> Column:
        """The column of a path."""
        objects, last = self._objects_at(keys[:-1]), keys[-1]
        return [inner.get(last) for inner in objects] if objects else self.nothing

    def _objects_at(self, keys: tuple[str, ...]) -> list[dict[str, Any]]:
        """The object at a path in each message, an empty one where there is none; no list at all where none has one."""
        known = self._objects.get(keys)
        if known is not None:
            return known
        outer, last = self._objects_at(keys[:-1]), keys[-1]
        found = self.objects([top.get(last, _EMPTY) for top in outer])
        self._objects[keys] = found if any(found) else []
        return self._objects[keys]

    def objects(self, column: Column) -> list[dict[str, Any]]:
        """A column of parts that are objects, an empty one for each that is none."""
        kinds = set(map(type, column))
        if kinds <= _USUAL:
            # an empty object is as good as another
            return [value or _EMPTY for value in column] if type(None) in kinds else column
        return [
            value if type(value) is dict else _EMPTY if value is None else self.opened(value, index)
            for index, value in enumerate(column)
        ]

    def opened(self, inner: Any, index: int) -> dict[str, Any]:
        """What stands where an object should: nothing for an empty text, that in a text; else a closer look is due."""
        if inner == "":
            return _EMPTY
        opened = open_text(inner)
        if opened is None:
            self.unusual.add(index)
        return opened or _EMPTY


def make_column_reader(expression: Expression | None) -> ColumnReader:
    """A function that evaluates `expression` on all messages of a block."""
    if expression is None:
        return lambda block: block.nothing
    if isinstance(expression, Path):
        keys = expression.keys
        return lambda block: block.values(keys)
    if isinstance(expression, FirstOf):
        return _first_reader(tuple(make_column_reader(part) for part in expression.parts))
    getter = make_getter(expression)
    return lambda block: [getter(message) for message in block.messages]


def _first_reader(readers: tuple[ColumnReader, ...]) -> ColumnReader:
    def read_first(block: Block) -> Column:
        column = block.nothing
        for reader in readers:
            if column is block.nothing:
                column = reader(block)
            elif None in column or "" in column:
                others = reader(block)
                column = [
                    other if value is None or value == "" else value
                    for value, other in zip(column, others, strict=True)
                ]
        return column

    return read_first
