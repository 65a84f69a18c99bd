"""The project's own source as syntax trees, for the rules in this folder."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "lib" / "oneuser"
JOBS = ROOT / "jobs"

MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted(JOBS.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
# lock files of environments that tests use apart from oneuser's own
APART = sorted((ROOT / "tests" / "environments").glob("*.lock"))


def name_of(path: Path) -> str:
    """The path as rules name it: `graph/edges.py`, `jobs/run.py`."""
    return str(path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else ROOT))


def dotted_name(path: Path) -> str:
    """A module as it is imported: `oneuser.graph.edges`, a package for its `__init__`."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def plain_name(distribution: str) -> str:
    """A distribution's name as the lock file spells it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def locked_versions(lock: Path) -> dict[str, str]:
    """The version of each distribution in a lock file."""
    pins = (
        re.match(r"([A-Za-z0-9_.-]+)(?:\[[a-z0-9,]+\])?==([^\s;]+)", line)
        for line in lock.read_text(encoding="utf-8").splitlines()
    )
    return {plain_name(pin.group(1)): pin.group(2) for pin in pins if pin}


def room_of(path: Path) -> str:
    """The folder a module lives in, as rooms are counted: each subfolder of `marts/` is one of its own."""
    parts = path.relative_to(PACKAGE).parts[:-1]
    return "/".join(parts[:2] if parts[:1] == ("marts",) else parts[:1]) or "the top"


def offences(paths: Iterable[Path], rule: Callable[[Path], Iterable[str]]) -> list[str]:
    """All that a rule finds in files, each with its file: one test of a rule shows every offender."""
    return [f"{name_of(path)}: {found}" for path in paths for found in rule(path)]


@cache
def tree_of(path: Path) -> ast.Module:
    """The module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    """Every node of the module."""
    return list(ast.walk(tree_of(path)))


@cache
def imports_of(path: Path) -> list[tuple[int, str]]:
    """Line and dotted name of everything a module imports, type-checking imports included.

    `from oneuser.core import errors` yields `oneuser.core.errors`: what counts is the module that is reached.
    """
    found: list[tuple[int, str]] = []
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                folders = path.relative_to(PACKAGE.parent).parts[: -node.level]
                base = ".".join([*folders, base]).rstrip(".")
            found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
    return found
