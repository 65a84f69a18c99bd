"""Prints where the code is longer than a reader follows easily. Advice: nothing fails for it.

A file is split where its subject splits, never for the ruler.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from tests.architecture.source import MODULES, name_of, nodes_of, room_of

MODULE, FUNCTION, CHAIN, ROOMS = 300, 50, 5, 6


def calls_in_chain(node: ast.AST) -> int:
    """How many calls follow one another: `rows.where(a).select(b)` are two."""
    n_calls = 0
    while isinstance(node, ast.Call | ast.Attribute):
        n_calls += isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        node = node.func if isinstance(node, ast.Call) else node.value
    return n_calls


def advice() -> Iterator[str]:
    """One line for each module, function, chain of calls and room that is longer than is easy to follow."""
    lines: Counter[str] = Counter()
    for path in MODULES:
        n_lines = len(path.read_text(encoding="utf-8").splitlines())
        lines[room_of(path)] += n_lines
        if n_lines > MODULE:
            yield f"{name_of(path)}: {n_lines} lines"
        inner = {id(node.func.value) for node in nodes_of(path) if is_method_call(node)}
        for node in nodes_of(path):
            if isinstance(node, ast.FunctionDef) and (length := node.end_lineno - node.lineno + 1) > FUNCTION:
                yield f"{name_of(path)}:{node.lineno}: {node.name} has {length} lines"
            elif is_method_call(node) and id(node) not in inner and (n_calls := calls_in_chain(node)) > CHAIN:
                yield f"{name_of(path)}:{node.lineno}: {n_calls} calls in one chain"
    for room, n_lines in lines.items():
        if n_lines * ROOMS > lines.total():
            yield f"{room}: {n_lines} of {lines.total()} lines, more than one part in {ROOMS}"


def is_method_call(node: ast.AST) -> bool:
    """Whether it is `something.name(...)`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)


if __name__ == "__main__":
    print("Longer than a reader follows easily (advice, no rule):", *(list(advice()) or ["nothing"]), sep="\n  ")
