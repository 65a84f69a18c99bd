"""Relative paths of a configuration: absolute once, from the directory that the process is in then."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from oneuser.config import load_config, make_config
from oneuser.config.base import absolute_path
from oneuser.core.errors import ConfigError

SOURCE = {"format": "jsonl", "preset": "segment"}


def config(**keys: Any) -> dict[str, Any]:
    return {"deployment": "d", "warehouse": "./wh", "sources": {"web": {"path": "in/*.jsonl", **SOURCE}}, **keys}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("in/a.jsonl", "{here}/in/a.jsonl"),
        ("./in/../b.jsonl", "{here}/b.jsonl"),
        ("file:in", "file://{here}/in"),
        ("file://./in", "file://{here}/in"),
        ("10:00/a:b.jsonl", "{here}/10:00/a:b.jsonl"),
        ("a:b.jsonl", "{here}/a:b.jsonl"),
        ("~", "{home}"),
        ("~/in", "{home}/in"),
        ("./~/in", "{here}/~/in"),
        # as they are: a path that is absolute may be in tables already
        ("/data/../in/", "/data/../in/"),
        ("file:/data/in", "file:/data/in"),
        ("s3a://bucket/in", "s3a://bucket/in"),
        ("dbfs:/in", "dbfs:/in"),
    ],
)
def test_a_path_is_absolute_once_it_is_read(
    written: str, read: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ann")

    assert absolute_path(written) == read.format(here=tmp_path, home="/home/ann")


def test_the_home_of_nobody_is_refused() -> None:
    with pytest.raises(ConfigError, match="~no-such-user is nobody's home folder"):
        make_config(config(warehouse="~no-such-user/wh"))


@pytest.mark.parametrize(
    ("scheme", "wanted"),
    [("s3", "s3a"), ("s3n", "s3a"), ("S3", "s3a"), ("S3A", "s3a"), ("s3A", "s3a"), ("GS", "gs"), ("FILE", "file")],
)
@pytest.mark.parametrize("key", ["warehouse", "raw_root", "source"])
def test_a_storage_by_another_name_is_refused_as_soon_as_it_is_read(key: str, scheme: str, wanted: str) -> None:
    path = f"{scheme}://people/data"
    keys: dict[str, Any] = {"sources": {"web": {"path": path, **SOURCE}}} if key == "source" else {key: path}

    with pytest.raises(ConfigError, match=f"write {wanted}://") as refused:
        make_config(config(**{"keys": {"identifiers": "env:KEY"}, **keys}))

    assert refused.value.exit_code == 2
    assert len(refused.value.problems) == 1


def test_a_directory_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    with pytest.raises(ConfigError, match="the working directory is gone"):
        make_config(config())


def test_nothing_of_a_configuration_moves_with_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rules.csv").write_text("action,id_type_a,id_value_a,id_type_b,id_value_b,reason\n")
    values = config(
        raw_root="raw",
        keys={"identifiers": "file:secrets/key"},
        links={"crm": {"path": "links/*.csv", "format": "csv"}},
        accounts={"files": {"parents": {"path": "parents.csv", "format": "csv"}}},
        identity={"manual_rules": "rules.csv"},
        spark={"jars": "jars"},
    )

    read = make_config(values)
    monkeypatch.chdir("/")

    assert (read.warehouse, read.raw_root, read.spark.jars) == (f"{tmp_path}/wh", f"{tmp_path}/raw", f"{tmp_path}/jars")
    assert read.keys.identifiers == f"file:{tmp_path}/secrets/key"
    assert read.sources["web"].path == f"{tmp_path}/in/*.jsonl"
    assert read.links["crm"].path == f"{tmp_path}/links/*.csv"
    parents = read.accounts.files.parents
    assert parents is not None
    assert parents.path == f"{tmp_path}/parents.csv"
    assert read.identity.manual_rules == f"{tmp_path}/rules.csv"


def test_a_file_starts_at_the_working_directory_and_not_at_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "c.yaml").write_text(
        "deployment: d\nwarehouse: wh\nsources: {web: {path: in, format: jsonl, preset: segment}}\n"
    )
    monkeypatch.chdir(tmp_path)

    read = load_config("conf/c.yaml", ["sources.web.path=other"])

    assert (read.warehouse, read.sources["web"].path) == (f"{tmp_path}/wh", f"{tmp_path}/other")


def test_what_a_directory_is_called_is_no_wildcard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "[a]{b}*"
    folder.mkdir()
    monkeypatch.chdir(folder)

    read = make_config(config())

    assert read.sources["web"].path == rf"{tmp_path}/\[a\]\{{b\}}\*/in/*.jsonl"
    assert read.warehouse == os.fspath(folder / "wh")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("command:vault kv get 'a b'", "command:vault kv get 'a b'"),
        ("command:./ask  me", "command:{here}/ask me"),
        ("command:'my bin/ask' $HOME;", "command:'{here}/my bin/ask' '$HOME;'"),
    ],
)
def test_a_command_means_the_same_from_everywhere_and_its_arguments_are_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, read: str
) -> None:
    monkeypatch.chdir(tmp_path)

    loaded = make_config(config(keys={"identifiers": written}))

    assert loaded.keys.identifiers == read.format(here=tmp_path)
    # reading it again changes nothing
    assert make_config(config(keys={"identifiers": loaded.keys.identifiers})).keys == loaded.keys


@pytest.mark.parametrize("reference", ["command:", "command:  ", "command:'canary", "canary:x"])
def test_a_command_without_a_program_is_refused_and_not_repeated(reference: str) -> None:
    with pytest.raises(ConfigError, match=r"keys\.identifiers") as caught:
        make_config(config(keys={"identifiers": reference}))

    assert "canary" not in str(caught.value)
