"""Parts of Parquet columns whose names are rather values, as programs write objects whose keys are addresses.

They stand in no plan: such a part is left out, unless a mapping names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import types as T

from oneuser.core.column_names import is_value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator


def without_values(kind: T.DataType, path: str, needed: Collection[str]) -> T.DataType | None:
    """A type without the parts whose names are rather values, unless needed; null where nothing is left.

    `path` leads to it, with dots, as `needed` has them.
    """
    if isinstance(kind, T.StructType):
        paths = {part.name: f"{path}.{part.name}" for part in kind}
        named = [part for part in kind if not is_value(part.name) or is_named(paths[part.name], needed)]
        parts = [(part.name, without_values(part.dataType, paths[part.name], needed)) for part in named]
        kept = [T.StructField(name, part) for name, part in parts if part is not None]
        return T.StructType(kept) if kept or not kind.fields else None
    if isinstance(kind, T.ArrayType):
        element = without_values(kind.elementType, path, needed)
        return None if element is None else T.ArrayType(element)
    if isinstance(kind, T.MapType):
        key, value = without_values(kind.keyType, path, needed), without_values(kind.valueType, path, needed)
        return None if key is None or value is None else T.MapType(key, value)
    return kind


def paths_of_values(parts: Iterable[T.StructField], above: str, needed: Collection[str]) -> Iterator[str]:
    """Paths of parts that `without_values` leaves out; of one that is left out whole, its own alone."""
    for part in parts:
        path = f"{above}{part.name}"
        if is_value(part.name) and not is_named(path, needed):
            yield path
        else:
            yield from paths_of_values(_structs_in(part.dataType), f"{path}.", needed)


def _structs_in(kind: T.DataType) -> Iterator[T.StructField]:
    """Named parts of a type, those of its elements, keys and values among them."""
    if isinstance(kind, T.StructType):
        yield from kind
    else:
        for part in parts_of(kind):
            yield from _structs_in(part)


def is_named(path: str, needed: Collection[str]) -> bool:
    """Whether a path, or a longer one that begins with it, is needed."""
    return any(f"{name}.".startswith(f"{path}.") for name in needed)


def parts_of(kind: T.DataType) -> list[T.DataType]:
    """Types of the parts of a type, one level down; none of a plain one."""
    if isinstance(kind, T.StructType):
        return [field.dataType for field in kind]
    if isinstance(kind, T.MapType):
        return [kind.keyType, kind.valueType]
    return [kind.elementType] if isinstance(kind, T.ArrayType) else []
