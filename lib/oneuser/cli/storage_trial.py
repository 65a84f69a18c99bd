"""Whether the storage of a warehouse does what a run asks of it: tried there, in a session of Spark."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from oneuser.api.jobs import start_session
from oneuser.cli.doctor import Finding
from oneuser.core.errors import OneUserError
from oneuser.runs.boundary import own_errors
from oneuser.storage.files import Files

if TYPE_CHECKING:
    from oneuser.config import Config


def try_storage(config: Config) -> Finding:
    """Whether files can be put, listed and deleted below the warehouse, on `s3a://` on condition too. None stays."""
    name, root = "Storage", config.warehouse
    try:
        with own_errors(root):
            files = Files(start_session(config))
            is_s3a = files.scheme(root) == "s3a"
            folder = f"{root.rstrip('/')}/oneuser-doctor-{uuid.uuid4().hex}"
            try:
                files.write_text(f"{folder}/one", "one")
                is_listed = files.names(folder) == ["one"]
                keeps_apart = not is_s3a or files.puts_on_condition(folder)
            finally:
                files.remove(folder)
            is_gone = not files.exists(folder)
    except OneUserError as problem:
        place = f" ({problem.where})" if problem.where else ""
        return Finding(name, "problem", f"{problem.found}{place}", problem.next_step)
    if not is_listed or not is_gone:
        lacking = "is deleted and still there" if is_listed else "is put and not listed"
        return Finding(
            name, "problem", f"a file below {root} {lacking}", "use a store that shows at once what it holds"
        )
    if not keeps_apart and not config.lease.single_driver:
        meaning = "use another store, or set `lease.single_driver: true` where no two runs can be started at once"
        return Finding(name, "problem", f"{root} puts no file on condition", meaning)
    condition = ", one of them on condition" if is_s3a and keeps_apart else ""
    return Finding(name, "ok", f"files put{condition}, listed and deleted below {root}")
