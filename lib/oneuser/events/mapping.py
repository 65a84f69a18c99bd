"""Mappings as they are written, in a configuration or a preset, to the expressions that the parser evaluates."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING, Any

from oneuser.events.spec import Concat, Const, Derived, Expression, FirstOf, Mapping, Path, Product, Time, UrlParam

if TYPE_CHECKING:
    from collections.abc import Mapping as Dict

_OBJECTS = ("traits", "properties", "consent", "campaign")


def preset_names() -> list[str]:
    """Presets that ship with the package."""
    return sorted(p.name.removesuffix(".json") for p in _presets().iterdir() if p.name.endswith(".json"))


def load_preset(name: str) -> Mapping:
    """The mapping of a preset.

    Raises:
        KeyError: where there is no such preset.
    """
    file = _presets() / f"{name}.json"
    if not file.is_file():
        raise KeyError(name)
    return read_mapping(json.loads(file.read_text(encoding="utf-8")))


def read_mapping(declared: Dict[str, Any], *, is_table: bool = False) -> Mapping:
    """A mapping from its written form: part → path, or one of `{const: x}`, `{concat: [a, b]}`, `{product: [a, b]}`,
    `{column: x, format: …, zone: …}`, `{url_param: [x, name]}`; a list means the first that is there, except among
    identifiers, where every one counts and `{derive: {from: type, transform: …}}` makes one of another.

    For tables a path is the name of a column, or leads into a nested one.
    """  # noqa: D205 - the summary is a list
    parts: dict[str, Any] = {}
    for part, written in declared.items():
        if written is None:
            continue
        if part == "identifiers":
            parts["identifiers"], parts["derived"] = _read_identifiers(written, is_table=is_table)
        elif part in _OBJECTS and isinstance(written, dict):
            named = ((name, one) for name, one in written.items() if one is not None)
            parts[part] = tuple((name, read_expression(one, is_table=is_table)) for name, one in named)
        else:
            parts[part] = read_expression(written, is_table=is_table)
    return Mapping(**parts)


def with_identifiers(mapping: Mapping, declared: Dict[str, Any], *, is_table: bool = False) -> Mapping:
    """A mapping with further identifiers, in the written form of `read_mapping`, after its own."""
    paths, derived = _read_identifiers(declared, is_table=is_table)
    return replace(mapping, identifiers=mapping.identifiers + paths, derived=mapping.derived + derived)


def _read_identifiers(
    declared: Dict[str, Any], *, is_table: bool
) -> tuple[tuple[tuple[str, Expression], ...], tuple[tuple[str, Derived], ...]]:
    """Where identifiers are, and which are made of others."""
    paths: list[tuple[str, Expression]] = []
    derived: list[tuple[str, Derived]] = []
    for id_type, written in declared.items():
        for one in written if isinstance(written, list | tuple) else [written]:
            if isinstance(one, dict) and "derive" in one:
                derived.append((id_type, Derived(one["derive"]["from"], one["derive"]["transform"])))
            else:
                paths.append((id_type, read_expression(one, is_table=is_table)))
    return tuple(paths), tuple(derived)


def read_expression(written: Any, *, is_table: bool = False) -> Expression:
    """One expression from its written form.

    Raises:
        ValueError: for a form that is none of those of `read_mapping`.
    """
    if isinstance(written, str):
        return Path((written,) if is_table and "." not in written else tuple(written.split(".")))
    if isinstance(written, list | tuple):
        return FirstOf(tuple(read_expression(one, is_table=is_table) for one in written))
    if isinstance(written, dict):
        if "const" in written:
            return Const(written["const"])
        if "column" in written:
            column = read_expression(written["column"], is_table=is_table)
            return Time(column, written.get("format"), written.get("zone"))
        if "url_param" in written:
            path, name = written["url_param"]
            return UrlParam(read_expression(path, is_table=is_table), name)
        for name, operator in (("concat", Concat), ("product", Product)):
            if name in written:
                return operator(tuple(read_expression(one, is_table=is_table) for one in written[name]))
    raise ValueError("not an expression of a mapping")


def _presets() -> Any:
    return resources.files("oneuser.events") / "presets"
