"""The command line as typer wants it: all verbs, with the options of the program itself."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from oneuser.cli import (
    analysing,
    data_requests,
    demonstration,
    exports,
    people,
    planning,
    rotating,
    runs,
    setting_up,
    simulation,
    trust,
    upkeep,
)
from oneuser.core.version import __version__


def _show_version(is_asked: bool) -> None:  # noqa: FBT001 - the signature of an option's callback
    if is_asked:
        sys.stdout.write(f"oneuser {__version__}\n")
        raise typer.Exit


def build_app() -> typer.Typer:
    """All verbs."""
    app = typer.Typer(
        name="oneuser",
        help="One persistent User ID per person, across sessions, devices, touchpoints and runs.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=True,
    )

    @app.callback()
    def _options(
        version: Annotated[  # noqa: FBT002 - an option
            bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
        ] = False,
    ) -> None:
        """One persistent User ID per person, across sessions, devices, touchpoints and runs."""

    for module in (
        setting_up,
        planning,
        runs,
        upkeep,
        data_requests,
        rotating,
        people,
        trust,
        analysing,
        simulation,
        exports,
        demonstration,
    ):
        module.register(app)
    return app
