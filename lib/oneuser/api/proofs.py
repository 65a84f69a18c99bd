"""Whether an erasure has left anything: every file is searched once more for what was named.

No value is kept of a completed erasure, so whoever wants the proof has its requests say them again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneuser.api.answers import load_requests
from oneuser.api.configured import read_config
from oneuser.api.jobs import session_for
from oneuser.config import Config
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.core.errors import ConfigError, OneUserError
from oneuser.core.log import ensure_logging
from oneuser.events.normalise import make_normalisers
from oneuser.events.spec import id_type_specs
from oneuser.inspection.published_rows import require_warehouse
from oneuser.runs.boundary import own_errors
from oneuser.runs.claim_rows import load_claims, published
from oneuser.runs.erasures import search_files
from oneuser.spark.session import working_in
from oneuser.storage.frame_rows import read_frame
from oneuser.storage.request_files import RequestFiles
from oneuser.storage.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from oneuser.core.identifier_text import NamedIdentifier
    from oneuser.events.normalise import Normaliser
    from oneuser.runs.claim_rows import Publication
    from oneuser.storage.byte_scan import Scan


@dataclass(frozen=True)
class Proof:
    """What a search has found of an erasure: `left` are files that should not hold a value of it.

    `n_files_of_others` are files that readers see, in which somebody else has written one, or may have: a refused line
    with what is an identifier of people who are left.
    """

    request_id: str
    left: list[str]
    n_files_of_others: int
    n_files: int
    n_bytes: int


def prove(
    config: Config | Mapping[str, Any] | str | Path,
    requests: Sequence[str | Path],
    *,
    spark: SparkSession | None = None,
) -> list[Proof]:
    """Search every file once more for what completed erasures name; no value is kept, so the requests say them again.

    Raises:
        ConfigError: where one of the requests has not been completed.
        OneUserError: where files of another storage are too large to be searched there, or some cannot be read.
    """
    ensure_logging()
    loaded = read_config(config)
    asked = load_requests(loaded, requests, action="erase", scope="exact")
    with own_errors(loaded.warehouse), working_in(session_for(spark, loaded)) as session:
        warehouse = Warehouse(session, loaded.warehouse, raw_root=loaded.raw_root)
        require_warehouse(warehouse)
        files = RequestFiles(warehouse.files, warehouse.layout)
        for request in asked:
            if files.receipt(request.request_id) is None:
                raise ConfigError.single("REQUEST", f"request {request.request_id!r} is not completed")
        normalisers = make_normalisers(id_type_specs(loaded.identity.id_types))
        named = {request.request_id: [_forms(one, normalisers) for one in request.identities] for request in asked}
        values = {name: sorted(set[str]().union(*some)) for name, some in named.items()}
        readable = published(load_claims(warehouse))
        stored = _still_somebodys(warehouse, readable[-1], {value for some in values.values() for value in some})
        shared = set[str]().union(*(forms for some in named.values() for forms in some if forms & stored))
        found = search_files(warehouse, readable, values, shared=shared)
        require_searched(found.scan)
        return [
            Proof(name, found.left.get(name, []), found.of_others.get(name, 0), found.scan.n_files, found.scan.n_bytes)
            for name in values
        ]


def _still_somebodys(warehouse: Warehouse, shown: Publication, values: Collection[str]) -> set[str]:
    """Those of some values that are identifiers of people who are left."""
    rows = warehouse.read(IDENTIFIER_VALUES, shown.tables.get(IDENTIFIER_VALUES.name))
    found = read_frame(rows, IDENTIFIER_VALUES, columns=["id_value"], where={"id_value": values})
    return {row["id_value"] for row in found}


def require_searched(scan: Scan) -> None:
    """Go on only where a search has read whatever there is.

    Raises:
        OneUserError: where files of another storage are too large to be searched there, or some cannot be read.
    """
    if scan.too_large:
        raise OneUserError(
            found=f"{len(scan.too_large)} files are too large to be searched where they are",
            expected="files of 256 MiB at most, on another storage than a disk",
            where=scan.too_large[0],
            next_step="copy the warehouse to a disk, and prove it there",
        )
    if scan.unreadable:
        raise OneUserError(
            found=f"{len(scan.unreadable)} files or folders cannot be read",
            expected="nothing below the roots of the warehouse that this process may not read",
            where=scan.unreadable[0],
            next_step="let it read them, or remove what does not belong to the warehouse; then prove it again",
        )


def _forms(identity: NamedIdentifier, normalisers: Mapping[str, Normaliser]) -> set[str]:
    """What an identity of a request is written like: as it is, and in its normal form."""
    normal = normalisers[identity.id_type](identity.value)
    return {identity.value} if normal is None else {identity.value, normal}
