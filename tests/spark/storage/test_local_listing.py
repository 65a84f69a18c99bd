"""The listing by Python gives what the one by Hadoop gives, byte for byte, or no answer at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from oneuser.storage.input_listing import list_files
from oneuser.storage.local_listing import list_local_files
from oneuser.storage.uncertain import UncertainError

NAMES = [
    "a.x", "b.x", "events_10:00:00", "a:b", ":c", "d:", "{e}", "f{", "[g]", "h[", "i*", "j?", "k,l", "m n", "o%20p",
    "q%", "^caret", "+plus", "dot.", "$dollar", "square]", "curly}",
    "r#s", "t;u", "v\\w", "x'y\"z", "é", "\u65e5\u672c", "\U0001f600", "a&b=c", "~d", "-e", "f|g", "h$i", "(j)", "k\nl",
    "t\tu", "<v>", "w^`", "@!*'()_", "nbsp\u00a0", "line\u2028", "nel\u0085", "soft\u00ad", "e\u0301",
    "2025-02-01T10:00/m.x", "{n,o}/p:q", "[r]*/s", "t=u:v/w.x", "deep/er/still/e.x", "date=2026-05-01/f.x",
    # hidden, and what only looks like it
    "_SUCCESS", ".a.x.crc", ".hidden", "_date=1/c.x", ".date=1/c.x", ".date=1.crc/c.x", "_spool/d.x", "deep/_x.x",
    "deep/.spool=1/x.x", "g.x._COPYING_", "h._COPYING_/i.x", "_COPYING_.x",
]  # fmt: skip
PATTERNS = [
    "", "*", "*.x", "?.x", "[ab].x", "[a-b]*", "[!a]*", "[^a]*", "{a,b}.x", "{a,b}*", "*/*.x", "*/er/*", "./deep//er/",
    "deep", "a.x", "date=*/*.x", "*=*", r"\{e\}", r"i\*", "a:*", "*:*", "*%*", "(*", "^*", "+*", "*.", "$*",
    "nbsp*", "\u65e5*", "{e}", "k,*", "*]", "*}", "to-*", "to-folder/*", "_*", ".*", "{a,{b,c}}.x", "**", "*{.x,er}",
]  # fmt: skip
LEFT_TO_HADOOP = [
    "{deep/er,date=2026-05-01}/*", "h[", "f{", "*[", "[", "[]*", "[b-a].x", r"\d*", "*\\", r"*\é", "*[a.]x",
    "nothing", "nothing/*", "_SUCCESS", "a.x/*", "../*", "{a", "*/{a/b",
]  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files under every kind of name, and links to files, folders and nothing."""
    root = tmp_path_factory.mktemp("in")
    for number, name in enumerate(NAMES):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * number)
        # just below and just above a whole millisecond
        nanoseconds = 1_700_000_000_000_000_000 + number * 1_000_000 - number % 3
        os.utime(path, ns=(nanoseconds, nanoseconds))
    (root / "empty").mkdir()
    (root / "to-file").symlink_to(root / "a.x")
    (root / "to-folder").symlink_to(root / "deep")
    (root / "to-nothing").symlink_to(root / "gone")
    return root


@pytest.mark.parametrize("scheme", ["", "file:", "file://"])
def test_what_is_listed_is_what_hadoop_lists(spark: SparkSession, tree: Path, scheme: str) -> None:
    # a form of the scheme changes the paths alone
    for pattern in PATTERNS if not scheme else PATTERNS[:3]:
        path = f"{scheme}{tree}/{pattern}"

        assert (pattern, list_local_files("web", path)) == (pattern, list_files(spark, "web", path))


def test_what_may_be_listed_otherwise_is_left_to_hadoop(tree: Path) -> None:
    answered = []
    for pattern in LEFT_TO_HADOOP:
        with suppress(UncertainError):
            answered.append((pattern, list_local_files("web", f"{tree}/{pattern}")))

    assert not answered


@pytest.mark.parametrize("path", ["s3a://bucket/in", "hdfs:/in", "file://host/in", "viewfs://in/*.x"])
def test_other_storages_are_left_to_hadoop(path: str) -> None:
    with pytest.raises(UncertainError, match="disk"):
        list_local_files("web", path)


@pytest.mark.parametrize("name", [os.fsdecode(b"\xff.x"), os.fsdecode(b"_\xff.x")])
def test_a_name_that_is_no_text_is_left_to_hadoop(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()

    with pytest.raises(UncertainError, match="cannot be read"):
        list_local_files("web", str(tmp_path))


def test_links_in_a_circle_and_times_before_1970_are_left_to_hadoop(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.x").touch()
    os.utime(tmp_path / "old" / "a.x", ns=(-1, -1))
    (tmp_path / "circle").mkdir()
    (tmp_path / "circle" / "a").symlink_to(tmp_path / "circle" / "b")
    (tmp_path / "circle" / "b").symlink_to(tmp_path / "circle" / "a")

    for folder in ("old", "circle"):
        with pytest.raises(UncertainError, match="cannot be read"):
            list_local_files("web", f"{tmp_path}/{folder}")
