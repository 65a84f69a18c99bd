"""Few rows committed to a table on this machine's disk, without Spark's part in it.

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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from oneuser.core.errors import EnvironmentProblem
from oneuser.core.version import __version__
from oneuser.storage.layout import versions_in
from oneuser.storage.listing import MOST_FILES, checksum_name, parse_checksum, read_listing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneuser.contracts.table import TableContract

_PROTOCOL = {"minReaderVersion": 1, "minWriterVersion": 2}
# Delta writes a checkpoint with each commit whose number this divides: those are left to it
_EACH_CHECKPOINT = 100


class VersionTakenError(EnvironmentProblem):
    """Somebody else has committed the version that was to be the next one."""


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
        is_same = self.has_shape(schema)
        if not is_same:
            metadata = metadata | {"schemaString": _compact(schema)}
        files = [] if is_replaced else list(self.checksum.get("allFiles", ()))
        now = time.time_ns() // 1_000_000
        added = [self._write(rows, now)] if rows.num_rows else []
        info = self._info(rows, added, is_replaced=is_replaced, tag=tag, now=now)
        actions: list[dict[str, Any]] = [{"commitInfo": info}]
        if not is_same:
            actions.append({"metaData": metadata})
        if not self.checksum:
            actions.append({"protocol": _PROTOCOL})
        actions += [{"add": file} for file in added]
        if is_replaced:
            actions += [{"remove": _removed(file, now)} for file in self.checksum.get("allFiles", ())]
        # only where the version surely is not ours: a commit that stands must have its file, whatever interrupts us
        try:
            is_committed = self._create(actions)
        except VersionTakenError:
            self._remove(added)
            raise
        if not is_committed:
            self._remove(added)
            return None
        files += [file | {"dataChange": False} for file in added]
        self._list(metadata, files, txn_id=info["txnId"])
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
            "createdTime": time.time_ns() // 1_000_000,
        }

    def _info(
        self, rows: pa.Table, added: list[dict[str, Any]], *, is_replaced: bool, tag: str, now: int
    ) -> dict[str, Any]:
        return {
            "timestamp": now,
            "operation": "WRITE",
            "operationParameters": {"mode": "Overwrite" if is_replaced else "Append", "partitionBy": "[]"},
            **({"readVersion": self.version} if self.version >= 0 else {}),
            "isolationLevel": "Serializable",
            "isBlindAppend": not is_replaced,
            "operationMetrics": {
                "numFiles": str(len(added)),
                "numOutputRows": str(rows.num_rows),
                "numOutputBytes": str(sum(file["size"] for file in added)),
            },
            "userMetadata": tag,
            "engineInfo": f"oneuser/{__version__}",
            "txnId": str(uuid.uuid4()),
        }

    def _write(self, rows: pa.Table, now: int) -> dict[str, Any]:
        """A new Parquet file, as an `add` says it; neither has statistics, in which personal values would stand."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"part-00000-{uuid.uuid4()}-c000.snappy.parquet"
        file = {"path": name, "partitionValues": {}, "size": 0, "modificationTime": now, "dataChange": True}
        is_whole = False
        try:
            pq.write_table(
                rows.replace_schema_metadata(None),
                self.folder / name,
                compression="snappy",
                write_statistics=False,
                store_schema=False,
            )
            is_whole = True
        finally:
            if not is_whole:
                self._remove([file])
        return file | {"size": (self.folder / name).stat().st_size}

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
    read = [pq.read_table(path, partitioning=None) for path in paths]
    names = contract.columns
    if not all(set(names) <= set(table.column_names) for table in read):
        return None
    # required columns were never null where they were written
    schema = pa.schema([field.with_nullable(True) for field in contract.arrow_schema]).remove_metadata()
    try:
        rows = pa.concat_tables([schema.empty_table(), *(table.select(names).cast(schema) for table in read)])
    except pa.ArrowException:
        return None
    # Spark takes rows up to the first batch that has none
    return rows.combine_chunks()


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
