"""Files of strangers: each is read, or refused in words, and none of them takes the machine with it."""

from __future__ import annotations

import bz2
import gzip
import json
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

import oneuser
from oneuser.core.errors import GateError

LINE = {"messageId": "1", "type": "track", "event": "Seen", "userId": "u1", "timestamp": "2026-03-02T09:00:00Z"}
MB = 1024 * 1024


def zeros(n_bytes: int, opened: object) -> None:
    """So many zeros into a file that packs them, piece by piece."""
    for _ in range(n_bytes // MB):
        opened.write(b"0" * MB)  # type: ignore[attr-defined]


def lying(path: Path, claims: int) -> None:
    """A Parquet file whose footer is said to be so long."""
    pq.write_table(pa.table({"who": ["u1"]}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-8] + struct.pack("<I", claims) + whole[-4:])


def settings(folder: Path, name: str, **source: object) -> dict[str, object]:
    return {
        "deployment": "hostile",
        "warehouse": str(folder / f"{name}-tables"),
        "keys": {"identifiers": f"file:{folder / 'key'}"},
        "sources": {"web": {"path": str(folder / name), **source}},
        "quarantine": {"max_share": 1.0},
        "gates": {"min_accepted_share": None},
    }


def rows_of(warehouse: Path, name: str) -> list[dict[str, Any]]:
    folder = warehouse / "raw" / name
    return DeltaTable(str(folder)).to_pyarrow_table().to_pylist() if folder.exists() else []


def ingested(spark: SparkSession, config: dict[str, object]) -> tuple[list[str], dict[str, str]]:
    """User ids of what was accepted, and codes of what was refused, by file and for lines together."""
    oneuser.run(config, stages=["ingest"], spark=spark)
    warehouse = Path(str(config["warehouse"]))
    events = rows_of(warehouse, "events")
    ids = sorted(one["id_value"] for row in events for one in row["identifiers"])
    refused = rows_of(warehouse, "quarantine")
    return ids, {row["file"].rpartition("/")[2]: row["code"] for row in refused}


def test_texts_without_end_nesting_and_links_are_refused_beside_what_is_sound(
    spark: SparkSession, tmp_path: Path
) -> None:
    folder = tmp_path / "events"
    folder.mkdir()
    (folder / "sound.jsonl.gz").write_bytes(gzip.compress(json.dumps(LINE).encode()))
    # packed a thousand times, and more, into one line
    with gzip.open(folder / "bomb.jsonl.gz", "wb", compresslevel=9) as file:
        zeros(100 * MB, file)
    with bz2.open(folder / "bomb.jsonl.bz2", "wb") as file:
        zeros(80 * MB, file)
    (folder / "bomb.jsonl.zst").write_bytes(pa.compress(b"0" * 20 * MB, codec="zstd", asbytes=True))
    deep = json.dumps(LINE)[:-1] + ', "properties": ' + '{"a":' * 5_000 + "1" + "}" * 5_001
    (folder / "deep.jsonl").write_text(deep + "\n" + "[" * 20_000 + "\n")
    (tmp_path / "secret.jsonl").write_text(json.dumps(LINE | {"messageId": "9", "userId": "secret"}) + "\n")
    (folder / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")

    ids, refused = ingested(spark, settings(tmp_path, "events", format="jsonl", preset="segment"))

    assert ids == ["u1"]
    assert refused == {
        "bomb.jsonl.gz": "file.line",
        "bomb.jsonl.bz2": "file.line",
        # Spark alone unpacks these
        "bomb.jsonl.zst": "limit.line",
        "deep.jsonl": "limit.depth",
        "link.jsonl": "file.link",
    }


def test_tables_without_a_header_of_a_hundred_thousand_columns_or_a_giant_field_harm_nobody(
    spark: SparkSession, tmp_path: Path
) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "sound.csv").write_text("at,who\n2026-03-02T09:00:00Z,u1\n")
    (folder / "headless.csv").write_text("2026-03-02T09:00:00Z,ann@example.com\n" * 2)
    row = "2026-03-02T09:00:00Z,u3,\n"
    (folder / "long.csv").write_text(f"at,who,note\n2026-03-02T09:00:00Z,u2,{'x' * MB}\n{row}")
    # a quote that is never closed, and a row that is nothing but separators
    (folder / "giant.csv").write_text(f'at,who,note\n2026-03-02T09:00:00Z,u4,"{"x" * 70 * MB}\n')
    (folder / "commas.csv").write_text(f"at,who,note\n{',' * 200_000}\n{row}")
    (folder / "wide.csv").write_text("at,who," + ",".join(f"c{n}" for n in range(100_000)) + "\n" + row)
    mapping = {"type": {"const": "track"}, "event_time": "at", "identifiers": {"user_id": "who"}}

    ids, refused = ingested(spark, settings(tmp_path, "tables", format="csv", mapping=mapping))

    assert ids == ["u1", "u2", "u3"]
    assert refused == {
        "headless.csv": "file.header",
        "giant.csv": "file.truncated",
        "commas.csv": "file.truncated",
        "wide.csv": "file.header",
    }


@pytest.mark.parametrize("claims", [0, 1, 2**31 - 1, 2**32 - 1])
def test_a_footer_that_lies_about_its_length_is_no_parquet(spark: SparkSession, tmp_path: Path, claims: int) -> None:
    folder = tmp_path / "parquet"
    folder.mkdir()
    lying(folder / "lying.parquet", claims)
    mapping = {"type": {"const": "track"}, "event_time": "at", "identifiers": {"user_id": "who"}}

    with pytest.raises(GateError, match=r"file\.truncated"):
        ingested(
            spark,
            settings(tmp_path, "parquet", format="parquet", mapping=mapping) | {"quarantine": {"max_share": 0.0}},
        )
