"""Files of requests are somebody else's: none is read that is no regular file of bounded size."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from oneuser.api.answers import as_taken_in, load_requests, submit
from oneuser.config import make_config
from oneuser.core.errors import ConfigError
from oneuser.core.identifier_text import NamedIdentifier
from oneuser.privacy.requests import Request
from oneuser.storage.layout import Layout
from oneuser.storage.request_files import RequestFiles
from tests.unit.storage.disk_files import DiskFiles

CONFIG = make_config(
    {
        "deployment": "shop",
        "warehouse": "/nowhere",
        "keys": {"identifiers": "env:KEY"},
        "sources": {"web": {"path": "/data/web.jsonl", "format": "jsonl", "preset": "segment"}},
    }
)
ASK = {
    "subject_request_id": "1",
    "subject_identities": [{"identity_type": "email", "identity_value": "ann@example.com"}],
}


def load(place: Path) -> int:
    return len(load_requests(CONFIG, [place], action="erase", scope="exact"))


def test_a_folder_of_requests_is_read_by_the_endings_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(ASK))
    (tmp_path / "b.jsonl").write_text(
        "".join(json.dumps(ASK | {"subject_request_id": f"b{n}"}) + "\n" for n in range(5_000))
    )
    # as some programs write it
    (tmp_path / "C.JSON").write_text(json.dumps(ASK | {"subject_request_id": "c"}), encoding="utf-8-sig")
    # as desktops leave behind
    (tmp_path / ".DS_Store").write_bytes(b"\x00")

    assert load(tmp_path) == 5_002


@pytest.mark.parametrize("name", ["late.json.gz", "ask.txt", "ask.csv", "ask", "ask.json~"])
def test_what_else_is_in_a_folder_of_requests_is_named_and_nothing_is_done(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps(ASK))
    (tmp_path / name).write_text(json.dumps(ASK | {"subject_request_id": "2"}))

    with pytest.raises(ConfigError, match=f"found '{name}' beside 1 of these"):
        load(tmp_path)


def test_folders_in_a_folder_of_requests_are_named(tmp_path: Path) -> None:
    for number in range(7):
        (tmp_path / f"week-{number}").mkdir()

    with pytest.raises(ConfigError, match="'week-4' and 2 more beside 0 of these"):
        load(tmp_path)


def test_a_folder_without_requests_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{tmp_path}: expected files that end in .json, .jsonl, .ndjson"):
        load(tmp_path)


def test_what_is_no_file_of_bounded_size_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(json.dumps(ASK))
    (tmp_path / "link.json").symlink_to(secret)
    # a gigabyte, of which no block is on the disk
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(1 << 30)
    # whoever opened it would wait for a writer
    os.mkfifo(tmp_path / "pipe.json")

    (tmp_path / "folder.json").mkdir()

    for name in ("link.json", "huge.json", "pipe.json"):
        with pytest.raises(ConfigError, match="at most 64 MB, no link"):
            load(tmp_path / name)
        folder = tmp_path / f"with-{name}"
        folder.mkdir()
        (tmp_path / name).rename(folder / name)
        with pytest.raises(ConfigError, match="at most 64 MB, no link"):
            load(folder)
    with pytest.raises(ConfigError, match=r"folder\.json: expected files that end in"):
        load(tmp_path / "folder.json")


def test_a_request_of_a_million_identities_and_an_id_that_is_a_path_are_refused(tmp_path: Path) -> None:
    identity = json.dumps(ASK["subject_identities"][0])  # type: ignore[index]
    many = f'{{"subject_request_id": "1", "subject_identities": [{", ".join([identity] * 500_000)}]}}'
    (tmp_path / "many.json").write_text(many)
    with pytest.raises(ConfigError, match="a list of 1 to 1000 identities"):
        load(tmp_path / "many.json")

    for name in ("../../etc/passwd", "a/b", "..", ".hidden", "a\n", "", "a" * 101, "C:\\x"):
        (tmp_path / "ask.json").write_text(json.dumps(ASK | {"subject_request_id": name}))
        with pytest.raises(ConfigError, match="subject_request_id"):
            load(tmp_path / "ask.json")


def test_a_request_whose_cancelling_was_cut_short_can_be_made_again(tmp_path: Path) -> None:
    files = RequestFiles(DiskFiles(), Layout.of(str(tmp_path), None))  # type: ignore[arg-type]
    request = Request("4711", "erase", "exact", (NamedIdentifier("email", "ann@example.com"),))
    submit(files, request)
    files.unseal("4711")

    for _ in range(2):
        submit(files, request)

    assert list(files.open_requests()) == ["4711"]
    # what is cancelled stays so
    files.unseal("4711")
    files.write_status("4711", (files.status("4711") or {}) | {"state": "cancelled"})
    submit(files, request)
    assert files.open_requests() == {}


def test_a_dry_run_counts_what_the_next_run_takes_in(tmp_path: Path) -> None:
    files = RequestFiles(DiskFiles(), Layout.of(str(tmp_path), None))  # type: ignore[arg-type]
    ann, bob = NamedIdentifier("email", "ann@example.com"), NamedIdentifier("email", "bob@example.com")
    done, waits, begun, other, new = (Request(name, "erase", "exact", (ann,)) for name in "dwbon")
    for request in (done, waits, begun, other):
        submit(files, request)
    for name, state in (("d", "completed"), ("b", "in_progress")):
        files.write_status(name, (files.status(name) or {}) | {"state": state})
    files.unseal("d")

    assert as_taken_in(files, [done, waits, new]) == ([waits, new], [other], ["d"])
    assert as_taken_in(files, [begun]) == ([], [other, waits], ["b"])
    with pytest.raises(ConfigError, match="another request has had the id 'w'"):
        as_taken_in(files, [replace(waits, identities=(bob,))])
