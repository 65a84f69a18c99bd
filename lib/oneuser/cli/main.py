"""Entry point of the command line. Turns whatever happens into an exit code.

0 done · 1 failed, nothing published · 2 usage or configuration · 3 a gate stopped publication · 4 locked, retry later ·
5 environment or storage · 130 interrupted.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oneuser.cli import demonstration, exports, people, planning, runs, setting_up, simulation, trust
from oneuser.cli.errors import show_error
from oneuser.cli.output import Output
from oneuser.core.errors import EnvironmentProblem, OneUserError
from oneuser.core.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED = 130


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

    for module in (setting_up, planning, runs, people, trust, simulation, exports, demonstration):
        module.register(app)
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code. `argv` is without the program's name; default the process's."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # py4j logs a stack trace for every interruption
    logging.getLogger().addFilter(_is_no_interruption)
    output = Output(as_json="--json" in arguments, color="--no-color" not in arguments)
    try:
        code = _ended(arguments, output)
    except BrokenPipeError:
        code = 0
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_unread()
    return code


def _ended(arguments: list[str], output: Output) -> int:
    """The exit code of a command line.

    Raises:
        BrokenPipeError: where whoever read the answer has seen enough.
    """
    try:
        with _terminated_is_interrupted():
            build_app()(arguments, prog_name="oneuser")
        code = 0
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):
            # typer makes a failure of it
            raise ended.__context__ from None
        code = _code(ended.code)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as problem:  # noqa: BLE001 - the boundary
        if _is_interruption(problem):
            code = INTERRUPTED
        else:
            error = _own(problem)
            with suppress(BrokenPipeError):
                show_error(error, output)
            return error.exit_code
    if code == INTERRUPTED:
        with suppress(BrokenPipeError):
            output.err.print("interrupted: nothing was published", markup=False)
    return code


def _own(problem: Exception) -> OneUserError:
    if isinstance(problem, OneUserError):
        return problem
    if isinstance(problem, ImportError):
        return _not_importable(problem)
    from oneuser.runs.boundary import as_own_error

    return as_own_error(problem)


def _not_importable(problem: ImportError) -> EnvironmentProblem:
    name = problem.name or "a module"
    return EnvironmentProblem(
        found=f"Python cannot import {name}",
        expected="a Python that has oneuser and all that it needs",
        where=sys.executable,
        next_step="install oneuser into this Python, or start it with the one that has it; then `oneuser doctor`",
    )


def _leave_unread() -> None:
    """Let what is still unwritten go nowhere: Python would complain about it when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _is_no_interruption(record: logging.LogRecord) -> bool:
    return "KeyboardInterrupt while sending" not in str(record.msg)


def _is_interruption(problem: BaseException) -> bool:
    """Whether an interruption is what led to it: a call into Java that was cut short fails in ways of its own."""
    cause = problem.__cause__ or problem.__context__
    return isinstance(problem, KeyboardInterrupt) or (cause is not None and _is_interruption(cause))


def _code(code: Any) -> int:
    if code is None:
        return 0
    return code if isinstance(code, int) else 1


@contextmanager
def _terminated_is_interrupted() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does: jobs cancelled, lease given back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
