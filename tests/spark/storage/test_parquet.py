"""Parquet files of every type that people's programs write, each read as it is, whatever the others are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from oneuser.config.dialects import Dialect
from oneuser.core.reasons import Reason
from oneuser.spark.row_shapes import ABOUT_ROWS
from oneuser.storage.input_listing import list_files
from oneuser.storage.inputs import RefusedFile, find_unreadable, read_parquet
from oneuser.storage.parquet_schemas import ParquetSchemas

NANOS = 1_738_401_506_123_456_789
MICROSECOND = dt.datetime(2025, 2, 1, 9, 18, 26, 123456)  # noqa: DTZ001 - Spark gives times of UTC without a zone
# what a file holds, and what is read of it; null where the column is left out
TYPES: dict[str, tuple[pa.Array[Any], Any]] = {
    "nanoseconds in UTC": (pa.array([NANOS], pa.timestamp("ns", "UTC")), MICROSECOND),
    "nanoseconds without a zone": (pa.array([NANOS], pa.timestamp("ns")), MICROSECOND),
    "nanoseconds before 1970": (
        pa.array([-1], pa.timestamp("ns")),
        dt.datetime(1969, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001
    ),
    "nanoseconds in a struct": (
        pa.array([{"a": 1, "b c": NANOS}], pa.struct([("a", pa.int64()), ("b c", pa.timestamp("ns"))])),
        (1, MICROSECOND),
    ),
    "nanoseconds in a list": (pa.array([[NANOS]], pa.list_(pa.timestamp("ns"))), [MICROSECOND]),
    "nanoseconds in a map": (
        pa.array([[("k", NANOS)]], pa.map_(pa.string(), pa.timestamp("ns"))),
        {"k": MICROSECOND},
    ),
    "no list of nanoseconds": (pa.array([None], pa.list_(pa.timestamp("ns"))), None),
    "microseconds": (pa.array([MICROSECOND], pa.timestamp("us")), MICROSECOND),
    "a day": (pa.array([dt.date(2025, 2, 1)]), dt.date(2025, 2, 1)),
    "no value at all": (pa.nulls(1), None),
    "an unsigned number of 64 bits": (pa.array([2**64 - 1], pa.uint64()), Decimal(2**64 - 1)),
    "a decimal": (pa.array([Decimal("13085.00")]), Decimal("13085.00")),
    "bytes": (pa.array([b"ann"]), b"ann"),
    "text of a dictionary": (pa.array(["ann"]).dictionary_encode(), "ann"),
    "a time of day in microseconds": (pa.array([dt.time(9, 18, 26)], pa.time64("us")), "09:18:26"),
    "a time of day in nanoseconds": (pa.array([1], pa.time64("ns")), ...),
    "a time of day in milliseconds": (pa.array([1], pa.time32("ms")), ...),
    "a UUID": (pa.array([UUID(int=5).bytes], pa.uuid()), ...),
    "a half float": (pa.array([1.5], pa.float16()), ...),
    "fifty digits": (pa.array([Decimal(1)], pa.decimal256(50, 2)), ...),
}


def read(spark: SparkSession, folder: Path, *needed: str) -> list[dict[str, Any]]:
    """Rows of all files, each with the columns that its file has."""
    frames = read_parquet(spark, list_files(spark, "shop", str(folder)), ParquetSchemas(spark), needed=needed)
    return [
        {name: row[index] for index, name in enumerate(rows.columns) if name not in ABOUT_ROWS}
        for rows in frames
        for row in rows.collect()
    ]


def unreadable(spark: SparkSession, folder: Path, needed: Collection[str]) -> list[RefusedFile]:
    files = list_files(spark, "shop", str(folder))
    schemas = ParquetSchemas(spark)
    return find_unreadable(
        spark,
        files,
        pattern=str(folder),
        file_format="parquet",
        dialect=Dialect(),
        schemas=schemas,
        needed=frozenset(needed),
    )


def test_each_column_is_read_as_what_it_is_or_left_out_alone(spark: SparkSession, tmp_path: Path) -> None:
    pq.write_table(pa.table({name: values for name, (values, _) in TYPES.items()}), tmp_path / "a.parquet")

    (row,) = read(spark, tmp_path)

    assert row == {name: expected for name, (_, expected) in TYPES.items() if expected is not ...}


def test_what_is_named_like_a_value_is_in_no_plan(spark: SparkSession, tmp_path: Path) -> None:
    # as programs write objects whose keys are addresses or numbers
    mail, number = "ann@example.com", "+49 30 2233445"
    nested = [{mail: "a", "kept": {number: 1, "two": 2}}]
    table = pa.table({"id": ["x"], mail: ["b"], number: ["c"], "owners": nested, "only": [[{mail: 1}]]})
    pq.write_table(table, tmp_path / "a.parquet")

    files = list_files(spark, "shop", str(tmp_path))
    (rows,) = read_parquet(spark, files, ParquetSchemas(spark), needed=[number])
    (row,) = rows.collect()

    assert [name for name in rows.columns if name not in ABOUT_ROWS] == [number, "id", "owners"]
    assert row["owners"].asDict(recursive=True) == {"kept": {"two": 2}}
    # what a mapping names is no secret
    assert row[number] == "c"
    plan = str(rows._jdf.queryExecution().toString())  # as the event log has it
    assert mail not in plan


@pytest.mark.parametrize("name", [name for name, (_, expected) in TYPES.items() if expected is ...])
def test_a_file_is_refused_for_a_column_that_is_needed_alone(name: str, spark: SparkSession, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"], name: TYPES[name][0]}), tmp_path / "a.parquet")

    assert unreadable(spark, tmp_path, {"id", "another"}) == []
    (refused,) = unreadable(spark, tmp_path, {"id", name.upper()})

    assert refused.code is Reason.FILE_SCHEMA
    assert refused.detail.startswith(f"column {name} is optional ")
    assert "expected one column of a type that Spark reads" in refused.detail


def test_files_that_differ_in_types_are_read_each_in_its_own(spark: SparkSession, tmp_path: Path) -> None:
    days = {"1": pa.array([13085]), "2": pa.array(["13085"]), "3": pa.array([13085.0, None]), "4": pa.array([7])}
    for day, uid in days.items():
        columns = {"uid": uid, "day": [day] * len(uid)}
        # the order of columns is nothing that files differ in
        pq.write_table(pa.table(columns if day != "4" else dict(reversed(columns.items()))), tmp_path / day)
    files = list_files(spark, "shop", str(tmp_path))

    assert sorted(((row["day"], row["uid"]) for row in read(spark, tmp_path)), key=str) == [
        ("1", 13085),
        ("2", "13085"),
        ("3", 13085.0),
        ("3", None),
        ("4", 7),
    ]
    assert len(read_parquet(spark, files, ParquetSchemas(spark))) == 3


def test_of_names_that_differ_in_case_one_is_read_and_those_that_look_like_ours_are_others(
    spark: SparkSession, tmp_path: Path
) -> None:
    columns = {"a.b": ["c"], "_file": ["d"], "_metadata": ["e"], "q`r, s": ["f"], "": ["g"]}
    pq.write_table(pa.table({"ID": ["a"], "id": ["b"], **columns}), tmp_path / "a.parquet")

    others = {name: values[0] for name, values in columns.items()}
    assert read(spark, tmp_path, "id") == [{"id": "b", **others}]
    assert read(spark, tmp_path, "ID") == [{"ID": "a", **others}]
    assert [one.detail.partition(";")[0] for one in unreadable(spark, tmp_path, {"id", "ID"})] == [
        "column id is beside ID, which differs in case only"
    ]


def test_a_name_that_stands_twice_is_no_column(spark: SparkSession, tmp_path: Path) -> None:
    pq.write_table(pa.table([["a"], ["b"], ["c"]], names=["id", "twice", "twice"]), tmp_path / "a.parquet")

    assert read(spark, tmp_path) == [{"id": "a"}]
    assert [one.detail.partition(";")[0] for one in unreadable(spark, tmp_path, {"twice"})] == [
        "column twice is there 2 times"
    ]


def test_times_of_another_calendar_end_no_job(spark: SparkSession, tmp_path: Path) -> None:
    ancient = pa.table({"at": pa.array([dt.datetime(1, 1, 1)], pa.timestamp("us"))})  # noqa: DTZ001
    pq.write_table(ancient, tmp_path / "int96.parquet", use_deprecated_int96_timestamps=True)
    pq.write_table(ancient, tmp_path / "micros.parquet")

    frames = read_parquet(spark, list_files(spark, "shop", str(tmp_path)), ParquetSchemas(spark))

    # in Python there is no year 0
    assert [row[0] for rows in frames for row in rows.select(rows["at"].cast("string")).collect()] != []


def test_what_is_no_parquet_or_half_of_one_is_refused_and_an_empty_table_is_not(
    spark: SparkSession, tmp_path: Path
) -> None:
    table = pa.table({"id": ["a"]})
    pq.write_table(table, tmp_path / "whole.parquet")
    pq.write_table(table.slice(0, 0), tmp_path / "no-rows.parquet")
    pq.write_table(table.select([]), tmp_path / "no-columns.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[:-9])
    (tmp_path / "marks.parquet").write_bytes(b"PAR1" + bytes(40) + b"PAR1")
    (tmp_path / "text.parquet").write_text("id\na\n")
    (tmp_path / "empty.parquet").touch()

    refused = {Path(one.file.path).stem: one.code.value for one in unreadable(spark, tmp_path, {"id"})}

    assert refused == {
        "cut": "file.truncated",
        "marks": "file.truncated",
        "text": "file.truncated",
        "empty": "file.empty",
        "no-columns": "file.empty",
    }
    for name in refused:
        (tmp_path / f"{name}.parquet").unlink()
    assert read(spark, tmp_path) == [{"id": "a"}]
