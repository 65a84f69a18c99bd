"""Files that are put on condition, by the answers of stores that no emulation gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError

from oneuser.storage.files import Files

CONFLICT = (
    "org.apache.hadoop.fs.s3a.AWSBadRequestException: PUT 0-byte object on control/lease/7.json: "
    "software.amazon.awssdk.services.s3.model.S3Exception: The conditional request cannot succeed due to a conflicting "
    "operation against this resource. (Service: S3, Status Code: 409):ConditionalRequestConflict"
)
THERE = "org.apache.hadoop.fs.s3a.RemoteFileChangedException: PUT `7.json': file changed (Status Code: 412)"
DENIED = "java.nio.file.AccessDeniedException: (Service: S3, Status Code: 403)"


class AnsweredError(Py4JJavaError):
    """What Java raised, without Java."""

    def __init__(self, text: str) -> None:
        Exception.__init__(self, text)
        self.text = text

    def __str__(self) -> str:
        return self.text


class Store:
    """A file system, a builder of a file and the file: answers to one put after the other, null where it lands."""

    def __init__(self, *answers: str | None, is_interrupted: bool = False) -> None:
        self.answers = list(answers)
        self.is_interrupted = is_interrupted
        self.scheme = "s3a"
        self.undone: list[str] = []

    def getScheme(self) -> str:  # noqa: N802 - Hadoop's
        return self.scheme

    def hasCapability(self, _name: str) -> bool:  # noqa: N802 - Hadoop's
        return self.scheme == "s3a"

    def abort(self) -> None:
        self.undone.append("aborted")

    def delete(self, *_what: object) -> None:
        self.undone.append("removed")

    def createFile(self, _path: object) -> Store:  # noqa: N802 - Hadoop's
        return self

    create = overwrite = must = lambda self, *_: self

    def build(self) -> Store:
        return self

    def write(self, _text: bytearray) -> None:
        if self.is_interrupted:
            raise KeyboardInterrupt

    def close(self) -> None:
        answer = self.answers.pop(0)
        if answer is not None:
            raise AnsweredError(answer)


def files_of(store: Store, monkeypatch: pytest.MonkeyPatch) -> Files:
    files = Files.__new__(Files)
    where: Any = (store, None)
    monkeypatch.setattr(files, "_open", lambda _path: where)
    return files


@pytest.mark.parametrize(
    ("answers", "is_ours", "n_left"),
    [
        ([None], True, 0),
        ([THERE], False, 0),
        ([CONFLICT, None], True, 0),
        ([CONFLICT, THERE], False, 0),
        ([CONFLICT] * 9, False, 5),
    ],
    ids=["nobody else", "there already", "nobody else after all", "another one's after all", "never told"],
)
def test_a_put_that_meets_another_is_tried_again_and_lost_at_last(
    answers: list[str | None],
    is_ours: bool,  # noqa: FBT001 - a case
    n_left: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Store(*answers)

    assert files_of(store, monkeypatch).create_text("s3a://bucket/control/lease/7.json", "{}") is is_ours
    assert len(store.answers) == n_left


def test_what_is_no_race_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Py4JJavaError, match="AccessDenied"):
        files_of(Store(DENIED), monkeypatch).create_text("s3a://bucket/control/lease/7.json", "{}")


@pytest.mark.parametrize("put", [Files.create_text, Files.write_text])
def test_a_put_that_is_cut_short_puts_nothing(
    put: Callable[[Files, str, str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(None, is_interrupted=True)
    files = files_of(store, monkeypatch)
    monkeypatch.setattr(files, "_says", lambda _path, _text: False)

    with pytest.raises(KeyboardInterrupt):
        put(files, "s3a://bucket/control/lease/7.json", "{}")

    assert store.answers == [None], "a file that is closed is put"
    assert store.undone == ["aborted"], "what S3A has on its disk goes"


@pytest.mark.parametrize(
    ("scheme", "answers", "n_left", "undone"),
    [("gs", [None], 1, []), ("file", [None], 0, ["removed"]), ("file", [DENIED], 0, ["removed"])],
)
def test_a_file_that_is_cut_short_is_closed_where_that_puts_nothing(
    scheme: str, answers: list[str | None], n_left: int, undone: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(*answers, is_interrupted=True)
    store.scheme = scheme
    files = files_of(store, monkeypatch)
    monkeypatch.setattr(files, "_says", lambda _path, _text: False)
    monkeypatch.setattr(files, "_path", str, raising=False)

    with pytest.raises(KeyboardInterrupt):
        files.write_text(f"{scheme}://bucket/raw/requests/7.json", "{}")

    assert (len(store.answers), store.undone) == (n_left, undone)
