"""Under which key each identifier is stored: the one it had when it was first seen, whatever the newest version is."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts.graph import IDENTIFIERS
from oneuser.contracts.privacy import SUPPRESSIONS
from oneuser.core.keyed import identifier_hasher
from oneuser.events.earlier_keys import find_stored_keys
from oneuser.privacy.erasure import bare_type

if TYPE_CHECKING:
    from collections.abc import Collection

    from oneuser.stages.context import RunContext

_KEYS_DDL = "id_type string, id_key binary"
# type and normalised value
Named = tuple[str, str]


def stored_keys(ctx: RunContext, observed: DataFrame) -> DataFrame | None:
    """`id_type`, `id_key`, `stored_key` of identifiers that were first seen under an earlier version of the key.

    A suppressed one is nowhere but in `suppressions`. Runs one job where there are several versions, none before the
    first rotation.

    Args:
        ctx: The stage's context.
        observed: Identifiers by the newest version, however often each: `id_type`, `id_key`, `id_value`.

    Returns:
        Null where none of them was.
    """
    if not ctx.keys.earlier:
        return None
    found = ctx.persist(find_stored_keys(observed, _stored(ctx), keys=ctx.keys))
    return None if found.isEmpty() else found


def keys_of_named(ctx: RunContext, named: Collection[Named]) -> dict[Named, tuple[str, bytes]]:
    """The id of the version, and the key, under which each of a few identifiers is stored, or would be.

    Runs one job where there are several versions. No value leaves this process.
    """
    versions = ctx.keys.of_each_version()
    keyed = {
        one: [(version.key_id, identifier_hasher(version, one[0])(one[1])) for version in versions] for one in named
    }
    if not named or not ctx.keys.earlier:
        return {one: found[0] for one, found in keyed.items()}
    rows = sorted({(id_type, key) for (id_type, _), found in keyed.items() for _, key in found})
    wanted = ctx.spark.createDataFrame([(id_type, bytearray(key)) for id_type, key in rows], _KEYS_DDL)
    known = _stored(ctx).join(F.broadcast(wanted), on=["id_type", "id_key"], how="left_semi").distinct().collect()
    is_stored = {(row["id_type"], bytes(row["id_key"])) for row in known}
    return {
        one: next((version for version in found if (one[0], version[1]) in is_stored), found[0])
        for one, found in keyed.items()
    }


def _stored(ctx: RunContext) -> DataFrame:
    parts = [
        ctx.read(contract).select(bare_type(), "id_key")
        for contract in (IDENTIFIERS, SUPPRESSIONS)
        if contract is IDENTIFIERS or contract.name in ctx.tables
    ]
    return reduce(DataFrame.unionByName, parts)
