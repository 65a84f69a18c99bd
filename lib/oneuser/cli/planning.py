"""Verbs about what a run changes: plan, before it is published; runs diff, after. Identifiers are masked."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oneuser.cli.local_paths import require_local_paths
from oneuser.cli.people import Unmasked
from oneuser.cli.progress import StageProgress
from oneuser.cli.runs import parse_as_of, run_facts, runs_app
from oneuser.cli.verbs import Call, verb
from oneuser.core.errors import GateError

if TYPE_CHECKING:
    from oneuser.api.quick_answers import QuickAnswers
    from oneuser.inspection.plan import Plan
    from oneuser.inspection.run_metrics import RunComparison

Limit = Annotated[int, typer.Option(min=0, help="How many rows of each kind to show.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    verb(app, "plan", examples=["oneuser plan", "oneuser plan --set identity.id_types.email.limit=3 --json"])(plan)
    verb(runs_app, "diff", examples=["oneuser runs diff 41 42", "oneuser runs diff 41 42 --json"], reads=True)(diff)


def plan(
    call: Call,
    as_of: Annotated[str | None, typer.Option(help="The run's own time; UTC where it names no zone.")] = None,
    limit: Limit = 10,
    unmasked: Unmasked = False,  # noqa: FBT002 - an option
) -> None:
    """Try the next run up to people: what would merge, split and move, what rules refuse, whether the gates hold.

    Readers see nothing of it. The run stays open: `oneuser run` with the same configuration publishes it, input as of
    now, without doing it twice; with any other configuration it is abandoned. Ends with exit code 3 where a gate would
    stop publication.
    """
    moment = parse_as_of(as_of)
    config = call.config
    require_local_paths(config, call.find_config(), call.overrides)
    from oneuser import api
    from oneuser.api.jobs import start_session_for_one_job

    spark = start_session_for_one_job(config)
    with StageProgress(spark, call.output) as progress:
        found = api.plan(config, as_of=moment, limit=limit, unmasked=unmasked, spark=spark, listener=progress)
    call.output.document(asdict(found) | {"holds": found.holds})
    _show_plan(call, found)
    if not found.holds:
        raise typer.Exit(GateError.exit_code)


def _show_plan(call: Call, found: Plan) -> None:
    metrics = found.metrics
    call.output.text(f"plan of run {found.run_seq}, as of {found.as_of:%Y-%m-%d %H:%M} UTC", style="bold")
    call.output.facts(
        {
            "people": int(metrics.get("people", 0)),
            "User IDs minted": found.n_minted,
            "User IDs merged": found.n_merges,
            "User IDs split off or restored": found.n_splits,
            "identifiers moved": found.n_moved,
            "events moved": found.n_events_moved,
            "over-shared values": int(metrics.get("values_over_shared", 0)),
            "over-shared from 80 % of the bound": int(metrics.get("values_nearly_over_shared", 0)),
        }
    )
    columns = ["", "user", "identifiers", "other user", "by the edge from", "to"]
    changes = [
        [c.change, c.user_id, c.n_identifiers, c.other_user_id, c.edge_a, c.edge_b]
        for c in (*found.merges, *found.splits)
    ]
    moves = [[m.from_user_id, m.to_user_id, m.n_identifiers] for m in found.moves]
    refusals = [[r.rule, r.n_refused, r.n_opened, r.n_closed] for r in found.refusals]
    _show_if_any(call, columns, changes)
    _show_if_any(call, ["from user", "to user", "identifiers"], moves)
    _show_if_any(call, ["rule", "edges refused", "new", "no longer"], refusals)
    _show_if_any(call, ["over-shared", "edges refused over it"], [[o.identifier, o.n_edges] for o in found.over_shared])
    gates = [[g.gate, "holds" if g.holds else "STOPS", g.found, g.allowed or "off"] for g in found.gates]
    call.output.table(["gate", "", "found", "allowed"], gates)
    if found.holds:
        call.suggest("next: `oneuser run` publishes it; another configuration makes another plan")
    else:
        call.suggest("next: `oneuser suspects`, then block a value or raise the gate, and plan again")


def diff(
    call: Call,
    a: Annotated[int, typer.Argument(metavar="RUN", help="A published run.")],
    b: Annotated[int, typer.Argument(metavar="RUN", help="Another one.")],
    limit: Limit = 10,
    unmasked: Unmasked = False,  # noqa: FBT002 - an option
) -> None:
    """Show what became of people between two published runs: User IDs, identifiers, merges, splits, refusals, metrics.

    Identifiers and their owners are those that the later run recorded; people erased since are gone from both.
    """
    warehouse, found = call.answer(lambda asked: asked.compare_runs(a, b))
    examples = _examples(warehouse, found, limit, unmasked=unmasked)
    runs = {"a": run_facts(found.a), "b": run_facts(found.b)}
    call.output.document(runs | {"counts": found.counts, "metrics": found.metrics, **examples})
    call.output.table(
        ["metric", f"run {found.a.run_seq}", f"run {found.b.run_seq}"], [[f.metric, f.a, f.b] for f in found.metrics]
    )
    if not found.counts:
        call.output.text("no differences: the same people own the same identifiers", style="bold")
        return
    call.output.table(["what", "rows"], [[what.replace("|", " "), n] for what, n in found.counts.items()])
    for rows in examples.values():
        if rows:
            call.output.table([name.replace("_", " ") for name in rows[0]], [list(row.values()) for row in rows])


def _examples(
    warehouse: QuickAnswers, found: RunComparison, limit: int, *, unmasked: bool
) -> dict[str, list[dict[str, Any]]]:
    """The first rows of each kind, with `type: value` for the numbers of identifiers."""
    rows = dict(found.examples(limit))
    named = ("identifier_id", "src", "dst", "edge_src", "edge_dst")
    held = [(row, name) for kind in rows.values() for row in kind for name in named if row.get(name) is not None]
    values = warehouse.values({row[name] for row, name in held}, unmasked=unmasked) if held else {}
    for row, name in held:
        id_type, value = values.get(row[name], ("?", None))
        row[name] = f"{id_type}: {value or f'#{row[name]}'}"
    return rows


def _show_if_any(call: Call, columns: list[str], rows: list[list[Any]]) -> None:
    if rows:
        call.output.table(columns, rows)
