"""Stage ingest: new files to events, quarantine, the ledger of files, identifiers and their ids; reference inputs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from oneuser.contracts.changes import LINKED_IDENTIFIERS, MEMBER_IDENTIFIERS
from oneuser.contracts.graph import EVENT_IDENTIFIERS, FILES, IDENTIFIERS
from oneuser.contracts.privacy import ERASURES, SUPPRESSIONS
from oneuser.contracts.raw import EVENTS, IDENTIFIER_VALUES, QUARANTINE
from oneuser.contracts.reference import (
    ACCOUNT_MEMBERS,
    ACCOUNT_PARENTS,
    ACCOUNT_PROFILES,
    LINKS,
    REFERENCE_INPUTS,
    REJECTED_RECORDS,
)
from oneuser.core.errors import GateError
from oneuser.core.reasons import Reason
from oneuser.events.accounting import (
    FileTally,
    SourceTally,
    count_lines,
    count_notes,
    quarantine_lines,
    tally_files,
    tally_sources,
)
from oneuser.events.deduplicate import find_equal_rows, separate_equal_rows
from oneuser.events.event_identifiers import carried_identifiers
from oneuser.spark.failures import raise_if_surroundings
from oneuser.stages.declaration import Stage
from oneuser.stages.ingest.account_files import account_group
from oneuser.stages.ingest.assigned_ids import identifier_writes
from oneuser.stages.ingest.commercial_files import COMMERCIAL_TABLES, commercial_groups
from oneuser.stages.ingest.credible_times import explain_future
from oneuser.stages.ingest.duplicates import Kept, drop_duplicates
from oneuser.stages.ingest.kept_back import KeptBack
from oneuser.stages.ingest.link_tables import link_group
from oneuser.stages.ingest.linked_identifiers import tell_linked_identifiers
from oneuser.stages.ingest.mapped_columns import mapped_columns
from oneuser.stages.ingest.member_identifiers import tell_member_identifiers
from oneuser.stages.ingest.references import report_left_out, take_references
from oneuser.stages.ingest.requested import take_requests
from oneuser.stages.ingest.shape_of_lines import explain_lines
from oneuser.stages.ingest.source_parsing import parse_source
from oneuser.stages.ingest.source_spec import source_spec
from oneuser.stages.ingest.stored_keys import stored_keys
from oneuser.storage.file_ledger import known_files
from oneuser.storage.input_bytes import InputBytes
from oneuser.storage.inputs import ChangedFileError, RefusedFile, find_broken, find_unreadable, refuse_encoding
from oneuser.storage.parquet_schemas import ParquetSchemas

if TYPE_CHECKING:
    from typing import Any

    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext
    from oneuser.storage.input_listing import InputFile

_HEAD_BYTES = 64 * 1024
_FILE_DDL = "source string, file string"
_MOST_SHOWN = 5
# lines that are written from this process, where all tables that they make are few: 200 MB of events at most, and most
# messages carry fewer identifiers than rows there may be for each
_FEW_LINES = 30_000
_FEW_LINE_BYTES = 64 * 1024 * 1024


@dataclass
class Intake:
    """The files of a run: read, left out, and what was found in them."""

    files: list[InputFile]
    schemas: ParquetSchemas
    refused: list[RefusedFile] = field(default_factory=list)
    counted: list[Any] = field(default_factory=list)

    @property
    def by_file(self) -> dict[tuple[str, str], FileTally]:
        """Tallies of the files that were read."""
        return tally_files(self.counted)

    @property
    def by_source(self) -> dict[str, SourceTally]:
        """Tallies of the sources."""
        return tally_sources(self.counted)

    @property
    def is_little(self) -> bool:
        """Whether what was read is written sooner from this process than by Spark's tasks."""
        n_lines = sum(tally.n_lines for tally in self.by_source.values())
        return n_lines <= _FEW_LINES and sum(file.n_bytes_of_lines for file in self.files) <= _FEW_LINE_BYTES

    def of(self, source: str) -> list[InputFile]:
        """The files of a source that are not left out."""
        return [file for file in self.files if file.source == source]

    def leave_out(self, refused: list[RefusedFile]) -> None:
        """Take files out of what is read."""
        paths = {(one.file.source, one.file.path) for one in refused}
        self.files = [file for file in self.files if (file.source, file.path) not in paths]
        self.refused += refused


