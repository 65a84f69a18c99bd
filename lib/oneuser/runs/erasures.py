"""What follows a run that has erased somebody: earlier publications go, their files go, and a receipt says so.

In this order, each step done again by whoever comes next where it was cut short:

1. Publications before the run are withdrawn: no rollback, no `as_of`, no reader begins with them any more.
2. Maintenance removes the files that only they needed.
3. Every file is searched for the values that were erased. One that is left where nothing should hold it fails, and so
   does a row that readers see and that is still about what was erased.
4. The receipt is written, the values are removed, and the request is completed: see `receipts`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import reduce
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import structlog
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from oneuser.contracts import privacy as kinds
from oneuser.contracts.privacy import ERASURES
from oneuser.contracts.registry import TABLES
from oneuser.core.errors import LockedError, OneUserError
from oneuser.core.meanwhile import say
from oneuser.core.whole_words import is_telling
from oneuser.privacy.requests import Request
from oneuser.privacy.text_search import find_texts
from oneuser.runs.claim_rows import Publication, load_claims, newest, newest_completed, published
from oneuser.runs.lease import Lease
from oneuser.runs.left_rows import rows_left
from oneuser.runs.receipts import close, complete, outcome_of, receipt_of, tell
from oneuser.runs.records import READING_STAGE, load_runs
from oneuser.storage.byte_scan import Scan, scan_files
from oneuser.storage.export_records import exports_before, load_exports
from oneuser.storage.request_files import COMPLETED, RequestFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from oneuser.config import LeaseRules
    from oneuser.core.keyed import Keys
    from oneuser.runs.records import RunRecord
    from oneuser.storage.table_reader import Row
    from oneuser.storage.warehouse import Warehouse

_log = structlog.get_logger("oneuser.privacy")
_MOST_SHOWN = 5
_ROWS, _REQUESTS = "rows_erased|", "requests|"


def withdraw_earlier(lease: Lease, completed: RunRecord | None) -> bool:
    """Withdraw what was published before the newest run, if that has erased somebody; returns whether anything was.

    Raises:
        LockedError: where the lease was taken over in the meantime.
    """
    stage = completed.stages.get(READING_STAGE) if completed else None
    # of a run whose record does not say how many requests have erased something, whatever was asked counts
    n_erasing = stage.metrics.get("erasing_requests", stage.metrics.get("requests|erase")) if stage else None
    if completed is None or stage is None or not n_erasing:
        return False
    fences = [one.fence for one in lease.earlier if one.kind == "run" and one.run_seq == completed.run_seq]
    older = [one.fence for one in lease.earlier if fences and one.fence < fences[0]]
    if older:
        asked = ", ".join(stage.details.get("erasing_requests") or stage.details.get("requests", []))
        lease.withdraw(older, f"run {completed.run_seq} has erased people, as asked by {asked}")
        _log.info("publications withdrawn", run_id=completed.run_seq, publications=len(older))
    return bool(older)


def claims_after_erasure(warehouse: Warehouse, lease: Lease) -> list[Row]:
    """Rows of `publications` before a lease, when what an erasing run should have withdrawn is withdrawn."""
    completed = newest_completed(lease.earlier, load_runs(warehouse))
    return load_claims(warehouse) if withdraw_earlier(lease, completed) else lease.claims


def follow_up(warehouse: Warehouse, completed: RunRecord, rules: LeaseRules) -> None:
    """Do what can be done as soon as a run is published that took requests in; nothing after any other.

    Earlier publications are withdrawn, and it is said how far requests are.
    """
    stage = completed.stages.get(READING_STAGE)
    if stage is None or not stage.details.get("requests"):
        return
    try:
        with Lease.acquire(warehouse, rules) as lease:
            withdraw_earlier(lease, completed)
    except LockedError:
        # whoever was faster withdraws them, and so does every run after it
        _log.info("earlier publications are left to another run", run_id=completed.run_seq)
    settle(warehouse)


def settle(warehouse: Warehouse, *, purged_with: Callable[[], Keys] | None = None) -> list[str]:
    """Bring the state of open requests up to what is published; returns the ids of those that are completed now.

    Args:
        warehouse: The warehouse.
        purged_with: The keys of the warehouse, where files that no kept run needs are removed: only then can an erasure
            be completed. Null where they are not: there is nothing to say of those that are in progress.

    Raises:
        OneUserError: where a row is still about what was erased, or a file holds a value of it; the request stays in
            progress.
    """
    files = RequestFiles(warehouse.files, warehouse.layout)
    texts = _unsettled(files, is_purged=purged_with is not None)
    readable = published(load_claims(warehouse)) if texts else []
    shown = newest(readable)
    if shown is None or ERASURES.name not in shown.tables:
        return []
    counted = _count(warehouse, shown)
    taken = {name: Request.from_text(text) for name, text in texts.items() if name in counted}
    ending = {name: files.sealed(name) for name, request in taken.items() if purged_with or request.action != "erase"}
    kept = {name: sealed for name, sealed in ending.items() if sealed is not None}
    erasing = {name: sealed.values for name, sealed in kept.items() if taken[name].action == "erase"}
    scanned = search_files(warehouse, readable, erasing) if erasing else None
    still = rows_left(warehouse, shown.tables, erasing, purged_with) if purged_with else {}
    exports = load_exports(warehouse.files, warehouse.layout) if erasing else []
    runs = {run.run_seq: run for run in load_runs(warehouse)}
    done: list[str] = []
    for request_id, request in taken.items():
        found = counted[request_id]
        facts: dict[str, Any] = {"run": found.run_seq, "published_at": shown.published_at.isoformat(timespec="seconds")}
        if request_id not in ending:
            sealed = files.sealed(request_id)
            outcome = {} if sealed is None else {"outcome": outcome_of(request, sealed, found.by_kind)}
            tell(files, request, "in_progress", **facts, **outcome)
            continue
        if request_id not in kept:
            # completed by somebody else since, or else its values are lost and nothing can be said of them
            _log.info("a request is left to whoever has its values", request_id=request_id)
            continue
        if scanned is not None and request_id in erasing:
            if request_id in scanned.left or request_id in still:
                continue
            facts |= {"scan": scanned.facts(request_id)}
            given = exports_before(exports, found.run_seq)
            facts |= {} if given is None else {"exports": given}
        facts |= _of_run(runs[found.run_seq])
        receipt = receipt_of(request, kept[request_id], n_by_kind=found.by_kind, tables=shown.tables, facts=facts)
        complete(files, request, receipt)
        done.append(request_id)
    if still:
        raise _still_seen(still)
    if scanned is not None and scanned.left:
        raise _still_there(scanned)
    return done


def _unsettled(files: RequestFiles, *, is_purged: bool) -> dict[str, str]:
    """The texts of the requests of which something is to be said, by their ids."""
    texts = files.open_requests()
    states = {name: (files.status(name) or {}).get("state") for name in texts}
    for name in [name for name in texts if states[name] == COMPLETED]:
        # cut short behind its receipt, which nobody could write again without the values
        close(files, Request.from_text(texts.pop(name)))
    return {name: text for name, text in texts.items() if is_purged or states[name] != "in_progress"}


@dataclass(frozen=True)
class _Counted:
    """How many messages, identifiers, User IDs and lines a request has erased, and in which run."""

    run_seq: int
    by_kind: Mapping[str, int]


def _count(warehouse: Warehouse, shown: Publication) -> dict[str, _Counted]:
    rows = warehouse.read(ERASURES, shown.tables[ERASURES.name]).groupBy("request_id", "kind")
    found = rows.agg(F.count(F.lit(1)).alias("n"), F.max("run_seq").alias("run_seq")).collect()
    by_request: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in found:
        by_request[row["request_id"]][row["kind"]] = row["n"]
    runs = {row["request_id"]: row["run_seq"] for row in found if row["kind"] == kinds.REQUEST}
    return {request: _Counted(run, by_request[request]) for request, run in runs.items()}


@dataclass(frozen=True)
class Searched:
    """What a search of all files has found, by request: files that must not hold a value, and how many of others do.

    Files that are too large to be read where they are, or cannot be read, prove nothing, so with any of them the search
    is not done; nor is it where a request has no value that could be searched for (`n_values`).
    """

    scan: Scan
    left: Mapping[str, list[str]]
    of_others: Mapping[str, int]
    n_too_short: Mapping[str, int]
    n_values: Mapping[str, int]

    def facts(self, request_id: str) -> dict[str, Any]:
        """For a receipt."""
        too_large, unreadable = len(self.scan.too_large), len(self.scan.unreadable)
        n_values = self.n_values.get(request_id, 0)
        reasons = [
            *([] if n_values else ["nothing that it names could be searched for"]),
            *([f"{too_large} files of another storage than a disk are too large to be searched"] if too_large else []),
            *([f"{unreadable} files or folders cannot be read"] if unreadable else []),
        ]
        return ({"why": ", and ".join(reasons)} if reasons else {}) | {
            "is_done": not reasons,
            "n_files": self.scan.n_files if n_values else 0,
            "n_bytes": self.scan.n_bytes if n_values else 0,
            "n_values_searched": n_values,
            "n_files_of_others": self.of_others.get(request_id, 0),
            "n_values_too_short_to_search": self.n_too_short.get(request_id, 0),
        }


def search_files(
    warehouse: Warehouse,
    readable: Sequence[Publication],
    values: Mapping[str, Sequence[str]],
    *,
    shared: Collection[str] = (),
) -> Searched:
    """Search every file of the warehouse for values.

    Args:
        warehouse: The warehouse.
        readable: What can be read of it.
        values: By request.
        shared: Values among these that are identifiers of people who are left: refused lines may be theirs.
    """
    say("searching every file for what was erased")
    wanted = {name: {value for value in some if is_telling(value)} for name, some in values.items()}
    too_short = {name: sum(not is_telling(value) for value in some) for name, some in values.items()}
    roots = {warehouse.root, *warehouse.layout.zones.values()}
    # whoever has asked lately, the same once more perhaps, is named in what was asked
    still_open = RequestFiles(warehouse.files, warehouse.layout).places()
    scan = scan_files(warehouse.spark, roots, wanted, without=still_open)
    if scan.unreadable:
        # the receipt has their number alone
        _log.warning("cannot be read, so not searched", n=len(scan.unreadable), paths=scan.unreadable[:_MOST_SHOWN])
    # where readers look, whoever is left may have written of somebody else; a refused line is nobody's
    shown = {(name, version) for one in readable for name, version in one.tables.items()}
    texts = {(name, version) for name, version in shown if TABLES[name].subject.texts}
    files = {one: warehouse.file_names(TABLES[one[0]], one[1]) for one in shown}
    named, refused = (frozenset[str]().union(*(files[one] for one in some)) for some in (shown - texts, texts))
    left: dict[str, list[str]] = {}
    in_refused: dict[str, list[str]] = {}
    of_others: Counter[str] = Counter()
    for hit in scan.hits:
        file = PurePosixPath(hit.path).name
        if file in named:
            of_others[hit.request_id] += 1
        else:
            (in_refused if file in refused else left).setdefault(hit.request_id, []).append(hit.path)
    own = {name: wanted[name].difference(shared) for name in in_refused}
    in_lines = _with_lines(warehouse, texts, own) if in_refused else set()
    for name, paths in in_refused.items():
        if name in in_lines:
            left.setdefault(name, []).extend(paths)
        else:
            # what others share, or the name of the file that a line came from
            of_others[name] += len(paths)
    return Searched(scan, left, of_others, too_short, {name: len(some) for name, some in wanted.items()})


def _with_lines(warehouse: Warehouse, texts: Collection[tuple[str, int]], values: Mapping[str, set[str]]) -> set[str]:
    """Requests of which a refused line or record holds a value, in some versions of tables of such."""
    found = [
        find_texts(warehouse.read(TABLES[name], version), text=text, hashed=hashed, values=values, normalisers={})
        for name, version in sorted(texts)
        for text, hashed in TABLES[name].subject.texts
    ]
    requests = reduce(DataFrame.unionByName, found).select("request_id").distinct().collect()
    return {row["request_id"] for row in requests}


def _still_there(scanned: Searched) -> OneUserError:
    paths = sorted({path for some in scanned.left.values() for path in some})
    shown = "\n".join(paths[:_MOST_SHOWN])
    return OneUserError(
        found=f"{len(paths)} files still hold a value of somebody who was erased ({', '.join(sorted(scanned.left))})"
        f"\n{shown}",
        expected="no file that readers do not see holds one",
        next_step="remove what does not belong to the warehouse, then run the same command again; the requests stay in "
        "progress",
    )


def _still_seen(left: Mapping[str, Mapping[str, int]]) -> OneUserError:
    """The error of rows that readers see and that are about what a request has erased."""
    n_rows: Counter[str] = Counter()
    for counted in left.values():
        n_rows.update(counted)
    shown = ", ".join(f"{n} of {name}" for name, n in sorted(n_rows.items()))
    return OneUserError(
        found=f"rows that readers see are still about what was erased ({', '.join(sorted(left))}): {shown}",
        expected="none in any table",
        next_step="`oneuser run --full` makes the tables anew; then run the same command again. The requests stay in "
        "progress: if it stops there again, report this",
    )


def _of_run(run: RunRecord) -> dict[str, Any]:
    """What the run erased by table, for all its requests together."""
    rows = {name.removeprefix(_ROWS): int(n) for name, n in sorted(run.metrics.items()) if name.startswith(_ROWS)}
    n_requests = sum(int(n) for name, n in run.metrics.items() if name.startswith(_REQUESTS))
    return {"rows_erased_by_run": rows, "n_requests_of_run": n_requests}
