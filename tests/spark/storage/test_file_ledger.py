"""What the ledger of files is asked for."""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql import SparkSession

from oneuser.contracts.graph import FILES
from oneuser.storage.file_ledger import known_files
from oneuser.storage.input_listing import InputFile

AT = datetime(2026, 5, 1, 10, 0, 0, 123_000, tzinfo=UTC)
AT_MS = int(AT.timestamp() * 1000)


def row(source: str, file: str) -> dict[str, object]:
    return {
        "source": source, "file": file, "n_bytes": 7, "modified_at": AT, "n_lines": 1, "digest": 1,
        "last_received_at": None, "state": "ingested", "run_seq": 1,
    }  # fmt: skip


def test_only_rows_of_the_files_that_are_asked_for_are_collected(spark: SparkSession) -> None:
    history = [row("web", f"file:/in/{number}.jsonl") for number in range(500)]
    ledger = FILES.frame(spark, [*history, row("app", "file:/in/7.jsonl")])
    asked = [InputFile("web", f"file:/in/{name}.jsonl", 7, AT_MS) for name in ("7", "8", "new")]

    known = known_files(ledger, asked)

    assert set(known) == {("web", "file:/in/7.jsonl"), ("web", "file:/in/8.jsonl")}
    assert {(one["n_bytes"], one["modified_ms"], one["state"]) for one in known.values()} == {(7, AT_MS, "ingested")}


def test_without_files_nothing_is_asked(spark: SparkSession) -> None:
    assert known_files(FILES.empty(spark), []) == {}
    assert known_files(FILES.empty(spark), [InputFile("web", "file:/in/7.jsonl", 7, AT_MS)]) == {}
