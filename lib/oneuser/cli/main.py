"""Entry point of the command line. Turns whatever happens into an exit code.

0 done · 1 failed, nothing published · 2 usage or configuration · 3 a gate stopped publication · 4 locked, retry later ·
5 environment or storage · 130 interrupted.

Imports the verbs when it is called, so that an interruption is none of Python's from the first moment on.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneuser.core.errors import EnvironmentProblem, OneUserError
from oneuser.core.standing import was_interrupted, what_stands

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED = 130
_SOON = 0.05  # seconds


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code. `argv` is without the program's name; default the process's."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # py4j logs a stack trace for every call that was cut short; what became of it is raised too
    logging.getLogger().addFilter(_is_ours)
    try:
        code = _ended(arguments)
    except BrokenPipeError:
        code = 0
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_unread()
    return code


def _ended(arguments: list[str]) -> int:
    """The exit code of a command line.

    Raises:
        BrokenPipeError: where whoever read the answer has seen enough.
    """
    interruption: BaseException | None = None
    try:
        with _terminated_is_interrupted(), _never_passed_over():
            from oneuser.cli.app import build_app

            build_app()(arguments, prog_name="oneuser")
        code = 0
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):
            # typer makes a failure of it
            raise ended.__context__ from None
        code, interruption = _code(ended.code), ended
    except KeyboardInterrupt as problem:
        code, interruption = INTERRUPTED, problem
    except BrokenPipeError:
        raise
    except Exception as problem:  # noqa: BLE001 - the boundary
        if was_interrupted(problem):
            code, interruption = INTERRUPTED, problem
        else:
            error = _own(problem)
            with suppress(BrokenPipeError):
                _show(error, arguments)
            return error.exit_code
    if code == INTERRUPTED and interruption is not None:
        with suppress(BrokenPipeError):
            _tell_interruption(what_stands(interruption), arguments)
    return code


def _tell_interruption(stands: Sequence[str], arguments: Sequence[str]) -> None:
    """Say what stands of a command that was cut short, with as little as can be: it may have been cut short by this."""
    found = f"interrupted: {'; '.join(stands) or 'nothing was published'}"
    if "--json" not in arguments:
        sys.stderr.write(f"{found}\n")
        return
    facts = dict.fromkeys(("expected", "where")) | {"next": "run the same command again: it goes on where it stopped"}
    document = {"exit_code": INTERRUPTED, "error": {"kind": "Interrupted", "found": found} | facts}
    sys.stdout.write(f"{json.dumps(document, indent=2)}\n")


def _show(error: OneUserError, arguments: list[str]) -> None:
    from oneuser.cli.errors import show_error
    from oneuser.cli.output import Output

    output = Output(as_json="--json" in arguments, color="--no-color" not in arguments)
    show_error(error, output, verb=_verb_of(arguments), typed=arguments)


def _verb_of(arguments: list[str]) -> str:
    """The verb that a command line calls, such as `export table`; nothing where it calls none."""
    from typer.main import get_command

    from oneuser.cli.app import build_app

    group: Any = get_command(build_app())
    words = []
    for word in arguments:
        group = getattr(group, "commands", {}).get(word)
        if group is None:
            break
        words.append(word)
    return " ".join(words)


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


def _is_ours(record: logging.LogRecord) -> bool:
    return "py4j" not in Path(record.pathname).parts


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


@contextmanager
def _never_passed_over() -> Iterator[None]:
    """Interrupt once more where the interruption fell into the end of an object.

    Python prints a stack trace there and goes on; handles on Java's objects end all the time, each by a call to Java.
    """
    before = sys.unraisablehook

    def again(problem: sys.UnraisableHookArgs) -> None:
        if isinstance(problem.exc_value, KeyboardInterrupt):
            # from elsewhere, when this is over: here it would be passed over too
            threading.Timer(_SOON, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()
        else:
            before(problem)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


if __name__ == "__main__":
    sys.exit(main())