def ingest(ctx: RunContext) -> None:
    """Take in what people ask about their data, then what is new in the sources and what reference inputs say now.

    Raises:
        ChangedFileError: where a file that was ingested has other content now.
        ConfigError: where a mapping names a column that none of the files has.
        GateError: where more lines or bytes of a source are damaged than `quarantine.max_share`, or where nothing of a
            source is accepted; nothing is written.
    """
    intake = Intake(list(ctx.inputs), ParquetSchemas(ctx.spark))
    gone = take_requests(ctx, INGEST_STAGE.writes)
    before = known_files(ctx.read(FILES), ctx.inputs)
    _refuse_unreadable(ctx, intake)
    parsed = _read(ctx, intake)
    touched = _check_changed(intake, before)
    _drop_files(intake, touched)
    _report(ctx, intake)
    _check_share(ctx, intake)
    _check_accepted(ctx, intake)
    gave_way = None
    if intake.files or intake.refused or touched:
        kept = _write(ctx, intake, parsed, before, touched)
        gave_way = None if kept is None else kept.gave_way
    take_references(ctx, [link_group(ctx), account_group(ctx), *commercial_groups(ctx)])
    tell_linked_identifiers(ctx, gave_way, gone)
    tell_member_identifiers(ctx)


def _refuse_unreadable(ctx: RunContext, intake: Intake) -> None:
    for name, source in ctx.config.sources.items():
        files = intake.of(name)
        dialect = source.dialect_of(source.format)
        needed = mapped_columns(source_spec(ctx.config, name))
        refused = find_unreadable(
            ctx.spark,
            files,
            pattern=source.path,
            file_format=source.format,
            dialect=dialect,
            schemas=intake.schemas,
            needed=needed,
        )
        intake.leave_out(refused)


def _read(ctx: RunContext, intake: Intake) -> DataFrame | None:
    """Parse all files and count their lines, again without those that turn out to be broken. Null without files."""
    while intake.files:
        names = [name for name in ctx.config.sources if any(file.source == name for file in intake.files)]
        parts = [parse_source(ctx, name, intake.of(name), intake.schemas) for name in names]
        parsed = ctx.persist(reduce(lambda one, other: one.unionByName(other), parts))
        try:
            intake.counted = count_lines(parsed).collect()
        except (Py4JJavaError, PySparkException) as problem:
            parsed.unpersist()
            raise_if_surroundings(problem, where=ctx.warehouse.root)
            broken = _broken(ctx, intake)
            if not broken:
                raise
            intake.leave_out(broken)
            continue
        foreign = [
            refuse_encoding(ctx.spark, file)
            for file in intake.files
            if intake.by_file.get((file.source, file.path), FileTally()).is_foreign
        ]
        intake.leave_out(foreign)
        _drop_files(intake, [one.file for one in foreign])
        return _without_files(parsed, [one.file for one in foreign])
    return None


def _broken(ctx: RunContext, intake: Intake) -> list[RefusedFile]:
    found: list[RefusedFile] = []
    for name, source in ctx.config.sources.items():
        files = intake.of(name)
        dialect = source.dialect_of(source.format)
        found += find_broken(ctx.spark, files, file_format=source.format, dialect=dialect, schemas=intake.schemas)
    return found


def _drop_files(intake: Intake, files: list[InputFile]) -> None:
    """Forget files and their counts."""
    paths = {(file.source, file.path) for file in files}
    intake.files = [file for file in intake.files if (file.source, file.path) not in paths]
    intake.counted = [row for row in intake.counted if (row["source"], row["file"]) not in paths]


