"""Whether the storages of a configuration do what a run asks of them: tried there, in a session of Spark."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from oneuser.api.jobs import start_session
from oneuser.cli.doctor import Finding
from oneuser.config.base import local_path
from oneuser.config.input_paths import input_paths
from oneuser.core.errors import OneUserError
from oneuser.runs.boundary import own_errors
from oneuser.spark.default_storage import is_this_disk
from oneuser.storage.files import Files
from oneuser.storage.input_listing import list_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from oneuser.config import Config

_NAME, _RAW_NAME = "Storage", "Raw storage"


def try_storages(config: Config) -> list[Finding]:
    """Each root that tables go to, and each input whose files are not on this disk."""
    raw_root = config.raw_root or config.warehouse
    try:
        with own_errors(config.warehouse):
            spark = start_session(config)
            found = [_try_root(config, Files(spark))]
            if raw_root.rstrip("/") != config.warehouse.rstrip("/"):
                found.append(_try_raw_root(raw_root, Files(spark)))
    except OneUserError as problem:
        return [_problem(_NAME, problem)]
    is_local = is_this_disk(config)
    remote = {place: path for place, path in input_paths(config).items() if not is_local or local_path(path) is None}
    return [*found, *(_try_input(spark, ".".join(place), path) for place, path in remote.items())]


def _try_root(config: Config, files: Files) -> Finding:
    """The warehouse: on `s3a://`, claims of its lease are files put on condition."""
    root = config.warehouse
    try:
        is_s3a, keeps_apart, problem = _put_and_remove(root, files, tries_conditions=True)
    except OneUserError as found:
        return _problem(_NAME, found)
    if problem:
        return Finding(_NAME, "problem", *problem)
    if not keeps_apart and not config.lease.single_driver:
        meaning = "use another store, or set `lease.single_driver: true` where no two runs can be started at once"
        return Finding(_NAME, "problem", f"{root} puts no file on condition", meaning)
    condition = ", one of them on condition" if is_s3a and keeps_apart else ""
    return Finding(_NAME, "ok", f"files put{condition}, listed and deleted below {root}")


def _try_raw_root(root: str, files: Files) -> Finding:
    try:
        _, _, problem = _put_and_remove(root, files, tries_conditions=False)
    except OneUserError as found:
        return _problem(_RAW_NAME, found)
    if problem:
        return Finding(_RAW_NAME, "problem", *problem)
    return Finding(_RAW_NAME, "ok", f"files put, listed and deleted below {root}")


def _put_and_remove(root: str, files: Files, *, tries_conditions: bool) -> tuple[bool, bool, tuple[str, str] | None]:
    """Whether the root is on `s3a://`, whether it keeps two runs apart, and what is wrong with it. No file stays.

    Raises:
        OneUserError: where the storage refuses.
    """
    folder = f"{root.rstrip('/')}/oneuser-doctor-{uuid.uuid4().hex}"
    with own_errors(root):
        is_s3a = files.scheme(root) == "s3a"
        try:
            files.write_text(f"{folder}/one", "one")
            is_listed = files.names(folder) == ["one"]
            keeps_apart = not is_s3a or not tries_conditions or files.puts_on_condition(folder)
        finally:
            files.remove(folder)
        is_gone = not files.exists(folder)
    if is_listed and is_gone:
        return is_s3a, keeps_apart, None
    lacking = "is deleted and still there" if is_listed else "is put and not listed"
    return is_s3a, keeps_apart, (f"a file below {root} {lacking}", "use a store that shows at once what it holds")


def _try_input(spark: SparkSession, name: str, path: str) -> Finding:
    try:
        with own_errors(path):
            n_files = len(list_files(spark, name, path, key=f"{name}.path"))
    except OneUserError as problem:
        return _problem(name, problem)
    return Finding(name, "ok", f"{n_files:,} {'file' if n_files == 1 else 'files'} at {path}")


def _problem(name: str, problem: OneUserError) -> Finding:
    place = f" ({problem.where})" if problem.where else ""
    return Finding(name, "problem", f"{problem.found}{place}", problem.next_step)
