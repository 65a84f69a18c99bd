"""Verb demo: made-up events with a known truth, the whole job on them, and how well it did."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from ruamel.yaml import YAML

from oneuser.cli.progress import StageProgress
from oneuser.cli.runs import run_document, show_stages
from oneuser.cli.verbs import STARTER, Call, verb
from oneuser.core.errors import ConfigError

if TYPE_CHECKING:
    from oneuser.api import OpenWarehouse
    from oneuser.demo.measure import Agreement
    from oneuser.runs.run import RunResult

_REPORT = "report.html"
_MARKER = "oneuser.warehouse"


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
    if fresh:
        _delete(folder, warehouse)
    truth = _log(call, folder, events=events, seed=seed)
    config_path = _write_config(folder, warehouse)
    from oneuser import api
    from oneuser.config import load_config

    config = load_config(config_path, list(call.overrides))
    spark = api.start_session(config)
    with StageProgress(spark, call.output) as progress:
        result = api.run(config, as_of=_end_of(truth), spark=spark, listener=progress)
    opened = api.open_warehouse(config=config, spark=spark)
    _show(call, folder, truth, result, opened)


def _show(call: Call, folder: Path, truth: dict[str, Any], result: RunResult, opened: OpenWarehouse) -> None:
    from oneuser.cli.headline import headline
    from oneuser.report.build import build_report

    call.output.note("comparing with the truth, drawing the report")
    agreement = _compare(folder, opened)
    metrics = headline(opened)
    report = build_report(opened, folder / _REPORT)
    call.output.document(
        {
            "truth": truth, "run": run_document(result), "agreement": agreement, "headline": metrics,
            "config": folder / STARTER, "report": report,
        }
    )  # fmt: skip
    if call.output.as_json:
        return
    show_stages(call, list(result.stages.values()))
    call.output.text()
    call.output.facts(_in_words(truth, result, agreement, metrics))
    call.output.text()
    channels = [[c["channel"], c["conversions"], c["credit"], c["currency"]] for c in metrics["top_channels"]]
    call.output.table([f"channel ({metrics['model']})", "conversions", "credit", ""], channels)
    call.output.text()
    call.output.text(f"report: {report}", style="bold")
    call.output.note(f"next: `oneuser status --config {folder / STARTER}`, or edit that file to read logs of your own")


def _in_words(
    truth: dict[str, Any], result: RunResult, agreement: Agreement, metrics: dict[str, Any]
) -> dict[str, Any]:
    revenue = ", ".join(f"{value:,.2f} {currency}" for currency, value in metrics["revenue"].items())
    known, anonymous = metrics["people_known"], metrics["people_anonymous"]
    recall = f"{agreement.recall:.4f} of pairs, {agreement.reachable_recall:.4f} possible with the evidence in the log"
    return {
        "run": f"{result.run_seq}, published in {result.seconds:.1f} s",
        "lines in the log": truth["lines"],
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


def _log(call: Call, folder: Path, *, events: int, seed: int) -> dict[str, Any]:
    """Generate the log, unless it is there already; returns what was planted.

    Raises:
        ConfigError: where the folder holds another demo, which the warehouse may have been made from.
    """
    from oneuser.demo.generate import generate_demo

    summary = folder / "truth" / "summary.json"
    if not summary.exists():
        call.output.note(f"making up {events:,} lines in {folder}")
        generate_demo(folder, events=events, seed=seed)
    truth: dict[str, Any] = json.loads(summary.read_text(encoding="utf-8"))
    if (truth["events"], truth["seed"]) != (events, seed):
        raise ConfigError.single(
            "--folder",
            f"{folder} holds a demo of {truth['events']:,} events with seed {truth['seed']}",
            next_step="choose another --folder and --warehouse, or replace both with --fresh",
        )
    return truth


def _end_of(truth: dict[str, Any]) -> Any:
    from oneuser.demo.generate import DemoTruth, end_of

    return end_of(DemoTruth(**truth))


def _write_config(folder: Path, warehouse: Path) -> Path:
    """The demo's configuration as a file that a reader can look at and change; an edited one stays."""
    from oneuser.demo.settings import demo_config

    path = folder / STARTER
    if not path.exists():
        text = io.StringIO()
        yaml = YAML()
        yaml.default_flow_style = False
        yaml.dump(demo_config(folder, warehouse), text)
        path.write_text(text.getvalue(), encoding="utf-8")
    return path


def _compare(folder: Path, opened: OpenWarehouse) -> Agreement:
    """Agreement of the published people with the truth. Grows with the number of identifiers, a short row each."""
    from oneuser.demo.measure import measure

    columns = opened.identities().toArrow()
    predicted = zip(*(columns.column(name).to_pylist() for name in ("id_type", "id_value", "user_id")), strict=True)
    return measure(folder / "truth" / "people.csv", predicted)


def _delete(folder: Path, warehouse: Path) -> None:
    """Delete an earlier demo: what it generated, and its warehouse if it is a demo's.

    Raises:
        ConfigError: where the warehouse is somebody's own.
    """
    if warehouse.exists():
        marker = warehouse / _MARKER
        is_demo = marker.is_file() and json.loads(marker.read_text(encoding="utf-8")).get("deployment") == "demo"
        if not is_demo:
            raise ConfigError.single("--fresh", f"{warehouse} is not the warehouse of a demo; nothing was deleted")
        shutil.rmtree(warehouse)
    for part in ("events", "truth"):
        shutil.rmtree(folder / part, ignore_errors=True)
    for name in (STARTER, _REPORT):
        (folder / name).unlink(missing_ok=True)
