"""Which files a version of a table has, as Delta lists them itself in the checksum beside the commit.

Reading a table through Delta replays its log in four Spark jobs, and asks it for its files in one more for each query.
A table of few files is listed whole in its checksum (`allFiles` of the protocol's version checksum), so one small file
says the same without any job. Whatever is not plain there is left to Delta.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pyspark.sql import types as T

# beyond this many paths Spark lists them by a job of its own
MOST_FILES = 32


@dataclass(frozen=True)
class Listing:
    """One version of a table: its columns, its Parquet files relative to the table's folder, and their bytes."""

    schema: T.StructType
    files: tuple[str, ...]
    n_bytes: int


def checksum_name(version: int) -> str:
    """Name of a version's checksum file in the log's folder."""
    return f"{version:020d}.crc"


def parse_checksum(text: str) -> dict[str, Any]:
    """What a checksum file says; nothing where it is damaged, as by a loss of power, so that Delta is asked instead."""
    try:
        checksum = json.loads(text)
    except ValueError:
        return {}
    return checksum if isinstance(checksum, dict) else {}


def read_listing(text: str) -> Listing | None:
    """The listing in a checksum file; null where it has none, or where the files alone do not say which rows are live.

    Such are tables with deletion vectors, mapped columns, or partitions, whose values stand in no file.
    """
    checksum = parse_checksum(text)
    metadata, files = checksum.get("metadata") or {}, checksum.get("allFiles")
    is_plain = (
        (checksum.get("protocol") or {}).get("minReaderVersion") == 1
        and (metadata.get("format") or {}).get("provider") == "parquet"
        and not metadata.get("partitionColumns")
    )
    if not is_plain or files is None or len(files) > MOST_FILES or len(files) != checksum.get("numFiles"):
        return None
    if not all(_is_plain(file) for file in files):
        return None
    schema = T.StructType.fromJson(json.loads(metadata["schemaString"]))
    return Listing(schema, tuple(map(_name, files)), sum(int(file["size"]) for file in files))


def read_file_names(text: str) -> frozenset[str] | None:
    """Data files of a version, without folders, from its checksum file; null where that does not list them all."""
    checksum = parse_checksum(text)
    files = checksum.get("allFiles")
    if files is None or len(files) != checksum.get("numFiles"):
        return None
    return frozenset(name_alone(_name(file)) for file in files)


def name_alone(path: str) -> str:
    """The name of a data file, which no other has, without its folders."""
    return path.rpartition("/")[2]


def _is_plain(file: dict[str, Any]) -> bool:
    return not file.get("deletionVector") and not file.get("partitionValues") and ":" not in file["path"]


def _name(file: dict[str, Any]) -> str:
    """Paths are written as in a URI."""
    return unquote(file["path"])


def read_n_bytes(text: str) -> int | None:
    """How many bytes the files of a version have, from its checksum file; null where that does not say."""
    n_bytes = parse_checksum(text).get("tableSizeBytes")
    return None if n_bytes is None else int(n_bytes)
