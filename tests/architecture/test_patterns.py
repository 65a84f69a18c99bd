r"""Regular expressions end where they say.

In Python and in Java a dollar at the end also matches before a last line break, so that `JPY` and a line break pass for
three letters. `fullmatch`, or the end of the text alone: `\Z` for Python, `\z` for Spark and Arrow.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.source import MODULES, SCRIPTS, nodes_of, offences

# where a dollar at the end of a text is no such thing, and why
OTHERWISE = {
    "exports/json_schemas.py": "expressions of JSON Schema, where a dollar is the end and nothing else is",
    "storage/transaction.py": "names of Scala's objects",
}
_AT_THE_END = re.compile(r"(?<!\\)(?:\\\\)*\$(?=\)|\||\Z)")


def loose_ends(path: Path) -> list[str]:
    """Texts with a dollar at the end of an expression or of an alternative.

    Not those of pydantic's `pattern`: its engine takes the dollar for the end, as JSON Schema does, in which they are
    shown to editors.
    """
    nodes = nodes_of(path)
    exempt = {
        id(part)
        for node in nodes
        for keyword in (node.keywords if isinstance(node, ast.Call) and ast.unparse(node.func) == "Field" else ())
        if keyword.arg == "pattern"
        for part in ast.walk(keyword.value)
    }
    # what is filled in follows: a dollar is an end only in the last part of a formatted text
    exempt |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values[:-1]}
    return [
        f"line {node.lineno}: {node.value!r}"
        for node in nodes
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str | bytes)
        and id(node) not in exempt
        and _AT_THE_END.search(node.value if isinstance(node.value, str) else node.value.decode("latin-1"))
    ]


def test_no_expression_ends_before_a_line_break() -> None:
    paths = [path for path in (*MODULES, *SCRIPTS) if not str(path).endswith(tuple(OTHERWISE))]

    assert offences(paths, loose_ends) == []


@pytest.mark.parametrize("exempt", OTHERWISE)
def test_every_exception_is_needed(exempt: str) -> None:
    path = next(path for path in MODULES if str(path).endswith(exempt))

    assert loose_ends(path)
