"""Members of accounts as a file names them: the key of each identifier, or why it is none. Python, on executors.

Reads   records of the members file: `code` (null for those to be read), `detail`, `id_type`, `id_value`, and others
Yields  the same records with `id_key`, and the value in its normal form
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import types as T

from oneuser.core.reasons import Reason
from oneuser.events.identifiers import Identifier, IdentifierReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyspark.sql import DataFrame

    from oneuser.core.keyed import Keys
    from oneuser.events.spec import IdTypeSpec

    Batches = Iterator[pa.RecordBatch]

_COLUMNS = ("file", "record", "code", "detail", "id_type", "id_value", "account_id", "valid_from", "valid_to")
_READ = ("code", "detail", "id_type", "id_value")


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
    return read_keys(records.select(*_COLUMNS), id_types=id_types, keys=keys)


def read_keys(records: DataFrame, *, id_types: Mapping[str, IdTypeSpec], keys: Keys) -> DataFrame:
    """The same of any records with `code`, `detail`, `id_type` and `id_value`; their other columns stay as they are.

    A record without a value is left alone, and has no key.
    """
    key = T.StructField("id_key", T.BinaryType())
    shape = T.StructType([*records.schema.fields, key])
    return records.mapInArrow(_reader(dict(id_types), keys), shape)


def _reader(id_types: dict[str, IdTypeSpec], keys: Keys) -> Callable[[Batches], Batches]:
    def read(batches: Batches) -> Batches:
        readers = {name: IdentifierReader(spec, keys, is_table=True) for name, spec in id_types.items()}
        for batch in batches:
            found = [
                _read_one(readers, *row) for row in zip(*(batch.column(n).to_pylist() for n in _READ), strict=True)
            ]
            codes, details, hashes, values = map(list, zip(*found, strict=True)) if found else ([], [], [], [])
            said = {"code": codes, "detail": details, "id_value": values}
            arrays = [
                pa.array(said[name], pa.string()) if name in said else batch.column(name) for name in batch.schema.names
            ]
            yield pa.RecordBatch.from_arrays(
                [*arrays, pa.array(hashes, pa.binary())], names=[*batch.schema.names, "id_key"]
            )

    return read


def _read_one(
    readers: Mapping[str, IdentifierReader],
    code: str | None,
    detail: str | None,
    id_type: str | None,
    value: str | None,
) -> tuple[str | None, str | None, bytes | None, str | None]:
    """Code, detail, key and value of one record."""
    if code is not None or value is None:
        return code, detail, None, None
    if id_type is None or id_type not in readers:
        return Reason.MEMBER_ID_TYPE, "the type is not declared", None, None
    found = readers[id_type].read(value)
    if not isinstance(found, Identifier):
        return found or Reason.REFERENCE_MISSING, "id_value", None, None
    return None, None, found.key, found.value
