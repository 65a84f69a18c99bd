"""Transforms describe; they run no job and know no clock, no chance and no caller."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.source import MODULES, imports_of, name_of, offences, tree_of

PURE = ("contracts", "events", "graph", "identity", "marts")
EXEMPT = {
    "graph/contraction.py": "it counts what a round has left, and keeps the rounds until their labels are joined",
    "graph/surrogate_ids.py": "new identifiers are counted, and kept by the caller meanwhile",
}
ACTIONS = {
    "collect", "count", "show", "toPandas", "toArrow", "toLocalIterator", "cache", "persist", "checkpoint",
    "localCheckpoint", "write", "writeTo", "isEmpty", "head", "first", "take", "tail", "foreach", "foreachPartition",
}  # fmt: skip
IMPURE = {
    "rand", "randn", "uuid", "shuffle", "current_timestamp", "current_date", "now", "localtimestamp", "unix_timestamp",
    "monotonically_increasing_id", "spark_partition_id", "input_file_name", "udf", "pandas_udf", "arrow_udf",
}  # fmt: skip
# str.count, list.count and so on are told apart by what they are called with: a frame's count takes nothing.
TAKES_NOTHING = {"count", "first", "cache", "show", "collect"}
CLOCKS = {"now", "utcnow", "today", "time", "monotonic", "perf_counter", "uuid1", "uuid4"}
CLOCK_OWNERS = {"datetime", "date", "time", "uuid", "dt"}
IMPURE_MODULES = {"random", "secrets", "time"}
IMPURE_NAMES = {"uuid.uuid1", "uuid.uuid4"}  # reading a UUID is no chance, making one is
PURE_MODULES = [path for path in MODULES if name_of(path).split("/")[0] in PURE]


def impurities(tree: ast.Module) -> list[str]:
    """Every job, clock and chance in a module, by line."""
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        owner = node.value.id if isinstance(node.value, ast.Name) else ""
        call = calls.get(id(node))
        if owner == "F":
            is_impure = node.attr in IMPURE
        elif owner in CLOCK_OWNERS and node.attr in CLOCKS:
            is_impure = True
        else:
            has_arguments = call is not None and bool(call.args or call.keywords)
            is_impure = node.attr in ACTIONS and not (node.attr in TAKES_NOTHING and has_arguments)
        if is_impure:
            found.append(f"line {node.lineno}: {owner}.{node.attr}")
    return found


def live_at_import(tree: ast.Module) -> list[str]:
    """Columns and windows built outside a function: they need a session and fail on import."""
    found = []
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call):
            chain: ast.AST = node.func
            while isinstance(chain, ast.Attribute | ast.Call):
                chain = chain.value if isinstance(chain, ast.Attribute) else chain.func
            if isinstance(chain, ast.Name) and chain.id in {"F", "W", "Window"}:
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
        pending += ast.iter_child_nodes(node)
    return found


def chances(path: Path) -> list[str]:
    return [
        f"line {line}: {dotted}"
        for line, dotted in imports_of(path)
        if dotted.split(".")[0] in IMPURE_MODULES or dotted in IMPURE_NAMES
    ]


def test_transforms_run_no_job_and_hide_no_clock() -> None:
    bound = [path for path in PURE_MODULES if name_of(path) not in EXEMPT]

    assert not offences(bound, lambda path: impurities(tree_of(path)))


def test_every_exception_needs_to_be_one() -> None:
    assert {name_of(path) for path in PURE_MODULES if impurities(tree_of(path))} == set(EXEMPT)


def test_transforms_import_no_source_of_chance() -> None:
    assert not offences(PURE_MODULES, chances)


def test_no_column_or_window_is_built_on_import() -> None:
    assert not offences(MODULES, lambda path: live_at_import(tree_of(path)))


@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        ("rows.count()", ["line 1: rows.count"]),
        ("F.rand()", ["line 1: F.rand"]),
        ("datetime.now()", ["line 1: datetime.now"]),
        ("rows.groupBy('a').agg(F.count('b'))", []),
        ("'abc'.count('b')", []),
    ],
)
def test_the_rule_finds_what_it_is_for(planted: str, expected: list[str]) -> None:
    assert impurities(ast.parse(planted)) == expected


def test_the_rule_finds_windows_on_import() -> None:
    planted = "BY_EVENT = W.partitionBy('event_id')\ndef inside():\n    return F.col('a')\n"

    assert live_at_import(ast.parse(planted)) == ["line 1: W.partitionBy('event_id')"]
