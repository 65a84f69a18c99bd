"""How measurements are written: text tables and numbers that people compare at a glance."""

from __future__ import annotations

from collections.abc import Sequence

_GIB = 1024**3


def seconds(value: float) -> str:
    """Seconds, with as many digits as mean something."""
    return f"{value:,.2f}" if value < 10 else f"{value:,.1f}"


def rate(rows: int, duration: float) -> str:
    """Rows per second; `-` where nothing took time."""
    return f"{rows / duration:,.0f}" if duration > 0 else "-"


def memory(n_bytes: int | None) -> str:
    """Bytes as GiB; `-` where nothing was measured."""
    return f"{n_bytes / _GIB:.2f}" if n_bytes else "-"


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under a header, two spaces apart: the first column to the left, the others, which are numbers, to the right.

    Every row has as many cells as the header.
    """
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(header))]

    def written(line: Sequence[str]) -> str:
        cells = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        return "  ".join([line[0].ljust(widths[0]), *cells]).rstrip()

    return "\n".join([written(header), "  ".join("-" * width for width in widths), *map(written, rows)])
