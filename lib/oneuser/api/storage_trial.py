"""Whether the storages of a configuration do what a run asks of them: tried there, in a session of Spark."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from oneuser.api.jobs import start_session
from oneuser.api.surroundings import Finding
from oneuser.config.base import local_path
from oneuser.config.input_paths import input_paths
from oneuser.core.errors import OneUserError
from oneuser.runs.boundary import own_errors
from oneuser.spark.default_storage import is_this_disk
from oneuser.storage.files import Files
from oneuser.storage.input_listing import list_files
from oneuser.storage.log_store import has_exclusive_commits

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    from oneuser.config import Config

_NAME, _RAW_NAME = "Storage", "Raw storage"


def try_storages(config: Config) -> list[Finding]:
    """Each root that tables go to, and each input whose files are not on this disk."""
    raw_root = config.raw_root or config.warehouse
    try:
        with own_errors(config.warehouse):
            spark = start_session(config)
            # a single driver claims by a commit alone
            conf = None if config.lease.single_driver else spark.sparkContext.getConf().get
            found = [_try_root(_NAME, config.warehouse, Files(spark), conf)]
            if raw_root.rstrip("/") != config.warehouse.rstrip("/"):
                found.append(_try_root(_RAW_NAME, raw_root, Files(spark)))
    except OneUserError as problem:
        return [_problem(_NAME, problem)]
    is_local = is_this_disk(config)
    remote = {place: path for place, path in input_paths(config).items() if not is_local or local_path(path) is None}
    return [*found, *(_try_input(spark, ".".join(place), path) for place, path in remote.items())]


def _try_root(name: str, root: str, files: Files, conf: Callable[[str, str], str | None] | None = None) -> Finding:
    """Whether a root keeps what is put there; on condition, too, where claims of a lease are put so.

    `conf` is what Spark's configuration says, where claims of a lease go there.
    """
    folder = f"{root.rstrip('/')}/oneuser-doctor-{uuid.uuid4().hex}"
    try:
        with own_errors(root):
            tries_condition = conf is not None and not has_exclusive_commits(files.scheme(root), conf)
            try:
                files.write_text(f"{folder}/one", "one")
                is_listed = files.names(folder) == ["one"]
                is_conditional = tries_condition and files.puts_on_condition(folder)
            finally:
                files.remove(folder)
            is_gone = not files.exists(folder)
    except OneUserError as problem:
        return _problem(name, problem)
    if not is_listed or not is_gone:
        lacking = "is deleted and still there" if is_listed else "is put and not listed"
        return Finding(
            name, "problem", f"a file below {root} {lacking}", "use a store that shows at once what it holds"
        )
    if tries_condition and not is_conditional:
        meaning = "use another store, or set `lease.single_driver: true` where no two runs can be started at once"
        return Finding(name, "problem", f"{root} puts no file on condition", meaning)
    condition = ", one of them on condition" if is_conditional else ""
    return Finding(name, "ok", f"files put{condition}, listed and deleted below {root}")


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
