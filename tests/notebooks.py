"""Notebooks in the percent format: cells begin at lines `# %%`, those of text at `# %% [markdown]`.

`python -m tests.notebooks` writes every one as `.ipynb` beside its source, without outputs.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
SOURCES = sorted(FOLDER.glob("*.py"))
_MARK, _MARKDOWN = "# %%", "# %% [markdown]"
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def read_notebook(source: Path) -> NotebookNode:
    """A notebook without outputs. What stands before the first mark belongs to no cell."""
    marks: list[str] = []
    bodies: list[list[str]] = []
    for line in source.read_text(encoding="utf-8").splitlines():
        if line.startswith(_MARK):
            marks.append(line.rstrip())
            bodies.append([])
        elif bodies:
            bodies[-1].append(line)
    cells = [
        new_markdown_cell(_text(body)) if mark == _MARKDOWN else new_code_cell("\n".join(body).strip())
        for mark, body in zip(marks, bodies, strict=True)
    ]
    for number, cell in enumerate(cells):
        # at random otherwise
        cell["id"] = f"cell-{number}"
    return new_notebook(cells=cells, metadata={"kernelspec": _KERNEL})


def _text(body: list[str]) -> str:
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in body).strip()


def main() -> None:
    """Write them all, and say where."""
    for source in SOURCES:
        written = source.with_suffix(".ipynb")
        nbformat.write(read_notebook(source), written)
        print(written.relative_to(FOLDER.parent))


if __name__ == "__main__":
    main()
