"""Verbs about the key behind all hashes: keys rotate, keys list. Neither shows a secret that is in use."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from oneuser.cli.local_paths import require_folder
from oneuser.cli.verbs import Call, verb
from oneuser.core.errors import ConfigError

if TYPE_CHECKING:
    from oneuser.api.key_rotation import KeyUse
    from oneuser.privacy.rotation import Rotation

keys_app = typer.Typer(help="The key behind all hashes, and its versions.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    examples = ["oneuser keys rotate --dry-run", "oneuser keys rotate --yes"]
    verb(keys_app, "rotate", examples=examples)(rotate)
    verb(keys_app, "list", examples=["oneuser keys list", "oneuser keys list --json"])(list_versions)
    app.add_typer(keys_app, name="keys")


def rotate(
    call: Call,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Make a new version of the key. What is seen first from then on is keyed with it.

    Nothing that is stored changes: User IDs, orders and suppressions stay, since what is known keeps the key that it
    has. So the older versions must stay, too. A key file gets the new version at once; for `env:` and `command:` its
    line is printed, to be added below the others. Keep a copy.
    """
    config = call.config
    require_folder(config.warehouse)
    is_file = config.keys.identifiers.startswith("file:")
    if is_file and not (yes or dry_run):
        what = f"this adds a version to {config.keys.identifiers}"
        if call.output.as_json or not call.output.err.is_terminal:
            raise ConfigError.single("--yes", f"{what}: confirm it with --yes, or look first with --dry-run")
        typer.confirm(f"{what}. Go on?", abort=True, err=True)
    from oneuser.api import rotate_keys

    done = rotate_keys(config, dry_run=dry_run)
    call.output.document(asdict(done))
    _show(call, done, is_dry_run=dry_run)


def list_versions(call: Call) -> None:
    """Show the versions of the key, when they were made, and how much is stored by each. Shows no secret.

    A version by which nothing is stored may be taken away, but for the first: it makes the keys of messages.
    """
    config = call.config
    require_folder(config.warehouse)
    from oneuser.api import list_keys

    found = list_keys(config)
    call.output.document([asdict(one) for one in found])
    columns = ["key", "made on", "identifiers", "suppressions", ""]
    call.output.table(
        columns, [[one.key_id, one.created, one.n_identifiers, one.n_suppressions, _use_of(one)] for one in found]
    )
    if any(one.is_missing and (one.n_identifiers or one.n_suppressions or one.is_first) for one in found):
        call.output.text("put what is missing back from its copy: until then, runs are refused", style="yellow")


def _use_of(one: KeyUse) -> str:
    uses = {
        "missing": one.is_missing,
        "new identifiers": one.is_newest,
        "messages and new User IDs": one.is_first,
    }
    return ", ".join(name for name, holds in uses.items() if holds)


def _show(call: Call, done: Rotation, *, is_dry_run: bool) -> None:
    if is_dry_run:
        call.output.text(f"would add {done.key_id} to {done.place}, which has {', '.join(done.key_ids[:-1])}")
        return
    if done.line is None:
        call.output.text(f"added {done.key_id} to {done.place}: new identifiers are keyed with it from the next run on")
        call.output.note("next: keep a copy of the file, in which every line counts")
        return
    # nothing but the line, so that it can be taken from here by a program
    call.output.text(done.line)
    call.output.note(
        f"next: add this line below the others where {done.place} comes from, and keep a copy; nothing was changed here"
    )
