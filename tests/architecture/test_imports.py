"""Imports point one way; the packages of the flow meet only through contracts."""

from __future__ import annotations

from collections.abc import Collection
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.architecture.source import MODULES, PACKAGE, SCRIPTS, dotted_name, imports_of, name_of, offences, room_of

FLOW = ("events", "graph", "identity", "marts")

# What each part may import besides itself: everything that stands below it.
_AGREEMENTS = {"contracts", "config", "core"}
_BELOW_FLOW = {*_AGREEMENTS, "spark"}
_BELOW_STAGES = {*_BELOW_FLOW, *FLOW, "privacy", "storage"}
_BELOW_QUESTIONS = {*_BELOW_STAGES, "stages", "runs"}
_QUESTIONS = {"inspection", "exports", "report", "simulation", "demo"}
MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "config": {"core"},
    "contracts": {"config", "core"},
    "spark": _AGREEMENTS,
    **dict.fromkeys(FLOW, _BELOW_FLOW),
    "privacy": _BELOW_FLOW,
    "storage": _BELOW_FLOW,
    "stages": _BELOW_STAGES,
    "runs": {*_BELOW_STAGES, "stages"},
    **dict.fromkeys(_QUESTIONS, _BELOW_QUESTIONS),
    "api": {*_BELOW_QUESTIONS, *_QUESTIONS},
    "cli": {*_BELOW_QUESTIONS, *_QUESTIONS, "api"},
    "__init__": {"api", "core", "simulation"},
    "jobs": {"api", "cli"},
}

# Single modules that must reach further, each with its reason.
EXCEPTIONS: dict[tuple[str, str], str] = {}

# Third-party packages that one place wraps for all.
WRAPPED = {
    "delta": {"storage"},
    "deltalake": {"storage"},
    "graphframes": {"graph"},
    "typer": {"cli"},
    "rich": {"cli"},
    "altair": {"report"},
    "jinja2": {"report"},
}


def part_of(path: Path) -> str:
    """The top-level package or module a file belongs to."""
    return name_of(path).split("/")[0].removesuffix(".py")


def part_imported(dotted: str) -> str | None:
    """The part of oneuser that an import reaches; None for everybody else's packages."""
    names = dotted.split(".")
    if names[0] != "oneuser":
        return None
    return names[1] if len(names) > 1 and names[1] in MAY_IMPORT else "__init__"


def forbidden_imports(path: Path) -> list[str]:
    part = part_of(path)
    allowed = MAY_IMPORT[part] | {part}
    found = []
    for line, dotted in imports_of(path):
        reached = part_imported(dotted)
        is_exception = (name_of(path), reached) in EXCEPTIONS
        # `from oneuser import __version__` reaches the package itself and nothing that it imports for its users
        is_version = dotted == "oneuser.__version__"
        if reached is not None and reached not in allowed and not is_exception and not is_version:
            found.append(f"line {line}: {part} imports {dotted}")
    return found


def wrapped_imports(path: Path) -> list[str]:
    return [
        f"line {line}: {dotted}"
        for line, dotted in imports_of(path)
        if (owners := WRAPPED.get(dotted.split(".")[0])) is not None and part_of(path) not in owners
    ]


def circle(imports: dict[str, list[str]]) -> list[str]:
    """Modules that import each other in a circle, the first again at the end; nothing where there is none.

    Args:
        imports: For each module the dotted names it imports: modules, packages, or what is in them.
    """
    graph = {module: reached(module, names, imports) for module, names in imports.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def reached(module: str, names: list[str], modules: Collection[str]) -> set[str]:
    """The modules that these names are or come from, and the package whose `__init__` leads there."""
    found = set()
    for dotted in names:
        parent = dotted.rpartition(".")[0]
        found |= {one for one in (dotted, parent) if one in modules and one != module}
    return found


def test_imports_point_one_way() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert rooms - {"decisions"} == set(MAY_IMPORT) - {"__init__", "jobs"}, "every room has its place in the order"
    assert not offences([*MODULES, *SCRIPTS], forbidden_imports)


def test_no_imports_go_in_a_circle() -> None:
    """Those of a package's `__init__` and those for the type check count as any other."""
    imports = {dotted_name(path): [dotted for _, dotted in imports_of(path)] for path in MODULES}

    assert not circle(imports)


def test_the_rule_finds_circles_through_a_package_too() -> None:
    straight = {"p": ["p.a.thing"], "p.a": ["p.b.thing"], "p.b": ["os.path"]}

    assert circle(straight) == []
    assert set(circle({**straight, "p.b": ["p.name"]})) == {"p", "p.a", "p.b"}


def test_wrapped_packages_are_imported_only_by_their_wrapper() -> None:
    assert not offences(MODULES, wrapped_imports)


def test_flow_packages_may_not_import_each_other_or_storage() -> None:
    for package in FLOW:
        assert MAY_IMPORT[package].isdisjoint({*FLOW, *_QUESTIONS, "storage", "stages", "runs", "privacy"})


def rooms_of_marts_imported(path: Path) -> list[str]:
    """Imports of a room of marts by another; what rooms share stands beside them."""
    own = room_of(path)
    rooms = {room_of(other) for other in MODULES} - {"marts", own}
    return [
        f"line {line}: {dotted}"
        for line, dotted in imports_of(path)
        if own.startswith("marts/") and "/".join(dotted.split(".")[1:3]) in rooms
    ]


def test_rooms_of_marts_do_not_import_each_other() -> None:
    rooms = [path for path in MODULES if room_of(path).startswith("marts/")]

    assert len({room_of(path) for path in rooms}) > 1
    assert not offences(rooms, rooms_of_marts_imported)


def test_every_exception_names_an_import_that_exists() -> None:
    real = {(name_of(path), part_imported(dotted)) for path in MODULES for _, dotted in imports_of(path)}

    assert set(EXCEPTIONS) <= real
