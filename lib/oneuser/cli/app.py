"""The command line as typer wants it: all verbs, with the options of the program itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from oneuser.cli import (
    analysing,
    crediting,
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
from oneuser.core.masking import hide_typed
from oneuser.core.version import __version__


def _show_version(is_asked: bool) -> None:  # noqa: FBT001 - the signature of an option's callback
    if is_asked:
        sys.stdout.write(f"oneuser {__version__}\n")
        raise typer.Exit


# what typer raises for a command line that is wrong; where it stands differs between its versions
_UsageError: Any = typer.BadParameter.__base__


class _Verbs(TyperGroup):
    """All verbs. What is wrong with a command line is said without the addresses and numbers in it."""

    def make_context(self, info_name: str | None, args: list[str], *others: Any, **more: Any) -> Any:
        """As of any group."""
        self._typed = list(args)
        with self._hidden():
            return super().make_context(info_name, args, *others, **more)

    def invoke(self, ctx: Any) -> Any:
        """As of any group."""
        with self._hidden():
            return super().invoke(ctx)

    @contextmanager
    def _hidden(self) -> Iterator[None]:
        try:
            yield
        except _UsageError as problem:
            problem.message = hide_typed(problem.message, self._typed)
            raise


def build_app() -> typer.Typer:
    """All verbs."""
    app = typer.Typer(
        name="oneuser",
        cls=_Verbs,
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
        crediting,
        analysing,
        simulation,
        exports,
        demonstration,
    ):
        module.register(app)
    return app
