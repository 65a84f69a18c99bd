"""Few rows committed to a table on this machine's disk, or taken from it, without Spark's part in it.

A commit of Delta's takes a third of a second of processor time, however few the rows: statements about the table are
planned, a job writes one small file, hooks are asked. Rows that are in this process are written by Arrow, and the
commit as the protocol of Delta says, in some milliseconds (decision 0187). Other writers see the commit as any other:
a version is created once, by a link that fails where it is there already.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from oneuser.contracts.table import DATA_FILE, DATA_ROW
from oneuser.core.errors import EnvironmentProblem
from oneuser.core.version import __version__
from oneuser.storage.expiry import SMALL_FILE
from oneuser.storage.layout import versions_in
from oneuser.storage.listing import MOST_FILES, checksum_name, parse_checksum, read_listing
from oneuser.storage.parquet_files import copy_parquet, write_parquet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from oneuser.contracts.table import TableContract

_PROTOCOL = {"minReaderVersion": 1, "minWriterVersion": 2}
# Delta writes a checkpoint with each commit whose number this divides: those are left to it
_EACH_CHECKPOINT = 100
# row groups that are looked through at once
_SEARCHERS = min(4, os.cpu_count() or 1)
# what is held of row groups that are looked through at once, as they are before they are compressed
_SEARCHED_BYTES = 512 * 1024 * 1024
# rows of all columns that come to this process to be read, or to be sent to every executor
FEW_BYTES = 75 * 1000 * 1000
# files that are copied become one of so many bytes at most: none is worth compacting then
COPIED_FILE = 2 * SMALL_FILE


class VersionTakenError(EnvironmentProblem):
    """Somebody else has committed the version that was to be the next one."""


def most_few(contract: TableContract, n_bytes: int = FEW_BYTES) -> int:
    """How many rows of a table are few: they take so many bytes in memory."""
    return n_bytes // contract.row_bytes


@dataclass(frozen=True)
class LocalTable:
    """A table as its newest version is; `version` is -1 and `checksum` empty where there is none yet."""

    folder: Path
    version: int
    checksum: Mapping[str, Any]

    @classmethod
    def at(cls, folder: Path) -> LocalTable | None:
        """The table in a folder; null where its newest checksum does not list its files, or it is Delta's turn."""
        log = folder / "_delta_log"
        version = max(versions_in(one.name for one in log.iterdir()), default=-1) if log.is_dir() else -1
        if (version + 1) % _EACH_CHECKPOINT == 0 and version >= 0:
            return None
        if version < 0:
            return cls(folder, version, {})
        try:
            text = (log / checksum_name(version)).read_text(encoding="utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        checksum = parse_checksum(text)
        is_ours = checksum.get("protocol") == _PROTOCOL and read_listing(text) is not None
        return cls(folder, version, checksum) if is_ours else None

    def has_shape(self, schema: Mapping[str, Any]) -> bool:
        """Whether it has these columns, with the same types and comments."""
        return bool(self.checksum) and json.loads(self.checksum["metadata"]["schemaString"]) == schema

    def takes(self, schema: Mapping[str, Any], *, is_replaced: bool) -> bool:
        """Whether rows of these columns can be committed: in place of all there are, or to a table of that shape."""
        return is_replaced or not self.checksum or (self.has_shape(schema) and self.checksum["numFiles"] < MOST_FILES)

    def commit(
        self,
        rows: pa.Table,
        *,
        schema: Mapping[str, Any],
        configuration: Mapping[str, str],
        is_replaced: bool,
        tag: str,
    ) -> int | None:
        """Write rows to one file and commit it as the next version.

        Args:
            rows: What is added, or is all there is from now on; the table `takes` them.
            schema: The columns, as Spark writes a schema in JSON, everything nullable.
            configuration: Properties of a table that is made.
            is_replaced: Whether the files that are there go.
            tag: The commit's `userMetadata`.

        Returns:
            The version; null where nothing was committed, since the file system makes no links.

        Raises:
            VersionTakenError: where somebody else has committed this version.
        """
        metadata = self._metadata(schema, configuration)
        actions: list[dict[str, Any]] = []
        if not self.has_shape(schema):
            metadata = metadata | {"schemaString": _compact(schema)}
            actions.append({"metaData": metadata})
        if not self.checksum:
            actions.append({"protocol": _PROTOCOL})
        added = [self._added(write_parquet(self.folder, rows))] if rows.num_rows else []
        removed = list(self.sizes) if is_replaced else []
        info = self._info("Overwrite" if is_replaced else "Append", rows.num_rows, added, tag=tag)
        return self._land([{"commitInfo": info}, *actions], metadata, added, removed)

    def change(self, gone: Mapping[str, NDArray[np.int64]], come: pa.Table, *, tag: str) -> int | None:
        """Take some rows away and add others, and commit that as the next version. Files without any stand.

        The files that lose rows are copied without them (see `copy_parquet`); several small ones become one.

        Args:
            gone: The places of rows that go, from 0, by the name of the file.
            come: The rows that come, of the table's columns and types.
            tag: The commit's `userMetadata`.

        Returns:
            The version; null where nothing was committed, since the file system makes no links.

        Raises:
            VersionTakenError: where somebody else has committed this version.
        """
        if sum(self.sizes.values()) <= SMALL_FILE:
            # left alone, each run would add a file to those that there were
            gone = {name: gone.get(name, np.empty(0, np.int64)) for name in self.sizes}
        added: list[dict[str, Any]] = []
        is_whole = False
        try:
            # without a file that loses any, those that come are one
            for part in [*_together(gone, self.sizes)] or [{}]:
                # what comes lies with the smallest
                name = copy_parquet(self.folder, part, come if not added else come.slice(0, 0))
                added += [] if name is None else [self._added(name)]
            is_whole = True
        finally:
            if not is_whole:
                self._remove(added)
        info = self._info("Overwrite", come.num_rows, added, tag=tag)
        return self._land([{"commitInfo": info}], self.checksum["metadata"], added, list(gone))

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each file, by its name."""
        return {unquote(file["path"]): file["size"] for file in self.checksum.get("allFiles", ())}

    def _land(
        self,
        actions: list[dict[str, Any]],
        metadata: Mapping[str, Any],
        added: list[dict[str, Any]],
        removed: list[str],
    ) -> int | None:
        """Commit what is written; files that were added for nothing are removed."""
        files = self.checksum.get("allFiles", ())
        goes = [file for file in files if unquote(file["path"]) in set(removed)]
        now = _now()
        # only where the version surely is not ours: a commit that stands must have its file, whatever interrupts us
        try:
            is_committed = self._create(
                [*actions, *({"add": file} for file in added), *({"remove": _removed(file, now)} for file in goes)]
            )
        except VersionTakenError:
            self._remove(added)
            raise
        if not is_committed:
            self._remove(added)
            return None
        stays = [file for file in files if file not in goes]
        stays += [file | {"dataChange": False} for file in added]
        self._list(metadata, stays, txn_id=actions[0]["commitInfo"]["txnId"])
        return self.version + 1

    def _metadata(self, schema: Mapping[str, Any], configuration: Mapping[str, str]) -> dict[str, Any]:
        if self.checksum:
            return dict(self.checksum["metadata"])
        return {
            "id": str(uuid.uuid4()),
            "format": {"provider": "parquet", "options": {}},
            "schemaString": _compact(schema),
            "partitionColumns": [],
            "configuration": dict(configuration),
            "createdTime": _now(),
        }

    def _info(self, mode: str, n_rows: int, added: list[dict[str, Any]], *, tag: str) -> dict[str, Any]:
        return {
            "timestamp": _now(),
            "operation": "WRITE",
            "operationParameters": {"mode": mode, "partitionBy": "[]"},
            **({"readVersion": self.version} if self.version >= 0 else {}),
            "isolationLevel": "Serializable",
            "isBlindAppend": mode == "Append",
            "operationMetrics": {
                "numFiles": str(len(added)),
                "numOutputRows": str(n_rows),
                "numOutputBytes": str(sum(file["size"] for file in added)),
            },
            "userMetadata": tag,
            "engineInfo": f"oneuser/{__version__}",
            "txnId": str(uuid.uuid4()),
        }

    def _added(self, name: str) -> dict[str, Any]:
        """A new file, as an `add` says it; there are no statistics, in which personal values would stand."""
        return {
            "path": name,
            "partitionValues": {},
            "size": (self.folder / name).stat().st_size,
            "modificationTime": _now(),
            "dataChange": True,
        }

    def _remove(self, files: list[dict[str, Any]]) -> None:
        """Remove files that no version names; one that stays is removed by maintenance."""
        for file in files:
            with suppress(OSError):
                (self.folder / file["path"]).unlink()

    def _create(self, actions: list[dict[str, Any]]) -> bool:
        """Create the next version, whole and only once; false where this file system has no links."""
        log = self.folder / "_delta_log"
        log.mkdir(parents=True, exist_ok=True)
        scratch, version = log / f".{uuid.uuid4()}.tmp", log / f"{self.version + 1:020d}.json"
        try:
            scratch.write_text("".join(f"{_compact(action)}\n" for action in actions), encoding="utf-8")
            try:
                os.link(scratch, version)
            except OSError:
                # the answer of a network can be wrong: what counts is whose file is there
                if not version.exists():
                    return False
                if not version.samefile(scratch):
                    raise self._taken() from None
        finally:
            with suppress(OSError):
                scratch.unlink()
        return True

    def _taken(self) -> VersionTakenError:
        return VersionTakenError(
            found=f"somebody else wrote to table {self.folder.name} during this run",
            expected="one writer, the run that holds the lease",
            where=str(self.folder),
            next_step="stop the other writer, if there is one, then run the same command again",
        )

    def _list(self, metadata: Mapping[str, Any], files: list[dict[str, Any]], *, txn_id: str) -> None:
        """Write the version's checksum, which lists its files. Without it, a reader asks Delta."""
        checksum = {
            "txnId": txn_id,
            "tableSizeBytes": sum(file["size"] for file in files),
            "numFiles": len(files),
            "numMetadata": 1,
            "numProtocol": 1,
            "setTransactions": self.checksum.get("setTransactions", []),
            "domainMetadata": self.checksum.get("domainMetadata", []),
            "metadata": metadata,
            "protocol": _PROTOCOL,
            "allFiles": files,
        }
        path = self.folder / "_delta_log" / checksum_name(self.version + 1)
        scratch = path.with_name(f".{uuid.uuid4()}.tmp")
        try:
            scratch.write_text(_compact(checksum), encoding="utf-8")
            scratch.replace(path)
        except OSError:
            # the version is committed all the same
            with suppress(OSError):
                scratch.unlink()


def read_few(paths: Sequence[Path], contract: TableContract) -> pa.Table | None:
    """Rows of a table's files, typed as its contract says; null where they have other columns."""
    return _typed(
        [pq.read_table(path, partitioning=None, coerce_int96_timestamp_unit="us") for path in paths],
        contract.columns,
        _schema(contract),
    )


def read_few_among(paths: Sequence[Path], contract: TableContract, among: pa.Table, *, most: int) -> pa.Table | None:
    """Rows of a table's files of which one column has one of some values, with where each lies.

    Looks at every value of that column, and at the others of the row groups that have such rows: some row groups at
    once, of which each is held in memory.

    Args:
        paths: The files.
        contract: The table.
        among: The values, under the name of the column; none of them null.
        most: So many rows at most.

    Returns:
        The table's columns, typed as its contract says, `data_file` and `data_row`; null where there are more rows, or
        files have other columns.
    """
    (name,), (values,) = among.column_names, among.columns
    texts = [field.name for field in contract.arrow_schema if pa.types.is_string(field.type)]
    coded = [text for text in texts if text != name]
    groups: list[_RowGroup] = []
    largest = 1
    for path in paths:
        metadata = pq.read_metadata(path)
        if not set(metadata.schema.to_arrow_schema().names) >= set(contract.columns):
            return None
        begin = 0
        for number in range(metadata.num_row_groups):
            largest = max(largest, metadata.row_group(number).total_byte_size)
            groups.append(_RowGroup(path, number, begin))
            begin += metadata.row_group(number).num_rows
    found: list[pa.Table] = []
    n_rows = 0
    with ThreadPoolExecutor(max_workers=max(1, min(_SEARCHERS, _SEARCHED_BYTES // largest))) as pool:
        look = partial(_find_among, name=name, values=values.combine_chunks(), columns=contract.columns, coded=coded)
        for rows in pool.map(look, groups):
            n_rows += rows.num_rows
            if n_rows > most:
                pool.shutdown(wait=False, cancel_futures=True)
                return None
            if rows.num_rows:
                found.append(rows)
    located = [pa.field(DATA_FILE, pa.string()), pa.field(DATA_ROW, pa.int64())]
    return _typed(found, [*contract.columns, DATA_FILE, DATA_ROW], pa.schema([*_schema(contract), *located]))


class _RowGroup(NamedTuple):
    """One row group of a file, and the place of its first row there."""

    path: Path
    number: int
    begin: int


def _find_among(
    group: _RowGroup, *, name: str, values: pa.Array[Any], columns: Sequence[str], coded: Sequence[str]
) -> pa.Table:
    """Its rows of which one column has one of some values, with where each lies."""
    with pq.ParquetFile(group.path, read_dictionary=list(coded), coerce_int96_timestamp_unit="us") as file:
        column = file.read_row_group(group.number, columns=[name], use_threads=False).column(name)
        is_among = pc.is_in(column, value_set=values.cast(column.type), skip_nulls=True)
        places = pc.add(pc.indices_nonzero(is_among), pa.scalar(group.begin, pa.uint64())).cast(pa.int64())
        if not len(places):
            return pa.table({})
        rows = file.read_row_group(group.number, columns=list(columns), use_threads=False).filter(is_among)
    lies_in = pa.array([group.path.name] * len(places), pa.string())
    return rows.append_column(DATA_FILE, lies_in).append_column(DATA_ROW, places)


def _schema(contract: TableContract) -> pa.Schema:
    # required columns were never null where they were written
    return pa.schema([field.with_nullable(True) for field in contract.arrow_schema]).remove_metadata()


def _typed(read: Sequence[pa.Table], names: Sequence[str], schema: pa.Schema) -> pa.Table | None:
    """All rows in one table; null where some have other columns."""
    if not all(set(names) <= set(table.column_names) for table in read):
        return None
    try:
        rows = pa.concat_tables([schema.empty_table(), *(table.select(names).cast(schema) for table in read)])
    except pa.ArrowException:
        return None
    # Spark takes rows up to the first batch that has none
    return rows.combine_chunks()


def _together(
    gone: Mapping[str, NDArray[np.int64]], sizes: Mapping[str, int]
) -> Iterator[Mapping[str, NDArray[np.int64]]]:
    """Files that are copied into one, small ones first: into one of `COPIED_FILE` at most, or of one file as it is."""
    part: dict[str, NDArray[np.int64]] = {}
    n_bytes = 0
    for name in sorted(gone, key=lambda name: (sizes[name], name)):
        if part and n_bytes + sizes[name] > COPIED_FILE:
            yield part
            part, n_bytes = {}, 0
        part[name] = gone[name]
        n_bytes += sizes[name]
    if part:
        yield part


def _now() -> int:
    return time.time_ns() // 1_000_000


def _removed(file: Mapping[str, Any], now: int) -> dict[str, Any]:
    return {
        "path": file["path"],
        "deletionTimestamp": now,
        "dataChange": True,
        "extendedFileMetadata": True,
        "partitionValues": {},
        "size": file["size"],
    }


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
