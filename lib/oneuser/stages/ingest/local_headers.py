"""Columns of local files, found without Spark: so that a configuration can be told wrong before anything starts."""

from __future__ import annotations

import bz2
import gzip
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from oneuser.stages.ingest.mapped_columns import check_columns
from oneuser.stages.ingest.source_spec import source_spec
from oneuser.storage.delimited_header import header_of
from oneuser.storage.input_tree import leads_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneuser.config import Config, Source

_HEAD_BYTES = 64 * 1024
# more would be read again by the run anyway
_MOST_FILES = 50


def check_local_columns(config: Config, name: str, files: Sequence[str]) -> None:
    """Compare the mapping of a source with the columns of its files, those that can be read.

    Raises:
        ConfigError: where the mapping names a column that none of them has.
    """
    source = config.sources[name]
    headers = []
    for file in [one for one in files[:_MOST_FILES] if not leads_out(Path(one).absolute().as_uri(), source.path)]:
        # what cannot be read is the run's to refuse
        with suppress(OSError, EOFError, ValueError):
            headers.append(_header(source, Path(file)))
    if headers and files:
        dialect = source.dialect_of(source.format)
        check_columns(source_spec(config, name), headers, where=files[0], separator=dialect.separator)


def _header(source: Source, file: Path) -> list[str]:
    if source.format == "parquet":
        import pyarrow.parquet as pq

        return list(pq.read_schema(file).names)
    if source.format not in {"csv", "tsv"}:
        return []
    return list(header_of(_head(file), source.dialect_of(source.format)))


def _head(file: Path) -> bytes:
    if file.suffix == ".gz":
        with gzip.open(file) as unzipped:
            return unzipped.read(_HEAD_BYTES)
    if file.suffix == ".bz2":
        with bz2.open(file) as unzipped:
            return unzipped.read(_HEAD_BYTES)
    with file.open("rb") as opened:
        return opened.read(_HEAD_BYTES)
