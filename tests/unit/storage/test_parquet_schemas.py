"""Columns of Parquet files, and their parts, that are named like values: left out, unless a mapping names them."""

from __future__ import annotations

import pytest
from pyspark.sql import types as T

from oneuser.storage.parquet_schemas import ParquetColumn, ParquetSchema


def group(**parts: T.DataType) -> T.StructType:
    return T.StructType([T.StructField(name, kind) for name, kind in parts.items()])


def schema(**columns: T.DataType) -> ParquetSchema:
    return ParquetSchema(tuple(ParquetColumn(name, kind, kind) for name, kind in columns.items()), ())


TEXT, NUMBER = T.StringType(), T.IntegerType()
TRAITS = schema(
    traits=group(
        **{"20231105123": TEXT, "a@b.example": TEXT, "2026-03-01": group(id=NUMBER)},
        plan=TEXT,
    )
)


@pytest.mark.parametrize(
    ("needed", "kept"),
    [
        (["traits"], "struct<plan:string>"),
        (["traits", "traits.plan"], "struct<plan:string>"),
        (["traits", "traits.20231105123"], "struct<20231105123:string,plan:string>"),
        (["traits", "traits.a@b.example"], "struct<a@b.example:string,plan:string>"),
        (["traits", "traits.2026-03-01.id"], "struct<2026-03-01:struct<id:int>,plan:string>"),
        (["traits", "traits.202311051234"], "struct<plan:string>"),
    ],
)
def test_a_part_that_is_named_like_a_value_is_read_where_a_mapping_names_it(needed: list[str], kept: str) -> None:
    chosen = TRAITS.chosen(needed)

    assert [column.read_as.simpleString() for column in chosen.columns] == [kept]
    assert chosen.problem(needed) is None


def test_parts_of_elements_and_of_values_of_maps_are_named_too() -> None:
    numbered = group(**{"4930223344": NUMBER, "4930223345": NUMBER})
    columns = schema(list=T.ArrayType(numbered), map=T.MapType(TEXT, numbered))

    found = columns.chosen(["list.4930223344", "map.4930223345"])

    assert {column.name: column.given_as.simpleString() for column in found.columns} == {
        "list": "array<struct<4930223344:int>>",
        "map": "map<string,struct<4930223345:int>>",
    }


def test_a_column_of_such_parts_alone_is_unreadable_unless_one_is_named() -> None:
    alone = schema(traits=group(**{"20231105123": TEXT}))

    assert alone.chosen(["traits", "traits.20231105123"]).problem(["traits", "traits.20231105123"]) is None
    refused = alone.chosen(["traits"])
    assert refused.columns == ()
    assert str(refused.problem(["traits"])).startswith("column traits is a group whose parts are all named like values")


def test_what_is_left_out_is_counted_once_each_and_what_a_mapping_names_is_not() -> None:
    nested = group(**{"c@d.example": NUMBER, "20231105124": group(**{"e@f.example": TEXT})}, plan=TEXT)
    columns = schema(**{"a@b.example": TEXT}, traits=T.ArrayType(T.MapType(TEXT, nested)), plan=TEXT)

    assert columns.withheld(["plan"]) == {"a@b.example", "traits.c@d.example", "traits.20231105124"}
    assert columns.withheld(["a@b.example", "traits.20231105124"]) == {
        "traits.c@d.example",
        "traits.20231105124.e@f.example",
    }
    assert TRAITS.withheld([]) == {"traits.20231105123", "traits.a@b.example", "traits.2026-03-01"}
    assert schema(plan=TEXT).withheld([]) == set()
