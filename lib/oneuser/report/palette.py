"""Colours of the report's pictures, by role, for light and for dark.

Pictures are drawn once, with the light colours; the page's style sheet replaces each by its variable, so that one
picture serves both. Every role therefore has a light colour of its own. Charts in notebooks have their own style sheet.
"""

from __future__ import annotations

from typing import NamedTuple

INK, SOFT, RULE, PAPER = "#1d2733", "#5b6673", "#dfe3e6", "#fdfcfa"
MAIN, SECOND, GREY, UNOBSERVED, HIDDEN_CELL = "#2b6c84", "#9cc3cf", "#b4b9be", "#eceef0", "#f3efe4"
ON_DARK_CELL, ON_LIGHT_CELL = "#fefefe", "#1d2734"
# Eight hues that differ in lightness too; the ninth channel and on are drawn together as OTHER.
SERIES = ("#2f6b85", "#e0a458", "#6a994e", "#b5546a", "#7d6aa8", "#4fa3a5", "#a3704b", "#8aa6d6")
OTHER = "#d3cbbd"
REFUSED = "#e0a457"
# Shares from 0 to 1: the first is for exactly nobody, each of the others for what is above a step.
HEAT_STEPS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7)
HEAT = ("#f4f6f4", "#ddeaec", "#bfd9df", "#99c3cd", "#6fa9b8", "#3d7d91", "#2b6b82", "#1a4e63")
# the text on each of these: the last ones are dark
ON_HEAT = (*[ON_LIGHT_CELL] * 5, *[ON_DARK_CELL] * 3)

_DARK = {
    INK: "#e6e9ec", SOFT: "#9aa5b1", RULE: "#333c46", PAPER: "#14191f",
    MAIN: "#63b3cc", SECOND: "#2f5f70", GREY: "#6a737d", UNOBSERVED: "#1c2229", HIDDEN_CELL: "#2a2720",
    ON_DARK_CELL: "#0f1419", ON_LIGHT_CELL: "#e6e9ed", OTHER: "#4d4a43", REFUSED: "#e3b06c",
    **dict(zip(
        SERIES, ("#5aa9c4", "#e3b06d", "#8fbf72", "#d97f93", "#a796d3", "#6cc4c4", "#c79670", "#a4bce8"), strict=True,
    )),
    **dict(zip(
        HEAT, ("#1b2127", "#1b2f38", "#1d3f4c", "#225365", "#2c6b81", "#3f88a1", "#63aac1", "#9ad0df"), strict=True,
    )),
}  # fmt: skip


class ChartColours(NamedTuple):
    """Colours by role, for charts that are dark where the reader's system is: see `report/theme.py`.

    Attributes:
        ink: Text.
        soft: Text beside it, such as axes.
        paper: The ground.
        main: What a chart is about.
        second: What it is compared with.
        grey: What is left, such as what no channel is credited with.
        unobserved: Cells that nothing is known about.
        series: One for each of up to eight kinds of things.
        heat: Shares: exactly nobody, then more than each of `heat_steps`.
        heat_steps: Lower ends of the colours of `heat` after the first.
        on_heat: Text on each colour of `heat`.
    """

    ink: str = INK
    soft: str = SOFT
    paper: str = PAPER
    main: str = MAIN
    second: str = SECOND
    grey: str = GREY
    unobserved: str = UNOBSERVED
    series: tuple[str, ...] = SERIES
    heat: tuple[str, ...] = HEAT
    heat_steps: tuple[float, ...] = HEAT_STEPS
    on_heat: tuple[str, ...] = ON_HEAT


def variable(colour: str) -> str:
    """The style sheet's variable for a light colour."""
    return f"--c-{colour.removeprefix('#')}"


def variables(*, dark: bool) -> str:
    """Declarations of every variable."""
    return "".join(f"{variable(light)}:{shade if dark else light};" for light, shade in _DARK.items())


def replacements() -> str:
    """Rules that put the variables in the place of the pictures' colours."""
    return "\n".join(
        f'.chart [{attribute}="{light}"]{{{attribute}:var({variable(light)})}}'
        for light in _DARK
        for attribute in ("fill", "stroke")
    )


def dark_rules(picture: str) -> str:
    """Rules that give the pictures that a selector names the dark colours in place of the light ones."""
    return "".join(
        f'{picture} [{attribute}="{light}"],{picture}[{attribute}="{light}"]{{{attribute}:{dark}}}'
        for light, dark in _DARK.items()
        for attribute in ("fill", "stroke")
    )
