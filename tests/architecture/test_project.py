"""The top level, the lock file and the wheel are what they are said to be."""

from __future__ import annotations

import re
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.architecture.source import APART, MODULES, PACKAGE, ROOT, locked_versions, plain_name

LOCK = ROOT / "requirements.lock"
TOP_LEVEL = {
    "pyproject.toml", "jobs", "lib", "conf", "notebooks", "tests", "Makefile", "README.md",
    "LICENSE", "CHANGELOG.md", "requirements.lock",
}  # fmt: skip
FOLDERS = ("conf", "jobs", "lib", "notebooks", "tests")
PAGES = sorted([*ROOT.glob("*.md"), *(page for name in FOLDERS for page in (ROOT / name).rglob("*.md"))])


def tracked_files() -> list[str]:
    answer = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode:
        pytest.skip("not a git checkout")
    return answer.stdout.splitlines()


def test_the_top_level_is_the_agreed_one() -> None:
    shown = {name.split("/")[0] for name in tracked_files() if not name.startswith(".")}

    assert shown <= TOP_LEVEL


def test_every_folder_explains_itself() -> None:
    for folder in ("jobs", "conf", "notebooks", "tests", "lib", "lib/oneuser/decisions"):
        assert (ROOT / folder / "README.md").is_file(), folder


def test_every_dependency_is_locked_with_a_hash() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(dep for extra in project["optional-dependencies"].values() for dep in extra)]
    names = {plain_name(re.split(r"[\[=<>!~ ]", dep)[0]) for dep in wanted} - {"oneuser"}

    assert not names - set(locked_versions(LOCK))


@pytest.mark.parametrize("lock", [LOCK, *APART], ids=lambda path: path.name)
def test_whatever_is_locked_has_a_hash(lock: Path) -> None:
    pins = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip())

    assert len(pins) >= len(locked_versions(lock)) > 0
    assert not [pin for pin in pins if "--hash=" not in pin]


@pytest.mark.parametrize("lock", APART, ids=lambda path: path.name)
def test_an_environment_apart_is_locked_as_it_is_wanted(lock: Path) -> None:
    wanted = locked_versions(lock.with_suffix(".in"))

    assert wanted
    assert wanted.items() <= locked_versions(lock).items()


def test_the_lock_keeps_the_pins_that_belong_together() -> None:
    locked = locked_versions(LOCK)

    assert (locked["pyspark"], locked["delta-spark"], locked["graphframes-py"]) == ("4.2.0", "4.4.0", "0.12.3")
    assert locked["pandas"].startswith("2.")


def test_numbered_decisions_are_in_the_index_in_their_order() -> None:
    folder = ROOT / "lib" / "oneuser" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")

    assert re.findall(r"\]\((\d{4}-[^)]*\.md)\)", index) == sorted(path.name for path in folder.glob("[0-9]*.md"))


def test_every_module_is_in_the_readme_of_its_folder() -> None:
    """Of its folder or of the room: those of one stage stand in the README of all stages. `*` stands for several."""
    unnamed = []
    for path in MODULES:
        folder = path.parent
        if path.name == "__init__.py" or folder == PACKAGE:
            continue
        readme = next(one for one in (folder / "README.md", folder.parent / "README.md") if one.is_file())
        named = re.findall(r"`([^`\s]+)`", readme.read_text(encoding="utf-8"))
        if not any(fnmatch(path.name, name) for name in named):
            unnamed.append(f"{readme.relative_to(ROOT)}: {path.name}")

    assert not unnamed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        is_there = link.startswith("http") or (target.exists() and (not anchor or anchor in anchors_of(target)))
        if not is_there:
            broken.append(link)

    assert not broken


def anchors_of(page: Path) -> set[str]:
    """What headings are linked by: small letters, without punctuation, with hyphens for spaces."""
    headings = re.findall(r"(?m)^#+ (.*)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
