"""Every notebook runs from its first cell to its last, against one demo, and draws what it promises."""

from __future__ import annotations

import ast
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from oneuser.cli.main import main
from tests import notebooks
from tests.notebooks import SOURCES, read_notebook
from tests.plans import FOR_FEW_ROWS, LITTLE_JAVA

ROOT = Path(__file__).resolve().parents[2]
PICTURE, TABLE = "image/svg+xml", "text/html"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="module")
def config(spark: object, home: Path) -> Path:
    """The configuration of a small demo, whose paths begin at `home`, with its raw zone in a place of its own."""
    raw_root = f"raw_root={home / 'raw'}"
    where = ["--folder", str(home / "demo"), "--warehouse", str(home / "warehouse"), "--set", raw_root]
    assert main(["demo", "--events", "3000", "--quiet", *where]) == 0
    file = home / "demo" / "oneuser.yaml"
    # so that notebooks plan as tests do
    with file.open("a", encoding="utf-8") as written:
        written.write(f"raw_root: {home / 'raw'}\n")
        written.write(f"spark: {json.dumps({'conf': LITTLE_JAVA | FOR_FEW_ROWS})}\n")
    return file


def files_of(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


@dataclass(frozen=True)
class Executed:
    """All notebooks with what their cells put out, by name, and the files of the demo before and after."""

    notebooks: dict[str, NotebookNode]
    before: dict[Path, int]
    after: dict[Path, int]


@pytest.fixture(scope="module")
def executed(config: Path, home: Path) -> Executed:
    return execute(config, home, SOURCES)


def execute(config: Path, home: Path, sources: Sequence[Path], **samples: Path) -> Executed:
    """One after the other in one process, where each finds nothing of those before it: a Java of its own costs more."""
    notebooks = {source.stem: read_notebook(source) for source in sources}
    cells: list[NotebookNode] = []
    for name, notebook in notebooks.items():
        for cell in notebook.cells:
            # of several notebooks, no two may have the same
            cell["id"] = f"{name}-{cell['id']}"
        cells += [new_code_cell("%reset -f"), *notebook.cells]
    before = files_of(home)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ONEUSER_SESSIONS", "ONEUSER_SAMPLE"):
            patch.delenv(name, raising=False)
        for name, folder in samples.items():
            patch.setenv(name, str(folder))
        patch.setenv("ONEUSER_CONFIG", str(config))
        patch.setenv("PYTHONPATH", str(ROOT / "lib"))
        patch.setenv("ONEUSER_JARS", os.environ.get("ONEUSER_JARS", str(ROOT / ".jars")))
        # the cells are those of the notebooks, and so are the outputs; a mistake is told by the test of its notebook
        NotebookClient(
            new_notebook(cells=cells),
            timeout=300,
            kernel_name="python3",
            allow_errors=True,
            resources={"metadata": {"path": str(home)}},
        ).execute()
    return Executed(notebooks, before, files_of(home))


@pytest.mark.parametrize("name", [source.stem for source in SOURCES])
def test_a_notebook_runs_to_its_end_and_draws(name: str, executed: Executed) -> None:
    require_drawn(executed.notebooks[name])


@pytest.mark.soak
def test_notebooks_count_other_data_where_they_are_told_to(config: Path, home: Path, shared_data: Path) -> None:
    executed = execute(
        config,
        home,
        [
            source
            for source in SOURCES
            if "_SESSIONS" in source.read_text("utf-8") or "_SAMPLE" in source.read_text("utf-8")
        ],
        ONEUSER_SESSIONS=shared_data / "ecom-sessions",
        ONEUSER_SAMPLE=shared_data / "online-retail-ii-2009-2010",
    )

    assert len(executed.notebooks) == 2
    for notebook in executed.notebooks.values():
        require_drawn(notebook)
        assert "the made-up shop of the demo" not in json.dumps([cell.get("outputs") for cell in notebook.cells])


def require_drawn(notebook: NotebookNode) -> None:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not ["\n".join(output.traceback) for output in outputs if output.output_type == "error"]
    shown = [output.get("data", {}) for output in outputs]
    assert sum(PICTURE in data for data in shown) >= 2
    assert sum(TABLE in data for data in shown) >= 2
    assert not [output.text for output in outputs if output.get("name") == "stderr"]


def test_the_four_of_the_fair_are_merged_and_get_back_the_user_ids_that_they_had(executed: Executed) -> None:
    cells = [cell for cell in executed.notebooks["02_tuning_rules"].cells if cell.cell_type == "code"]
    said = "".join(output.get("text", "") for cell in cells for output in cell.outputs)
    (last,) = [cell.outputs[-1].data["text/plain"] for cell in cells if cell.source.startswith("{user: warehouse.")]

    assert ": 3 User IDs were merged into others" in said
    assert "0 are new" in said
    assert list(ast.literal_eval(last).values()) == [True] * 4


def test_notebooks_leave_the_demo_alone(executed: Executed) -> None:
    assert executed.after == executed.before


def test_the_notebook_that_works_on_a_copy_refuses_what_it_cannot_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "sources: {web: {path: day.jsonl, format: jsonl, preset: segment}}\nkeys: {identifiers: 'env:KEY'}\n"
    (tmp_path / "far.yaml").write_text(f"deployment: far\nwarehouse: s3a://people/warehouse\n{source}", "utf-8")
    monkeypatch.setenv("ONEUSER_CONFIG", str(tmp_path / "far.yaml"))
    (notebook,) = [read_notebook(one) for one in SOURCES if one.stem == "02_tuning_rules"]
    first = next(cell.source for cell in notebook.cells if cell.cell_type == "code")

    with pytest.raises(SystemExit, match="only folders are copied"):
        exec(first, {})  # noqa: S102 - the cell itself


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_notebook_opens_with_its_question(source: Path) -> None:
    notebook = read_notebook(source)
    nbformat.validate(notebook)

    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert first.source.splitlines()[0].endswith("?")


def test_they_are_written_to_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copies = [Path(shutil.copy(source, tmp_path)) for source in SOURCES]
    monkeypatch.setattr(notebooks, "SOURCES", copies)
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)

    notebooks.main()

    written = sorted(tmp_path.glob("*.ipynb"))
    assert [file.stem for file in written] == [source.stem for source in SOURCES]
    assert capsys.readouterr().out.split() == [f"{tmp_path.name}/{file.name}" for file in written]
    for file, source in zip(written, SOURCES, strict=True):
        opened = nbformat.read(file, as_version=4)
        nbformat.validate(opened)
        assert [cell.source for cell in opened.cells] == [cell.source for cell in read_notebook(source).cells]
        assert not any(cell.get("outputs") for cell in opened.cells)


def test_cells_of_text_lose_their_signs_and_cells_of_code_keep_theirs(tmp_path: Path) -> None:
    source = tmp_path / "one.py"
    source.write_text(
        "# of no cell\n# %% [markdown]\n# # Why?\n#\n# *So.*\n\n# %%\n# counts\n1 + 1\n", encoding="utf-8"
    )

    cells = [(cell.cell_type, cell.source) for cell in read_notebook(source).cells]

    assert cells == [("markdown", "# Why?\n\n*So.*"), ("code", "# counts\n1 + 1")]
