"""Verb demo: made-up events with a known truth, the whole job on them, and how well it did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oneuser.cli.progress import StageProgress
from oneuser.cli.runs import nothing_changed, run_document, show_stages
from oneuser.cli.verbs import Call, verb
from oneuser.core.standing import Standing

if TYPE_CHECKING:
    from oneuser.demo.generate import DemoTruth
    from oneuser.demo.measure import Agreement
    from oneuser.runs.result import RunResult


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    verb(app, "demo", examples=["oneuser demo", "oneuser demo --events 1000000 --folder ./big --warehouse ./big-wh"])(
        demo
    )


def demo(
    call: Call,
    events: Annotated[int, typer.Option(min=1000, help="Lines of the log.")] = 10_000,
    folder: Annotated[Path, typer.Option(help="Where log, truth, configuration and report go.")] = Path("demo"),
    warehouse: Annotated[Path, typer.Option(help="Where the tables go.")] = Path("warehouse"),
    seed: Annotated[int, typer.Option(help="Another seed is another log.")] = 7,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete an earlier demo and its warehouse first.")] = False,  # noqa: FBT002 - an option
) -> None:
    """Make up a log with a known truth, run the whole job on it, and say how well people were found."""
    from oneuser import api
    from oneuser.api.jobs import start_session_for_one_job
    from oneuser.config import load_config
    from oneuser.demo.folder import DemoFolder
    from oneuser.demo.generate import end_of

    place = DemoFolder(folder, warehouse)
    if fresh:
        place.delete()
    if not place.has_log:
        call.output.note(f"making up {events:,} lines in {folder}")
    truth = place.prepare(events=events, seed=seed)
    config = load_config(place.config, list(call.overrides))
    spark = start_session_for_one_job(config)
    with StageProgress(spark, call.output) as progress:
        result = api.run(config, as_of=end_of(truth), spark=spark, listener=progress)
    with Standing(*result.stands):
        call.output.note("comparing with the truth, drawing the report")
        opened = api.open_warehouse(config=config, spark=spark)
        agreement = place.agreement(opened.identities())
        metrics = opened.headline()
        report = opened.report(place.report)
        call.output.document(
            {
                "truth": truth, "run": run_document(result), "agreement": agreement, "headline": metrics,
                "config": place.config, "report": report,
            }
        )  # fmt: skip
        if not call.output.as_json:
            _show(call, truth, result, agreement, metrics)
            call.output.text(f"report: {report}", style="bold")
        call.output.note(f"next: `oneuser status --config {place.config}`, or edit that file to read logs of your own")


def _show(call: Call, truth: DemoTruth, result: RunResult, agreement: Agreement, metrics: dict[str, Any]) -> None:
    show_stages(call, list(result.stages.values()))
    call.output.text()
    call.output.facts(_in_words(truth, result, agreement, metrics))
    call.output.text()
    channels = [[c["channel"], c["conversions"], c["credit"], c["currency"]] for c in metrics["top_channels"]]
    call.output.table([f"channel ({metrics['model']})", "conversions", "credit", ""], channels)
    call.output.text()


def _in_words(truth: DemoTruth, result: RunResult, agreement: Agreement, metrics: dict[str, Any]) -> dict[str, Any]:
    revenue = ", ".join(f"{value:,.2f} {currency}" for currency, value in metrics["revenue"].items())
    known, anonymous = metrics["people_known"], metrics["people_anonymous"]
    recall = f"{agreement.recall:.4f} of pairs, {agreement.reachable_recall:.4f} possible with the evidence in the log"
    return {
        "run": nothing_changed(result) or f"{result.run_seq}, published in {result.seconds:.1f} s",
        "lines in the log": truth.lines,
        "events": metrics["events"],
        "people": f"{metrics['people']:,} ({known:,} known, {anonymous:,} anonymous)",
        "identifiers": metrics["identifiers"],
        "User IDs minted": f"{metrics['user_ids_ever']:,} ({metrics['user_ids_retired']:,} retired since)",
        "accounts": metrics["accounts"],
        "sessions": metrics["sessions"],
        "conversions": metrics["conversions"],
        "revenue attributed": revenue or None,
        "precision": f"{agreement.precision:.4f} of pairs",
        "recall": recall,
    }
