"""Writes the report of the published run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.report.gather import gather_report
from oneuser.report.page import render_page
from oneuser.storage.new_file import new_file

if TYPE_CHECKING:
    from pathlib import Path

    from oneuser.report.source import ReportSource


def build_report(source: ReportSource, to: Path, *, min_people: int | None = None) -> Path:
    """Write the report of what an open warehouse shows, as one HTML page.

    Args:
        source: The open warehouse.
        to: The file; its folder is made.
        min_people: Counts of fewer people are hidden; by default as the warehouse's configuration says, or 5.

    Returns:
        The absolute path of the file.

    Raises:
        OneUserError: before the first publication.
    """
    page = render_page(gather_report(source, min_people=min_people))
    to.parent.mkdir(parents=True, exist_ok=True)
    with new_file(to) as file:
        file.write(page.encode())
    return to.resolve()
