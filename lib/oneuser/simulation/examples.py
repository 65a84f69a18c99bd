"""One page of a folder of texts, each with its result.

python -m oneuser.simulation.examples conf/simulate > conf/simulate/README.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from oneuser.simulation.render import render
from oneuser.simulation.simulation import simulate

_HEAD = """# simulate: inputs and results

Each file of this folder is a text for `oneuser simulate FILE`, and shows what becomes of people in one situation: 01 to 15
what follows from the rules of User IDs, the others protection, aliases and consent. Lines between two `---` arrive in one
run. P1, P2 ... stand for User IDs, in the order of publication.

This page is made by `python -m oneuser.simulation.examples conf/simulate > conf/simulate/README.md`.
"""  # noqa: E501 - the lines of a page
_FILES = "*.txt"


def examples_page(folder: Path) -> str:
    """The page of all texts in a folder, by their names. The comment that opens a text is its heading."""
    return "\n".join([_HEAD, *("\n".join(_section(path)) for path in sorted(folder.glob(_FILES)))])


def _section(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    heading, *lines = text.splitlines()
    result = simulate(text, file=path.name)
    yield f"## {path.name}\n"
    yield f"{heading.removeprefix('#').strip()}\n"
    yield "```"
    width = len(str(len(lines) + 1))
    yield from (f"{number:>{width}}  {line}" for number, line in enumerate(lines, start=2))
    yield "```\n"
    yield "```"
    # whose events are is the point where an identifier is contested, and a repetition elsewhere
    yield from render(result.steps, events=any(run.contested for run in result.runs), ids=False)
    yield "```\n"


if __name__ == "__main__":
    sys.stdout.write(examples_page(Path(sys.argv[1])))
