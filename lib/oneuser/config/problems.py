"""Validation errors of the model, translated: which key, in which line, what was found and what was expected.

Values are repeated only where a known word was expected and the key cannot hold a secret or an identifier.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

from oneuser.config.base import MISPLACED, Place
from oneuser.config.document import Document, child_of, key_of
from oneuser.config.not_yet import refused_words
from oneuser.config.retention import DEFAULT
from oneuser.core.column_names import is_value
from oneuser.core.errors import ConfigProblem

_SHOWN_VALUE = 40
_NOUNS = {
    "int_type": "a whole number", "int_parsing": "a whole number", "int_from_float": "a whole number",
    "float_type": "a number", "float_parsing": "a number", "finite_number": "a number",
    "string_type": "a text", "bool_type": "true or false", "bool_parsing": "true or false",
    "tuple_type": "a list", "list_type": "a list", "mapping_type": "keys and values", "dict_type": "keys and values",
    "model_type": "keys and values", "model_attributes_type": "keys and values",
    "is_instance_of": "keys and values",
}  # fmt: skip
_BOUNDS = {
    "greater_than": ("gt", "must be greater than {}"),
    "greater_than_equal": ("ge", "must be {} or greater"),
    "less_than": ("lt", "must be less than {}"),
    "less_than_equal": ("le", "must be {} or less"),
    "too_short": ("min_length", "needs {} at least"),
    "too_long": ("max_length", "may have {} at most"),
    "string_too_short": ("min_length", "needs {} character at least"),
    "string_too_long": ("max_length", "may have {} characters at most"),
}
_SHAPES = {
    "deployment": "expected letters, digits, _ and -, 64 characters at most",
    "driver_memory": "expected a size such as 3g or 800m",
    "const": "expected an ISO 4217 code such as EUR",
    "default_region": "expected two capital letters such as DE",
}
_EXPRESSION = (
    "a column or path, or one of {const: ...}, {concat: [...]}, {product: [...]}, {column: ..., format: ...}, "
    "{url_param: [..., NAME]}"
)
_IDENTIFIER = f"{_EXPRESSION}, {{derive: {{from: TYPE, transform: ...}}}}"
_SCALAR = "a text, a number, true or false"
_UNIONS = (("scalar", _SCALAR), ("identifier", _IDENTIFIER))


def translate(errors: Sequence[Mapping[str, Any]], model: type[BaseModel], document: Document) -> list[ConfigProblem]:
    """One problem for each key at fault, in the order of the file."""
    found: dict[tuple[str, str], ConfigProblem] = {}
    for error in errors:
        if error["type"] == "too_short" and any(_is_below(other["loc"], error["loc"]) for other in errors):
            continue  # a list is counted without its wrong entries, which are told of themselves
        for place, message, code in _said(error, model, document):
            problem = document.problem(place, message, code=code)
            found.setdefault((problem.key, problem.message), problem)
    return list(found.values())


def _is_below(location: Sequence[Any], above: Sequence[Any]) -> bool:
    return len(location) > len(above) and tuple(location[: len(above)]) == tuple(above)


def place_of(location: Sequence[Any], document: Document) -> Place:
    """Where an error is in the document: its location without the names of union members."""
    place: Place = ()
    value: Any = document.values
    for part in location:
        is_member = isinstance(part, str) and part.startswith("<")
        if is_member or part == "[key]" or not isinstance(value, Mapping | list) or _is_implied(part, value):
            continue
        place = (*place, part)
        value = child_of(value, part)
    return place


def _is_implied(part: str | int, value: Any) -> bool:
    """Whether it is the name of rules that stand there without one."""
    return part == DEFAULT and isinstance(value, Mapping) and part not in value


def _as_written(place: Place, document: Document) -> Place:
    written: Place = ()
    for part in place:
        if not _is_implied(part, document.value_at(written)):
            written = (*written, part)
    return written


def _said(error: Mapping[str, Any], model: type[BaseModel], document: Document) -> Iterator[tuple[Place, str, str]]:
    location, kind = error["loc"], error["type"]
    place = place_of(location, document)
    if kind == MISPLACED:
        for below, message in error["ctx"]["problems"]:
            yield _as_written((*place, *below), document), message, "config.value"
    elif kind == "extra_forbidden":
        key, known = str(location[-1]), _keys_at(model, location[:-1])
        yield place, _unknown(key, known, _elsewhere(key, model)), "config.unknown_key"
    elif kind == "missing":
        yield place, f"is missing{_meant_section(place, document)}", "config.missing"
    elif kind.startswith("union_tag"):
        noun = next((text for name, text in _UNIONS if name in error["ctx"]["discriminator"]), _EXPRESSION)
        yield place, _expected(noun, error["input"]), "config.type"
    elif kind in _NOUNS:
        yield place, _expected(_NOUNS[kind], error["input"]), "config.type"
    else:
        message = _bad_value(error, place)
        yield place, message, "config.pattern" if "regular expression" in message else "config.value"


def _bad_value(error: Mapping[str, Any], place: Place) -> str:
    """What is wrong with a value of the right type."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return _no_such_word(error["input"], context["expected"], place)
    if kind == "string_pattern_mismatch":
        return _SHAPES.get(str(place[-1]), f"must match {context['pattern']}")
    if kind in _BOUNDS:
        bound, text = _BOUNDS[kind]
        limit = context[bound]
        return text.format(f"{int(limit):,}" if limit == int(limit) else limit)
    return str(error["msg"])