def _without_files(parsed: DataFrame, files: list[InputFile]) -> DataFrame:
    if not files:
        return parsed
    rows = [(file.source, file.path) for file in files]
    # as many as files of this run are refused
    left_out = parsed.sparkSession.createDataFrame(rows, _FILE_DDL)
    return parsed.join(F.broadcast(left_out), on=["source", "file"], how="left_anti")


def _check_changed(intake: Intake, before: dict[tuple[str, str], Any]) -> list[InputFile]:
    """Files that were ingested before and only look changed: their content is the same.

    Raises:
        ChangedFileError: for the first one with other content.
    """
    touched = []
    gone = {(one.file.source, one.file.path) for one in intake.refused}
    for file in [*intake.files, *(one.file for one in intake.refused)]:
        key = (file.source, file.path)
        row = before.get(key)
        if row is None or row["state"] != "ingested":
            continue
        tally = intake.by_file.get(key, FileTally())
        if key in gone or (tally.n_lines, tally.digest) != (row["n_lines"], row["digest"]):
            raise ChangedFileError(
                found="a file that was ingested has other content now",
                expected=f"{row['n_lines']} lines, {row['n_bytes']} bytes, as ingested by run {row['run_seq']}",
                where=file.path,
                next_step="put the old file back, and bring what is new in a file of its own",
            )
        touched.append(file)
    return touched


def _check_share(ctx: RunContext, intake: Intake) -> None:
    limit = ctx.config.quarantine.max_share
    refused: dict[str, int] = {}
    for one in intake.refused:
        refused[one.file.source] = refused.get(one.file.source, 0) + one.file.n_bytes
    for name in ctx.config.sources:
        tally = intake.by_source.get(name, SourceTally())
        n_bytes = refused.get(name, 0) + sum(file.n_bytes for file in intake.files if file.source == name)
        lines = tally.n_damaged / tally.n_lines if tally.n_lines else 0.0
        files = refused.get(name, 0) / n_bytes if n_bytes else 0.0
        if max(lines, files) > limit:
            files_refused = [one for one in intake.refused if one.file.source == name]
            codes = _codes(tally, files_refused)
            raise GateError(
                found=f"{lines:.1%} of the lines and {files:.1%} of the bytes of source {name!r} are damaged ({codes})"
                + "".join(f"\n{one.file.path}: {one.detail}" for one in files_refused[:_MOST_SHOWN]),
                expected=f"at most {limit:.1%}",
                where=f"sources.{name}",
                next_step=f"{_look(ctx, tally)}; or raise quarantine.max_share",
                gate="quarantine.max_share",
            )


def _look(ctx: RunContext, tally: SourceTally) -> str:
    return explain_future(ctx) if tally.is_mostly(Reason.TIME_FUTURE) else "look at the files or the mapping"


def _codes(tally: SourceTally, refused: list[RefusedFile]) -> str:
    """Codes of what is refused, lines and files, with how many there are."""
    codes = Counter(tally.quarantined) + Counter(one.code.value for one in refused)
    return ", ".join(f"{code} {n}" for code, n in sorted(codes.items()))


def _check_accepted(ctx: RunContext, intake: Intake) -> None:
    """A source may have lines that name nobody; one that has no others is read wrongly.

    An empty file is nothing to stop for where the source has had events before.

    Raises:
        GateError: naming the source, the codes, and what its lines look like instead.
    """
    for name in ctx.config.sources:
        tally = intake.by_source.get(name, SourceTally())
        has_files = any(file.source == name for file in ctx.inputs)
        n_accepted = tally.n_lines - tally.n_quarantined
        share = n_accepted / tally.n_lines if tally.n_lines else 0.0
        least = ctx.config.gates.min_accepted_share
        if least is None or not has_files or (n_accepted and share >= least):
            continue
        if not tally.n_lines and _has_had_events(ctx, name):
            continue
        listed = _codes(tally, [one for one in intake.refused if one.file.source == name]) or "files without a line"
        found = "none" if not n_accepted else f"{n_accepted:,}"
        raise GateError(
            found=f"{found} of the {tally.n_lines:,} lines of source {name!r} {'were' if n_accepted > 1 else 'was'} "
            f"accepted ({listed})",
            expected="lines that are events; " + (f"at least {least:.1%} of them" if least else "one at the least"),
            where=f"sources.{name}",
            next_step=explain_future(ctx)
            if tally.is_mostly(Reason.TIME_FUTURE)
            else explain_lines(source_spec(ctx.config, name), _first_line(ctx, intake, name)),
            gate="gates.min_accepted_share",
        )


