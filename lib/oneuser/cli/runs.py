"""Verbs about runs: run, status, runs, rollback."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oneuser.cli.counts import nothing_new, show_counts
from oneuser.cli.local_paths import require_local_paths
from oneuser.cli.output import cell
from oneuser.cli.progress import StageProgress
from oneuser.cli.verbs import Call, verb
from oneuser.core.errors import ConfigError
from oneuser.core.standing import Standing, run_is_published

if TYPE_CHECKING:
    from oneuser.config import Config
    from oneuser.inspection.open_erasures import OpenErasures
    from oneuser.inspection.status import Holder
    from oneuser.runs.records import RunRecord, StageRecord
    from oneuser.runs.result import RunResult

runs_app = typer.Typer(help="Runs and how they went.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    verb(
        app,
        "run",
        examples=[
            "oneuser run",
            "oneuser run --as-of 2026-03-01",
            "oneuser run --as-of 2026-03-02 --finish-open",
            "oneuser run --stages ingest,graph",
        ],
    )(run)
    verb(app, "status", examples=["oneuser status", "oneuser status --warehouse ./warehouse --json"], reads=True)(
        status
    )
    verb(app, "rollback", examples=['oneuser rollback --to 41 --reason "wrong block list" --yes'], reads=True)(rollback)
    verb(runs_app, "list", examples=["oneuser runs list", "oneuser runs list --json"], reads=True)(list_runs)
    verb(runs_app, "show", examples=["oneuser runs show", "oneuser runs show 42 --json"], reads=True)(show_run)
    app.add_typer(runs_app, name="runs")


def run(
    call: Call,
    stages: Annotated[
        str | None, typer.Option(help="Only these stages, with commas between; the last one publishes.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="The run's own time, for a new run; UTC where it names no zone.")
    ] = None,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Do everything again instead of what is touched; the result is the same.")
    ] = False,
    finish_open: Annotated[
        bool,
        typer.Option(
            "--finish-open",
            help="Where a run is open as of another time, finish it first, all its stages, then begin this one.",
        ),
    ] = False,
) -> None:
    """Do the whole job: ingest, resolve people, compute, check, publish. After a crash, the same command continues.

    A run that is open is continued, as of its own time; --finish-open finishes it and then does another one.

    Where nothing is new since the last run, it says so and does nothing.
    """
    wanted = [name.strip() for name in stages.split(",") if name.strip()] if stages else None
    moment = parse_as_of(as_of)
    config = call.config
    require_local_paths(config, call.find_config(), call.overrides, reads_input=wanted is None or "ingest" in wanted)
    result = None if wanted or full else _nothing_new(config)
    if result is None:
        from oneuser.api.jobs import begin_run, start_session_for_one_job

        spark = start_session_for_one_job(config)
        with StageProgress(spark, call.output) as progress:
            result = begin_run(
                config,
                stages=wanted,
                as_of=moment,
                full=full,
                finish_open=finish_open,
                spark=spark,
                listener=progress,
            )
    with Standing(*result.stands):
        _show_result(call, result, asked=moment)


def _nothing_new(config: Config) -> RunResult | None:
    """The answer where a run would change nothing, without Spark, which takes its time to start."""
    from oneuser.runs.nothing_new import find_nothing_new

    return find_nothing_new(config)


def _show_result(call: Call, result: RunResult, *, asked: datetime | None) -> None:
    from oneuser.inspection.outcome import outcome_of

    call.output.document({"deployment": call.config.deployment} | run_document(result))
    if result.finished is not None:
        finished = result.finished
        call.output.note(f"run {finished.run_seq}, which was open, was finished first, as of {cell(finished.as_of)}")
    is_of_another_time = asked not in {None, result.as_of}
    say = call.output.warning if is_of_another_time else call.output.note
    if result.is_continued:
        say(_continued(result, asked))
    elif result.looked_at is not None and is_of_another_time:
        say(f"--as-of {cell(asked)} counts for a new run only, and none was begun")
    unchanged = nothing_changed(result)
    if unchanged:
        call.output.text(unchanged)
        return
    outcome = outcome_of([result.stages])
    show_counts(call, {f"run {result.run_seq}": outcome})
    state = "published" if result.is_published else "not published yet: stages are missing"
    call.output.text(f"run {result.run_seq} {state} in {result.seconds:.1f} s", style="bold")
    new = nothing_new(outcome) if "ingest" in result.stages else None
    if new:
        call.output.text(new, style="yellow")
    if result.is_published:
        call.suggest("next: `oneuser report`, `oneuser lookup --type email --value ...`, `oneuser export table ...`")


def status(call: Call) -> None:
    """Show what readers see now, how the newest run ended, and who holds the warehouse."""
    found = call.ask().status()
    shown, newest, holder = found.shown, found.newest_run, found.holder
    call.output.document(
        {
            "warehouse": found.warehouse,
            "deployment": found.deployment,
            "shown": shown,
            "newest_run": run_facts(newest) if newest else None,
            "holder": holder,
            "erasures": found.erasures,
            "published_runs": found.published_runs,
            "counts": {"run": found.of_run, "all_runs": found.in_all},
        }
    )
    what = f"run {shown.run_seq}{' (by a rollback)' if shown.kind == 'rollback' else ''}" if shown else "nothing yet"
    state = f"run {newest.run_seq}, attempt {newest.attempt}: {newest.state}" if newest else "none"
    call.output.facts(
        {
            "warehouse": found.warehouse,
            "deployment": found.deployment,
            "readers see": what,
            "published at": shown.published_at if shown else None,
            "newest run": state,
            "message": newest.message if newest else None,
            "held by": _held_by(holder) if holder else None,
            "erasures": _waiting(found.erasures) if found.erasures else None,
        }
    )
    if shown and found.of_run and found.in_all:
        call.output.text()
        show_counts(call, {f"run {shown.run_seq}": found.of_run, "all runs": found.in_all})


def _waiting(erasures: OpenErasures) -> str:
    """Who waits to be erased, and what ends that."""
    late = "; that is over: " if erasures.is_late() else "; "
    return f"{erasures}{late}`oneuser run` erases, `oneuser maintain` completes"


def _held_by(holder: Holder) -> str:
    """Who holds the warehouse, and until when that counts."""
    if holder.is_gone:
        return f"{holder.name} (gone: the next run takes over)"
    if holder.expires_at.astimezone(UTC) <= datetime.now(UTC):
        return f"{holder.name} (ended at {cell(holder.expires_at)}: the next run takes over)"
    return f"{holder.name} until {cell(holder.expires_at)}"


def list_runs(call: Call) -> None:
    """List all runs, oldest first, and whether each can be read: shown again by a rollback, or as of then."""
    warehouse = call.ask()
    records, readable = warehouse.run_records(), warehouse.readable_runs()
    call.output.document([run_facts(record) | {"is_readable": record.run_seq in readable} for record in records])
    call.output.table(
        ["run", "state", "readable", "attempts", "as of", "begun", "ended", "exit"],
        [
            [r.run_seq, r.state, r.run_seq in readable, r.attempt, r.as_of, r.begun_at, r.ended_at, r.exit_code]
            for r in records
        ],
    )


def show_run(
    call: Call,
    run_seq: Annotated[int | None, typer.Argument(metavar="RUN", help="Number of the run; default the newest.")] = None,
) -> None:
    """Show one run: its stages, metrics, and why it failed where it did."""
    from oneuser.inspection.status import find_run

    record = find_run(call.ask().run_records(), run_seq)
    stages = list(record.stages.values())
    call.output.document(
        run_facts(record) | {"stages": [stage_facts(stage) for stage in stages], "tables": record.tables}
    )
    call.output.facts({name: value for name, value in run_facts(record).items() if name != "message"})
    if record.message:
        call.output.text(record.message)
    show_stages(call, stages)
    call.output.table(["metric", "value"], sorted(record.metrics.items()))


def rollback(
    call: Call,
    to: Annotated[int, typer.Option(help="The run to show again.")],
    reason: Annotated[str | None, typer.Option(help="Why; kept in the record.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002 - an option
) -> None:
    """Show readers an earlier run again. Deletes nothing; later runs go on from where they were."""
    warehouse = call.open()
    if not yes:
        if call.output.as_json or not call.output.err.is_terminal:
            raise ConfigError.single("--yes", "a rollback changes what everybody reads: confirm it with --yes")
        typer.confirm(f"Readers of {warehouse.warehouse.root} will see run {to}. Go on?", abort=True, err=True)
    shown = warehouse.rollback(to, reason=reason)
    with Standing(run_is_published(shown.run_seq)):
        call.output.document(shown)
        call.output.text(f"readers see run {shown.run_seq} again")


def parse_as_of(text: str | None) -> datetime | None:
    """A moment in ISO 8601; a day alone means its beginning, and a time without a zone is UTC.

    Raises:
        ConfigError: for anything else.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError.single(
            "--as-of", "expected a date or time such as 2026-03-01 or 2026-03-01T06:00:00Z"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _continued(result: RunResult, asked: datetime | None) -> str:
    line = f"run {result.run_seq} went on where attempt {result.attempt - 1} stopped, as of {cell(result.as_of)}"
    if asked is None or asked == result.as_of:
        return line
    return f"{line}; --as-of {cell(asked)} counts for a new run only"


def nothing_changed(result: RunResult) -> str | None:
    """A sentence for a run that changed nothing; null for any other."""
    if not result.is_nothing_new:
        return None
    looked_at = result.looked_at
    if looked_at is None:
        return f"run {result.run_seq} found nothing new and published nothing: readers see all there is"
    if not looked_at.n_inputs:
        return f"run {result.run_seq} of {cell(result.as_of)} has done these stages and is published: nothing done"
    files, inputs = _counted(looked_at.n_files, "file"), _counted(looked_at.n_inputs, "input")
    since = f"run {result.run_seq} of {cell(result.as_of)}"
    return f"nothing new since {since}, nothing done: looked at {files} of {inputs}"


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def run_document(result: RunResult) -> dict[str, Any]:
    """The result of a run as JSON."""
    from oneuser.inspection.outcome import outcome_of

    return {
        "run": result.run_seq,
        "as_of": result.as_of,
        "attempt": result.attempt,
        "is_continued": result.is_continued,
        "published": result.is_published,
        "nothing_new": result.is_nothing_new,
        "published_at": result.published_at,
        "seconds": round(result.seconds, 3),
        "counts": outcome_of([result.stages]),
        "stages": [stage_facts(stage) for stage in result.stages.values()],
        "metrics": result.metrics,
        "tables": result.tables,
        "finished": run_document(result.finished) if result.finished else None,
    }


def run_facts(record: RunRecord) -> dict[str, Any]:
    """A run in the record, without its stages."""
    return {
        "run": record.run_seq,
        "state": record.state,
        "attempt": record.attempt,
        "as_of": record.as_of,
        "begun_at": record.begun_at,
        "ended_at": record.ended_at,
        "exit_code": record.exit_code,
        "code_version": record.code_version,
        "message": record.message,
    }


def stage_facts(stage: StageRecord) -> dict[str, Any]:
    """A stage in the record, without its metrics; `is_small` says how it was planned when it was last done."""
    from oneuser.runs.records import IS_SMALL

    return {
        "stage": stage.stage,
        "state": stage.state,
        "attempt": stage.attempt,
        "seconds": round(stage.seconds, 3),
        IS_SMALL: bool(stage.details.get(IS_SMALL)),
    }


def show_stages(call: Call, stages: list[StageRecord]) -> None:
    """Stages with their state and duration."""
    call.output.table(["stage", "state", "seconds"], [[s.stage, s.state, round(s.seconds, 1)] for s in stages])
