"""A YAML file as plain values, with the line of every key, and with overrides from the command line.

Composed into ruamel's nodes, whose marks are the lines (decision 0097), and walked once. Duplicate keys and aliases are
problems: the one hides a mistake, the other is inheritance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from oneuser.config.base import Place
from oneuser.core.errors import ConfigProblem

_MAX_DEPTH = 50
_PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
# what the parser's words come from
_SYNTAX = {
    "expected <block end>": "is the line indented like those beside it?",
    "but got '<stream end>'": "is the bracket closed?",
    "expected ',' or": "is the bracket closed in the line before, and a comma between the parts?",
    "end of stream": "is the quote closed?",
    "mapping values are not allowed": (
        "is it indented like the lines beside it, with a space after each key's `:` and a value with a `:` in quotes?"
    ),
    "could not find expected ':'": "is there a `:` and a space after the key?",
    "found character '\\t'": "indent by spaces",
    "found character": "put a value that begins with this character into quotes",
    "undefined alias": "put a value that begins with * into quotes",
    "expected the node content": "put a value that begins with this character into quotes",
}
# keys of these mappings have dots of their own: what follows is one key
_DOTTED = (("spark", "conf"),)


@dataclass
class Document:
    """Values as written, and where each of them stands.

    `lines` counts from 1. A place that an override set has the override's name in `overridden` and no line.
    """

    values: dict[Any, Any]
    file: str | None = None
    lines: dict[Place, int] = field(default_factory=dict)
    overridden: dict[Place, str] = field(default_factory=dict)
    problems: list[ConfigProblem] = field(default_factory=list)

    def problem(self, place: Place, message: str, *, code: str = "config.value") -> ConfigProblem:
        """A problem at a place, or at the nearest place above it that is written down."""
        for end in range(len(place), -1, -1):
            if place[:end] in self.overridden:
                return ConfigProblem(key_of(place), message, file=self.overridden[place[:end]], code=code)
            if place[:end] in self.lines:
                return ConfigProblem(key_of(place), message, file=self.file, line=self.lines[place[:end]], code=code)
        return ConfigProblem(key_of(place), message, file=self.file, code=code)

    def value_at(self, place: Place) -> Any:
        """What is written at a place; null where nothing is."""
        value: Any = self.values
        for part in place:
            value = child_of(value, part)
        return value


def child_of(value: Any, part: str | int) -> Any:
    """One step down: by key, or by number in a list. Null where there is nothing."""
    if isinstance(value, Mapping):
        return value.get(part)
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return value[part] if is_list and isinstance(part, int) and part < len(value) else None


def key_of(place: Place) -> str:
    """A place as people write it: `channels[2].when`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_document(text: str, *, file: str) -> Document:
    """Read the text of a YAML file. What is wrong with it is in the result's `problems`; nothing is raised."""
    document = Document({}, file=file)
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
    except YAMLError as problem:
        document.problems.append(_syntax(problem, file))
        return document
    except RecursionError:
        message = f"nested deeper than {_MAX_DEPTH}"
        document.problems.append(ConfigProblem("", message, file=file, code="config.yaml"))
        return document
    if node is None:
        document.problems.append(ConfigProblem("", "the file is empty", file=file, code="config.yaml"))
        return document
    values = _Reader(yaml, document).read(node, ())
    if isinstance(values, dict):
        document.values = values
    elif not document.problems:
        found = ConfigProblem("", "expected keys and values", file=file, line=1, code="config.yaml")
        document.problems.append(found)
    return document


