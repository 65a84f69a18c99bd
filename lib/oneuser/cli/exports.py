"""Verbs that write files for other programs and people: report, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oneuser.cli.local_paths import folder_to_make, say_made
from oneuser.cli.verbs import Call, verb

export_app = typer.Typer(help="Write published tables for other programs.", no_args_is_help=True)
REPORT = "report.html"
ToFile = Annotated[Path, typer.Option(help="The file; csv, jsonl or parquet by its ending.")]
Raw = Annotated[bool, typer.Option("--raw", help="Allow tables that hold raw identifiers.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    examples = ["oneuser report", "oneuser report --run 41 --to reports/march.html"]
    verb(app, "report", examples=examples, reads=True)(report)
    examples = ["oneuser export table dim_user --to users.csv", "oneuser export table retention --to retention.parquet"]
    verb(export_app, "table", examples=examples, reads=True)(export_table)
    verb(export_app, "identities", examples=["oneuser export identities --to identities.csv"], reads=True)(
        export_identities
    )
    examples = ["oneuser export sql duckdb --to views.sql", "oneuser export sql spark"]
    verb(export_app, "sql", examples=examples, reads=True)(export_sql)
    app.add_typer(export_app, name="export")


def report(
    call: Call,
    to: Annotated[Path | None, typer.Option(help=f"The file; default {REPORT} in the current folder.")] = None,
    run: Annotated[
        int | None, typer.Option(help="An earlier run; its report is what it was then, to the byte.")
    ] = None,
) -> None:
    """Write the report of the published run: one HTML page, for a browser without network."""
    made = folder_to_make(to or Path(REPORT))
    if run is None:
        _, written = call.answer(lambda asked: asked.report(to or REPORT))
    else:
        call.output.note(f"counting what readers of run {run} saw")
        written = call.open().as_of(run=run).report(to or REPORT)
    call.output.document({"report": written})
    call.output.text(f"report: {written}")
    say_made(call.output, made)


def export_table(
    call: Call,
    name: Annotated[str, typer.Argument(help="The table, such as dim_user.")],
    to: ToFile,
    raw: Raw = False,  # noqa: FBT002 - an option
) -> None:
    """Write a published table to one file, in the order of its key."""
    made = folder_to_make(to)
    n_rows = call.ask().export(name, to, raw=raw)
    call.output.document({"table": name, "file": to, "rows": n_rows})
    call.output.text(f"{n_rows:,} rows of {name} in {to}")
    say_made(call.output, made)


def export_identities(call: Call, to: ToFile) -> None:
    """Write every identifier with its User ID: id_type, id_value, user_id. The file holds personal data.

    Left out are people who do not grant every purpose of consent.required_for_export.
    """
    made = folder_to_make(to)
    _, (n_rows, n_withheld) = call.answer(
        lambda asked: (asked.export_identities(to), asked.count_withheld_identities())
    )
    call.output.document({"file": to, "rows": n_rows, "withheld": n_withheld})
    call.output.text(f"{n_rows:,} identities in {to}")
    say_made(call.output, made)
    if n_withheld:
        call.output.note(f"{n_withheld:,} more are withheld: their people do not grant what an export needs")
    call.output.note("this file holds raw identifiers: keep it where personal data may be")


def export_sql(
    call: Call,
    engine: Annotated[str, typer.Argument(help="duckdb or spark.")],
    to: Annotated[Path | None, typer.Option(help="The file; default standard output.")] = None,
    raw: Raw = False,  # noqa: FBT002 - an option
) -> None:
    """Write SQL that shows the published tables, at their published versions, as views of another engine."""
    warehouse = call.ask()
    file = None if to is None else warehouse.outside(to)
    sql = warehouse.views(engine, raw=raw)
    call.output.document({"engine": engine, "file": to, "sql": None if to else sql})
    if to is None or file is None:
        call.output.text(sql.rstrip("\n"))
        return
    made = folder_to_make(to)
    file.parent.mkdir(parents=True, exist_ok=True)
    from oneuser.storage.new_file import new_file

    with new_file(file) as written:
        written.write(sql.encode())
    say_made(call.output, made)
    call.output.text(f"views in {to}; write them again after every run and rollback")
