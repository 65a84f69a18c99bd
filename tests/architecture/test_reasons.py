"""Reason codes stand in one place, and every one of them is written somewhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from oneuser.core.reasons import Reason
from tests.architecture.source import MODULES, name_of, tree_of

HOME = "core/reasons.py"
OTHERS = [path for path in MODULES if name_of(path) != HOME]
CODES = {reason.value for reason in Reason}
# classes of codes whose names are no names of tables or columns
SHAPE = re.compile(r"(json|csv|line|limit|spec|time|file|id|reference|links)\.[a-z0-9_]+")


@pytest.mark.parametrize("path", OTHERS, ids=name_of)
def test_no_code_stands_outside_the_enum(path: Path) -> None:
    found = [
        f"line {node.lineno}: {node.value}"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and (node.value in CODES or SHAPE.fullmatch(node.value))
    ]

    assert not found


def test_every_reason_is_written_somewhere() -> None:
    # the demo's poison says what it expects, and writes nothing
    writers = [path for path in OTHERS if not name_of(path).startswith("demo/")]
    written = {
        node.attr
        for path in writers
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Reason"
    }

    assert written == {reason.name for reason in Reason}
