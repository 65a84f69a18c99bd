"""What is declared is used, and what is used is declared."""

from __future__ import annotations

import re
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.source import (
    JOBS,
    MODULES,
    ROOT,
    SCRIPTS,
    TESTS,
    imports_of,
    locked_versions,
    plain_name,
)

# Distributions whose package is not called as they are.
PACKAGES = {
    "apache-airflow-core": "airflow",
    "delta-spark": "delta",
    "graphframes-py": "graphframes",
    "ruamel-yaml": "ruamel",
    "vl-convert-python": "vl_convert",
}

# What nothing here imports or calls by its name, each with its reason.
NOT_IMPORTED = {
    "typing-extensions": "graphframes-py imports it and does not declare it",
    "pandas": "pyspark[sql] brings it, without the bound that ours sets",
    "ipykernel": "nbclient starts it: the process in which a notebook is executed",
    "pytest-randomly": "pytest loads it: the order of tests",
    "pytest-xdist": "pytest loads it: -n",
}

OURS = {"oneuser", "tests"}

# For Airflow's environment, in which nothing of ours is.
DAGS = sorted((JOBS / "airflow").glob("*.py"))
# By an environment of `tests/environments`, what runs in it.
RUN_APART = {"airflow": [*DAGS, ROOT / "tests" / "environments" / "airflow_runs.py"]}
ELSEWHERE = {path for paths in RUN_APART.values() for path in paths}
JOBS_OF_OURS = [path for path in SCRIPTS if path not in ELSEWHERE]
TESTS_OF_OURS = [path for path in TESTS if path not in ELSEWHERE]


@cache
def declared(*extras: str) -> frozenset[str]:
    """Names in the project's dependencies, and in these extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    names = {plain_name(re.split(r"[\[=<>!~; ]", line)[0]) for lines in lists for line in lines}
    return frozenset(names - OURS)


def package_of(distribution: str) -> str:
    """What one imports of a distribution; of type stubs, what they are for."""
    bare = distribution.removeprefix("types-").removesuffix("-stubs")
    return PACKAGES.get(bare, bare.replace("-", "_"))


def imported(paths: list[Path]) -> dict[str, str]:
    """Other people's packages that these files import, and one file that does."""
    found = {dotted.split(".")[0]: str(path.relative_to(ROOT)) for path in paths for _, dotted in imports_of(path)}
    return {package: file for package, file in found.items() if package not in {*OURS, *sys.stdlib_module_names}}


def called_by_make() -> set[str]:
    """Programs and modules that the Makefile calls in its environment."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"\$\(BIN\)/(?:python -m )?(\w+)", text))


def undeclared(paths: list[Path], *extras: str) -> dict[str, str]:
    packages = {package_of(one) for one in declared(*extras)}
    return {package: file for package, file in imported(paths).items() if package not in packages}


def test_what_the_product_imports_it_declares() -> None:
    assert not undeclared([*MODULES, *JOBS_OF_OURS])


def test_what_tests_and_notebooks_import_is_declared() -> None:
    notebooks = sorted((ROOT / "notebooks").rglob("*.py"))

    assert not undeclared([*TESTS_OF_OURS, *notebooks], "test")


def test_dags_import_airflow_and_the_standard_library_alone() -> None:
    assert set(imported(DAGS)) - {path.stem for path in DAGS} == {"airflow"}
    assert not [dotted for path in DAGS for _, dotted in imports_of(path) if dotted.split(".")[0] in OURS]


@pytest.mark.parametrize("environment", RUN_APART)
def test_what_runs_in_an_environment_apart_is_in_its_lock_file(environment: str) -> None:
    locked = locked_versions(ROOT / "tests" / "environments" / f"{environment}.lock")
    scripts = RUN_APART[environment]

    assert not set(imported(scripts)) - {package_of(one) for one in locked} - {path.stem for path in scripts}


def test_what_is_declared_is_used() -> None:
    product = imported([*MODULES, *JOBS_OF_OURS])
    everything = {*product, *imported([*TESTS_OF_OURS, *sorted((ROOT / "notebooks").rglob("*.py"))]), *called_by_make()}

    unused = {one for one in declared() if package_of(one) not in product}
    unused |= {one for one in declared("test", "dev") - declared() if package_of(one) not in everything}

    assert unused == set(NOT_IMPORTED)


def test_type_stubs_are_for_what_the_type_check_reads() -> None:
    stubs = {one for one in declared("dev") if one.startswith("types-") or one.endswith("-stubs")}

    assert {package_of(one) for one in stubs} <= set(imported([*MODULES, *SCRIPTS]))
