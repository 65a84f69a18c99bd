"""Verbs before the first run: init, validate, config, doctor."""

from __future__ import annotations

import json
import os
import re
import shlex
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oneuser.cli.first_look import configuration_for, look_at
from oneuser.cli.local_paths import INPUTS, folder_to_make, say_made
from oneuser.cli.verbs import CONFIG_VARIABLE, STARTER, Call, verb
from oneuser.core.errors import ConfigError, EnvironmentProblem
from oneuser.storage.layout import MARKER

if TYPE_CHECKING:
    from oneuser.config import Config

config_app = typer.Typer(help="The configuration: with all defaults, and its schema.", no_args_is_help=True)
_ADDRESS = re.compile(r"\w(?:@|%40)\w")
_MARKS = {"ok": "ok  ", "note": "note", "problem": "FAIL"}


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    verb(
        app,
        "init",
        examples=["oneuser init shop.csv 'events/*.jsonl'", "oneuser init --to conf/acme.yaml"],
    )(init)
    verb(app, "validate", examples=["oneuser validate", "oneuser validate --config conf/acme.yaml --json"])(validate)
    verb(app, "doctor", examples=["oneuser doctor", "oneuser doctor --online", "oneuser doctor --json"])(doctor)
    verb(config_app, "show", examples=["oneuser config show", "oneuser config show --set graph.engine=one_task"])(
        show_configuration
    )
    verb(config_app, "schema", examples=["oneuser config schema > oneuser.schema.json"])(show_schema)
    app.add_typer(config_app, name="config")


def init(
    call: Call,
    files: Annotated[
        list[str] | None, typer.Argument(help="What is to be read: files, folders, patterns in quotes.")
    ] = None,
    to: Annotated[Path, typer.Option(help="The file to write.")] = Path(STARTER),
) -> None:
    """Write a configuration to start from: for the files that are named, else one of everything with comments.

    Of files it says what can be seen in them: how they are written, and which columns say when and who. Never replaces
    a file.
    """
    sights = look_at(files or [])
    deployment = _here()
    warehouse = _free_folder(deployment)
    text = (
        configuration_for(sights, deployment=deployment, warehouse=warehouse)
        if sights
        else _starter(deployment, warehouse)
    )
    made = folder_to_make(to)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with to.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError.single(
            "--to", f"{to} is there already and stays as it is", next_step="choose another file with --to"
        ) from None
    call.output.document({"config": to})
    call.output.text(f"wrote {to}")
    say_made(call.output, made)
    doing = "read it" if sights else "edit `sources` in it"
    call.output.note(f"next: {doing}, then `oneuser validate --config {to}` and `oneuser run --config {to}`")
    other = os.environ.get(CONFIG_VARIABLE)
    if other and Path(other).absolute() != to.absolute():
        call.output.warning(
            f"{CONFIG_VARIABLE} names {other}: commands without --config answer from there. "
            f"`export {CONFIG_VARIABLE}={shlex.quote(str(to))}` changes that"
        )


def _starter(deployment: str, warehouse: str) -> str:
    text = (resources.files("oneuser.cli") / "starter.yaml").read_text(encoding="utf-8")
    return text.replace("deployment: demo", f'deployment: "{deployment}"').replace("./warehouse", warehouse)


def _free_folder(deployment: str) -> str:
    """A folder of this one for tables that no other deployment has, such as a demo."""
    marker = Path("warehouse") / MARKER
    is_free = not marker.exists() or json.loads(marker.read_text(encoding="utf-8")).get("deployment") == deployment
    return "./warehouse" if is_free else f"./warehouse-{deployment}"


def _here() -> str:
    """The name of this folder, as a deployment may be called."""
    return "-".join(re.findall(r"[a-z0-9]+", Path.cwd().name.lower())) or "mine"


def validate(call: Call) -> None:
    """Check the configuration and that everything it reads is there. Starts no Spark; names every mistake at once."""
    from oneuser import api

    inputs = api.validate(call.find_config(), call.overrides)
    counts = {place: None if files is None else len(files) for place, files in inputs.items()}
    by_section = {
        section: {name: count for (owner, name), count in counts.items() if owner == section} for section in INPUTS
    }
    document = {f"files_by_{noun.replace(' ', '_')}": by_section[section] for section, noun in INPUTS.items()}
    call.output.document({"config": call.find_config(), "valid": True, **document})
    call.output.text(f"{call.find_config()} is valid")
    for (section, name), count in counts.items():
        call.output.text(f"  {INPUTS[section]} {name}: {_count_in_words(count)}")
    named = sum(_ADDRESS.search(file) is not None for files in inputs.values() for file in files or ())
    if named:
        call.output.warning(
            f"paths with an address in them: {named:,}. They stay in the tables `files` and `runs`, also when the "
            "person is erased: rename the files before a run reads them"
        )


def _count_in_words(count: int | None) -> str:
    if count is None:
        return "not looked at: the path is not a local one"
    return "1 file" if count == 1 else f"{count:,} files"


def doctor(
    call: Call,
    online: Annotated[  # noqa: FBT002 - an option
        bool,
        typer.Option(
            "--online",
            help="Start Spark, try to put, list and delete files below warehouse and raw_root, and list remote inputs.",
        ),
    ] = False,
) -> None:
    """Say what is here: Java, Spark, Delta, GraphFrames, memory, a writable warehouse, the worker's Python, the key."""
    config = call.config if online else _config_if_there(call)
    from oneuser import api

    findings = api.doctor(config, online=online)
    bad = [finding for finding in findings if finding.state == "problem"]
    call.output.document({"healthy": not bad, "findings": findings})
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        line = f"{_MARKS[finding.state]}  {finding.name:<{width}}  {finding.found}"
        call.output.text(line, style={"problem": "red", "note": "yellow"}.get(finding.state))
        if finding.meaning:
            call.output.text(f"      {'':<{width}}  {finding.meaning}")
    if bad and call.output.as_json:
        raise typer.Exit(EnvironmentProblem.exit_code)
    if bad:
        raise EnvironmentProblem(
            found=f"{', '.join(finding.name for finding in bad)}: see above", next_step=bad[0].meaning
        )


def show_configuration(call: Call) -> None:
    """Show the configuration with all its defaults."""
    from oneuser.config import show_config

    call.output.document(call.config.model_dump(mode="json", by_alias=True))
    call.output.text(show_config(call.config).rstrip("\n"))


def show_schema(call: Call) -> None:
    """Print the JSON Schema of the configuration, for editors."""
    from oneuser.cli.output import as_json
    from oneuser.config import config_json_schema

    schema = config_json_schema()
    call.output.document(schema)
    call.output.text(as_json(schema))


def _config_if_there(call: Call) -> Config | None:
    """The configuration; null where there is none to be found and none was named."""
    if call.config_path is None:
        try:
            call.find_config()
        except ConfigError:
            return None
    return call.config
