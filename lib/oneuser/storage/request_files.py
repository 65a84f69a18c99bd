"""Requests of people about their data, as files of a warehouse.

What holds values lies in the raw zone, readable by its owner alone, until the request is completed: the request itself,
and the values that are looked for when all is done. What became of a request lies in the control zone, without values.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from oneuser.storage.layout import PART
from oneuser.storage.owner import only_for_owner

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oneuser.storage.files import Files
    from oneuser.storage.layout import Layout

FOLDER = "requests"
COMPLETED = "completed"
_WAITING = ("pending", "in_progress")
_REQUEST, _VALUES, _RECEIPT, _STATUS = ".request.json", ".values.json", ".receipt.json", ".json"


@dataclass(frozen=True)
class Sealed:
    """What a run has found of a request: the values that it erased, and how many identifiers it did not.

    `n_known` are identities that are stored, each once however it is spelled; `n_unknown` those that are not, or can be
    none of their type; `n_kept` identifiers that others share; `n_suppressed` those of which nothing is taken in any
    more, and `n_freed` those of which something is again. `is_ambiguous` is whether several people share all that is
    named and stored, so that nobody can tell who asks.
    """

    values: list[str] = field(repr=False)
    n_unknown: int
    n_kept: int
    n_known: int = 0
    n_suppressed: int = 0
    n_freed: int = 0
    is_ambiguous: bool = False


class ReadableFiles(Protocol):
    """Small files, whoever reads them."""

    def exists(self, path: str) -> bool:
        """Whether a file or folder is there."""

    def names(self, folder: str) -> list[str]:
        """Names in a folder, sorted; none where the folder is not there."""

    def read_text(self, path: str) -> str:
        """A small UTF-8 file as text."""


class RequestStates:
    """What became of the requests of one warehouse, for whoever may only read."""

    def __init__(self, files: ReadableFiles, layout: Layout) -> None:
        self._readable = files
        self._told = statuses_folder(layout)

    def status(self, request_id: str) -> dict[str, Any] | None:
        """What became of a request; null where it was never made.

        With its receipt it is completed, whoever has said something else of it since.
        """
        told = self._told_of(f"{request_id}{_STATUS}")
        if told is None or told["state"] == COMPLETED or not self.has_receipt(request_id):
            return told
        return told | {"state": COMPLETED}

    def has_receipt(self, request_id: str) -> bool:
        """Whether a request is completed: its receipt is the last thing that is written of it, and never again."""
        return self._readable.exists(f"{self._told}/{request_id}{_RECEIPT}")

    def receipt(self, request_id: str) -> dict[str, Any] | None:
        """What a completed request has erased; null before it is completed."""
        return self._told_of(f"{request_id}{_RECEIPT}")

    def known(self) -> list[str]:
        """Ids of all requests that were ever made."""
        return _ids_of(self._readable.names(self._told))

    def _told_of(self, name: str) -> dict[str, Any] | None:
        path = f"{self._told}/{name}"
        return dict(json.loads(self._readable.read_text(path))) if self._readable.exists(path) else None


class RequestFiles(RequestStates):
    """The files of requests of one warehouse."""

    def __init__(self, files: Files, layout: Layout) -> None:
        super().__init__(files, layout)
        self._files = files
        self.folder = f"{layout.zones['raw']}/{FOLDER}"

    # what holds values ----------------------------------------------------------------------------------------------

    def put(self, request_id: str, text: str) -> None:
        """Keep a request until it is completed."""
        self._seal(f"{request_id}{_REQUEST}", text)

    def open_requests(self) -> dict[str, str]:
        """The texts of the requests that are not completed, by their ids, in the order of these."""
        names = sorted(open_requests(self._files.names(self.folder)))
        texts = {name: self.kept(name) for name in names}
        return {name: text for name, text in texts.items() if text is not None}

    def kept(self, request_id: str) -> str | None:
        """The text of a request that is not completed; null of any other."""
        return self._files.text_if_there(f"{self.folder}/{request_id}{_REQUEST}")

    def seal(self, request_id: str, sealed: Sealed) -> None:
        """Keep what a run has found of a request until it is completed."""
        self._seal(f"{request_id}{_VALUES}", json.dumps(asdict(sealed)) + "\n")

    def sealed(self, request_id: str) -> Sealed | None:
        """What `seal` has kept; null where no run has taken the request in, or it is completed."""
        text = self._files.text_if_there(f"{self.folder}/{request_id}{_VALUES}")
        return Sealed(**json.loads(text)) if text is not None else None

    def unseal(self, request_id: str) -> None:
        """Remove a completed request, and its values first: without the request nobody would look for them."""
        for ending in (_VALUES, _REQUEST):
            self._files.remove(f"{self.folder}/{request_id}{ending}")
        self._files.remove_if_empty(self.folder)

    def places(self) -> list[str]:
        """The files of the requests that are not completed: they hold values, and nothing else there may."""
        names = self._files.names(self.folder)
        wanted = {f"{name}{ending}" for name in open_requests(names) for ending in (_REQUEST, _VALUES)}
        return [f"{self.folder}/{name}" for name in names if name in wanted]

    def remove_leftovers(self) -> int:
        """Remove what writers that were killed have left half-written; returns how much it was.

        Whoever is writing at this moment fails, and writes again.
        """
        left = [name for name in self._files.names(self.folder) if name.endswith(PART)]
        for name in left:
            self._files.remove(f"{self.folder}/{name}")
        if left:
            self._files.remove_if_empty(self.folder)
        return len(left)

    def _seal(self, name: str, text: str) -> None:
        self._files.make_folder(self.folder)
        only_for_owner(self.folder, 0o700)
        self._files.write_text(f"{self.folder}/{name}", text)
        only_for_owner(f"{self.folder}/{name}", 0o600)

    # what is told of it ---------------------------------------------------------------------------------------------

    def write_status(self, request_id: str, status: dict[str, Any]) -> None:
        """Say what became of a request."""
        self._tell(f"{request_id}{_STATUS}", status)

    def write_receipt(self, request_id: str, receipt: dict[str, Any]) -> None:
        """Say what a completed request has erased."""
        self._tell(f"{request_id}{_RECEIPT}", receipt)

    def _tell(self, name: str, facts: dict[str, Any]) -> None:
        self._files.make_folder(self._told)
        self._files.write_text(f"{self._told}/{name}", json.dumps(facts, indent=2, sort_keys=True) + "\n")


def statuses_folder(layout: Layout) -> str:
    """Where it lies what became of requests."""
    return f"{layout.zones['control']}/{FOLDER}"


def without_receipt(names: Iterable[str]) -> list[str]:
    """Ids of the requests that have no receipt, of the names in that folder."""
    names = set(names)
    return [one for one in _ids_of(sorted(names)) if f"{one}{_RECEIPT}" not in names]


def _ids_of(names: Iterable[str]) -> list[str]:
    return [name.removesuffix(_STATUS) for name in names if name.endswith(_STATUS) and not name.endswith(_RECEIPT)]


def is_waiting(told: Mapping[str, Any]) -> bool:
    """Whether somebody waits to be erased, by what is told of a request that has no receipt."""
    return told.get("action") == "erase" and told.get("state") in _WAITING


def status_name(layout: Layout, request_id: str) -> str:
    """What the status file of a request is called below the root of its warehouse."""
    return f"{layout.zones['control'].removeprefix(f'{layout.root}/')}/{FOLDER}/{request_id}{_STATUS}"


def is_in_progress(status: str) -> bool:
    """Whether the text of a status file says that a run has erased what the request names."""
    try:
        found = json.loads(status)
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("state") == "in_progress"


def requests_folder(layout: Layout) -> str:
    """Where requests lie that are not completed."""
    return f"{layout.zones['raw']}/{FOLDER}"


def open_requests(names: Iterable[str]) -> set[str]:
    """Ids of the requests that are not completed, of the names in their folder."""
    return {name.removesuffix(_REQUEST) for name in names if name.endswith(_REQUEST) and not name.startswith(".")}
