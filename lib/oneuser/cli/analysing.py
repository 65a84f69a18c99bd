"""Verbs that compute analytics with parameters of one's own, retain and funnel, and say who is in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from oneuser.cli.verbs import Call, verb
from oneuser.core.errors import ConfigError
from oneuser.core.zoned_times import checked_instant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pyspark.sql import DataFrame

_SHOWN = 200
Level = Annotated[Literal["person", "account"], typer.Option(help="Whose: people's or accounts'.")]
To = Annotated[Path | None, typer.Option(help="Write all rows to this file; csv, jsonl or parquet by its ending.")]
Watermark = Annotated[
    str | None,
    typer.Option(help="Last complete instant with its zone, such as 2026-03-01T00:00:00Z; default the publication's."),
]
Where = Annotated[
    list[str] | None, typer.Option(metavar="PROPERTY=VALUE", help="What a property must say; may be repeated.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    verb(
        app,
        "retain",
        examples=[
            "oneuser retain",
            "oneuser retain --unit week --mode on_or_after --zone Europe/Berlin",
            'oneuser retain --unit month --start "Signed Up" --return "Order Completed" --pool',
        ],
        reads=True,
    )(retain)
    verb(
        app,
        "funnel",
        examples=[
            'oneuser funnel "Product Viewed" "Product Added" "Order Completed" --window-days 7',
            'oneuser funnel "Signed Up" "Order Completed" --level account --json',
        ],
        reads=True,
    )(funnel)
    verb(
        app,
        "members",
        examples=[
            "oneuser members retention cohort=2026-03-02 offset=1",
            "oneuser members lifecycle name=weekly interval=2026-03-02 number=new",
            "oneuser members funnels name=shop step=3 --to buyers.csv",
            "oneuser members at_risk name=quiet",
        ],
        reads=True,
    )(members)


def retain(
    call: Call,
    name: Annotated[str | None, typer.Option(help="One of the configuration's; default all of them.")] = None,
    unit: Annotated[str | None, typer.Option(help="hour, day, week, month or quarter.")] = None,
    mode: Annotated[
        str | None, typer.Option(help="on, on_or_after, on_or_before, streak, before; or a JSON bracket.")
    ] = None,
    membership: Annotated[str | None, typer.Option(help="first_ever, first_matching or recurring.")] = None,
    basis: Annotated[str | None, typer.Option(help="calendar, rolling or rolling_hour_floored.")] = None,
    min_events: Annotated[int | None, typer.Option(help="Return events that an interval must hold.")] = None,
    start: Annotated[list[str] | None, typer.Option(help="Name of a start event; default any; repeat.")] = None,
    start_where: Where = None,
    return_event: Annotated[
        list[str] | None, typer.Option("--return", help="Name of a return event; default any; repeat.")
    ] = None,
    return_where: Where = None,
    breakdown: Annotated[str | None, typer.Option(help="A property by which cohorts are divided.")] = None,
    breakdown_at: Annotated[
        str | None, typer.Option(help="start; or start_and_return, of returns where it says the same.")
    ] = None,
    max_offset: Annotated[int | None, typer.Option(help="Intervals beyond it are left out.")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of the calendar; default UTC.")] = None,
    week_start: Annotated[str | None, typer.Option(help="monday or sunday.")] = None,
    level: Level = "person",
    min_members: Annotated[int | None, typer.Option(help="Members who make an account active; default 1.")] = None,
    watermark: Watermark = None,
    pool: Annotated[bool, typer.Option("--pool", help="One rate for each offset over all cohorts.")] = False,  # noqa: FBT002 - an option
    to: To = None,
) -> None:
    """Show who came back when: as published, or computed anew with the definition that is given."""
    definition: dict[str, Any] = {
        "unit": unit,
        "mode": json_or_text("--mode", mode),
        "membership": membership,
        "basis": basis,
        "min_events": min_events,
        "start": start or None,
        "start_where": _where("--start-where", start_where),
        "return_event": return_event or None,
        "return_where": _where("--return-where", return_where),
        "breakdown": breakdown,
        "breakdown_at": breakdown_at,
        "max_offset": max_offset,
        "zone": zone,
        "week_start": week_start,
    }
    given = {key: value for key, value in definition.items() if value is not None}
    opened = call.open()
    rows = opened.retention(name, level=level, min_members=min_members, watermark=instant_of(watermark), **given)
    parts = [part for part in ("name", "cohort", "breakdown") if part in rows.columns]
    counts = ["cohort_size", "returned_same_interval", "retained", "retained_eligible", "eligible", "is_observed"]
    counts += ["rate", "rate_low", "rate_high"]
    if pool:
        from oneuser.marts.retention import pool as pooled

        rows, counts = pooled(rows), ["rate"]
        parts = [part for part in parts if part in rows.columns]
    offsets = [part for part in ("offset", "offset_until") if part in rows.columns]
    answer(call, rows, [*parts, *offsets, *counts], by=[*parts, *offsets], to=to)


def funnel(
    call: Call,
    steps: Annotated[list[str], typer.Argument(help='Names of events in order, or JSON: {"event": ..., "where": ...}')],
    window_days: Annotated[float | None, typer.Option(help="Days of 24 hours for all steps; default no end.")] = None,
    mode: Annotated[str, typer.Option(help="ordered, strict or any_order.")] = "ordered",
    by: Annotated[str | None, typer.Option(help="A property of the first step by which rows are divided.")] = None,
    level: Level = "person",
    watermark: Watermark = None,
    to: To = None,
) -> None:
    """Show how many people or accounts get from step to step."""
    asked = [json_or_text("STEPS", step) for step in steps]
    rows = call.open().funnel(
        asked, window_days=window_days, level=level, watermark=instant_of(watermark), mode=mode, by=by
    )
    parts = ["by_value"] if by else []
    counts = ["n_entities", "n_eligible", "is_final", "rate_from_first", "rate_from_previous"]
    answer(call, rows, [*parts, "step", "step_name", *counts], by=[*parts, "step"], to=to)


def members(
    call: Call,
    table: Annotated[str, typer.Argument(help="retention, attribution_summary, or a table of product analytics.")],
    cell: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COLUMN=VALUE", help="Which row, `COLUMN=` where it is null; number=COLUMN: which of its numbers."
        ),
    ] = None,
    to: To = None,
) -> None:
    """Show who is in a number of a published table, as many as it says."""
    asked: dict[str, Any] = {}
    for part in cell or ():
        name, is_there, value = part.partition("=")
        if not is_there or not name.strip():
            raise ConfigError.single("CELL", "expected COLUMN=VALUE, such as interval=2026-03-02 or number=new")
        # nothing behind it is null: from a shell there is no other way to say that
        asked[name.strip()] = value or None
    rows = call.open().members(table, asked)
    columns = [name for name, kind in rows.dtypes if kind != "binary"]
    shown = columns if "params_id" not in columns else columns[: columns.index("watermark")]
    answer(call, rows, shown, by=rows.columns[:2], to=to, is_all=False)


def answer(
    call: Call,
    rows: DataFrame,
    columns: Sequence[str],
    *,
    by: Sequence[str],
    to: Path | None,
    is_all: bool = True,
    rare: Sequence[str] = (),
) -> None:
    """Show rows, the first of many; or write all of them to a file.

    Args:
        call: The call of the verb.
        rows: The rows.
        columns: Those of their columns that people are shown.
        by: Columns that order the rows.
        to: The file, which has all columns.
        is_all: Whether programs are told all columns, too.
        rare: Columns that people are shown beside the others where some row says something in them.
    """
    from pyspark.sql.pandas.types import to_arrow_schema

    from oneuser.exports.single_file import write_file
    from oneuser.spark.arrow_batches import stream_batches

    call.output.note("computing")
    ordered = rows.orderBy(*by)
    if to is not None:
        schema = to_arrow_schema(ordered.schema, timezone="UTC")
        n_rows = write_file((batch.cast(schema) for batch in stream_batches(ordered)), schema, to)
        call.output.document({"file": to, "rows": n_rows})
        call.output.text(f"{n_rows:,} rows in {to}")
        return
    told = rows.columns if is_all and call.output.as_json else [*columns, *rare]
    found = ordered.select(*told).limit(_SHOWN + 1).collect()
    listed = [row.asDict() for row in found[:_SHOWN]]
    call.output.document({"rows": listed, "is_complete": len(found) <= _SHOWN})
    shown = [*columns, *[name for name in rare if any(row[name] is not None for row in listed)]]
    call.output.table(shown, [[_rounded(row[name]) for name in shown] for row in listed])
    if not listed:
        call.output.text("no rows")
    if len(found) > _SHOWN:
        call.output.warning(f"these are the first {_SHOWN} rows; --to FILE writes all of them")


def _rounded(value: Any) -> Any:
    from decimal import Decimal

    return f"{value:.4f}" if isinstance(value, float) else f"{value:,.2f}" if isinstance(value, Decimal) else value


def json_or_text(key: str, text: str | None) -> Any:
    """A JSON object or list, or the text as it is."""
    if text is None or not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise ConfigError.single(key, "this begins like JSON and is none") from None


def _where(key: str, tests: Sequence[str] | None) -> Mapping[str, Any] | None:
    """`plan=pro` as a mapping; several of one property are alternatives."""
    if not tests:
        return None
    found: dict[str, list[str]] = {}
    for test in tests:
        name, is_there, value = test.partition("=")
        if not is_there or not name.strip():
            raise ConfigError.single(key, "expected PROPERTY=VALUE, such as plan=pro")
        found.setdefault(name.strip(), []).append(value)
    return found


def instant_of(text: str | None) -> datetime | None:
    """A time with its zone."""
    return None if text is None else checked_instant("--watermark", text)
