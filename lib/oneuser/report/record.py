"""What the record of runs says: how the run was made, what became of its lines, how its User IDs came through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneuser.report.data import Disposition, RunHead, Stability, StageTime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneuser.report.source import PublicationFacts, RunFacts

_DISPOSITIONS = ("accepted", "duplicate", "quarantined", "suppressed")


def published_before(runs: Sequence[RunFacts], run_seq: int) -> list[RunFacts]:
    """Runs that were published up to and with this one, oldest first."""
    return sorted(
        (run for run in runs if run.run_seq == run_seq or (run.run_seq < run_seq and run.state == "published")),
        key=lambda run: run.run_seq,
    )


def describe_run(runs: Sequence[RunFacts], shown: PublicationFacts, deployment: str) -> RunHead:
    """How the last of `runs` was made."""
    run = runs[-1]
    details = run.stages["graph"].details if "graph" in run.stages else {}
    checks = _by_key(run.metrics, "checks")
    certified = run.metrics.get("certified_identifiers")
    return RunHead(
        deployment=deployment,
        run_seq=run.run_seq,
        previous=runs[-2].run_seq if len(runs) > 1 else None,
        is_rollback=shown.kind == "rollback",
        attempt=run.attempt,
        as_of=run.as_of,
        published_at=shown.published_at,
        config_hash=run.config_hash,
        code_version=run.code_version,
        n_files=len(run.inputs),
        engine=details.get("engine"),
        engine_reason=details.get("engine_reason"),
        checks_passed=sum(1 for ok in checks.values() if ok),
        checks=len(checks),
        certified_identifiers=None if certified is None else round(certified),
    )


def tally(runs: Sequence[RunFacts], metric: str, known: Sequence[str] = ()) -> tuple[Disposition, ...]:
    """Metrics of a metric by key, of the last run and of all of them together.

    Keys in `known` come first and in that order, and are there with a null where no run has a metric; others follow by
    their total, the largest first.
    """
    totals: dict[str, float] = {}
    for run in runs:
        for key, value in _by_key(run.metrics, metric).items():
            totals[key] = totals.get(key, 0.0) + value
    if not totals:
        return ()
    last = _by_key(runs[-1].metrics, metric)
    others = sorted(set(totals) - set(known), key=lambda key: (-totals[key], key))
    return tuple(
        Disposition(key, round(last.get(key, 0.0)), round(totals[key]))
        if key in totals
        else Disposition(key, None, None)
        for key in (*known, *others)
    )


def dispositions(runs: Sequence[RunFacts]) -> tuple[Disposition, ...]:
    """What became of the lines: their four ways, whatever there is of each."""
    return tally(runs, "lines", _DISPOSITIONS)


def describe_stability(run: RunFacts, *, n_identifiers: int | None, n_people: int) -> Stability:
    """How User IDs came through a run.

    A run whose identity stage was unchanged carries the metrics of the run that last did it: nothing moved in this one.
    """
    stage = run.stages.get("identity")
    if stage is not None and stage.state == "unchanged":
        return Stability(
            before=n_people, kept=n_people, minted=0, merged=0, split=0, restored=0,
            identifiers_moved=0, identifiers=n_identifiers, events_moved=0,
        )  # fmt: skip
    metrics = {name: round(value) for name, value in run.metrics.items()}
    # changes that did not happen have no metric of their own
    rest = 0 if "ids_kept" in metrics else None
    return Stability(
        before=metrics.get("ids_before"),
        kept=metrics.get("ids_kept"),
        minted=metrics.get("ids_minted", rest),
        merged=metrics.get("ids_merged", rest),
        split=metrics.get("ids_split_from", rest),
        restored=metrics.get("ids_restored", rest),
        identifiers_moved=metrics.get("identifiers_moved"),
        identifiers=n_identifiers,
        events_moved=metrics.get("events_moved"),
    )


def timings(run: RunFacts) -> tuple[StageTime, ...]:
    """Durations of the stages, in their order."""
    return tuple(StageTime(name, stage.state, stage.seconds) for name, stage in run.stages.items())


def _by_key(metrics: Mapping[str, float], metric: str) -> dict[str, float]:
    prefix = f"{metric}|"
    return {name.removeprefix(prefix): value for name, value in metrics.items() if name.startswith(prefix)}
