"""From the configuration and the files of a source to parsed lines."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.events.mapping import load_preset, read_mapping, with_identifiers
from oneuser.events.parsing_pass import parse_lines, parse_rows
from oneuser.events.spec import Limits, SourceSpec, id_type_specs
from oneuser.stages.ingest.credible_times import earliest_time, horizon
from oneuser.storage.delimited import read_delimited
from oneuser.storage.inputs import read_lines, read_parquet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from oneuser.config import Config
    from oneuser.stages.context import RunContext
    from oneuser.storage.input_listing import InputFile

_SEPARATORS = {"csv": ",", "tsv": "\t"}


def source_spec(config: Config, name: str) -> SourceSpec:
    """What the parser has to know about a source."""
    source = config.sources[name]
    if source.mapping is not None:
        mapping = read_mapping(source.mapping.model_dump(exclude_none=True, by_alias=True), is_table=source.is_table)
    else:
        further = source.model_dump(include={"identifiers"}, exclude_none=True, by_alias=True)["identifiers"]
        mapping = with_identifiers(load_preset(source.preset or "segment"), further, is_table=source.is_table)
    limits = config.ingest
    return SourceSpec(
        name=name,
        id_space=source.id_space or name,
        mapping=mapping,
        id_types=tuple(id_type_specs(config.identity.id_types).values()),
        root=tuple(source.root.split(".")) if source.root else (),
        previous_id_type=config.identity.alias.previous_id_type,
        is_table=source.is_table,
        limits=Limits(limits.max_line_bytes, limits.max_depth, limits.max_traits, earliest_time(config)),
    )


def parse_source(ctx: RunContext, name: str, files: Sequence[InputFile]) -> DataFrame:
    """Parsed lines of some files of a source, with `source`."""
    spec = source_spec(ctx.config, name)
    file_format = ctx.config.sources[name].format
    if file_format in _SEPARATORS:
        tables = read_delimited(ctx.spark, files, separator=_SEPARATORS[file_format])
    elif file_format == "parquet":
        tables = [read_parquet(ctx.spark, files)]
    else:
        lines = parse_lines(read_lines(ctx.spark, files), spec=spec, keys=ctx.keys, horizon=horizon(ctx))
        return lines.withColumn("source", F.lit(name))
    parts = [parse_rows(rows, spec=spec, keys=ctx.keys, horizon=horizon(ctx)) for rows in tables]
    return reduce(lambda one, other: one.unionByName(other), parts).withColumn("source", F.lit(name))
