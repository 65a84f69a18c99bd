"""Whether an erasure has left anything: every row is looked at, and every file searched for what was named.

No value is kept of a completed erasure, so whoever wants the proof has its requests say them again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneuser.api.answers import load_requests
from oneuser.api.configured import read_config
from oneuser.api.jobs import session_for
from oneuser.config import Config
from oneuser.contracts.raw import IDENTIFIER_VALUES
from oneuser.core.errors import ConfigError, ConfigProblem, OneUserError
from oneuser.core.log import ensure_logging
from oneuser.core.meanwhile import say
from oneuser.events.normalise import make_normalisers
from oneuser.events.spec import id_type_specs
from oneuser.inspection.published_rows import require_warehouse
from oneuser.privacy.keys import load_keys
from oneuser.runs.boundary import own_errors
from oneuser.runs.claim_rows import load_claims, published
from oneuser.runs.erasures import search_files
from oneuser.runs.left_rows import rows_left
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
    with what is an identifier of people who are left. `rows_left` are rows that readers see and that are still about
    what was erased, by table; what was let in again since is not. Of `n_values` that the request spells out,
    `n_values_too_short` say nothing wherever they are found, and are searched for in no file.
    """

    request_id: str
    left: list[str]
    n_files_of_others: int
    n_files: int
    n_bytes: int
    rows_left: dict[str, int]
    n_values: int
    n_values_too_short: int

    @property
    def holds(self) -> bool:
        """Whether nothing is left, and anything was searched for."""
        return not self.left and not self.rows_left and self.n_values_too_short < self.n_values


def prove(
    config: Config | Mapping[str, Any] | str | Path,
    requests: Sequence[str | Path],
    *,
    spark: SparkSession | None = None,
) -> list[Proof]:
    """Look once more for what completed erasures have taken: in rows that readers see, and in every file.

    No value is kept, so the requests say them again.

    Raises:
        ConfigError: where one of the requests has not been completed, or has erased nothing.
        OneUserError: where files of another storage are too large to be searched there, or some cannot be read.
    """
    ensure_logging()
    loaded = read_config(config)
    asked = load_requests(loaded, requests, action="erase", scope="exact")
    with own_errors(loaded.warehouse), working_in(session_for(spark, loaded)) as session:
        warehouse = Warehouse(session, loaded.warehouse, raw_root=loaded.raw_root)
        require_warehouse(warehouse)
        files = RequestFiles(warehouse.files, warehouse.layout)
        require_erased({request.request_id: files.receipt(request.request_id) for request in asked})
        normalisers = make_normalisers(id_type_specs(loaded.identity.id_types))
        named = {request.request_id: [_forms(one, normalisers) for one in request.identities] for request in asked}
        values = {name: sorted(set[str]().union(*some)) for name, some in named.items()}
        readable = published(load_claims(warehouse))
        stored = _still_somebodys(warehouse, readable[-1], {value for some in values.values() for value in some})
        shared = set[str]().union(*(forms for some in named.values() for forms in some if forms & stored))
        found = search_files(warehouse, readable, values, shared=shared)
        require_searched(found.scan)
        say("looking at the rows that readers see")
        keys = cache(partial(load_keys, loaded.keys.identifiers, deployment=loaded.deployment, may_create=False))
        rows = rows_left(warehouse, readable[-1].tables, values, keys)
        return [
            Proof(
                name,
                found.left.get(name, []),
                found.of_others.get(name, 0),
                found.scan.n_files,
                found.scan.n_bytes,
                rows.get(name, {}),
                len(some),
                found.n_too_short.get(name, 0),
            )
            for name, some in values.items()
        ]


def _still_somebodys(warehouse: Warehouse, shown: Publication, values: Collection[str]) -> set[str]:
    """Those of some values that are identifiers of people who are left."""
    rows = warehouse.read(IDENTIFIER_VALUES, shown.tables.get(IDENTIFIER_VALUES.name))
    found = read_frame(rows, IDENTIFIER_VALUES, columns=["id_value"], where={"id_value": values})
    return {row["id_value"] for row in found}


def require_erased(receipts: Mapping[str, Mapping[str, Any] | None]) -> None:
    """Go on only with requests that have erased something: of any other there is nothing to prove.

    Raises:
        ConfigError: naming every other one, and what came of it.
    """
    problems = []
    for name, receipt in receipts.items():
        if receipt is None:
            problems.append(f"request {name!r} is not completed")
        elif receipt["action"] != "erase":
            problems.append(f"request {name!r} is no erasure: its action is {receipt['action']}")
        elif receipt["outcome"] != "done":
            problems.append(f"request {name!r} has erased nothing: its outcome is {receipt['outcome']}")
    if problems:
        found = [ConfigProblem("REQUEST", one, code="config.usage") for one in problems]
        raise ConfigError(found, next_step="`oneuser privacy status` shows what came of each: nothing was searched")


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
