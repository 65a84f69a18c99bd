"""Read the published tables and the runs' record, and make a report's data of them.

Everything is aggregated in Spark: what is collected are at most a few thousand rows, whatever the size of the tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.contracts import graph, identity, marts
from oneuser.report.data import Funnel, IdentifierType, ReportData, SizeBucket
from oneuser.report.gather_consent import gather_consent
from oneuser.report.gather_marts import gather_accounts, gather_attribution
from oneuser.report.gather_product import gather_product
from oneuser.report.gather_protection import find_bridges, find_shared_values, gather_protection
from oneuser.report.gather_retention import gather_retention
from oneuser.report.record import describe_run, describe_stability, dispositions, published_before, tally, timings
from oneuser.report.suppression import hidden_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import DataFrame

    from oneuser.config import Config
    from oneuser.contracts.table import TableContract
    from oneuser.report.data import Bridge, SharedValue
    from oneuser.report.source import PublicationFacts, ReportSource, RunFacts

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
        lambda contract: source.table(contract.name),
        source.run_records(),
        source.published.publication,
        deployment=source.deployment,
        min_people=min_people,
        config=source.config,
        bridges=find_bridges(source, min_people),
        shared=find_shared_values(source, min_people),
    )


def gather_data(
    read: Callable[[TableContract], DataFrame],
    records: Sequence[RunFacts],
    shown: PublicationFacts,
    *,
    deployment: str,
    min_people: int,
    config: Config | None = None,
    bridges: Sequence[Bridge] = (),
    shared: Sequence[SharedValue] = (),
) -> ReportData:
    """The data of the report on the run of the publication `shown`, from its tables and all runs' records.

    What was withheld for want of consent is told by the configuration, where there is one.
    """
    runs = published_before(records, shown.run_seq)
    # a residual ID was cut off by a limit and counts as no person
    sizes = count_people_by_size(read(identity.DIM_USER).where(F.col("kind") != "residual"))
    n_known = sum(n for (_, is_known), n in sizes.items() if is_known)
    n_people = sum(sizes.values())
    by_kind = {True: n_known, False: n_people - n_known}
    hidden = hidden_cells(by_kind, min_people)
    n_identifiers, types = gather_identifier_types(read(identity.IDENTIFIER_MAP), min_people)
    lines, accepted, with_person = _count_events(read(graph.FILES), read(identity.EVENTS_RESOLVED))
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
        protection=gather_protection(read(graph.REFUSED_EDGES), runs, bridges, min_people, shared),
        consent=gather_consent(read, config, n_people=n_people, min_people=min_people),
        attribution=gather_attribution(read(marts.ATTRIBUTION_CREDITS), min_people),
        retention=gather_retention(read(marts.RETENTION), min_people),
        product=gather_product(read, min_people),
        accounts=gather_accounts(
            read(identity.DIM_ACCOUNT), read(identity.DIM_USER), read(marts.CONVERSIONS), min_people
        ),
        timings=timings(runs[-1]),
    )


def count_people_by_size(users: DataFrame) -> dict[tuple[int, bool], int]:
    """People by bucket of the size histogram, from 0, and by whether they are known."""
    bucket = F.lit(len(_SIZES))
    for number in reversed(range(len(_SIZES))):
        bucket = F.when(F.col("n_identifiers") <= _SIZES[number], number).otherwise(bucket)
    is_known = F.col("kind") == "known"
    rows = users.groupBy(bucket.alias("bucket"), is_known.alias("is_known")).agg(F.count("*").alias("people")).collect()
    return {(row["bucket"], bool(row["is_known"])): row["people"] for row in rows}


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


def gather_identifier_types(owned: DataFrame, min_people: int) -> tuple[int, tuple[IdentifierType, ...]]:
    """How many identifiers are owned, and of each type how many by how many people; the commonest type first."""
    rows = (
        owned.groupBy("id_type")
        .agg(F.count("*").alias("identifiers"), F.countDistinct("user_id").alias("people"))
        .orderBy(F.desc("identifiers"), "id_type")
        .collect()
    )
    types = []
    for row in rows:
        is_hidden = row["people"] < min_people
        shown = (None, None) if is_hidden else (row["identifiers"], row["people"])
        types.append(IdentifierType(row["id_type"], *shown))
    return sum(row["identifiers"] for row in rows), tuple(types)


def _count_events(files: DataFrame, events: DataFrame) -> tuple[int | None, int, int]:
    """Lines ever read, null before there are files; messages accepted; messages that somebody owns."""
    lines = files.where(F.col("state") == "ingested").agg(F.sum("n_lines").alias("lines")).first()
    counted = events.agg(F.count("*").alias("accepted"), F.count("user_id").alias("with_person")).first()
    assert lines is not None  # noqa: S101 - an aggregate has one row
    assert counted is not None  # noqa: S101 - same
    return lines["lines"], counted["accepted"], counted["with_person"]
