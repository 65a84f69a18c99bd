"""What `doctor` says of paths on S3 and of the key, without Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oneuser.api.surroundings import Finding, examine
from oneuser.config import make_config
from oneuser.spark import jars


def s3a_findings(warehouse: str, conf: dict[str, str]) -> list[Finding]:
    settings: dict[str, Any] = {
        "deployment": "shop",
        "warehouse": warehouse,
        "keys": {"identifiers": "env:KEY"},
        "sources": {"web": {"path": "/data/web.jsonl", "format": "jsonl", "preset": "segment"}},
        "spark": {"conf": conf},
    }
    return [one for one in examine(make_config(settings)) if one.name == "S3A"]


def test_the_classes_for_s3_are_looked_for_where_a_path_needs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(jars.FOLDER_VARIABLE, str(tmp_path))
    bucket = "s3a://people/warehouse"

    # without the JARs
    assert s3a_findings("/data/warehouse", {}) == []
    (missing,) = s3a_findings(bucket, {})
    assert missing.state == "problem"
    assert "--with s3" in missing.meaning
    (left,) = s3a_findings(bucket, {"spark.jars.packages": "org.apache.hadoop:hadoop-aws:3.5.0"})
    assert (left.state, "spark.jars.packages" in left.found) == ("note", True)

    # with them
    (tmp_path / "s3").mkdir()
    for coordinate in jars.S3A.coordinates:
        _, artifact, version = coordinate.split(":")
        (tmp_path / "s3" / f"{artifact}-{version}.jar").touch()
    assert s3a_findings(bucket, {}) == [Finding("S3A", "ok", f"7 JARs ({tmp_path}/s3)")]


def test_a_raw_zone_that_others_can_enter_is_told(tmp_path: Path) -> None:
    def told() -> Finding:
        settings: dict[str, Any] = {
            "deployment": "shop",
            "warehouse": str(tmp_path / "warehouse"),
            "keys": {"identifiers": "env:KEY"},
            "sources": {"web": {"path": "/data/web.jsonl", "format": "jsonl", "preset": "segment"}},
        }
        return next(one for one in examine(make_config(settings)) if one.name == "Raw zone")

    raw = tmp_path / "warehouse" / "raw"
    assert (told().state, "made at the first run" in told().found) == ("ok", True)

    raw.mkdir(parents=True)
    raw.chmod(0o750)
    assert (told().state, "mode 750" in told().found) == ("note", True)
    assert f"chmod 700 {raw}" in told().meaning

    raw.chmod(0o700)
    assert told() == Finding("Raw zone", "ok", f"{raw}, for its owner only")


def key_finding(warehouse: Path, **keys: str) -> Finding:
    settings: dict[str, Any] = {
        "deployment": "shop",
        "warehouse": str(warehouse),
        "sources": {"web": {"path": "/data/web.jsonl", "format": "jsonl", "preset": "segment"}},
        **({"keys": keys} if keys else {}),
    }
    (found,) = [one for one in examine(make_config(settings)) if one.name == "Key"]
    return found


def test_of_a_key_file_versions_and_permissions_are_told(tmp_path: Path) -> None:
    file = tmp_path / ".secrets" / "identifiers"
    assert key_finding(tmp_path) == Finding("Key", "ok", f"{file} is generated at the first run")
    file.parent.mkdir()
    file.write_text(f"k1 {'ab' * 32}\n")
    file.chmod(0o600)
    assert key_finding(tmp_path) == Finding("Key", "ok", f"file:{file}, one version, k1; for its owner only")

    file.write_text(f"k1 {'ab' * 32}\nk2 {'cd' * 32} 2026-03-02\n")
    file.chmod(0o644)
    found = key_finding(tmp_path)
    said = f"file:{file}, 2 versions, the newest is k2, made on 2026-03-02; it can be read by others"
    assert found == Finding("Key", "note", said, f"chmod 600 {file}")

    file.write_text("k1 canary\n")
    found = key_finding(tmp_path)
    assert (found.state, "canary" in f"{found}") == ("problem", False)
    (tmp_path / "published.json").touch()
    file.unlink()
    assert key_finding(tmp_path).state == "problem"


def test_of_a_program_is_told_whether_it_prints_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_A_TEST", f"k1 {'ab' * 32}")

    found = key_finding(tmp_path, identifiers="command:printenv KEY_OF_A_TEST")
    silent = key_finding(tmp_path, identifiers="command:printenv NO_KEY_OF_A_TEST")

    assert found == Finding("Key", "ok", "the command printenv, one version, k1")
    assert (silent.state, silent.found) == ("problem", "the command printenv ended with exit code 1")
