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


def quantity(value: float, unit: str) -> str:
    """A measurement with its unit: shares as percent, bytes as GiB."""
    if unit == "%":
        return f"{value:.1%}".replace("%", " %")
    if unit == "GiB":
        return f"{value / _GIB:,.2f} GiB"
    if unit == "s":
        return f"{seconds(value)} s"
    if unit == "×":
        return f"{value:,.2f} ×"
    return f"{value:.2f}" if unit else f"{value:,.0f}"


def events(n: int) -> str:
    """A number of events in few letters: `10 k`, `1 M`."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if n >= size:
            return f"{n / size:g} {letter}"
    return str(n)


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under a header, two spaces apart: words to the left, columns of numbers to the right.

    Every row has as many cells as the header.
    """
    lines = [list(header), *(list(row) for row in rows)]
    places = range(len(header))
    widths = [max(len(line[place]) for line in lines) for place in places]
    is_number = [place > 0 and all(_is_number(row[place]) for row in rows) for place in places]

    def written(line: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if to_the_right else cell.ljust(width)
            for cell, width, to_the_right in zip(line, widths, is_number, strict=True)
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([written(header), "  ".join("-" * width for width in widths), *map(written, rows)])


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same for Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _is_number(cell: str) -> bool:
    return not cell.strip("0123456789.,%-")
