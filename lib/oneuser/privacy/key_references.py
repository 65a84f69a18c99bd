"""Where the text of a secret is: in a file, in an environment variable, or in what a program of others prints.

The program is asked without a shell and within a time; whatever it writes but the secret is thrown away unread.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from pathlib import Path

from oneuser.core.errors import ConfigError
from oneuser.privacy.key_versions import no_secret

COMMAND_SECONDS = 30.0
_ASK_BY_HAND = "run it by hand as the user that oneuser runs as, and see what it says"


def split_reference(reference: str) -> tuple[str, str]:
    """Kind and place of a reference: `file:PATH`, `env:NAME` or `command:PROGRAM ARGUMENT...`.

    Raises:
        ConfigError: for another kind.
    """
    kind, _, place = reference.partition(":")
    if kind not in ("file", "env", "command"):
        # not repeated: it may be the secret itself
        raise ConfigError.single("keys.identifiers", "no kind of reference; use file:PATH, env:NAME or command:PROGRAM")
    return kind, place


def describe_reference(reference: str) -> str:
    """A reference for people's eyes: of a command, its program alone, since arguments may name what is private."""
    kind, place = split_reference(reference)
    return f"the command {_words(place)[0]}" if kind == "command" else f"{kind}:{place}"


def read_reference(reference: str) -> str | None:
    """The text of the secret; null where its file does not exist.

    Raises:
        EnvironmentProblem: where a variable is not set, or a program does not print a secret.
    """
    kind, place = split_reference(reference)
    if kind == "command":
        return ask_command(_words(place))
    if kind == "env":
        text = os.environ.get(place, "")
        if not text:
            raise no_secret(
                f"environment variable {place} is empty or not set", f"set {place} to 64 hexadecimal digits"
            )
        return text
    path = Path(place)
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else None


def ask_command(words: list[str], *, seconds: float = COMMAND_SECONDS) -> str:
    """What a program prints.

    Args:
        words: The program and its arguments.
        seconds: How long it may take, with all that it starts.

    Raises:
        EnvironmentProblem: where it cannot be started, takes too long or fails, by its exit code alone.
    """
    program = words[0]
    try:
        # a group of its own: what it starts ends with it, and holds no pipe open
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as problem:
        raise no_secret(
            f"the command {program} cannot be started: {problem.strerror}", "let `keys.identifiers` name a program"
        ) from None
    try:
        printed, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise no_secret(f"the command {program} has printed no secret in {seconds:g} seconds", _ASK_BY_HAND) from None
    finally:
        _end(process)
    if process.returncode:
        raise no_secret(f"the command {program} ended with exit code {process.returncode}", _ASK_BY_HAND)
    return printed.decode("utf-8", errors="replace")


def _words(place: str) -> list[str]:
    try:
        words = shlex.split(place)
    except ValueError:
        words = []
    if not words:
        raise ConfigError.single("keys.identifiers", "a command without a program, or with a quote that does not end")
    return words


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program that is still running, with all that it has started."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.stdout:
        process.stdout.close()
    process.wait()
