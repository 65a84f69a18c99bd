"""Every commit to a table goes through one place that tells of it, where tests stop a run: none can be forgotten."""

from __future__ import annotations

import ast

from tests.architecture.source import MODULES, name_of, offences, tree_of

# what makes a commit, in the words of Spark's writer and Delta's tables
COMMITTING = {
    "save", "saveAsTable", "insertInto", "writeTo", "writeStream", "execute", "executeCompaction", "executeZOrderBy",
    "restoreToVersion", "restoreToTimestamp", "vacuum", "commit",
}  # fmt: skip


def committing_calls(tree: ast.AST) -> list[ast.Call]:
    """Calls that make a commit, or begin one."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in COMMITTING
    ]


def told(tree: ast.AST) -> set[int]:
    """Nodes inside a block that tells of its commit."""
    return {
        id(inside)
        for node in ast.walk(tree)
        if isinstance(node, ast.With) and any("self._commit(" in ast.unparse(item.context_expr) for item in node.items)
        for inside in ast.walk(node)
    }


def untold(tree: ast.AST) -> list[str]:
    inside = told(tree)
    return [
        f"line {call.lineno}: {ast.unparse(call.func)}" for call in committing_calls(tree) if id(call) not in inside
    ]


def frame_writers(tree: ast.AST) -> list[str]:
    """Uses of a frame's writer; `file.write(...)` is none, since it is called."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and (node.attr in {"writeTo", "writeStream"} or (node.attr == "write" and id(node) not in called))
    ]


STORAGE = [path for path in MODULES if name_of(path).startswith("storage/")]
# what is committed there is told of by whoever calls it
TRANSACTION = "storage/transaction.py"


def test_every_commit_of_storage_is_told_of() -> None:
    callers = [path for path in STORAGE if name_of(path) != TRANSACTION]

    assert not offences(callers, lambda path: untold(tree_of(path)))


def test_nothing_but_storage_writes_frames() -> None:
    others = [path for path in MODULES if path not in STORAGE]

    assert not offences(others, lambda path: frame_writers(tree_of(path)))


def test_the_warehouse_commits_and_the_rule_sees_it() -> None:
    warehouse = next(path for path in MODULES if name_of(path) == "storage/warehouse.py")

    assert len(committing_calls(tree_of(warehouse))) >= 4


def test_the_rule_finds_what_it_is_for() -> None:
    planted = "writer.option('a', 'b').save(path)\nwith self._commit(contract):\n    writer.save(path)\n"

    assert untold(ast.parse(planted)) == ["line 1: writer.option('a', 'b').save"]
    assert frame_writers(ast.parse("rows.write.save(path)\nfile.write(text)")) == ["line 1: rows.write"]
