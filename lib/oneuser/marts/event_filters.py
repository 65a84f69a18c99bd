"""Which events are meant: by name, and by what their properties say.

Reads columns `event` (text) and `properties` (a map from text) of whatever rows it is applied to; the latter only where
a property is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from oneuser.core.errors import ConfigError
from oneuser.core.masking import has_address
from oneuser.core.suggestions import did_you_mean
from oneuser.marts.properties import is_value

if TYPE_CHECKING:
    from pyspark.sql import Column

Value = str | bool | int | float

_ADDRESS = "an address names somebody, and what is tested for stands in plans and logs of Spark: test something else"
_TESTS = ("equals", "in", "present")
_WHERE = "expected a value, a list of values, {equals: ...}, {in: [...]} or {present: true}"


@dataclass(frozen=True)
class PropertyTest:
    """A test of one property: it is among `values`, or, where there are none, whether it is there at all."""

    name: str
    values: tuple[Value, ...] = ()
    is_present: bool = True

    def passes(self) -> Column:
        """Whether an event passes; never null."""
        text = property_of(self.name)
        if self.values:
            found = [F.coalesce(is_value(text, value), F.lit(False)) for value in self.values]
            return reduce(lambda one, other: one | other, found)
        return text.isNotNull() if self.is_present else text.isNull()


@dataclass(frozen=True)
class EventFilter:
    """Events of some names, or of any where `names` is null, whose properties pass every test."""

    names: tuple[str, ...] | None = None
    where: tuple[PropertyTest, ...] = ()

    @property
    def properties(self) -> tuple[str, ...]:
        """Properties that are asked for."""
        return tuple(sorted({test.name for test in self.where}))

    def is_named(self) -> Column:
        """Whether an event has one of the names; never null. An event without a name is any."""
        if self.names is None:
            return F.lit(True)
        return F.coalesce(F.col("event").isin(*self.names), F.lit(False))

    def passes(self) -> Column:
        """Whether an event has one of the names and passes every test; never null."""
        return reduce(lambda one, other: one & other, [test.passes() for test in self.where], self.is_named())


ANY_EVENT = EventFilter()


def property_of(name: str) -> Column:
    """A property as text; null where an event has none of that name."""
    return F.try_element_at(F.col("properties"), F.lit(name)).cast("string")


def checked_filter(key: str, names: object = None, where: object = None) -> EventFilter:
    """Which events are meant.

    Args:
        key: What the filter is called in errors, such as `start`.
        names: An event's name, several, or null for any.
        where: Property to what it must say: a value, several, or one of {equals: value}, {in: values} and
            {present: flag}. Properties are text: a number is any text that is the same number, such as 5.0 for 5.

    Raises:
        ConfigError: naming the part that cannot be read.
    """
    if where is not None and not isinstance(where, Mapping):
        raise ConfigError.single(
            f"{key}_where", f"expected a mapping from property to value, found {type(where).__name__}"
        )
    tests = tuple(_test(f"{key}_where", str(name), test) for name, test in sorted((where or {}).items()))
    return EventFilter(_names(key, names), tests)


def _names(key: str, names: object) -> tuple[str, ...] | None:
    if names is None:
        return None
    each = [names] if isinstance(names, str) else list(names) if isinstance(names, Iterable) else [names]
    if not each or not all(isinstance(name, str) and name for name in each):
        raise ConfigError.single(key, "expected the name of an event, several names, or None for any event")
    return tuple(sorted(set(each)))


def _test(key: str, name: str, test: Any) -> PropertyTest:
    key = f"{key}[{name!r}]"
    if isinstance(test, Mapping):
        if len(test) != 1 or not set(test) <= set(_TESTS):
            unknown = next((str(part) for part in test if part not in _TESTS), "")
            raise ConfigError.single(key, f"{_WHERE}{did_you_mean(unknown, _TESTS)}")
        (kind, value) = next(iter(test.items()))
        if kind == "present":
            if not isinstance(value, bool):
                raise ConfigError.single(key, "present is true or false")
            return PropertyTest(name, is_present=value)
        test = [value] if kind == "equals" else value
    several = [test] if isinstance(test, str | int | float) else test
    if not isinstance(several, Iterable):
        raise ConfigError.single(key, _WHERE)
    values = set(several)
    if not values:
        raise ConfigError.single(key, "an empty list of values lets nothing pass")
    if not all(isinstance(value, str | bool | int | float) for value in values):
        raise ConfigError.single(key, _WHERE)
    if any(isinstance(value, str) and has_address(value) for value in values):
        raise ConfigError.single(key, _ADDRESS)
    return PropertyTest(name, tuple(sorted(values, key=repr)))