def _unknown(key: str, known: Sequence[str], elsewhere: str | None) -> str:
    close = get_close_matches(key, known, n=1, cutoff=0.6 if elsewhere is None else 0.8)
    if elsewhere is not None and not close:
        close = [elsewhere]
    if close:
        return f"unknown key; did you mean `{close[0]}`?"
    return f"unknown key; known are {', '.join(known)}" if known else "unknown key"


def _elsewhere(key: str, model: type[BaseModel], above: str = "") -> str | None:
    """Another section's key of the same name, from the top: it may only stand in the wrong place."""
    for name, field in model.model_fields.items():
        written = field.alias or name
        if written == key and above:
            return f"{above}{key}"
        section = next((kind for kind in _members(field.annotation) if _is_section(kind)), None)
        found = _elsewhere(key, section, f"{above}{written}.") if section else None
        if found is not None:
            return found
    return None


def _meant_section(place: Place, document: Document) -> str:
    """The section that an override may have meant where it made a new one, which lacks all its other keys."""
    section = place[:-1]
    if section not in document.overridden:
        return ""
    siblings = [str(name) for name in document.value_at(section[:-1]) or () if name != section[-1]]
    close = get_close_matches(str(section[-1]), siblings, n=1, cutoff=0.6)
    return f"; did you mean {key_of((*section[:-1], close[0]))}?" if close else ""


def _no_such_word(value: Any, expected: str, place: Place) -> str:
    words = [word.strip().strip("'") for word in expected.replace(" or ", ", ").split(",")]
    words = [word for word in words if word not in refused_words(place)]
    is_short = isinstance(value, str) and len(value) <= _SHOWN_VALUE
    may_show = is_short and not is_value(value) and not {"keys", "blocked"} & set(place)
    found = f", found {value!r}" if may_show else ""
    close = get_close_matches(value, words, n=1, cutoff=0.6) if isinstance(value, str) else []
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"expected {'one of ' if len(words) > 1 else ''}{', '.join(words)}{found}{hint}"


def _expected(noun: str, value: Any) -> str:
    if noun == _NOUNS["bool_type"] and value in ("yes", "no", "on", "off"):
        return f"expected {noun}, found {value}"
    said = f"expected {noun}, found {_noun_of(value)}"
    if noun == "keys and values" and value is None:
        return f"{said}; leave the key out to take its defaults"
    if noun == "a number" and isinstance(value, str) and value.endswith("%"):
        return f"{said}; a share is written as a number, such as 0.05"
    return said


def _noun_of(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    nouns = {str: "a text", int: "a whole number", float: "a number", list: "a list", tuple: "a list"}
    if isinstance(value, Mapping):
        return "keys and values"
    return nouns.get(type(value), f"a {type(value).__name__}: put it into quotes if it is a text")


def _keys_at(model: type[BaseModel], location: Sequence[Any]) -> list[str]:
    """The keys that the section at a location knows, as they are written."""
    annotation: Any = model
    for part in location:
        annotation = next(iter(_below(annotation, part)), None)
    section = next((kind for kind in _members(annotation) if _is_section(kind)), None)
    return [field.alias or name for name, field in section.model_fields.items()] if section else []


def _below(annotation: Any, part: Any) -> Iterator[Any]:
    """What an annotation holds under one part of a location."""
    if isinstance(part, str) and part.startswith("<"):
        yield from (kind for tag, kind in _tagged(annotation) if tag == part)
        return
    for kind in _members(annotation):
        if _is_section(kind):
            yield from (_full(f) for name, f in kind.model_fields.items() if part == (f.alias or name))
        elif get_origin(kind) in {Mapping, dict}:
            yield get_args(kind)[1]
        elif get_origin(kind) is tuple:
            yield get_args(kind)[0]


def _full(field: FieldInfo) -> Any:
    # pydantic keeps what was in Annotated apart from the type
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _members(annotation: Any) -> Iterator[Any]:
    """The plain types an annotation is made of: Annotated and unions are taken apart."""
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) in {Union, types.UnionType}:
        for member in get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def _tagged(annotation: Any) -> Iterator[tuple[str, Any]]:
    """The members of unions inside an annotation that carry a tag."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        yield from ((extra.tag, annotation) for extra in arguments[1:] if isinstance(extra, Tag))
        yield from _tagged(arguments[0])
    elif get_origin(annotation) in {Union, types.UnionType}:
        for member in arguments:
            yield from _tagged(member)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
