"""Whether a run would change nothing, told without Spark by the tables of the warehouse and a listing of the inputs.

Only what is certain counts. Whatever cannot be seen from here, or is not as the last run left it, is left to the run.
Which stage would be done again is not asked for: under the configuration and the code that the last run ended with,
each is kept unless a table that it reads has changed, whatever time the run is as of (see `fingerprints`).
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from oneuser.config import config_hash
from oneuser.config.input_paths import SOURCES, input_paths, is_on_s3a, names_s3a
from oneuser.contracts.control import RUNS
from oneuser.contracts.graph import FILES
from oneuser.contracts.privacy import ERASURES, REQUEST
from oneuser.contracts.reference import REFERENCE_INPUTS
from oneuser.contracts.registry import TABLES
from oneuser.core.errors import OneUserError
from oneuser.core.version import __version__
from oneuser.events.instants import latest_credible
from oneuser.privacy.keys import load_keys
from oneuser.runs.claim_rows import Publication, load_claims, newest, newest_completed, published
from oneuser.runs.compactions import Compactions
from oneuser.runs.fingerprints import last_full_run
from oneuser.runs.new_files import new_among
from oneuser.runs.publication import published_text
from oneuser.runs.records import COMPLETED_STATES, RunRecord, fold_rows
from oneuser.runs.result import LookedAt, RunResult, result_of_done
from oneuser.runs.run_keys import recorded_checks
from oneuser.spark.default_storage import is_this_disk
from oneuser.storage.file_ledger import known_on_disk
from oneuser.storage.input_listing import listing_of
from oneuser.storage.layout import MARKER, PUBLISHED_FILE, Layout, marker_text
from oneuser.storage.local_listing import list_local_files
from oneuser.storage.local_tables import LocalTables
from oneuser.storage.request_files import is_in_progress, open_requests, requests_folder, status_name
from oneuser.storage.s3_listing import list_s3_files
from oneuser.storage.s3_tables import S3Tables
from oneuser.storage.table_reader import read_rows
from oneuser.storage.uncertain import UncertainError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from oneuser.config import Config
    from oneuser.storage.delta_rs_tables import DeltaRsTables
    from oneuser.storage.input_listing import InputFile
    from oneuser.storage.table_reader import Row

_log = structlog.get_logger("oneuser.run")
# tables; of a store, the way there is most of an answer's time
_ASKED_AT_ONCE = 8


def find_nothing_new(config: Config, running: SparkSession | None = None) -> RunResult | None:
    """The result of a run that has nothing to do; null where it may have, or where that cannot be told.

    Writes nothing, not even a run into the record. Grows with the files that the inputs match today, of which the
    ledger is asked for each, and with the number of runs; with the ledger's length grows the time alone.

    Args:
        config: What shapes the run.
        running: The Spark session that it would work in or beside; null where it would start one.
    """
    started = time.monotonic()
    try:
        if not is_this_disk(config, running):
            raise UncertainError("paths may be those of another storage")  # noqa: TRY301 - as every other reason
        if running is not None and names_s3a(config):
            raise UncertainError("the session may reach another store than what is said here")  # noqa: TRY301
        tables = _tables(config)
        completed, shown = _find_completed(tables, config)
        _require_versions(tables, completed)
        _require_no_requests(tables, completed)
        looked_at = _look_at_inputs(tables, config, completed)
    except UncertainError as why:
        _log.info("there may be something new", why=str(why))
        return None
    return result_of_done(completed, looked_at, time.monotonic() - started, published_at=shown.published_at)


def _tables(config: Config) -> DeltaRsTables:
    """What reads the warehouse without Spark."""
    layout = Layout.of(config.warehouse, config.raw_root)
    return S3Tables(layout, config.spark.conf) if is_on_s3a(layout.root) else LocalTables(layout)


def _find_completed(tables: DeltaRsTables, config: Config) -> tuple[RunRecord, Publication]:
    """The last published run, which readers see, and after which none left anything to do; what shows it."""
    if tables.text(MARKER) != marker_text(config.deployment):
        raise UncertainError("the warehouse belongs to another deployment")
    publications, runs = _read_record(tables)
    completed, shown = newest_completed(publications, runs), newest(publications)
    if completed is None or shown is None:
        raise UncertainError("nothing is published")
    if shown.tables != completed.tables:
        raise UncertainError("readers see other tables than those of the last run")
    if unknown := completed.tables.keys() - TABLES.keys():
        raise UncertainError(f"nothing is known of the tables {', '.join(sorted(unknown))}")
    if tables.text(PUBLISHED_FILE) != published_text(tables.layout, shown.run_seq, shown.tables):
        raise UncertainError(f"{PUBLISHED_FILE} is not that of the publication")
    _require_same_rules(runs[-1], config, completed)
    _require_keys(runs[-1], config)
    return completed, shown


def _read_record(tables: DeltaRsTables) -> tuple[list[Publication], list[RunRecord]]:
    """All publications, and the runs since the last one that was published."""
    claims = load_claims(tables)
    if any(row["state"] == "leased" for row in claims):
        raise UncertainError("somebody holds the lease, or died with it")
    try:
        publications = published(claims)
        last_seq = max((one.run_seq for one in publications if one.kind == "run"), default=0)
        runs = fold_rows(_rows_since(tables, last_seq))
        compactions = Compactions.of(claims)
        return publications, [compactions.renewed(run) for run in runs]
    except (KeyError, TypeError, ValueError):
        raise UncertainError("the record of runs is damaged") from None


def _rows_since(tables: DeltaRsTables, run_seq: int) -> list[Row]:
    """Rows of a run and of those after it; of the others, which may name many input files, the number alone is read."""
    head = tables.head(RUNS)
    numbers = {row["run_seq"] for row in read_rows(tables, RUNS, head, columns=["run_seq"])}
    return read_rows(tables, RUNS, head, where={"run_seq": {number for number in numbers if number >= run_seq}})


def _require_same_rules(newest_run: RunRecord, config: Config, completed: RunRecord) -> None:
    """The newest run, be it published or found to change nothing, must have been done as the next one would be."""
    if newest_run.state not in COMPLETED_STATES:
        raise UncertainError(f"run {newest_run.run_seq} is {newest_run.state}")
    if (newest_run.config_hash, newest_run.code_version) != (config_hash(config), __version__):
        raise UncertainError("the configuration or the version of oneuser is another")
    if config.incremental.does_everything(newest_run.run_seq + 1, last_full=last_full_run(completed)):
        raise UncertainError(f"run {newest_run.run_seq + 1} is one that does everything")


def _require_keys(newest_run: RunRecord, config: Config) -> None:
    """The key must be there, in the versions that the newest run knew."""
    try:
        keys = load_keys(config.keys.identifiers, deployment=config.deployment, may_create=False)
    except (OneUserError, OSError, ValueError):
        raise UncertainError("the key cannot be read") from None
    if recorded_checks(newest_run) != list(keys.checks):
        raise UncertainError("the versions of the key are others")


def _require_versions(tables: DeltaRsTables, completed: RunRecord) -> None:
    """Every table must have the version that was published, and those that only grow no later one.

    A run would take back what is beyond.
    """
    contracts = [contract for contract in TABLES.values() if contract.zone != "control"]
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as threads:
        found = list(threads.map(tables.versions, contracts))
    for contract, versions in zip(contracts, found, strict=True):
        published_version = completed.tables.get(contract.name)
        if published_version is not None and published_version not in versions:
            raise UncertainError(f"version {published_version} of table {contract.name} is missing")
        if not contract.replaced and max(versions, default=None) != published_version:
            raise UncertainError(f"table {contract.name} is beyond its published version")


def _require_no_requests(tables: DeltaRsTables, completed: RunRecord) -> None:
    """Every request of people about their data must have been taken in, and what follows then must have been done."""
    taken = read_rows(
        tables,
        ERASURES,
        completed.tables.get(ERASURES.name),
        columns=["request_id", "run_seq"],
        where={"kind": {REQUEST}},
    )
    waiting = open_requests(tables.names(requests_folder(tables.layout)))
    if waiting - {row["request_id"] for row in taken}:
        raise UncertainError("somebody asks about their data")
    of_last_run = waiting & {row["request_id"] for row in taken if row["run_seq"] == completed.run_seq}
    # earlier publications are withdrawn first, then it is said of one request after the other
    if of_last_run and not is_in_progress(tables.text(status_name(tables.layout, max(of_last_run)))):
        raise UncertainError("what follows an erasure was cut short")


def _look_at_inputs(tables: DeltaRsTables, config: Config, completed: RunRecord) -> LookedAt:
    """How many files there are, every one of which is as the last run found it."""
    listed = {key: _list_files(_called(*key), path, config) for key, path in input_paths(config).items()}
    of_sources = {name: files for (section, name), files in listed.items() if section == SOURCES}
    found = [replace(file, source=name) for name, files in of_sources.items() for file in files]
    if news := new_among(found, known_on_disk(tables, completed.tables.get(FILES.name), found)):
        raise UncertainError(f"source {news[0].source} has new files")
    references = {_called(*key): listing_of(files) for key, files in listed.items() if key[0] != SOURCES}
    taken = _taken_references(tables, completed.tables.get(REFERENCE_INPUTS.name))
    if references != {row["reference"]: row["listing"] for row in taken}:
        raise UncertainError("a reference input has changed")
    if any(row["due_us"] is not None and row["due_us"] <= latest_credible(datetime.now(UTC)) for row in taken):
        raise UncertainError("a reference input has records whose time has come")
    return LookedAt(sum(len(files) for files in listed.values()), len(listed))


def _list_files(source: str, path: str, config: Config) -> list[InputFile]:
    return list_s3_files(source, path, config.spark.conf) if is_on_s3a(path) else list_local_files(source, path)


def _called(section: str, name: str) -> str:
    """What a reference input is called in `reference_inputs`."""
    return f"{section}.{name}"


def _taken_references(tables: DeltaRsTables, version: int | None) -> list[Row]:
    """The listing of each reference input as it was last taken in, and when it is due again; none before the first."""
    return read_rows(tables, REFERENCE_INPUTS, version, columns=["reference", "listing", "due_us"])