def _has_had_events(ctx: RunContext, name: str) -> bool:
    ingested = (F.col("source") == name) & (F.col("state") == "ingested") & (F.col("n_lines") > 0)
    return not ctx.read(FILES).where(ingested).isEmpty()


def _first_line(ctx: RunContext, intake: Intake, name: str) -> bytes:
    """The beginning of the first file of a source that has any; empty where none can be read."""
    files = [file for file in intake.files if file.source == name and file.n_bytes]
    return InputBytes(ctx.spark).head(files[0], _HEAD_BYTES).partition(b"\n")[0] if files else b""


def _write(
    ctx: RunContext,
    intake: Intake,
    parsed: DataFrame | None,
    before: dict[tuple[str, str], Any],
    touched: list[InputFile],
) -> Kept | None:
    """Write what was read; returns the events that were kept, null where no file was read."""
    seen = [*touched, *(one.file for one in intake.refused), *intake.files]
    again = [(file.source, file.path) for file in seen if (file.source, file.path) in before]
    if again:
        ctx.delete(FILES, ctx.spark.createDataFrame(again, _FILE_DDL), ["source", "file"])
    # what was refused whole is mended by now, or refused once more
    was_refused = [key for key in again if before[key]["state"] == "refused"]
    if was_refused:
        ctx.delete(QUARANTINE, ctx.spark.createDataFrame(was_refused, _FILE_DDL), ["source", "file"])
    writes: list[Any] = [(FILES, _file_rows(ctx, intake, before, touched), "append")]
    refused_files = _refused_rows(ctx, intake)
    n_quarantined = sum(tally.n_quarantined for tally in intake.by_source.values())
    kept_back = KeptBack.of(ctx)
    lines_kept_back: dict[str, int] = {}
    kept: Kept | None = None
    if parsed is not None and intake.files:
        lines = _without_files(parsed, touched)
        if n_quarantined:
            refused, lines_kept_back = kept_back.of_lines(ctx, quarantine_lines(lines, run_seq=ctx.run_seq))
            refused_files = refused_files.unionByName(refused)
        events = lines.where(F.col("code").isNull())
        if any(tally.n_keyless for tally in intake.by_source.values()):
            equal = ctx.persist(find_equal_rows(events))
            events = separate_equal_rows(events, equal) if equal.count() else events
        known = stored_keys(ctx, carried_identifiers(events))
        kept = drop_duplicates(ctx, events, intake.by_source, kept_back.as_observed(known))
        if not kept.is_nothing(ctx, intake.by_source):
            writes.append((EVENTS, kept.counted, "append"))
            writes += identifier_writes(ctx, kept.events, known)
        if any(tally.n_notes for tally in intake.by_source.values()):
            _report_notes(ctx, events)
    if n_quarantined or intake.refused:
        writes.append((QUARANTINE, refused_files, "append"))
    ctx.write_together(writes, are_few=intake.is_little)
    if kept is not None:
        kept.account(ctx, intake.by_source, lines_kept_back)
    return kept


