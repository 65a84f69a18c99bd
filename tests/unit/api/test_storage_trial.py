"""What `doctor --online` tries: every root and every remote input, here without a session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oneuser.api import storage_trial
from oneuser.api.storage_trial import try_storages
from oneuser.cli.main import main
from oneuser.config import make_config
from oneuser.core.errors import EnvironmentProblem

SOURCE = {"format": "jsonl", "preset": "segment"}


class Stores:
    """Files of two stores: what is put below a root that is read-only is refused."""

    read_only = "s3a://vault"

    def __init__(self, _spark: object) -> None:
        self._there: set[str] = set()

    def scheme(self, path: str) -> str:
        return path.partition(":")[0]

    def write_text(self, path: str, _text: str) -> None:
        if path.startswith(self.read_only):
            raise EnvironmentProblem(found="permission denied", where=self.read_only)
        self._there.add(path)

    def names(self, _folder: str) -> list[str]:
        return ["one"]

    def exists(self, path: str) -> bool:
        return any(one.startswith(path) for one in self._there)

    def remove(self, path: str) -> None:
        self._there = {one for one in self._there if not one.startswith(path)}

    def puts_on_condition(self, folder: str) -> bool:
        return "heedless" not in folder


class Session:
    """A session by what its configuration says."""

    def __init__(self, **conf: str) -> None:
        self.sparkContext = self
        self._conf = conf

    def getConf(self) -> dict[str, str]:  # noqa: N802 - Spark's
        return self._conf


def list_some(_spark: object, _name: str, path: str, *, key: str) -> list[str]:
    if "typo" in path:
        raise EnvironmentProblem(found=f"nothing matches; check `{key}`", where=path)
    return ["a", "b"]


def test_each_root_and_each_remote_input_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_trial, "start_session", lambda _config: Session())
    monkeypatch.setattr(storage_trial, "Files", Stores)
    monkeypatch.setattr(storage_trial, "list_files", list_some)
    paths = {"web": "s3a://events/*.jsonl", "shop": "s3a://typo/*.jsonl", "here": "/data/*.jsonl"}
    values: dict[str, Any] = {
        "deployment": "shop", "warehouse": "s3a://people/warehouse", "raw_root": "s3a://vault/raw",
        "keys": {"identifiers": "env:KEY"}, "sources": {name: {"path": path, **SOURCE} for name, path in paths.items()},
    }  # fmt: skip

    found = [(one.name, one.state, one.found) for one in try_storages(make_config(values))]

    assert found == [
        ("Storage", "ok", "files put, one of them on condition, listed and deleted below s3a://people/warehouse"),
        ("Raw storage", "problem", "permission denied (s3a://vault)"),
        ("sources.web", "ok", "2 files at s3a://events/*.jsonl"),
        ("sources.shop", "problem", "nothing matches; check `sources.shop.path` (s3a://typo/*.jsonl)"),
    ]
    alone = try_storages(make_config({**values, "raw_root": None, "sources": {"here": values["sources"]["here"]}}))
    assert [one.name for one in alone] == ["Storage"]


@pytest.mark.parametrize(
    ("conf", "single_driver", "state"),
    [
        ({}, False, "problem"),
        ({}, True, "ok"),
        ({"spark.delta.logStore.s3a.impl": "io.delta.storage.S3DynamoDBLogStore"}, False, "ok"),
    ],
    ids=["two drivers", "one driver", "commits are kept apart"],
)
def test_a_store_that_heeds_no_condition_is_a_problem_where_claims_need_one(
    conf: dict[str, str],
    single_driver: bool,  # noqa: FBT001 - a case
    state: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(storage_trial, "start_session", lambda _config: Session(**conf))
    monkeypatch.setattr(storage_trial, "Files", Stores)
    values: dict[str, Any] = {
        "deployment": "shop", "warehouse": "s3a://heedless/warehouse", "lease": {"single_driver": single_driver},
        "keys": {"identifiers": "env:KEY"}, "sources": {"here": {"path": "/data/*.jsonl", **SOURCE}},
    }  # fmt: skip

    assert [one.state for one in try_storages(make_config(values))] == [state]


def test_doctor_online_without_a_configuration_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ONEUSER_CONFIG", raising=False)

    assert main(["doctor", "--online"]) == 2
    assert "no configuration" in capsys.readouterr().err
