"""Files of finance and sales, each kind judged by itself and kept in a table of its own.

Reads   the files of `fx_rates`, `spend`, `opportunities`, `subscriptions`, `seats`
Yields  a table of each name, where such files are configured
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.config import DEFAULT_CHANNELS
from oneuser.contracts.reference import FX_RATES, OPPORTUNITIES, SEATS, SPEND, SUBSCRIPTIONS
from oneuser.events import commercial_records as commercial
from oneuser.events.commercial_records import Writing
from oneuser.events.earlier_keys import with_stored_keys
from oneuser.events.member_records import read_keys
from oneuser.events.spec import id_type_specs
from oneuser.stages.ingest.credible_times import earliest_time
from oneuser.stages.ingest.kept_back import KeptBack
from oneuser.stages.ingest.references import Judged, ReferenceGroup, replaced
from oneuser.stages.ingest.stored_keys import stored_keys
from oneuser.storage.reference_inputs import Reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import DataFrame

    from oneuser.config import Config
    from oneuser.config.commercial import CommercialFile
    from oneuser.contracts.table import TableContract
    from oneuser.stages.context import RunContext

COMMERCIAL_TABLES: dict[str, TableContract] = {
    one.name: one for one in (FX_RATES, SPEND, OPPORTUNITIES, SUBSCRIPTIONS, SEATS)
}
# what a record needs beside what its file requires, unless the configuration says it of all
_NEEDED = {"fx_rates": ("currency",), "spend": ("currency",), "subscriptions": ("currency",)}


def commercial_groups(ctx: RunContext) -> list[ReferenceGroup]:
    """A group for each kind; one without files has no references, and costs nothing."""
    return [_group(ctx, section) for section in COMMERCIAL_TABLES]


def _group(ctx: RunContext, section: str) -> ReferenceGroup:
    files = ctx.config.commercial[section]
    references = [_reference(section, name, file) for name, file in files.items()]

    def judge(records: Mapping[str, DataFrame]) -> Judged:
        read = {
            name.removeprefix(f"{section}."): rows for name, rows in _read_all(ctx, section, files, records).items()
        }
        table = _rows_of(ctx, section, read) if read else None
        named = {f"{section}.{name}": rows for name, rows in read.items()}
        return Judged(named, replaced(ctx, COMMERCIAL_TABLES[section], table))

    return ReferenceGroup(
        section, references, _shape(ctx, section, files) if files else None, judge, section == "subscriptions"
    )


def _shape(ctx: RunContext, section: str, files: Mapping[str, CommercialFile]) -> object:
    """Whatever makes records read otherwise."""
    config = ctx.config
    facts: list[object] = [file.model_dump(mode="json") for file in files.values()]
    facts.append(earliest_time(config))
    if section == "fx_rates":
        facts.append(config.reporting_currency)
    if section == "spend":
        facts.append(_channels(config))
    if section == "subscriptions":
        facts += [id_type_specs(config.identity.id_types), ctx.keys.key_id]
    return facts


def _reference(section: str, name: str, file: CommercialFile) -> Reference:
    columns = {ours: theirs for ours, theirs in file.all_columns.items() if ours not in file.given}
    needed = (*file.required_columns, *_NEEDED.get(section, ()))
    return Reference(
        f"{section}.{name}",
        file.path,
        file.format,
        columns,
        tuple(column for column in columns if column in needed),
        tuple(column for column in columns if column not in needed),
        dialect=file.dialect_of(file.format),
    )


def _read_all(
    ctx: RunContext, section: str, files: Mapping[str, CommercialFile], records: Mapping[str, DataFrame]
) -> dict[str, DataFrame]:
    read = {
        name: ctx.persist(_read(ctx, section, files[name.removeprefix(f"{section}.")], rows))
        for name, rows in records.items()
    }
    if section != "fx_rates" or not read:
        return read
    # all files make one table, in which a day has one rate
    judged = ctx.persist(commercial.refuse_conflicting_rates(read))
    return {name: judged.where(F.col("reference") == F.lit(name)).drop("reference") for name in read}


def _read(ctx: RunContext, section: str, file: CommercialFile, records: DataFrame) -> DataFrame:
    """The records of a file, each with its values or the code of its refusal."""
    times = file.times
    writing = Writing(file.given, times.format, times.zone, file.decimal, earliest_time(ctx.config))
    if section == "fx_rates":
        return commercial.read_rates(records, writing=writing, reporting_currency=ctx.config.reporting_currency)
    if section == "spend":
        return commercial.read_spend(records, writing=writing, channels=_channels(ctx.config))
    if section == "opportunities":
        won = getattr(file, "won_values", ())
        return commercial.read_opportunities(records, writing=writing, won_values=won)
    if section == "seats":
        return commercial.read_seats(records, writing=writing)
    read = commercial.read_subscriptions(records, writing=writing)
    return commercial.refuse_overlapping_subscriptions(_with_keys(ctx, read))


def _with_keys(ctx: RunContext, records: DataFrame) -> DataFrame:
    """Records with the key of the identifier that they name, where they name one."""
    keyed = read_keys(records, id_types=id_type_specs(ctx.config.identity.id_types), keys=ctx.keys)
    if not ctx.keys.earlier:
        return keyed
    keyed = ctx.persist(keyed)
    known = stored_keys(ctx, keyed.where(F.col("id_key").isNotNull()))
    return keyed if known is None else with_stored_keys(keyed, known).select(*keyed.columns)


def _rows_of(ctx: RunContext, section: str, records: Mapping[str, DataFrame]) -> DataFrame:
    if section == "fx_rates":
        return commercial.counting_rates(list(records.values()))
    if section == "spend":
        return commercial.counting_spend(records)
    if section == "opportunities":
        return commercial.counting_opportunities(records)
    if section == "seats":
        return commercial.counting_seats(records)
    return KeptBack.of(ctx).of_members(commercial.counting_subscriptions(records))


def _channels(config: Config) -> Sequence[str]:
    """Every channel that the rules can give, as they write it."""
    if config.channels is None:
        return DEFAULT_CHANNELS
    return list(dict.fromkeys(rule.channel for rule in config.channels))
