"""Verb simulate: rules tried on a text, without a warehouse and without Spark."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from oneuser.cli.verbs import Call, verb
from oneuser.core.errors import ConfigError

_STANDARD_INPUT = "-"


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    examples = [
        "oneuser simulate conf/simulate/20-shared-device.txt",
        "oneuser simulate mine.txt --config oneuser.yaml --set identity.shared_device=last_owner --events",
        "echo 'user_id: 1, email: ann@example.com' | oneuser simulate -",
        "oneuser simulate --show-rules",
    ]
    rules = "Configuration file, of which only identity and consent matter; default built-in rules."
    verb(app, "simulate", examples=examples, config_help=rules)(simulate)


def simulate(
    call: Call,
    file: Annotated[str | None, typer.Argument(help="The text; - for standard input.")] = None,
    events: Annotated[bool, typer.Option("--events", help="Show whose each event is.")] = False,  # noqa: FBT002 - an option
    show_rules: Annotated[bool, typer.Option("--show-rules", help="Print the rules and stop.")] = False,  # noqa: FBT002
) -> None:
    """Show what people a text of events amounts to: one event per line, `type: value, type: value`.

    `---` begins the next run. Other lines: `alias: OLD -> NEW`, `@5` before an event (minutes), `block`, `include`,
    `exclude`, `link`, `erase`, `rule email limit 5`, `set shared_device last_owner`, `rollback 1`; conf/simulate has an
    example of each. Starts no Spark.
    """
    from oneuser.simulation import simulate as run_simulation
    from oneuser.simulation.rulebook import load_rules
    from oneuser.simulation.rulebook import show_rules as rules_text

    if show_rules:
        call.output.document(load_rules(call.config_path, call.overrides).values)
        call.output.text(rules_text(call.config_path, call.overrides).rstrip())
        return
    if file is None:
        raise ConfigError.single("FILE", "no text: name a file, or - for standard input")
    is_piped = file == _STANDARD_INPUT
    text = sys.stdin.read() + "\n" if is_piped else file
    name = "standard input" if is_piped else file
    done = run_simulation(text, call.config_path, overrides=call.overrides, file=name)
    call.output.document(done.document(events=events))
    call.output.text(done.text(events=events))
    if call.config_path is None:
        call.output.note("rules: the built-in ones (--show-rules prints them; --config names yours)")