def _file_rows(
    ctx: RunContext, intake: Intake, before: dict[tuple[str, str], Any], touched: list[InputFile]
) -> DataFrame:
    tallies = intake.by_file
    rows = []
    for file in intake.files:
        tally = tallies.get((file.source, file.path), FileTally())
        found = (
            tally.n_lines, tally.digest, tally.last_received_at, tally.last_event_at, "ingested", ctx.run_seq,
        )  # fmt: skip
        rows.append((file.source, file.path, file.n_bytes, file.modified_at, *found))
    for one in intake.refused:
        file = one.file
        found = (0, _short(one.digest), None, None, "refused", ctx.run_seq)
        rows.append((file.source, file.path, file.n_bytes, file.modified_at, *found))
    for file in touched:
        row = before[(file.source, file.path)]
        kept = ("n_lines", "digest", "last_received_at", "last_event_at", "state", "run_seq")
        found = tuple(row[name] for name in kept)
        rows.append((file.source, file.path, file.n_bytes, file.modified_at, *found))
    return FILES.frame(ctx.spark, [dict(zip(FILES.columns, row, strict=True)) for row in rows])


def _refused_rows(ctx: RunContext, intake: Intake) -> DataFrame:
    rows = [
        (
            one.file.source,
            one.file.path,
            _short(one.digest),
            0,
            one.code.value,
            one.detail,
            None,
            one.digest,
            ctx.run_seq,
        )
        for one in intake.refused
    ]
    return QUARANTINE.frame(ctx.spark, [dict(zip(QUARANTINE.columns, row, strict=True)) for row in rows])


def _short(digest: str) -> int:
    """The first eight bytes of a hexadecimal digest as a signed number."""
    return int.from_bytes(bytes.fromhex(digest[:16]), "big", signed=True)


def _report(ctx: RunContext, intake: Intake) -> None:
    """Metrics of what was read."""
    codes: dict[str, int] = {}
    for name, tally in intake.by_source.items():
        ctx.metric("lines_in", tally.n_lines, name)
        ctx.metric("late_events", tally.n_late, name)
        for code, n in tally.quarantined.items():
            codes[code] = codes.get(code, 0) + n
    for name, n_columns in _count_withheld(ctx, intake).items():
        report_left_out(ctx, name, n_columns)
    for one in intake.refused:
        ctx.metric("files_refused", 1 + ctx.metrics.get(f"files_refused|{one.code}", 0), one.code)
        ctx.log.warning("file refused", file=one.file.path, code=one.code, detail=one.detail, sha256=one.digest)
    for code, n in codes.items():
        ctx.metric("lines_quarantined", n, code)
    ctx.metric("files_ingested", len(intake.files))


def _count_withheld(ctx: RunContext, intake: Intake) -> dict[str, int]:
    """Columns of Parquet files, and parts of them, that are left out for their names, by source; those with some."""
    read = {name: intake.of(name) for name, source in ctx.config.sources.items() if source.format == "parquet"}
    found = {
        name: intake.schemas.n_withheld(files, mapped_columns(source_spec(ctx.config, name)))
        for name, files in read.items()
        if files
    }
    return {name: n_columns for name, n_columns in found.items() if n_columns}


def _report_notes(ctx: RunContext, events: DataFrame) -> None:
    metrics = {"dropped": "values_dropped", "unlinked": "external_ids_unlinked", "time": "event_times"}
    for row in count_notes(events).collect():
        ctx.metric(metrics[row["kind"]], row["n"], row["name"])


INGEST_STAGE = Stage(
    "ingest",
    ingest,
    reads=(),
    writes=(
        EVENTS,
        QUARANTINE,
        IDENTIFIER_VALUES,
        FILES,
        IDENTIFIERS,
        EVENT_IDENTIFIERS,
        LINKS,
        ACCOUNT_PROFILES,
        ACCOUNT_PARENTS,
        ACCOUNT_MEMBERS,
        *COMMERCIAL_TABLES.values(),
        REFERENCE_INPUTS,
        REJECTED_RECORDS,
        SUPPRESSIONS,
        ERASURES,
    ),
    sections=(),
    gives=(LINKED_IDENTIFIERS, MEMBER_IDENTIFIERS),
)
