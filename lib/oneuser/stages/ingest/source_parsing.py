"""From the configuration and the files of a source to parsed lines."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.events.parsing_pass import parse_lines, parse_rows
from oneuser.spark.row_shapes import ABOUT_ROWS
from oneuser.stages.ingest.credible_times import horizon
from oneuser.stages.ingest.mapped_columns import check_columns, mapped_columns, spelled_as_mapped
from oneuser.stages.ingest.source_spec import source_spec
from oneuser.storage.delimited import read_delimited
from oneuser.storage.inputs import read_lines, read_parquet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from oneuser.stages.context import RunContext
    from oneuser.storage.input_listing import InputFile
    from oneuser.storage.parquet_schemas import ParquetSchemas


def parse_source(ctx: RunContext, name: str, files: Sequence[InputFile], schemas: ParquetSchemas) -> DataFrame:
    """Parsed lines of some files of a source, with `source`.

    Raises:
        ConfigError: where a mapping names a column that none of the files has.
    """
    spec = source_spec(ctx.config, name)
    source = ctx.config.sources[name]
    file_format = source.format
    if file_format in {"csv", "tsv"}:
        tables = read_delimited(ctx.spark, files, dialect=source.dialect_of(file_format))
    elif file_format == "parquet":
        tables = read_parquet(ctx.spark, files, schemas, needed=mapped_columns(spec))
    else:
        lines = parse_lines(read_lines(ctx.spark, files), spec=spec, keys=ctx.keys, horizon=horizon(ctx))
        return lines.withColumn("source", F.lit(name))
    headers = [[column for column in rows.columns if column not in ABOUT_ROWS] for rows in tables]
    check_columns(spec, headers, where=files[0].path, separator=source.dialect_of(file_format).separator)
    tables = [rows.toDF(*spelled_as_mapped(spec, rows.columns)) for rows in tables]
    parts = [parse_rows(rows, spec=spec, keys=ctx.keys, horizon=horizon(ctx)) for rows in tables]
    return reduce(lambda one, other: one.unionByName(other), parts).withColumn("source", F.lit(name))
