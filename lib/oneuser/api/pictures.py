"""Charts of one's own in the look of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oneuser.report.palette import ChartColours


def use_chart_theme() -> ChartColours:
    """Have Altair draw all charts of this process like the report, as SVG that needs no network.

    Returns:
        The colours of the report by role, for charts that name one. They turn dark where the reader's system is.
    """
    # what draws takes its time to load, and those who only read tables do not need it
    from oneuser.report.theme import use_theme

    return use_theme()