class _Reader:
    """Turns nodes into values and keeps the lines."""

    def __init__(self, yaml: YAML, document: Document) -> None:
        self._yaml = yaml
        self._document = document
        self._seen: set[int] = set()

    def read(self, node: Node, place: Place) -> Any:
        # the key's line where there is a key: an alias is the node of its anchor, which is elsewhere
        line = self._document.lines.setdefault(place, node.start_mark.line + 1)
        if id(node) in self._seen:
            self._refuse(place, line, "anchors and aliases are not supported: write the values out")
            return None
        self._seen.add(id(node))
        if len(place) > _MAX_DEPTH:
            self._refuse(place, line, f"nested deeper than {_MAX_DEPTH}")
            return None
        if not isinstance(node, ScalarNode) and str(node.tag) not in _PLAIN_TAGS:
            self._refuse(place, line, "tags are not supported")
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        if isinstance(node, SequenceNode):
            return [self.read(item, (*place, number)) for number, item in enumerate(node.value)]
        return self._scalar(node, place)

    def _mapping(self, node: MappingNode, place: Place) -> dict[Any, Any]:
        values: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self._refuse(place, line, "a key must be a text")
                continue
            # a key is what is written: `1:` and `true:` name something too
            key = str(key_node.value)
            below = (*place, key)
            if key in values:
                first = self._document.lines[below]
                self._refuse(below, line, f"is there twice, first in line {first}", code="config.duplicate")
                continue
            self._document.lines[below] = line
            values[key] = self.read(value_node, below)
        return values

    def _scalar(self, node: Node, place: Place) -> Any:
        try:
            return self._yaml.constructor.construct_object(node, deep=True)
        except (YAMLError, ValueError):
            # the text is not repeated: it may be anything
            self._refuse(place, node.start_mark.line + 1, "cannot be read as a YAML value: put it into quotes")
            return None

    def _refuse(self, place: Place, line: int, message: str, *, code: str = "config.yaml") -> None:
        found = ConfigProblem(key_of(place), message, file=self._document.file, line=line, code=code)
        self._document.problems.append(found)


def apply_overrides(document: Document, overrides: Sequence[str]) -> None:
    """Set values as `--set a.b.c=value` says; the value is YAML. Problems are added to the document's."""
    for override in overrides:
        key, has_value, text = override.partition("=")
        key = key.strip()
        option = f"--set {key}"
        if not has_value or not key or not all(key.split(".")):
            message = "expected KEY=VALUE, such as retention.unit=week"
            document.problems.append(ConfigProblem("", message, file=option, code="config.usage"))
            continue
        value = read_document(f"value: {text}" if "\n" not in text else text, file=option)
        if value.problems:
            message = "the value is not YAML: put it into quotes"
            document.problems.append(ConfigProblem("", message, file=option, code="config.usage"))
            continue
        _set(document, _parts_of(key), value.values.get("value"), option)


def _parts_of(key: str) -> list[str]:
    parts = key.split(".")
    for prefix in _DOTTED:
        if tuple(parts[: len(prefix)]) == prefix and len(parts) > len(prefix):
            return [*prefix, ".".join(parts[len(prefix) :])]
    return parts


def _set(document: Document, parts: list[str], value: Any, option: str) -> None:
    """Put a value where its parts lead; sections on the way are made, places in lists must be there."""
    holder: Any = document.values
    place: Place = ()
    for number, text in enumerate(parts):
        part = int(text) if isinstance(holder, list) and text.isdecimal() else text
        if isinstance(holder, list) and not (isinstance(part, int) and part < len(holder)):
            message = f"{key_of((*place, part))} is not there: the list has {len(holder)} entries, counted from 0"
            document.problems.append(ConfigProblem("", message, file=option, code="config.usage"))
            return
        place = (*place, part)
        is_last = number == len(parts) - 1
        below = child_of(holder, part)
        if is_last or not isinstance(below, dict | list):
            below = value if is_last else {}
            holder[part] = below
            document.overridden[place] = option
        holder = below


def _syntax(problem: YAMLError, file: str) -> ConfigProblem:
    """The parser's complaint without its excerpt of the file, which may show anything."""
    said = problem.problem if isinstance(problem, MarkedYAMLError) and problem.problem else "cannot be read"
    begins, ends = getattr(problem, "context_mark", None), getattr(problem, "problem_mark", None)
    # what is never closed is noticed at the end of the file, and mended where it begins
    mark = begins if "end" in said and "stream" in said and begins is not None else ends or begins
    line = mark.line + 1 if mark is not None else None
    meaning = next((f" ({text})" for sign, text in _SYNTAX.items() if sign in said), "")
    return ConfigProblem("", f"not YAML: {said}{meaning}", file=file, line=line, code="config.yaml")
