"""Errors as people and programs see them: what, where, why and what next; never a stack trace, never a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneuser.cli.verbs import for_the_same
from oneuser.core.errors import ConfigError, OneUserError
from oneuser.core.masking import hide_typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneuser.cli.output import Output


def error_document(error: OneUserError) -> dict[str, Any]:
    """An error as a JSON document."""
    facts: dict[str, Any] = {
        "kind": type(error).__name__,
        "found": error.found,
        "expected": error.expected or None,
        "where": error.where or None,
        "next": error.next_step or None,
    }
    if isinstance(error, ConfigError):
        facts["problems"] = [
            {"key": p.key, "message": p.message, "file": p.file, "line": p.line, "code": p.code} for p in error.problems
        ]
    return {"exit_code": error.exit_code, "error": facts}


def error_lines(error: OneUserError, *, verb: str = "", config: str | None = None) -> list[str]:
    """An error as lines of text; `verb` is what was called, `config` the configuration that was named with it."""
    first, *rest = error.found.splitlines() or [type(error).__name__]
    parts = {
        "expected": error.expected,
        "where": error.where,
        "next": error.next_step or _next_step(error, verb, config),
    }
    return [f"error: {first}", *(f"  {line}" for line in rest), *(f"  {k}: {v}" for k, v in parts.items() if v)]


def show_error(error: OneUserError, output: Output, *, verb: str = "", typed: Sequence[str] = ()) -> None:
    """Print an error where the caller looks for it: the JSON document for programs, standard error for people.

    `verb` is what was called, such as `export table`: whose help is meant where the call itself is wrong. `typed` is
    the command line: addresses and numbers in it are masked where the error repeats them.
    """
    if output.as_json:
        output.document(_hidden(error_document(error), typed))
        return
    first, *rest = (hide_typed(line, typed) for line in error_lines(error, verb=verb, config=_config_of(typed)))
    output.err.print(first, style="bold red", markup=False, soft_wrap=True)
    for line in rest:
        output.err.print(line, markup=False, soft_wrap=True)


def _hidden(facts: Any, typed: Sequence[str]) -> Any:
    if isinstance(facts, dict):
        return {key: _hidden(value, typed) for key, value in facts.items()}
    if isinstance(facts, list):
        return [_hidden(value, typed) for value in facts]
    return hide_typed(facts, typed) if isinstance(facts, str) else facts


def _config_of(typed: Sequence[str]) -> str | None:
    """The configuration that a command line names."""
    for option, value in zip(typed, [*typed[1:], ""], strict=True):
        if option == "--config" and value:
            return value
        if option.startswith("--config="):
            return option.partition("=")[2]
    return None


def _next_step(error: OneUserError, verb: str, config: str | None) -> str:
    if not isinstance(error, ConfigError):
        line = "`oneuser status` shows how things stand; `oneuser doctor` looks at the surroundings"
    elif any(problem.file for problem in error.problems):
        line = "mend it, then `oneuser validate`"
    else:
        return f"`{' '.join(['oneuser', *verb.split()])} --help`"
    return for_the_same(line, config=config)
