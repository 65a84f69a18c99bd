"""The project's own source as syntax trees, for the rules in this folder."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "lib" / "oneuser"
JOBS = ROOT / "jobs"

MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted(JOBS.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def name_of(path: Path) -> str:
    """The path as rules and test ids name it: `graph/edges.py`, `jobs/run.py`."""
    return str(path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else ROOT))


def plain_name(distribution: str) -> str:
    """A distribution's name as the lock file spells it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


@cache
def tree_of(path: Path) -> ast.Module:
    """The module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports_of(path: Path) -> list[tuple[int, str]]:
    """Line and dotted name of everything a module imports, type-checking imports included.

    `from oneuser.core import errors` yields `oneuser.core.errors`: what counts is the module that is reached.
    """
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                folders = path.relative_to(PACKAGE.parent).parts[: -node.level]
                base = ".".join([*folders, base]).rstrip(".")
            found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
    return found
