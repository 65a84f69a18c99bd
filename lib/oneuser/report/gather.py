"""Read the published tables and the runs' record, and make a report's data of them.

Everything is counted where the tables are read: what comes here are at most some thousand rows, whatever their size.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from oneuser.contracts import graph, identity
from oneuser.report.data import Funnel, IdentifierType, ReportData, SizeBucket
from oneuser.report.gather_consent import gather_consent
from oneuser.report.gather_marts import gather_accounts, gather_attribution
from oneuser.report.gather_paths import gather_paths
from oneuser.report.gather_product import gather_product
from oneuser.report.gather_protection import find_bridges, find_shared_values, gather_protection
from oneuser.report.gather_retention import gather_retention
from oneuser.report.record import describe_run, describe_stability, dispositions, published_before, tally, timings
from oneuser.report.suppression import hidden_cells
from oneuser.storage.asked_counts import Counted, Groups

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import DataFrame

    from oneuser.config import Config
    from oneuser.contracts.table import TableContract
    from oneuser.report.data import Bridge, SharedValue
    from oneuser.report.source import Figures, ReportSource, RunFacts

MIN_PEOPLE = 5
# upper ends of the size histogram's buckets; beyond the last one there is one more
_SIZES = (1, 2, 3, 4, 5, 10, 20, 50, 100, 1000)


def gather_report(source: ReportSource, *, min_people: int | None = None) -> ReportData:
    """The data of the report on the published run.

    Counts of fewer than `min_people` people are hidden: by default as the warehouse's configuration says, or 5.

    Raises:
        OneUserError: before the first publication.
    """
    if min_people is None:
        min_people = source.config.report.min_people if source.config else MIN_PEOPLE
    return gather_data(
        source.figures,
        source.run_records(),
        deployment=source.deployment,
        min_people=min_people,
        config=source.config,
        frame=source.frame,
        bridges=find_bridges(source, min_people),
        shared=find_shared_values(source, min_people),
    )


def gather_data(
    figures: Figures,
    records: Sequence[RunFacts],
    *,
    deployment: str,
    min_people: int,
    frame: Callable[[TableContract], DataFrame],
    config: Config | None = None,
    bridges: Sequence[Bridge] = (),
    shared: Sequence[SharedValue] = (),
) -> ReportData:
    """The data of the report on the run of a publication, from its tables and all runs' records.

    What was withheld for want of consent is told by the configuration, where there is one, and by frames.
    """
    shown = figures.publication
    runs = published_before(records, shown.run_seq)
    sizes, n_members = count_people(figures)
    n_known = sum(n for (_, is_known), n in sizes.items() if is_known)
    n_people = sum(sizes.values())
    by_kind = {True: n_known, False: n_people - n_known}
    hidden = hidden_cells(by_kind, min_people)
    n_identifiers, types = gather_identifier_types(figures, min_people)
    lines, accepted, with_person = _count_events(figures)
    return ReportData(
        head=describe_run(runs, shown, deployment),
        min_people=min_people,
        funnel=Funnel(lines, accepted, with_person, n_people if n_people >= min_people else None),
        known_people=None if hidden else n_known,
        dispositions=dispositions(runs),
        quarantined=tally(runs, "lines_quarantined"),
        refused_files=tally(runs, "files_refused"),
        dropped_identifiers=tally(runs, "values_dropped"),
        stability=describe_stability(runs[-1], n_identifiers=n_identifiers, n_people=n_people),
        sizes=describe_sizes(sizes, min_people),
        identifier_types=types,
        protection=gather_protection(figures, runs, bridges, min_people, shared),
        consent=gather_consent(figures, frame, config, n_people=n_people, min_people=min_people),
        attribution=gather_attribution(figures, min_people),
        paths=gather_paths(figures, min_people),
        retention=gather_retention(figures, min_people),
        product=gather_product(figures, min_people),
        accounts=gather_accounts(figures, n_members, min_people),
        timings=timings(runs[-1]),
    )


def count_people(figures: Figures) -> tuple[dict[tuple[int, bool], int], int]:
    """People by bucket of the size histogram, from 0, and by whether they are known; how many belong to an account."""
    counted: Counted = {"people": ("rows", "kind"), "members": ("values", "account_id")}
    rows = figures.groups(identity.DIM_USER, Groups(("n_identifiers", "kind"), counted))
    people: Counter[tuple[int, bool]] = Counter()
    for row in rows:
        # a residual ID was cut off by a limit and counts as no person
        if row["kind"] != "residual":
            bucket = sum(row["n_identifiers"] > size for size in _SIZES)
            people[bucket, row["kind"] == "known"] += row["people"]
    return dict(people), sum(row["members"] for row in rows)


def describe_sizes(people: dict[tuple[int, bool], int], min_people: int) -> tuple[SizeBucket, ...]:
    """The histogram up to its last bucket with anybody in it."""
    if not people:
        return ()
    columns = {
        is_known: {bucket: n for (bucket, kind), n in people.items() if kind is is_known} for is_known in (True, False)
    }
    hidden = {is_known: hidden_cells(column, min_people) for is_known, column in columns.items()}

    def cell(bucket: int, *, is_known: bool) -> int | None:
        return None if bucket in hidden[is_known] else columns[is_known].get(bucket, 0)

    last = max(bucket for bucket, _ in people)
    return tuple(
        SizeBucket(_size_label(bucket), cell(bucket, is_known=True), cell(bucket, is_known=False))
        for bucket in range(last + 1)
    )


def _size_label(bucket: int) -> str:
    if bucket == len(_SIZES):
        return f"> {_SIZES[-1]:,}"
    low = _SIZES[bucket - 1] + 1 if bucket else 1
    return str(low) if low == _SIZES[bucket] else f"{low:,}–{_SIZES[bucket]:,}"


def gather_identifier_types(figures: Figures, min_people: int) -> tuple[int, tuple[IdentifierType, ...]]:
    """How many identifiers are owned, and of each type how many by how many people; the commonest type first."""
    counted: Counted = {"identifiers": ("rows", "id_type"), "people": ("distinct", "user_id")}
    rows = figures.groups(identity.IDENTIFIER_MAP, Groups(("id_type",), counted))
    rows.sort(key=lambda row: (-row["identifiers"], row["id_type"]))
    types = []
    for row in rows:
        is_hidden = row["people"] < min_people
        shown = (None, None) if is_hidden else (row["identifiers"], row["people"])
        types.append(IdentifierType(row["id_type"], *shown))
    return sum(row["identifiers"] for row in rows), tuple(types)


def _count_events(figures: Figures) -> tuple[int | None, int, int]:
    """Lines ever read, null before there are files; messages accepted; messages that somebody owns."""
    (lines,) = figures.groups(graph.FILES, Groups((), {"lines": ("sum", "n_lines")}, where={"state": ["ingested"]}))
    counted: Counted = {"accepted": ("rows", "user_id"), "with_person": ("values", "user_id")}
    (events,) = figures.groups(identity.EVENTS_RESOLVED, Groups((), counted))
    return lines["lines"], events["accepted"], events["with_person"]
