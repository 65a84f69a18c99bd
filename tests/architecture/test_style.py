"""Names and habits that no linter knows."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

from tests.architecture.source import MODULES, ROOT, SCRIPTS, name_of, nodes_of, offences

# Where anything may arrive and becomes an exit code.
CATCH_ALL = {
    "cli/main.py": "the boundary of the command line",
}

VAGUE_NAMES = {"utils.py", "helpers.py", "common.py", "misc.py"}

# Modules of one name in several folders: the same thing one level up, and how so.
SAME_THING = {
    "stage.py": "every stage is one",
    "registry.py": "all there are of a kind: tables, stages",
    "reference.py": "reference inputs: in the configuration, as tables",
    "identity.py": "people: in the configuration, as tables",
    "accounts.py": "accounts: in the configuration, as tables",
    "product.py": "product analytics: in the configuration, as tables",
    "event_order.py": "the order of events: as bytes, as columns",
    "errors.py": "errors: as they are raised, as they are shown",
    "warehouse.py": "the warehouse: for the job, for readers",
    "simulation.py": "the simulation, and its verb",
}

OURS = [*MODULES, *SCRIPTS]
TEXTS = sorted(
    path
    for folder in ("lib", "jobs", "conf", "notebooks", "tests", ".ci")
    for path in (ROOT / folder).rglob("*")
    if path.is_file()
    and path.suffix in {".py", ".md", ".yaml", ".yml", ".ipynb", ".properties", ".html", ".j2", ".lock", ".in", ""}
) + [ROOT / name for name in ("README.md", "CHANGELOG.md", "Makefile", "pyproject.toml", "requirements.lock")]


def prints(path: Path) -> list[str]:
    return [
        f"line {node.lineno}"
        for node in nodes_of(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"print", "pprint"}
    ]


def catch_alls(path: Path) -> list[str]:
    return [
        f"line {node.lineno}"
        for node in nodes_of(path)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or {"Exception", "BaseException"} & set(re.findall(r"\w+", ast.unparse(node.type))))
    ]


def bare_joins(path: Path) -> list[str]:
    """A frame's join is told from a string's by its arguments: a string's takes one, a frame's two or more."""
    return [
        f"line {node.lineno}"
        for node in nodes_of(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "join"
        and len(node.args) + len(node.keywords) > 1
        and not any(keyword.arg == "how" for keyword in node.keywords)
        and not (isinstance(node.func.value, ast.Attribute) and node.func.value.attr == "path")
    ]


def test_nothing_prints() -> None:
    assert not offences(OURS, prints)


def test_python_over_groups_clusters_them_by_cluster() -> None:
    """Spark leaves out a `repartition` by a column when it thinks that the rows lie so already, and tears groups."""
    # one partition holds every group; contraction, which spreads pairs by an expression, is right however they lie
    torn = re.compile(r"\.repartition\((?!1\)|F\.when)[^)]*\)[\s\\]*\.(sortWithinPartitions|mapInArrow|mapInPandas)")

    assert not offences(OURS, lambda path: torn.findall(path.read_text(encoding="utf-8")))


def test_only_the_boundary_catches_everything() -> None:
    assert {name_of(path) for path in OURS if catch_alls(path)} == set(CATCH_ALL)


def test_every_join_says_how() -> None:
    assert not offences(OURS, bare_joins)


def test_module_names_say_what_is_inside() -> None:
    assert not [path for path in OURS if path.name in VAGUE_NAMES]


def test_modules_of_one_name_are_the_same_thing_one_level_up() -> None:
    names = Counter(path.name for path in MODULES if path.name != "__init__.py")

    assert {name for name, n_modules in names.items() if n_modules > 1} == set(SAME_THING)


def test_annotations_are_not_evaluated() -> None:
    statement = "from __future__ import annotations"

    assert not [path for path in OURS if path.name != "__init__.py" and statement not in path.read_text("utf-8")]


def test_no_file_names_a_machine_or_a_package_registry() -> None:
    # spelled in pieces, or this file would be the first to break the rule
    machine = "|".join(re.escape(place) + r"/" for place in ("/" + "work", "/" + "tmp/s", "/" + "root"))
    registry = "|".join(
        re.escape(host)
        for host in ("pypi" + ".org", "python" + "hosted.org", "repo1" + ".maven", "spark-packages" + ".org")
    )
    # not inside an address or a relative path: https://host/work/ and ../root/ are nobody's machine
    named = re.compile(rf"(?<![\w./])(?:{machine})|{registry}")

    found = {
        str(path.relative_to(ROOT)): names
        for path in TEXTS
        if (names := named.findall(path.read_text(encoding="utf-8", errors="replace")))
    }

    assert not found


def missing_modules(path: Path) -> list[str]:
    """What a script for spark-submit does where oneuser cannot be imported, as a text that can be compared."""
    return [ast.unparse(node) for node in nodes_of(path) if isinstance(node, ast.Try)]


def test_every_script_names_a_missing_module_and_ends_with_5() -> None:
    found = {name_of(path): missing_modules(path) for path in SCRIPTS if path.parent.name == "jobs"}

    assert {len(texts) for texts in found.values()} == {1}, "each has one, and nothing else can be caught there"
    texts = Counter(texts[0] for texts in found.values())
    assert len(texts) == 1, "all say the same: a script is sent alone, so that they share nothing"
    [text] = texts
    assert "except ModuleNotFoundError" in text
    assert "{missing.name}" in text
    assert "sys.exit(5)" in text
