"""A receipt is written once and is the last word, however many come to the end of a request at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from oneuser.contracts import privacy as kinds
from oneuser.core.errors import OneUserError
from oneuser.core.identifier_text import NamedIdentifier
from oneuser.core.keyed import Keys
from oneuser.privacy.requests import Request
from oneuser.runs import erasures
from oneuser.runs.erasures import Searched, settle, withdraw_earlier
from oneuser.runs.receipts import complete, receipt_of, tell
from oneuser.runs.records import READING_STAGE
from oneuser.storage.byte_scan import Scan
from oneuser.storage.export_records import record_export
from oneuser.storage.layout import Layout
from oneuser.storage.request_files import RequestFiles, Sealed
from tests.unit.storage.disk_files import DiskFiles

ANN = NamedIdentifier("email", "ann@example.com")
ASKED = Request("4711", "erase", "connected", (ANN,), "gdpr", "2026-03-01T00:00:00+00:00")
SEALED = Sealed([ANN.value], n_unknown=0, n_kept=2, n_known=1, n_suppressed=3)


def keys() -> Keys:
    return Keys("shop", "k1", b"i" * 32, b"m" * 32, b"u" * 32)


@pytest.fixture
def files(tmp_path: Path) -> RequestFiles:
    files = RequestFiles(DiskFiles(), Layout.of(str(tmp_path), None))  # type: ignore[arg-type]
    files.put(ASKED.request_id, ASKED.to_text())
    tell(files, ASKED, "pending", submitted_at="2026-03-02T00:00:00+00:00")
    files.seal(ASKED.request_id, SEALED)
    return files


def test_state_and_receipt_say_by_which_law_and_since_when(files: RequestFiles) -> None:
    about = {"regulation": "gdpr", "submitted_time": "2026-03-01T00:00:00+00:00"}
    receipt = receipt_of(ASKED, SEALED, n_by_kind={kinds.MESSAGE: 5}, tables={}, facts={"run": 2, "scan": {}})
    tell(files, ASKED, "in_progress", run=2)
    before = files.status("4711") or {}

    complete(files, ASKED, receipt)

    assert (receipt["outcome"], receipt["erased"]["messages"]) == ("done", 5)
    for told in (before, files.status("4711") or {}, files.receipt("4711") or {}):
        assert about.items() <= told.items()
    # and since when this warehouse has known of it, whatever came after
    assert (files.status("4711") or {})["submitted_at"] == before["submitted_at"] == "2026-03-02T00:00:00+00:00"
    assert files.open_requests() == {}


@pytest.mark.parametrize(
    ("sealed", "n_messages", "outcome"),
    [
        (Sealed([], n_unknown=1, n_kept=0), 0, "unknown"),
        (Sealed([], n_unknown=0, n_kept=0, n_known=1), 0, "unowned"),
        # what several people share names none of them
        (Sealed([], n_unknown=0, n_kept=0, n_known=2, is_ambiguous=True), 0, "ambiguous"),
        (Sealed([], n_unknown=0, n_kept=2, n_known=2), 3, "done"),
    ],
)
def test_an_erasure_says_why_nothing_was_erased(sealed: Sealed, n_messages: int, outcome: str) -> None:
    receipt = receipt_of(ASKED, sealed, n_by_kind={kinds.MESSAGE: n_messages}, tables={}, facts={})

    assert receipt["outcome"] == outcome


def test_a_completed_request_is_in_progress_no_more(files: RequestFiles) -> None:
    complete(files, ASKED, {"run": 2, "outcome": "done"})
    completed = files.status("4711")

    tell(files, ASKED, "in_progress", run=2)

    assert files.status("4711") == completed
    assert (completed or {})["state"] == "completed"


def test_who_tells_while_somebody_else_completes_is_not_the_last(
    files: RequestFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = files.write_status

    def overtaken(request_id: str, status: dict[str, Any]) -> None:
        monkeypatch.setattr(files, "write_status", write)
        complete(files, ASKED, {"run": 2, "outcome": "done"})
        write(request_id, status)

    monkeypatch.setattr(files, "write_status", overtaken)
    tell(files, ASKED, "in_progress", run=2)

    # on the disk, too
    assert '"completed"' in next(Path(files.folder).parents[1].glob("control/requests/4711.json")).read_text()


def test_a_receipt_is_never_written_again(files: RequestFiles) -> None:
    for outcome in ("done", "unknown"):
        complete(files, ASKED, {"run": 2, "outcome": outcome})

    assert files.receipt("4711") == {"run": 2, "outcome": "done"}


class _Warehouse(SimpleNamespace):
    """A warehouse that has published a run which took the request in."""

    n_searches = 0

    def __init__(self, files: RequestFiles, monkeypatch: pytest.MonkeyPatch) -> None:
        layout = Layout.of(str(Path(files.folder).parents[1]), None)
        super().__init__(files=DiskFiles(), layout=layout)
        shown = SimpleNamespace(tables={"erasures": 1}, published_at=datetime(2026, 3, 2, tzinfo=UTC))
        run = SimpleNamespace(run_seq=2, metrics={})
        monkeypatch.setattr(erasures, "load_claims", lambda _: [])
        monkeypatch.setattr(erasures, "published", lambda _: [shown])
        monkeypatch.setattr(erasures, "newest", lambda readable: next(iter(readable), None))
        monkeypatch.setattr(erasures, "load_runs", lambda _: [run])
        monkeypatch.setattr(erasures, "_count", lambda *_: {"4711": SimpleNamespace(run_seq=2, by_kind={"message": 5})})
        monkeypatch.setattr(erasures, "search_files", self.search)
        monkeypatch.setattr(erasures, "rows_left", lambda *_: {})

    def search(self, *args: Any) -> Searched:
        values: Mapping[str, Sequence[str]] = args[-1]
        assert values == {"4711": [ANN.value]}
        self.n_searches += 1
        if self.n_searches == 1:
            # somebody else maintains the warehouse meanwhile, and is faster
            assert settle(self, purged_with=keys) == ["4711"]  # type: ignore[arg-type]
        return Searched(Scan(self.n_searches, 0, [], [], []), {}, {}, {}, {"4711": 1})


def test_of_two_that_search_at_once_the_faster_writes_the_receipt(
    files: RequestFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse: Any = _Warehouse(files, monkeypatch)
    settle(warehouse)
    assert (files.status("4711") or {})["state"] == "in_progress"

    settle(warehouse, purged_with=keys)

    receipt = files.receipt("4711") or {}
    assert (receipt["n_identifiers_suppressed"], receipt["scan"]["n_files"]) == (3, 2)
    assert (files.status("4711") or {})["state"] == "completed"


def test_what_came_of_a_request_is_told_before_its_receipt(
    files: RequestFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(_Warehouse(files, monkeypatch))  # type: ignore[arg-type]

    assert (files.status("4711") or {})["outcome"] == "done"


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        ({"requests|erase": 2.0, "erasing_requests": 0.0}, None),
        ({"requests|erase": 2.0, "erasing_requests": 1.0}, "4711"),
        # of a run that did not say how many have erased something
        ({"requests|erase": 2.0}, "4711, 4712"),
    ],
)
def test_earlier_publications_are_withdrawn_only_where_something_was_erased(
    metrics: dict[str, float], names: str | None
) -> None:
    details = {"requests": ["4711", "4712"]} | (
        {"erasing_requests": ["4711"]} if metrics.get("erasing_requests") else {}
    )
    stage = SimpleNamespace(metrics=metrics, details=details)
    completed: Any = SimpleNamespace(run_seq=2, stages={READING_STAGE: stage})
    withdrawn: list[tuple[list[int], str]] = []
    earlier = [SimpleNamespace(kind="run", run_seq=number, fence=number) for number in (1, 2)]
    lease: Any = SimpleNamespace(earlier=earlier, withdraw=lambda *said: withdrawn.append(said))

    assert withdraw_earlier(lease, completed) is (names is not None)

    assert withdrawn == ([] if names is None else [([1], f"run 2 has erased people, as asked by {names}")])


def test_a_receipt_names_exports_of_before_that_nothing_withdraws(
    files: RequestFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse: Any = _Warehouse(files, monkeypatch)
    warehouse.n_searches = 1
    for what, run_seq in (("identities", 1), ("identifier_values", 2)):
        record_export(warehouse.files, warehouse.layout, what, run_seq=run_seq)

    settle(warehouse, purged_with=keys)

    assert (files.receipt("4711") or {})["exports"]["n"] == 1


def test_a_request_of_which_rows_are_left_gets_no_receipt(files: RequestFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse: Any = _Warehouse(files, monkeypatch)
    warehouse.n_searches = 1
    monkeypatch.setattr(erasures, "rows_left", lambda *_: {"4711": {"events": 2, "identifiers": 1}})

    with pytest.raises(OneUserError, match=r"\(4711\): 2 of events, 1 of identifiers"):
        settle(warehouse, purged_with=keys)

    assert files.receipt("4711") is None


class _KilledError(Exception):
    """Where the process ended."""


@pytest.mark.parametrize(("step", "n_before"), [("write_text", 1), ("remove", 0), ("remove", 1)])
def test_whoever_is_killed_behind_a_receipt_leaves_the_rest_to_the_next(
    files: RequestFiles, monkeypatch: pytest.MonkeyPatch, step: str, n_before: int
) -> None:
    warehouse: Any = _Warehouse(files, monkeypatch)
    warehouse.n_searches = 1
    original, n_calls = getattr(DiskFiles, step), 0

    def end(self: DiskFiles, *args: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        if n_calls > n_before:
            raise _KilledError
        return original(self, *args)

    # the receipt is written, then the state, and the values and the request are removed
    with monkeypatch.context() as patch:
        patch.setattr(DiskFiles, step, end)
        with pytest.raises(_KilledError):
            settle(warehouse, purged_with=keys)
    receipt = files.receipt("4711")
    assert receipt is not None

    warehouse.n_searches = 1
    settle(warehouse, purged_with=keys)

    assert files.receipt("4711") == receipt
    assert (files.status("4711") or {})["state"] == "completed"
    assert '"completed"' in next(Path(files.folder).parents[1].glob("control/requests/4711.json")).read_text()
    assert not Path(files.folder).exists()


def test_without_its_values_a_request_gets_no_receipt(files: RequestFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    (Path(files.folder) / "4711.values.json").unlink()

    assert settle(_Warehouse(files, monkeypatch), purged_with=keys) == []  # type: ignore[arg-type]

    assert files.receipt("4711") is None


def test_a_search_that_could_not_read_everything_is_not_done() -> None:
    searched = Searched(Scan(1, 0, [], ["s3a://x/large"], ["/x/closed", "/y"]), {}, {}, {}, {"4711": 1})

    assert searched.facts("4711")["is_done"] is False
    assert searched.facts("4711")["why"].endswith("too large to be searched, and 2 files or folders cannot be read")


def test_where_nothing_can_be_searched_for_no_file_counts_as_searched() -> None:
    # other requests had something to search for
    facts = Searched(Scan(7, 700, [], [], []), {}, {}, {"4711": 1}, {"4711": 0, "4712": 1}).facts("4711")

    assert (facts["is_done"], facts["n_files"], facts["n_bytes"], facts["n_values_searched"]) == (False, 0, 0, 0)
    assert facts["why"] == "nothing that it names could be searched for"
