"""Names and habits that no linter knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.source import MODULES, ROOT, SCRIPTS, name_of, tree_of

# Where anything may arrive and becomes an exit code or a line in a run record.
CATCH_ALL = {
    "cli/main.py": "the boundary of the command line",
    "runs/boundary.py": "the boundary of a job",
}

VAGUE_NAMES = {"utils.py", "helpers.py", "common.py", "misc.py"}

OURS = [*MODULES, *SCRIPTS]
TEXTS = sorted(
    path
    for folder in ("lib", "jobs", "conf", "notebooks", "tests", ".ci")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and path.suffix in {".py", ".md", ".yaml", ".yml", ".ipynb", ".properties", ".html", ".j2", ""}
) + [ROOT / name for name in ("README.md", "CHANGELOG.md", "Makefile", "pyproject.toml", "requirements.lock")]


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_nothing_prints(path: Path) -> None:
    found = [
        f"line {node.lineno}"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"print", "pprint"}
    ]

    assert not found


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_python_over_groups_clusters_them_by_cluster(path: Path) -> None:
    """Spark leaves out a `repartition` by a column when it thinks that the rows lie so already, and tears groups."""
    # one partition holds every group; contraction, which spreads pairs by an expression, is right however they lie
    torn = re.compile(r"\.repartition\((?!1\)|F\.when)[^)]*\)[\s\\]*\.(sortWithinPartitions|mapInArrow|mapInPandas)")

    assert not torn.findall(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_only_the_boundary_catches_everything(path: Path) -> None:
    if name_of(path) in CATCH_ALL:
        pytest.skip(CATCH_ALL[name_of(path)])

    found = [
        f"line {node.lineno}"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or {"Exception", "BaseException"} & set(re.findall(r"\w+", ast.unparse(node.type))))
    ]

    assert not found


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_every_join_says_how(path: Path) -> None:
    """A frame's join is told from a string's by its arguments: a string's takes one, a frame's two or more."""
    found = [
        f"line {node.lineno}"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "join"
        and len(node.args) + len(node.keywords) > 1
        and not any(keyword.arg == "how" for keyword in node.keywords)
        and not (isinstance(node.func.value, ast.Attribute) and node.func.value.attr == "path")
    ]

    assert not found


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_module_names_say_what_is_inside(path: Path) -> None:
    assert path.name not in VAGUE_NAMES


@pytest.mark.parametrize("path", [path for path in OURS if path.name != "__init__.py"], ids=name_of)
def test_annotations_are_not_evaluated(path: Path) -> None:
    assert "from __future__ import annotations" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_names_a_machine_or_a_package_registry(path: Path) -> None:
    # spelled in pieces, or this file would be the first to break the rule
    machine = "|".join(re.escape(place) + r"/" for place in ("/" + "work", "/" + "tmp/s", "/" + "root"))
    registry = "|".join(
        re.escape(host)
        for host in ("pypi" + ".org", "python" + "hosted.org", "repo1" + ".maven", "spark-packages" + ".org")
    )

    # not inside an address or a relative path: https://host/work/ and ../root/ are nobody's machine
    found = re.findall(rf"(?<![\w./])(?:{machine})|{registry}", path.read_text(encoding="utf-8", errors="replace"))

    assert not found
