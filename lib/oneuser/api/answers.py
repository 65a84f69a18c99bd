"""What people ask about their data, from Python: erase, suppress, un-suppress, package, and what became of it.

A request is a file as OpenDSR 2.0 shapes it, a file of many, or a folder of files; see `privacy/requests.py`.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneuser.api.configured import read_config
from oneuser.api.jobs import begin_run, session_for
from oneuser.api.questions import open_tables
from oneuser.config import Config
from oneuser.config.base import local_path
from oneuser.core.errors import ConfigError, ConfigProblem
from oneuser.core.log import ensure_logging
from oneuser.core.standing import Standing
from oneuser.exports.packages import PackageFormat, new_package, read_manifest
from oneuser.inspection.erasure_preview import Preview, as_the_next_run_begins, preview_erasure
from oneuser.inspection.person_data import Outcome, person_data
from oneuser.inspection.published_rows import read_published_rows, require_warehouse
from oneuser.inspection.reading import in_frames
from oneuser.privacy.requests import LINES_ENDINGS, Action, Asked, Request, Scope, read_requests
from oneuser.runs.boundary import own_errors
from oneuser.runs.cancellation import CANCELLED
from oneuser.runs.cancellation import cancel as cancel_requests
from oneuser.runs.erasures import settle
from oneuser.runs.maintain import maintain_warehouse
from oneuser.runs.receipts import tell
from oneuser.spark.session import working_in
from oneuser.storage.layout import Layout
from oneuser.storage.local_files import LocalFiles
from oneuser.storage.quick_tables import QuickTables
from oneuser.storage.request_files import RequestFiles, RequestStates
from oneuser.storage.warehouse import Warehouse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from oneuser.inspection.person_data import Named
    from oneuser.runs.run import Listener

_ENDINGS = (".json", *LINES_ENDINGS)
_MOST_BYTES = 64 * 1024 * 1024
_MOST_NAMED = 5
_DONE = ("completed", CANCELLED)


@dataclass(frozen=True)
class RequestState:
    """What became of a request: `pending`, `in_progress`, `completed` or `cancelled`; its receipt once it is completed.

    `facts` are those of the status file, `receipt` those of the receipt; neither has a value in it. `was_closed` is
    whether it was completed or cancelled before this call, which has then asked nothing.
    """

    request_id: str
    state: str
    facts: dict[str, Any]
    receipt: dict[str, Any] | None
    was_closed: bool = False


@dataclass(frozen=True)
class Packaged:
    """What became of a request for one's data.

    `outcome` is `found`; `unknown` where nothing that it names was ever seen; `ambiguous` where that belongs to several
    people. Only what is found has a folder, and rows by table.
    """

    request_id: str
    outcome: Outcome
    folder: str | None
    rows: dict[str, int]


def answer_requests(
    config: Config | Mapping[str, Any] | str | Path,
    requests: Sequence[str | Path],
    *,
    action: Action = "erase",
    scope: Scope | None = None,
    purge_now: bool = False,
    spark: SparkSession | None = None,
    listener: Listener | None = None,
) -> list[RequestState]:
    """Take requests in by a run, which publishes what is left, and withdraw what was published before.

    Every step is durable: after a crash the same call goes on. A request whose id is known already is not asked again.

    Args:
        config: A configuration, or where it is.
        requests: Files, or folders of files.
        action: erase; suppress, so that nothing new of an identifier is taken in; or unsuppress.
        scope: How far an erasure goes where a request does not say it: `connected` or `exact`.
        purge_now: Whether to remove old versions and files at once, search all files for what was erased, and write the
            receipts. Else `maintain` does that.
        spark: The session to use, or to work beside where it was not made here.
        listener: Is told when stages begin and end.

    Raises:
        ConfigError: with every mistake in the requests, and every id that another one has had; nothing is done then.
        OneUserError: with the exit code that the command line would end with.
    """
    ensure_logging()
    loaded = read_config(config)
    asked = load_requests(loaded, requests, action=action, scope=scope)
    with own_errors(loaded.warehouse), working_in(session_for(spark, loaded)) as session, ExitStack() as done:
        warehouse = Warehouse(session, loaded.warehouse, raw_root=loaded.raw_root)
        require_warehouse(warehouse)
        files = RequestFiles(warehouse.files, warehouse.layout)
        before = {request.request_id: files.status(request.request_id) for request in asked}
        _refuse_taken_ids(files, asked, before)
        news = [request for request in asked if _is_open(before[request.request_id])]
        for request in news:
            submit(files, request)
        if news:
            done.enter_context(Standing("the requests are kept: the same command goes on"))
        # a run that was open has begun without them, and is finished first
        while any(_is_pending(files, request) for request in news):
            run = begin_run(
                loaded, stages=None, as_of=None, full=False, finish_open=False, spark=session, listener=listener
            )
            done.enter_context(Standing(*run.stands))
            settle(warehouse)
            if run.attempt == 1:
                break
        if news and purge_now:
            maintain_warehouse(session, loaded)
        states = [state for one in asked if (state := _state_of(files, one.request_id)) is not None]
        return [replace(state, was_closed=not _is_open(before[state.request_id])) for state in states]


def _refuse_taken_ids(
    files: RequestFiles, asked: Sequence[Request], known: Mapping[str, Mapping[str, Any] | None]
) -> None:
    """Refuse ids that were given to other requests before, as far as that can be told.

    Whom a request was about is forgotten when it is completed; what it asked for is not.

    Raises:
        ConfigError: naming every one.
    """
    taken = []
    for request in asked:
        status = known[request.request_id]
        if status is None:
            continue
        text = files.kept(request.request_id)
        is_same = text is None or request.is_same(Request.from_text(text))
        if not is_same or (status["action"], status["scope"]) != (request.action, request.scope):
            taken.append(f"{request.request_id!r}, which is {status['state']}: {status['action']}, {status['scope']}")
    if taken:
        problems = [
            ConfigProblem("REQUEST", f"another request has had the id {one}", code="config.usage") for one in taken
        ]
        raise ConfigError(problems, next_step="give these requests ids of their own: nothing was done")


def cancel(
    config: Config | Mapping[str, Any] | str | Path, request_ids: Sequence[str], *, spark: SparkSession | None = None
) -> list[RequestState]:
    """Take requests back that no run has begun with: what they name is removed, and they stay `cancelled` for ever.

    Raises:
        ConfigError: naming every request that there never was, or that a run has begun with; none is cancelled then.
        OneUserError: with the exit code that the command line would end with, such as 4 while a run is under way.
    """
    ensure_logging()
    loaded = read_config(config)
    with own_errors(loaded.warehouse), working_in(session_for(spark, loaded)) as session:
        warehouse = Warehouse(session, loaded.warehouse, raw_root=loaded.raw_root)
        require_warehouse(warehouse)
        cancel_requests(warehouse, request_ids, loaded.lease)
        files = RequestFiles(warehouse.files, warehouse.layout)
        return [state for one in request_ids if (state := _state_of(files, one)) is not None]


def preview(
    config: Config | Mapping[str, Any] | str | Path,
    requests: Sequence[str | Path],
    *,
    scope: Scope | None = None,
    spark: SparkSession | None = None,
) -> Preview:
    """What an erasure would take from each table, with the open requests that the same run takes in. Changes nothing.

    Raises:
        ConfigError: with every mistake in the requests, and every id that another one has had.
    """
    ensure_logging()
    loaded = read_config(config)
    asked = load_requests(loaded, requests, action="erase", scope=scope)
    with own_errors(loaded.warehouse), working_in(session_for(spark, loaded)) as session:
        warehouse = Warehouse(session, loaded.warehouse, raw_root=loaded.raw_root)
        require_warehouse(warehouse)
        files = RequestFiles(warehouse.files, warehouse.layout)
        news, others, answered = as_taken_in(files, asked)
        begun_with = as_the_next_run_begins(warehouse)
        return preview_erasure(begun_with, loaded, news, others=others, answered=answered)


def as_taken_in(files: RequestFiles, asked: Sequence[Request]) -> tuple[list[Request], list[Request], list[str]]:
    """Requests that the next run would take in: of those asked, and others that wait; and ids that one has taken in.

    Raises:
        ConfigError: naming every id that another request has had.
    """
    known = {request.request_id: files.status(request.request_id) for request in asked}
    _refuse_taken_ids(files, asked, known)
    waiting = {name: Request.from_text(text) for name, text in files.open_requests().items()}
    states = {name: (files.status(name) or {}).get("state", "pending") for name in waiting}
    others = [one for name, one in waiting.items() if name not in known and states[name] == "pending"]
    is_new = {name: status is None or status["state"] == "pending" for name, status in known.items()}
    return [one for one in asked if is_new[one.request_id]], others, [name for name, new in is_new.items() if not new]


def package(
    config: Config | Mapping[str, Any] | str | Path,
    requests: Sequence[str | Path],
    *,
    to: str | Path,
    format: PackageFormat = "jsonl",  # noqa: A002 - the word for it
    spark: SparkSession | None = None,
) -> list[Packaged]:
    """Write what is published about each person who asks for it to a folder of its own, named by the request.

    Nothing of anybody else is in it: in texts of messages, values that are not this person's alone are masked. Reads
    what is published, and writes nothing to the warehouse. A request whose folder is there already is not answered
    again. Passes over each table once, whatever the number of requests.

    Args:
        config: A configuration, or where it is.
        requests: Files, or folders of files, of type portability or access.
        to: Where the folders go; not in the warehouse, where an erasure would find them.
        format: `jsonl`, or `csv` for CSV beside JSON Lines.
        spark: The session to use, or to work beside where it was not made here.

    Raises:
        ConfigError: with every mistake in the requests, and every folder that holds something else; nothing is written.
    """
    ensure_logging()
    loaded = read_config(config)
    asked = load_requests(loaded, requests, action="package", scope=None)
    with own_errors(loaded.warehouse), working_in(session_for(spark, loaded)) as session:
        warehouse = Warehouse(session, loaded.warehouse, raw_root=loaded.raw_root)
        deployment = require_warehouse(warehouse)
        folder = warehouse.layout.outside(Path(to))
        published_now = in_frames(warehouse, read_published_rows(warehouse))
        shown = published_now.publication
        with person_data(published_now, loaded) as data:
            named = data.find(asked)
            manifests = _manifests(folder, named)
            news = {one.request_id: one.user_id for one in named if one.user_id and one.request_id not in manifests}
            if news:
                with ExitStack() as stack:
                    packages = {name: stack.enter_context(new_package(folder / name, format)) for name in news}
                    for request_id, contract, rows in data.rows(news):
                        packages[request_id].write(contract, rows)
                    for name, user_id in news.items():
                        packages[name].finish(
                            request_id=name,
                            user_id=user_id,
                            deployment=deployment,
                            identity_run=shown.run_seq,
                            published_at=shown.published_at.isoformat(timespec="seconds"),
                        )
                manifests = _manifests(folder, named)
        return [_packaged(one, folder, manifests.get(one.request_id)) for one in named]


def _manifests(folder: Path, named: Sequence[Named]) -> dict[str, dict[str, Any]]:
    """Manifests of the packages that are there, by request.

    Raises:
        ConfigError: naming every folder that holds something else.
    """
    found: dict[str, dict[str, Any]] = {}
    problems: list[ConfigProblem] = []
    for one in named:
        place = folder / one.request_id
        try:
            manifest = read_manifest(place) if one.user_id else None
        except (ValueError, TypeError):
            manifest = {}
        if manifest is None:
            continue
        found[one.request_id] = manifest
        if (manifest.get("request_id"), manifest.get("user_id")) != (one.request_id, one.user_id):
            problems.append(ConfigProblem("--to", f"{place} holds something else than the package of this request"))
    if problems:
        raise ConfigError(problems, next_step="remove it, or name another folder: nothing was written")
    return found


def _packaged(one: Named, folder: Path, manifest: Mapping[str, Any] | None) -> Packaged:
    if manifest is None:
        return Packaged(one.request_id, one.outcome, None, {})
    rows = {name: table["rows"] for name, table in manifest["tables"].items()}
    return Packaged(one.request_id, one.outcome, str(folder / one.request_id), rows)


def request_states(
    config: Config | Mapping[str, Any] | str | Path,
    request_id: str | None = None,
    *,
    spark: SparkSession | None = None,
) -> list[RequestState]:
    """What became of one request, or of all. Starts no Spark where the warehouse is on this machine's disk.

    Raises:
        ConfigError: where there never was such a request.
    """
    loaded = read_config(config)
    with own_errors(loaded.warehouse):
        tables, start = open_tables(loaded.warehouse, config=loaded, spark=spark)
        require_warehouse(tables)
        is_here = isinstance(tables, QuickTables) and local_path(loaded.warehouse) is not None
        layout = Layout.of(loaded.warehouse, loaded.raw_root)
        files = RequestStates(LocalFiles() if is_here else start().files, layout)
        known = files.known()
        if request_id is not None and request_id not in known:
            raise ConfigError.single("ID", f"there is no request {request_id!r}; {len(known)} are known")
        wanted = known if request_id is None else [request_id]
        return [state for one in wanted if (state := _state_of(files, one)) is not None]


def load_requests(config: Config, places: Sequence[str | Path], *, action: Asked, scope: Scope | None) -> list[Request]:
    """The requests in some files and folders.

    Raises:
        ConfigError: with every mistake in them.
    """
    texts: dict[str, str] = {}
    for place in map(Path, places):
        found = _files_of(place) if place.is_dir() else [place]
        texts |= {str(path): _text(path) for path in found}
    return read_requests(texts, action=action, scope=scope, id_types=config.identity.id_types)


def _files_of(folder: Path) -> list[Path]:
    """The files of a folder of requests. Hidden ones of other endings, such as desktops leave behind, are passed over.

    Raises:
        ConfigError: where there is anything else: whoever put a request there would wait for ever for its answer.
    """
    try:
        found = sorted(folder.iterdir())
    except OSError:
        raise ConfigError.single(str(folder), "the folder cannot be read") from None
    wanted = [path for path in found if path.suffix.lower() in _ENDINGS]
    others = [path for path in found if path.suffix.lower() not in _ENDINGS and not path.name.startswith(".")]
    expected = f"expected files that end in {', '.join(_ENDINGS)}"
    if others:
        shown = ", ".join(repr(path.name) for path in others[:_MOST_NAMED])
        more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
        raise ConfigError.single(
            str(folder),
            f"{expected}, found {shown}{more} beside {len(wanted)} of these",
            next_step="rename, unpack or remove what else is there, or name the files themselves: nothing was done",
        )
    if not wanted:
        raise ConfigError.single(str(folder), f"{expected}, found none")
    return wanted


def _text(path: Path) -> str:
    """A regular file of bounded size, no link to elsewhere.

    Raises:
        ConfigError: for anything else.
    """
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
            raise ConfigError.single(str(path), f"expected a file of at most {_MOST_BYTES // 1024 // 1024} MB, no link")
        # some programs write a mark of the order of bytes ahead of everything
        return path.read_text(encoding="utf-8-sig")
    except OSError:
        raise ConfigError.single(str(path), "there is no such file, or it cannot be read") from None
    except UnicodeDecodeError:
        raise ConfigError.single(str(path), "the file is not UTF-8") from None


def submit(files: RequestFiles, request: Request) -> None:
    """Keep a request for the next run. What holds values comes first: without a status it is submitted again.

    So is one that waits and whose text is gone, since somebody began to cancel it: it would wait for ever.
    """
    status = files.status(request.request_id)
    if status is None or (status["state"] == "pending" and files.kept(request.request_id) is None):
        files.put(request.request_id, request.to_text())
        tell(files, request, "pending", submitted_at=datetime.now(UTC).isoformat(timespec="microseconds"))


def _is_open(status: Mapping[str, Any] | None) -> bool:
    return status is None or status["state"] not in _DONE


def _is_pending(files: RequestStates, request: Request) -> bool:
    status = files.status(request.request_id)
    return status is not None and status["state"] == "pending"


def _state_of(files: RequestStates, request_id: str) -> RequestState | None:
    facts = files.status(request_id)
    return None if facts is None else RequestState(request_id, facts["state"], facts, files.receipt(request_id))
