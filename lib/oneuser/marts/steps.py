"""Steps, uses of features and starts: which events are meant, as people write it down.

An event's name, or a mapping of `event` (a name, or several) and `where` (property to value). Applied to whatever rows
have `event` and `properties`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from pyspark.sql import types as T

from oneuser.core.errors import ConfigError
from oneuser.core.suggestions import did_you_mean
from oneuser.marts.event_filters import EventFilter, checked_filter, property_of
from oneuser.marts.properties import property_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import DataFrame

Step = str | Mapping[str, Any]

_KEYS = ("event", "where")
_EXPECTED = 'expected an event\'s name, or {"event": name, "where": {property: value}}'


def checked_step(key: str, step: object) -> EventFilter:
    """The events that a step means.

    Args:
        key: What the step is called in errors, such as `steps[0]`.
        step: An event's name, or a mapping with `event`, a name or several, and `where`, as `checked_filter` takes it.

    Raises:
        ConfigError: where it is neither, naming the part that cannot be read.
    """
    written = {"event": step} if isinstance(step, str) else step
    if not isinstance(written, Mapping):
        raise ConfigError.single(key, f"{_EXPECTED}, found {type(step).__name__}")
    for part in written:
        if part not in _KEYS:
            raise ConfigError.single(key, f"unknown key {part!r}{did_you_mean(str(part), _KEYS)}: {_EXPECTED}")
    if written.get("event") is None:
        raise ConfigError.single(key, f"the name of the event is missing: {_EXPECTED}")
    return checked_filter(key, written["event"], written.get("where"))


def checked_steps(key: str, steps: object) -> list[EventFilter]:
    """The events that each of several steps means.

    Raises:
        ConfigError: where there are none, or one of them cannot be read.
    """
    if isinstance(steps, str | Mapping) or not isinstance(steps, list | tuple) or not steps:
        raise ConfigError.single(key, f"expected a list of steps, the first one first; of each {_EXPECTED}")
    return [checked_step(f"{key}[{place}]", step) for place, step in enumerate(steps)]


def text_of(step: EventFilter) -> str:
    """A step as people read it: `order`, or `order (plan = pro or team)`."""
    tests = [
        f"{test.name} = {' or '.join(map(str, test.values))}"
        if test.values
        else f"{test.name} {'present' if test.is_present else 'absent'}"
        for test in step.where
    ]
    return " or ".join(step.names or ("any event",)) + (f" ({', '.join(tests)})" if tests else "")


def with_tests(
    events: DataFrame, tests: Mapping[str, EventFilter], *, properties: Mapping[str, str] | None = None
) -> DataFrame:
    """The events, with a boolean column for each test, never null, and a text column for each property.

    Args:
        events: Rows with `event` and, where any are asked for, `properties`: a map from text, or a struct or the JSON
            text of an object, in which dots in a name lead into objects within.
        tests: Tests by the column that holds the answer.
        properties: Names of properties by the column that holds their text.

    Raises:
        ConfigError: where properties are asked for and there are none, or they are none of these.
    """
    texts = properties or {}
    asked = sorted({*texts.values(), *(name for test in tests.values() for name in test.properties)})
    # a map from here on: each property is read once, however many tests ask for it
    return (_with_property_map(events, asked) if asked else events).select(
        "*",
        *(property_of(name).alias(column) for column, name in texts.items()),
        *(test.passes().alias(column) for column, test in tests.items()),
    )


def named_in(events: DataFrame, tests: Iterable[EventFilter]) -> DataFrame:
    """The events that have a name which any of the tests asks for."""
    return events.where(reduce(lambda one, other: one | other, [test.is_named() for test in tests], F.lit(False)))


def _with_property_map(events: DataFrame, names: Iterable[str]) -> DataFrame:
    kind = next((field.dataType for field in events.schema if field.name == "properties"), None)
    if isinstance(kind, T.MapType) and isinstance(kind.keyType, T.StringType):
        return events
    if not isinstance(kind, T.StringType | T.StructType):
        found = "missing" if kind is None else kind.simpleString()
        expected = "a map from text, a struct or JSON text"
        raise ConfigError.single("events", f"column properties is {found}, expected {expected}")
    in_json = events if isinstance(kind, T.StringType) else events.withColumn("properties", F.to_json("properties"))
    pairs = [part for name in names for part in (F.lit(name), property_text(name))]
    return in_json.withColumn("properties", F.create_map(*pairs))
