"""Snapshots of reference inputs: every record comes out, good or with a code; a damaged file stops the run."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from oneuser.core.errors import ConfigError, EnvironmentProblem, GateError
from oneuser.storage.input_listing import listing_of
from oneuser.storage.parquet_schemas import ParquetSchemas
from oneuser.storage.reference_inputs import (
    Reference,
    count_records,
    list_reference,
    read_reference,
)

COLUMNS = {"account_id": "Id", "parent_account_id": "parent_account_id", "valid_from": "valid_from", "valid_to": "to"}
PARENTS = Reference(
    name="accounts.files.parents",
    path="",
    format="csv",
    columns=COLUMNS,
    required=("account_id", "parent_account_id"),
    optional=("valid_from", "valid_to"),
)
Values = list[tuple[str | None, ...]]


def read(spark: SparkSession, reference: Reference, path: Path) -> DataFrame:
    placed = replace(reference, path=str(path))
    return read_reference(spark, placed, list_reference(spark, placed), ParquetSchemas(spark))


def rows_of(records: DataFrame, *columns: str) -> Values:
    return sorted((tuple(row) for row in records.select(*columns).collect()), key=str)


def test_records_of_a_table_come_trimmed_and_each_wrong_one_with_a_code(spark: SparkSession, tmp_path: Path) -> None:
    file = tmp_path / "parents.csv"
    file.write_text(
        "\ufeffId,other,parent_account_id,to,id\n"
        " a ,1,\u00a0top,,x\n"  # spaces of both kinds go
        "b,2,NULL,2026-01-01,x\n"  # how databases write that there is nothing
        "c,3\n"  # too short
        "d,4,zero\u200bwidth,,x\n"
        '"e,e",5,"top ""x""",,x\n',
        encoding="utf-8",
    )

    records = read(spark, PARENTS, file)

    assert rows_of(records, "account_id", "parent_account_id", "valid_from", "valid_to", "code", "detail") == [
        ("a", "top", None, None, None, None),
        ("b", None, None, "2026-01-01", "reference.missing", "parent_account_id"),
        ("c", None, None, None, "reference.syntax", "does not fit the header"),
        ("d", "zero\u200bwidth", None, None, "reference.charset", "parent_account_id"),
        ("e,e", 'top "x"', None, None, None, None),
    ]
    texts = {row.account_id: row.record for row in records.collect()}
    assert texts["b"] == '{"Id":"b","other":"2","parent_account_id":"NULL","to":"2026-01-01","id_5":"x"}'


def test_lines_of_json_are_read_strictly(spark: SparkSession, tmp_path: Path) -> None:
    reference = Reference(
        "accounts", "", "jsonl", {"account_id": "id", "domains": "domains"}, ("account_id",), ("domains",), ("domains",)
    )
    file = tmp_path / "accounts.jsonl"
    file.write_bytes(
        b'\xef\xbb\xbf{"id": 7, "domains": ["a.example", "b.example"]}\n'
        b'\n{"id": 7.0, "domains": "c.example", "more": {"x": 1}}\n'
        b'{"id": "x"} {"id": "y"}\n[1]\n"text"\n{"id": "x", "id": "y"}\n{"id": {"x": 1}}\n{"id": ["x"]}\n'
        b'{"id": null}\n{"id": "\\ud800"}\n{"id": "\xff"}\n{"id": true, "domains": [{"x": 1}]}\n'
    )

    records = read(spark, reference, file)

    assert rows_of(records, "account_id", "domains", "code") == sorted(
        [
            ("7", "a.example;b.example", None),
            ("7", "c.example", None),
            *[(None, None, "reference.syntax")] * 4,
            *[(None, None, "reference.type")] * 3,
            (None, None, "reference.missing"),
            *[("\ufffd", None, "reference.charset")] * 2,
        ],
        key=str,
    )


def test_typed_tables_become_text_without_losing_what_they_say(spark: SparkSession, tmp_path: Path) -> None:
    reference = Reference(
        "accounts", "", "parquet", {"account_id": "n", "name": "name", "domains": "tags", "since": "since"},
        ("account_id",), ("name", "domains", "since"), ("domains",),
    )  # fmt: skip
    rows = spark.sql(
        "select cast(13085.0 as double) n, 1.5 name, array('a', 'b') tags, timestamp'2026-03-01 10:00:00' since"
        " union all select null, null, null, null"
    )
    rows.write.parquet(str(tmp_path / "accounts"))

    found = rows_of(read(spark, reference, tmp_path / "accounts"), "account_id", "name", "domains", "since", "code")

    assert found == [
        ("13085", "1.5", "a;b", "2026-03-01 10:00:00Z", None),
        (None, None, None, None, "reference.missing"),
    ]


def test_a_snapshot_has_one_digest_whatever_files_and_order_it_lies_in(spark: SparkSession, tmp_path: Path) -> None:
    def counted(*texts: str) -> tuple[Any, str]:
        folder = tmp_path / f"snapshot-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for number, text in enumerate(texts):
            (folder / f"{number}.csv").write_text("Id,parent_account_id,to\n" + text)
        placed = replace(PARENTS, path=str(folder))
        files = list_reference(spark, placed)
        found = count_records(spark, placed, files, read_reference(spark, placed, files, ParquetSchemas(spark)))
        return (found["n"], found["digest"]), listing_of(files)

    together, listing = counted("a,x,\nb,y,\nb,y,\n")
    apart, other_listing = counted("b,y,\n", "b,y,\na,x,\n")
    fewer, _ = counted("a,x,\nb,y,\n")
    nothing, _ = counted("")

    assert together == apart
    assert together[0] == 3
    assert len({together, fewer, nothing}) == 3
    assert nothing == (0, "0")
    assert listing != other_listing


@pytest.mark.parametrize(("name", "content"), [("empty.csv", b""), ("other.csv", b"\xff\xfeI\x00d\x00")])
def test_a_damaged_file_stops_the_run_instead_of_withdrawing_what_it_held(
    spark: SparkSession, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good.csv").write_text("Id,parent_account_id,to\na,x,\n")

    with pytest.raises(GateError, match="cannot be read"):
        read(spark, PARENTS, tmp_path)


def test_a_file_that_breaks_off_stops_the_run_too(spark: SparkSession, tmp_path: Path) -> None:
    whole = gzip.compress(b"Id,parent_account_id,to\n" + b"".join(b"a%d,x,\n" % n for n in range(50_000)))
    (tmp_path / "parents.csv.gz").write_bytes(whole[: len(whole) // 2])
    placed = replace(PARENTS, path=str(tmp_path))
    files = list_reference(spark, placed)

    with pytest.raises(GateError, match=r"file\.truncated"):
        count_records(spark, placed, files, read_reference(spark, placed, files, ParquetSchemas(spark)))


def test_a_column_that_is_not_there_is_named_with_those_that_are(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "parents.csv").write_text("account,parent_account_id\na,x\n")

    with pytest.raises(ConfigError, match=r"no column Id, to; they have account, parent_account_id"):
        read(spark, PARENTS, tmp_path)


def test_a_snapshot_that_is_missing_is_not_an_empty_one(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"accounts\.files\.parents\.path"):
        read(spark, PARENTS, tmp_path / "none.csv")
