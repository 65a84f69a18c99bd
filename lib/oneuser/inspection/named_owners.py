"""Identifiers with the people who own them, without Spark: of tables that are small enough to be held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import compute as pc

from oneuser.contracts.identity import IDENTIFIER_MAP
from oneuser.contracts.privacy import CONSENT, GRANTED
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.storage.delta_rs_tables import array_of, sort_rows

if TYPE_CHECKING:
    from collections.abc import Collection

    from oneuser.inspection.published_rows import PublishedRows

COLUMNS = ("id_type", "id_value", "user_id")


def hold_identities(rows: PublishedRows, *, purposes: Collection[str]) -> pa.Table:
    """One row per identifier of people who grant every purpose: `id_type`, raw `id_value`, `user_id`; in this order.

    Raises:
        UncertainError: where the tables cannot be read without Spark, or are too large to be held.
    """
    owners = _exportable(rows, purposes)
    values = rows.held(IDENTIFIER_VALUES, columns=["identifier_id", "id_value"])
    place = pc.index_in(owners.column("identifier_id"), value_set=values.column("identifier_id").combine_chunks())
    named = {"id_type": owners.column("id_type"), "id_value": values.column("id_value").take(place)}
    columns = [*named.values(), owners.column("user_id")]
    known = pa.Table.from_arrays(columns, names=list(COLUMNS)).filter(pc.is_valid(place))
    return sort_rows(known, ["id_type", "id_value"])


def count_withheld(rows: PublishedRows, *, purposes: Collection[str]) -> int:
    """How many identifiers belong to people who do not grant every purpose.

    Raises:
        UncertainError: as `hold_identities`.
    """
    return _owners(rows).num_rows - _exportable(rows, purposes).num_rows if purposes else 0


def _owners(rows: PublishedRows) -> pa.Table:
    return rows.held(IDENTIFIER_MAP, columns=["identifier_id", "id_type", "user_id"])


def _exportable(rows: PublishedRows, purposes: Collection[str]) -> pa.Table:
    """Identifiers of people who grant every purpose; all of them where none is needed."""
    owners = _owners(rows)
    if not purposes:
        return owners
    consent = rows.held(CONSENT, columns=["user_id", "purpose", "state"])
    is_needed = pc.is_in(consent.column("purpose"), value_set=array_of(sorted(purposes), pa.string()))
    granted = consent.filter(pc.and_(is_needed, pc.equal(consent.column("state"), pa.scalar(GRANTED))))
    counted: Any = pc.value_counts(granted.column("user_id"))
    people = counted.field("values").filter(pc.equal(counted.field("counts"), pa.scalar(len(set(purposes)))))
    return owners.filter(pc.is_in(owners.column("user_id"), value_set=people))
