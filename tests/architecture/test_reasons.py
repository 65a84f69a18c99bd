"""Reason codes stand in one place, and every one of them is written somewhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from oneuser.core.reasons import Reason
from tests.architecture.source import MODULES, name_of, nodes_of, offences

HOME = "core/reasons.py"
OTHERS = [path for path in MODULES if name_of(path) != HOME]
CODES = {reason.value for reason in Reason}
# classes of codes whose names are no names of tables or columns
SHAPE = re.compile(r"(json|csv|line|limit|spec|time|file|id|reference|links)\.[a-z0-9_]+")


def codes(path: Path) -> list[str]:
    return [
        f"line {node.lineno}: {node.value}"
        for node in nodes_of(path)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and (node.value in CODES or SHAPE.fullmatch(node.value))
    ]


def test_no_code_stands_outside_the_enum() -> None:
    assert not offences(OTHERS, codes)


def test_every_reason_is_written_somewhere() -> None:
    # the demo's poison says what it expects, and writes nothing
    writers = [path for path in OTHERS if not name_of(path).startswith("demo/")]
    written = {
        node.attr
        for path in writers
        for node in nodes_of(path)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Reason"
    }

    assert written == {reason.name for reason in Reason}
