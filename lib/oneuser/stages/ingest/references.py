"""Taking reference inputs in: what changed is read and judged as a whole, what did not costs a look at the listing.

Inputs that are judged together form a group: where one of its files changed, all of them are read again. A group that
is no longer configured is judged without records, so that what it had said is withdrawn.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.reference import REFERENCE_INPUTS, REJECTED_RECORDS
from oneuser.core.errors import ContractError, GateError
from oneuser.core.reasons import is_damage
from oneuser.stages.ingest.credible_times import horizon
from oneuser.stages.ingest.kept_back import KeptBack
from oneuser.storage.input_listing import listing_of
from oneuser.storage.parquet_schemas import ParquetSchemas
from oneuser.storage.reference_inputs import count_records, list_reference, read_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import Mode, RunContext
    from oneuser.storage.reference_inputs import Reference

    Write = tuple[TableContract, DataFrame, Mode]

_MOST_KEPT = 64 * 1024
# records that are written from this process, none of which makes more than two rows of a table; those that are refused
# are kept as they came, up to 64 KB each
_FEW_RECORDS = 20_000
_FEW_REJECTED = 1_000


@dataclass(frozen=True)
class Judged:
    """What became of the records of a group.

    Attributes:
        records: By reference, all of its records: `file`, `record`, `code` (null for those that count), `detail`.
        writes: What the group's tables are to hold now.
        due: By reference, the earliest time of a record that is refused only since it is in the future: in microseconds
            since 1970.
        compared: The same of tables that are there, to be changed where they differ.
    """

    records: Mapping[str, DataFrame]
    writes: Sequence[Write]
    due: Mapping[str, int] = field(default_factory=dict)
    compared: Sequence[tuple[TableContract, DataFrame]] = ()


@dataclass(frozen=True)
class ReferenceGroup:
    """Reference inputs that are judged together.

    Attributes:
        name: What the names of its references begin with, such as `accounts.files`.
        references: Those that are configured; none where the group is to be withdrawn.
        shape: Whatever else shapes the tables, such as rules and versions: a change has all of it read again.
        judge: From the records of each reference, by name, to what becomes of them.
        names_people: Whether records name people, so that what is suppressed counts: another such list has them read
            again.
    """

    name: str
    references: Sequence[Reference]
    shape: object
    judge: Callable[[Mapping[str, DataFrame]], Judged]
    names_people: bool = False


class _Input(NamedTuple):
    """A row of `reference_inputs`."""

    reference: str
    listing: str
    shape: str
    digest: str
    n_files: int
    n_records: int
    n_rejected: int
    run_seq: int
    due_us: int | None = None


@dataclass
class _Taken:
    """A group after this run: its inputs, and what is new of it."""

    inputs: list[_Input]
    is_new: bool = False
    judged: Judged = field(default_factory=lambda: Judged({}, ()))
    rejected: list[DataFrame] = field(default_factory=list)


def take_references(ctx: RunContext, groups: Sequence[ReferenceGroup]) -> None:
    """Bring the tables of reference inputs up to what their files say now. Writes nothing where nothing changed.

    Raises:
        GateError: where a file is damaged, or a larger share of the records than `quarantine.max_share`.
    """
    known = _known(ctx)
    if not known and not any(group.references for group in groups):
        return
    taken = [
        _take(ctx, group, [one for one in known if one.reference.startswith(f"{group.name}.")]) for group in groups
    ]
    inputs = [one for group in taken for one in group.inputs]
    writes = [write for group in taken for write in group.judged.writes]
    if sorted(inputs) != sorted(known):
        rows = ctx.spark.createDataFrame(inputs, REFERENCE_INPUTS.schema)
        writes.append((REFERENCE_INPUTS, rows, "replace"))
    writes += _rejections(ctx, taken, known)
    if writes:
        ctx.write_together(writes, are_few=_are_few(inputs))
    compared = [pair for group in taken for pair in group.judged.compared]
    if compared:
        ctx.replace_together([(contract, rows, None) for contract, rows in compared])
    for one in inputs:
        ctx.metric("records_in", one.n_records, one.reference)
        ctx.metric("records_rejected", one.n_rejected, one.reference)


def _are_few(inputs: Sequence[_Input]) -> bool:
    n_rejected = sum(one.n_rejected for one in inputs)
    return sum(one.n_records for one in inputs) <= _FEW_RECORDS and n_rejected <= _FEW_REJECTED


def replaced(ctx: RunContext, contract: TableContract, rows: DataFrame | None) -> list[Write]:
    """The write that gives a table its rows; where there are none to give, it is emptied if it exists."""
    if rows is not None:
        return [(contract, rows, "replace")]
    return [(contract, contract.empty(ctx.spark), "replace")] if contract.name in ctx.tables else []


def _known(ctx: RunContext) -> list[_Input]:
    """The inputs as the last run left them."""
    if REFERENCE_INPUTS.name not in ctx.tables:
        return []
    try:
        rows = ctx.read(REFERENCE_INPUTS)
    except ContractError:
        # an earlier version of oneuser did not ask what is due: all is read again
        earlier = replace(REFERENCE_INPUTS, fields=tuple(f for f in REFERENCE_INPUTS.fields if f.name != "due_us"))
        rows = ctx.read(earlier).withColumn("shape", F.lit(""))
    return [_Input(**row.asDict()) for row in rows.collect()]


def _take(ctx: RunContext, group: ReferenceGroup, known: list[_Input]) -> _Taken:
    """Look at a group; read it where its listing or shape is another, and judge it where its records are, too.

    What was refused as being in the future is read and judged again once that has come.
    """
    if not group.references and not known:
        return _Taken([])
    before = {one.reference: one for one in known}
    files = {reference.name: list_reference(ctx.spark, reference) for reference in group.references}
    listings = {name: listing_of(found) for name, found in files.items()}
    shape = _shape(ctx, group)
    is_due = any(one.due_us is not None and one.due_us <= horizon(ctx) for one in known)
    if not is_due and {name: (listing, shape) for name, listing in listings.items()} == {
        one.reference: (one.listing, one.shape) for one in known
    }:
        return _Taken(known)
    records: dict[str, DataFrame] = {}
    inputs: list[_Input] = []
    for reference in group.references:
        name = reference.name
        schemas = ParquetSchemas(ctx.spark)
        records[name] = ctx.persist(read_reference(ctx.spark, reference, files[name], schemas))
        if reference.format == "parquet" and (n_columns := schemas.n_withheld(files[name], reference.needed)):
            report_left_out(ctx, name, n_columns)
        counted = count_records(ctx.spark, reference, files[name], records[name])
        found = (counted["digest"], len(files[name]), counted["n"])
        was = before.get(name) or _Input(name, "", "", "", 0, 0, n_rejected=0, run_seq=ctx.run_seq)
        inputs.append(_Input(name, listings[name], shape, *found, was.n_rejected, was.run_seq, was.due_us))
    if not is_due and _what_counts(inputs) == _what_counts(known):
        return _Taken(inputs)
    return _judged(ctx, group, inputs, records)


def _shape(ctx: RunContext, group: ReferenceGroup) -> str:
    facts: tuple[object, ...] = (list(group.references), group.shape)
    suppressed = KeptBack.of(ctx).digest if group.names_people else None
    # where nobody is suppressed, as it was before anybody ever was
    return hashlib.sha256(repr(facts if suppressed is None else (*facts, suppressed)).encode()).hexdigest()


def report_left_out(ctx: RunContext, name: str, n_columns: int) -> None:
    """Say of a source or reference how many columns of its Parquet files are left out, since their names are values."""
    ctx.metric("columns_left_out", n_columns, name)
    ctx.log.warning("columns whose names are rather values are left out", source=name, columns=n_columns)


def _what_counts(inputs: Sequence[_Input]) -> set[tuple[str, str, str, int]]:
    return {(one.reference, one.shape, one.digest, one.n_records) for one in inputs}


def _judged(ctx: RunContext, group: ReferenceGroup, inputs: list[_Input], records: Mapping[str, DataFrame]) -> _Taken:
    judged = group.judge(records)
    kept = {name: ctx.persist(rows.select("file", "record", "code", "detail")) for name, rows in judged.records.items()}
    by_code = _count_codes(kept)
    for one in inputs:
        counted = sum(n for (name, _), n in by_code.items() if name == one.reference)
        ctx.check(
            f"records_accounted:{one.reference}",
            ok=counted == one.n_records,
            found=f"{counted} of {one.n_records} records are accepted or rejected",
            expected="each of them",
        )
        _check_share(ctx, one, {code: n for (name, code), n in by_code.items() if name == one.reference and code})
    rejected = {name: sum(n for (owner, code), n in by_code.items() if code and owner == name) for name in records}
    for (name, code), n in by_code.items():
        if code:
            ctx.metric("records_rejected", n, f"{name}:{code}")
    stamped = [
        one._replace(n_rejected=rejected[one.reference], run_seq=ctx.run_seq, due_us=judged.due.get(one.reference))
        for one in inputs
    ]
    return _Taken(stamped, True, judged, [_refused(name, kept[name]) for name, n in rejected.items() if n])


def _count_codes(records: Mapping[str, DataFrame]) -> dict[tuple[str, str | None], int]:
    """Records by reference and code. One job."""
    if not records:
        return {}
    tagged = [rows.select(F.lit(name).alias("reference"), "code") for name, rows in records.items()]
    counted = reduce(DataFrame.unionByName, tagged).groupBy("reference", "code").agg(F.count(F.lit(1)).alias("n"))
    return {(row["reference"], row["code"]): row["n"] for row in counted.collect()}


def _check_share(ctx: RunContext, one: _Input, by_code: Mapping[str, int]) -> None:
    n_damaged = sum(n for code, n in by_code.items() if is_damage(code))
    share = n_damaged / one.n_records if one.n_records else 0.0
    if share > ctx.config.quarantine.max_share:
        codes = ", ".join(f"{code} {n}" for code, n in sorted(by_code.items()))
        raise GateError(
            found=f"{share:.1%} of the records of {one.reference} are damaged ({codes})",
            expected=f"at most {ctx.config.quarantine.max_share:.1%}",
            where=one.reference,
            next_step="look at the files and at `columns`; or raise quarantine.max_share",
            gate="quarantine.max_share",
        )


def _refused(name: str, records: DataFrame) -> DataFrame:
    """Rows of `rejected_records`."""
    text = F.substring(F.coalesce("record", F.lit("")), 1, _MOST_KEPT)
    refused = records.where(F.col("code").isNotNull()).select(
        F.lit(name).alias("reference"),
        "file",
        F.xxhash64("record").alias("record_hash"),
        "code",
        "detail",
        text.alias("record"),
    )
    grouped = refused.groupBy("reference", "file", "record_hash", "code")
    return grouped.agg(
        F.min("detail").alias("detail"), F.min("record").alias("record"), F.count(F.lit(1)).alias("n_records")
    )


def _rejections(ctx: RunContext, taken: Sequence[_Taken], known: Sequence[_Input]) -> list[Write]:
    """The write of `rejected_records`, where it is to change: those of groups that stay as they were stay, too."""
    new = [rows for group in taken for rows in group.rejected]
    staying = [one.reference for group in taken if not group.is_new for one in group.inputs]
    has_going = any(one.n_rejected and one.reference not in staying for one in known)
    if not new and not has_going:
        return []
    before = ctx.read(REJECTED_RECORDS).where(F.col("reference").isin(staying))
    rejected = KeptBack.of(ctx).of_records(ctx, reduce(DataFrame.unionByName, new, before))
    return [(REJECTED_RECORDS, rejected, "replace")]
