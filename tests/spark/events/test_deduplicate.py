from __future__ import annotations

from collections import Counter

from pyspark.sql import DataFrame, SparkSession

from oneuser.events.deduplicate import suppressed_only, without_suppressed
from oneuser.events.event_identifiers import explode_identifiers
from oneuser.events.parsing_pass import parse_lines
from tests.frames import assert_rows
from tests.unit.events.parsing import HORIZON, KEYS, SEGMENT, line


def parsed(spark: SparkSession, lines: list[bytes]) -> DataFrame:
    rows = spark.createDataFrame([(bytearray(one), "f") for one in lines], "value binary, file string")
    return parse_lines(rows, spec=SEGMENT, keys=KEYS, horizon=HORIZON)


def test_every_duplicate_of_a_message_with_a_suppressed_identifier_is_suppressed(spark: SparkSession) -> None:
    events = parsed(
        spark,
        [
            line(messageId="m1", userId="gone"),
            line(messageId="m1"),
            line(messageId="m2", anonymousId="a2"),
            line(messageId="m3", anonymousId="gone"),
        ],
    )
    is_gone = "id_type = 'user_id' AND id_value = 'gone'"
    suppressions = explode_identifiers(events).where(is_gone).select("id_type", "id_key")

    left = without_suppressed(events, suppressions)

    assert_rows(left.select("message_id"), "message_id string", ("m2",), ("m3",))
    assert suppressed_only(events, suppressions).count() == 2


def test_identifiers_of_a_type_are_ranked_by_key_within_their_message(spark: SparkSession) -> None:
    events = parsed(spark, [line(traits={"email": "a@x.com"}, context={"traits": {"email": "b@x.com"}})])

    rows = explode_identifiers(events).collect()

    emails = sorted((bytes(row["id_key"]), row["type_rank"]) for row in rows if row["id_type"] == "email")
    assert [rank for _, rank in emails] == [0, 1]
    assert [row["type_rank"] for row in rows if row["id_type"] == "anonymous_id"] == [0]


def test_each_identifier_knows_how_many_its_message_carries(spark: SparkSession) -> None:
    events = parsed(spark, [line(messageId="m1"), line(messageId="m2", traits={"email": "a@x.com"})])

    rows = explode_identifiers(events).collect()

    by_message = Counter(bytes(row["message_key"]) for row in rows)
    assert all(row["n_links"] == by_message[bytes(row["message_key"])] for row in rows)
    assert len(set(by_message.values())) == 2


def test_lines_of_megabytes_are_refused_without_being_kept_whole(spark: SparkSession) -> None:
    rows = parsed(spark, [b'{"x":"' + b"y" * 8_000_000 + b'"}', line()]).collect()

    assert sorted((row["code"] or "", len(row["line"] or b"")) for row in rows) == [("", 0), ("limit.line", 65_536)]
