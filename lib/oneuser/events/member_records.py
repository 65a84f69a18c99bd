"""Members of accounts as a file names them: the key of each identifier, or why it is none. Python, on executors.

Reads   records of the members file: `code` (null for those to be read), `detail`, `id_type`, `id_value`, and others
Yields  the same records with `id_key`, and the value in its normal form
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from oneuser.core.reasons import Reason
from oneuser.events.identifiers import Identifier, IdentifierReader
from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyspark.sql import DataFrame

    from oneuser.core.keyed import Keys
    from oneuser.events.spec import IdTypeSpec

    Batches = Iterator[pa.RecordBatch]

MEMBER_RECORDS = RowShape(
    {
        "file": "string",
        "record": "string",
        "code": "string",
        "detail": "string",
        "id_type": "string",
        "id_key": "binary",
        "id_value": "string",
        "account_id": "string",
        "valid_from": "timestamp",
        "valid_to": "timestamp",
    }
)
_KEPT = ("file", "record", "id_type", "account_id", "valid_from", "valid_to")


def read_members(records: DataFrame, *, id_types: Mapping[str, IdTypeSpec], keys: Keys) -> DataFrame:
    """Normalise and hash the identifier of each record.

    Args:
        records: `file`, `record`, `code`, `detail`, `id_type`, `id_value`, `account_id`, `valid_from`, `valid_to`.
        id_types: Rules of the declared types.
        keys: Secrets, which travel inside the pickled function only.

    Returns:
        The records with `id_key` and the normal form of `id_value`, both null for those that are refused. One whose
        type is not declared has the code `member.id_type`; one whose value cannot be one of its type has the code that
        ingest would give it, such as `id.email`.
    """
    columns = ("file", "record", "code", "detail", "id_type", "id_value", "account_id", "valid_from", "valid_to")
    return records.select(*columns).mapInArrow(_reader(dict(id_types), keys), MEMBER_RECORDS.ddl)


def _reader(id_types: dict[str, IdTypeSpec], keys: Keys) -> Callable[[Batches], Batches]:
    def read(batches: Batches) -> Batches:
        readers = {name: IdentifierReader(spec, keys, is_table=True) for name, spec in id_types.items()}
        for batch in batches:
            columns = (batch.column(name).to_pylist() for name in ("code", "detail", "id_type", "id_value"))
            found = [_read_one(readers, *row) for row in zip(*columns, strict=True)]
            codes, details, hashes, values = map(list, zip(*found, strict=True)) if found else ([], [], [], [])
            kept = {name: batch.column(name) for name in _KEPT}
            said = {"code": codes, "detail": details, "id_key": hashes, "id_value": values}
            yield MEMBER_RECORDS.batch(batch.num_rows, {**kept, **said})

    return read


def _read_one(
    readers: Mapping[str, IdentifierReader], code: str | None, detail: str | None, id_type: str, value: str
) -> tuple[str | None, str | None, bytes | None, str | None]:
    """Code, detail, key and value of one record."""
    if code is not None:
        return code, detail, None, None
    if id_type not in readers:
        return Reason.MEMBER_ID_TYPE, "the type is not declared", None, None
    found = readers[id_type].read(value)
    if not isinstance(found, Identifier):
        return found or Reason.REFERENCE_MISSING, "id_value", None, None
    return None, None, found.key, found.value
