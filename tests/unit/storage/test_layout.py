"""Where files for others may be written, and what leads out of the folder of a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from oneuser.core.errors import ConfigError
from oneuser.storage.input_tree import leads_out
from oneuser.storage.layout import Layout


def test_nothing_for_others_is_written_into_a_warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, raw, elsewhere = (tmp_path / name for name in ("warehouse", "sealed", "elsewhere"))
    for folder in (root, raw, elsewhere):
        folder.mkdir()
    (elsewhere / "link").symlink_to(root / "tables")
    layout = Layout.of(str(root), str(raw))
    monkeypatch.chdir(elsewhere)

    for path in (
        root / "published.json",
        root / "tables" / "dim_user" / "x.csv",
        raw / "x.csv",
        elsewhere / ".." / "warehouse" / "x.csv",
        elsewhere / "link" / "x.csv",
        Path("../warehouse/new/x.csv"),
    ):
        with pytest.raises(ConfigError, match="is in the warehouse"):
            layout.outside(path)

    assert layout.outside(Path("x.csv")) == elsewhere / "x.csv"
    assert layout.outside(tmp_path / "warehouse-2" / "x.csv") == tmp_path / "warehouse-2" / "x.csv"
    # of another storage this machine's disk is no part
    assert Layout.of("s3a://bucket/warehouse").outside(elsewhere / "x") == elsewhere / "x"


def test_a_link_out_of_the_folder_of_a_source_leads_elsewhere(tmp_path: Path) -> None:
    events, secret = tmp_path / "in" / "events", tmp_path / "secret"
    (events / "deep").mkdir(parents=True)
    for file in (secret, events / "1.jsonl", tmp_path / "in" / "a b.jsonl"):
        file.touch()
    (events / "inside.jsonl").symlink_to(events / "1.jsonl")
    (events / "outside.jsonl").symlink_to(secret)
    (events / "deep" / "up").symlink_to(tmp_path)
    (tmp_path / "chosen").symlink_to(events)
    (tmp_path / "one.jsonl").symlink_to(secret)

    def leads(file: Path, pattern: str) -> bool:
        return leads_out(file.as_uri(), pattern)

    for pattern in (
        str(events),
        f"{events}/*.jsonl",
        f"{events}/**",
        f"file://{events}/",
        f"{tmp_path}/chosen/*.jsonl",
    ):
        assert not leads(events / "1.jsonl", pattern), pattern
        assert not leads(events / "inside.jsonl", pattern), pattern
        assert leads(events / "outside.jsonl", pattern), pattern
        assert leads(events / "deep" / "up" / "secret", pattern), pattern
    # whoever names a link has chosen what it leads to
    assert not leads(tmp_path / "one.jsonl", str(tmp_path / "one.jsonl"))
    assert not leads(tmp_path / "chosen" / "1.jsonl", f"{tmp_path}/chosen")
    # a wildcard opens what lies below the folder before it
    assert not leads(tmp_path / "chosen" / "1.jsonl", f"{tmp_path}/ch*")
    assert not leads(tmp_path / "in" / "a b.jsonl", f"{tmp_path}/in/*")
    assert not leads_out("s3a://bucket/x.jsonl", "s3a://bucket/*")
