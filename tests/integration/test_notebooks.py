"""Every notebook runs from its first cell to its last, against one demo, and draws what it promises."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from oneuser.cli.main import main
from tests.notebooks import SOURCES, read_notebook

ROOT = Path(__file__).resolve().parents[2]
PICTURE, TABLE = "image/svg+xml", "text/html"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="module")
def config(spark: object, home: Path) -> Path:
    """The configuration of a small demo, whose paths begin at `home`."""
    where = ["--folder", str(home / "demo"), "--warehouse", str(home / "warehouse")]
    assert main(["demo", "--events", "3000", "--quiet", *where]) == 0
    return home / "demo" / "oneuser.yaml"


def files_of(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_notebook_runs_to_its_end_and_leaves_the_demo_alone(
    source: Path, config: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(home)
    monkeypatch.setenv("ONEUSER_CONFIG", str(config))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "lib"))
    monkeypatch.setenv("ONEUSER_JARS", os.environ.get("ONEUSER_JARS", str(ROOT / ".jars")))
    notebook = read_notebook(source)

    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(home)}}).execute()

    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = [output.get("data", {}) for output in outputs]
    assert sum(PICTURE in data for data in shown) >= 2
    assert sum(TABLE in data for data in shown) >= 2
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    assert files_of(home) == before


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_notebook_opens_with_its_question(source: Path) -> None:
    notebook = read_notebook(source)
    nbformat.validate(notebook)

    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert first.source.splitlines()[0].endswith("?")


def test_cells_of_text_lose_their_signs_and_cells_of_code_keep_theirs(tmp_path: Path) -> None:
    source = tmp_path / "one.py"
    source.write_text(
        "# of no cell\n# %% [markdown]\n# # Why?\n#\n# *So.*\n\n# %%\n# counts\n1 + 1\n", encoding="utf-8"
    )

    cells = [(cell.cell_type, cell.source) for cell in read_notebook(source).cells]

    assert cells == [("markdown", "# Why?\n\n*So.*"), ("code", "# counts\n1 + 1")]
