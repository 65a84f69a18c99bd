"""What all verbs share: their common options, and how they get configuration, session and warehouse."""

from __future__ import annotations

import inspect
import logging
import os
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from oneuser.cli.local_paths import require_folder
from oneuser.cli.output import Output
from oneuser.core.errors import ConfigError
from oneuser.core.log import configure_logging
from oneuser.core.meanwhile import heard_by

if TYPE_CHECKING:
    from oneuser.api import OpenWarehouse
    from oneuser.api.quick_answers import QuickAnswers
    from oneuser.config import Config

_Answer = TypeVar("_Answer")
CONFIG_VARIABLE = "ONEUSER_CONFIG"
LOG_VARIABLE = "ONEUSER_LOG"
_COMMAND = re.compile(r"`(oneuser [^`]+)`")
_FORMS_OF_LOGS = {"json": True, "text": False}
DEFAULT_CONFIGS = ("oneuser.yaml", "conf/local.yaml")
STARTER = DEFAULT_CONFIGS[0]

_COMMON: dict[str, tuple[Any, Any]] = {
    "config": (
        Annotated[
            Path | None,
            typer.Option(help=f"Configuration file; default ${CONFIG_VARIABLE}, else {' or '.join(DEFAULT_CONFIGS)}."),
        ],
        None,
    ),
    "overrides": (
        Annotated[
            list[str] | None,
            typer.Option("--set", metavar="KEY=VALUE", help="Replace a key, such as graph.engine=one_task."),
        ],
        None,
    ),
    "as_json": (Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")], False),
    "quiet": (Annotated[bool, typer.Option("--quiet", help="No progress and no notes.")], False),
    "verbose": (
        Annotated[int, typer.Option("-v", "--verbose", count=True, help="Log what is done; twice for more.")],
        0,
    ),
    "no_color": (Annotated[bool, typer.Option("--no-color", help="No colours.")], False),
}
_WAREHOUSE = (Annotated[str | None, typer.Option(help="The warehouse; default the configuration's.")], None)


@dataclass(frozen=True)
class Call:
    """One call of a verb: its common options."""

    config_path: Path | None
    overrides: Sequence[str]
    output: Output
    verbose: int = 0
    warehouse_path: str | None = None

    @property
    def is_chatty(self) -> bool:
        """Whether progress may be shown."""
        return not (self.output.quiet or self.output.as_json)

    @cached_property
    def config(self) -> Config:
        """The configuration.

        Raises:
            ConfigError: with every mistake in it, or where there is none.
        """
        from oneuser.config import load_config

        return load_config(self.find_config(), list(self.overrides))

    def find_config(self) -> Path:
        """Where the configuration is.

        Raises:
            ConfigError: where there is none.
        """
        named = self.config_path or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
        if named is not None:
            return named
        for name in DEFAULT_CONFIGS:
            if Path(name).is_file():
                return Path(name)
        raise ConfigError.single(
            "--config",
            f"no configuration: neither {' nor '.join(DEFAULT_CONFIGS)} is in this folder",
            next_step="`oneuser init` writes one to start from; or name yours with --config",
        )

    def suggest(self, line: str) -> None:
        """A note of what comes next, whose commands are for the configuration and the warehouse of this call."""
        self.output.note(for_the_same(line, config=self.config_path, warehouse=self.warehouse_path))

    def ask(self) -> QuickAnswers:
        """The warehouse, for questions that are answered without Spark where that can be."""
        place, config = self._place()
        from oneuser.api.quick_answers import ask_warehouse

        return ask_warehouse(place, config=config)

    def answer(self, ask: Callable[[QuickAnswers], _Answer]) -> tuple[QuickAnswers, _Answer]:
        """The answer to a question that looks at whole tables, and who gives it: without Spark where that can be."""
        from oneuser.storage.quick_tables import IfCertain

        with IfCertain():
            asked = self.ask()
            return asked, ask(asked)
        opened = self.open()
        self.output.note("reading what is published through Spark")
        return opened, ask(opened)

    def open(self) -> OpenWarehouse:
        """The warehouse, for reading frames of it."""
        place, config = self._place()
        from oneuser.api import open_warehouse

        return open_warehouse(place, config=config)

    def _place(self) -> tuple[str, Config | None]:
        """The warehouse of --warehouse, which needs no configuration, else the configuration's."""
        config = None if self.warehouse_path and self.config_path is None else self.config
        place = self.warehouse_path or self.config.warehouse
        require_folder(place)
        return place, config


def for_the_same(line: str, *, config: Path | str | None, warehouse: str | None = None) -> str:
    """A text with its commands of ours, in backticks, as they are to be typed where these were given."""
    options = {"config": config, "warehouse": warehouse}
    given = "".join(f" --{name} {shlex.quote(str(value))}" for name, value in options.items() if value is not None)
    return _COMMAND.sub(lambda command: f"`{command[1]}{given}`", line)


def verb(
    app: typer.Typer, name: str, *, examples: Sequence[str], reads: bool = False, config_help: str | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a verb. Its first parameter gets the `Call`; the rest, annotated, are its own options.

    Args:
        app: Where the verb belongs.
        name: The verb.
        examples: Command lines, shown by --help.
        reads: Whether it reads a warehouse, and so has --warehouse.
        config_help: What --config is, where it is not what it is for all verbs.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        common = _COMMON | ({"warehouse": _WAREHOUSE} if reads else {})
        if config_help is not None:
            common |= {"config": (Annotated[Path | None, typer.Option(help=config_help)], None)}
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        shared = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
            for key, (annotation, default) in common.items()
        ]

        def command(**options: Any) -> None:
            call = _begin({key: options.pop(key) for key in common})
            with heard_by(call.output.progress):
                function(call, **options)

        signature = inspect.Signature([*(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own), *shared])
        command.__signature__ = signature  # type: ignore[attr-defined]
        command.__annotations__ = {}
        shown = "\n\n".join(["Examples:", *examples])
        app.command(name, help=inspect.getdoc(function), epilog=shown, no_args_is_help=False)(command)
        return function

    return register


def _logs_as_json(*, as_json: bool) -> bool | None:
    """Whether what is logged is for machines; null where that depends on whether a terminal shows it."""
    asked = os.environ.get(LOG_VARIABLE, "")
    if asked in _FORMS_OF_LOGS:
        return _FORMS_OF_LOGS[asked]
    # whoever reads the answer as text, be it in a file, reads what is logged between its lines
    return None if as_json else False


def _begin(common: dict[str, Any]) -> Call:
    output = Output(as_json=common["as_json"], quiet=common["quiet"], color=not common["no_color"])
    levels = (logging.WARNING, logging.INFO, logging.DEBUG)
    verbose = min(common["verbose"], len(levels) - 1)
    configure_logging(levels[verbose], as_json=_logs_as_json(as_json=output.as_json), color=not common["no_color"])
    return Call(common["config"], common["overrides"] or (), output, verbose, common.get("warehouse"))
