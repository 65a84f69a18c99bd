"""Questions are answered without Spark as they are with it: of three people, before and after a correction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from oneuser.api.questions import Questions
from oneuser.config import LeaseRules
from oneuser.contracts.identity import IDENTIFIER_HISTORY, IDENTIFIER_MAP, IDENTIFIER_OWNERSHIP
from oneuser.contracts.table import TableContract
from oneuser.core.errors import ConfigError
from oneuser.runs.rollback import roll_back
from oneuser.storage.table_reader import rows_of
from tests.integration import small_warehouse as small
from tests.integration.both_readers import assert_same_answers, assert_same_rows, assert_same_whole_tables, both

NOBODY = "usr_" + "z" * 26
# IDs that are live, retired, erased and never shown; identifiers that are contested, over-shared and unknown
ABOUT = (
    small.ANN, small.OLD_BOB, small.GONE, NOBODY, "anonymous_id:cookie-of-ann-1", "email:info@example.com",
    "email:nobody@example.com", "emial:ann@example.com",
)  # fmt: skip
PAIRS = (("user_id:1042", small.OLD_BOB), (small.ANN, small.CARLA), ("email: Info@example.com", "user_id:1042"))
RUN_2 = {"recorded_run": 2, "recorded_at": small.TUESDAY, "superseded_run": None, "superseded_at": None}
SUPERSEDED = {"superseded_run": 2, "superseded_at": small.TUESDAY}


def corrected() -> dict[TableContract, list[dict[str, Any]]]:
    """Run 2 gives Bob the browser that both have used, and takes it from Ann, of whose time nothing is left."""
    rows = small.ROWS

    def is_it(row: dict[str, Any]) -> bool:
        return bool(row["identifier_id"] == small.CONTESTED)

    return {
        IDENTIFIER_MAP: [row | ({"user_id": small.BOB} if is_it(row) else {}) for row in rows[IDENTIFIER_MAP]],
        **{
            history: [row | (SUPERSEDED if is_it(row) else {}) for row in rows[history]]
            + [row | {"user_id": small.BOB} | RUN_2 for row in rows[history] if is_it(row) and not row.get("interval")]
            for history in (IDENTIFIER_HISTORY, IDENTIFIER_OWNERSHIP)
        },
    }


@pytest.fixture(scope="module")
def root(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("both") / "warehouse"
    warehouse = small.build(spark, folder)
    small.publish(warehouse, 2, corrected())
    return folder


def test_both_readers_give_the_same_rows(spark: SparkSession, root: Path) -> None:
    assert_same_rows(*both(spark, root))


def test_both_readers_write_the_same_files(spark: SparkSession, root: Path, tmp_path: Path) -> None:
    by_spark, quick = both(spark, root)
    asked = Questions(quick.tables, quick.deployment)

    for name, ending in (("dim_user", "csv"), ("identifier_ownership", "jsonl")):
        files = [tmp_path / f"{reader}.{ending}" for reader in ("spark", "quick")]
        n_rows = [reader.export(name, file) for reader, file in zip((by_spark, asked), files, strict=True)]
        assert n_rows[0] == n_rows[1]
        assert files[0].read_bytes() == files[1].read_bytes()
    for reader, name in ((by_spark, "spark"), (asked, "quick")):
        reader.export("lineage", tmp_path / f"{name}.parquet")
        with pytest.raises(ConfigError, match="run 2 did not compute retention"):
            reader.export("retention", tmp_path / "retention.csv")
    with pytest.raises(ConfigError, match="run 2 did not compute retention"):
        by_spark.table("retention")
    tables = [pq.read_table(tmp_path / f"{name}.parquet") for name in ("spark", "quick")]
    assert tables[0].equals(tables[1], check_metadata=True)


def test_both_readers_answer_alike(spark: SparkSession, root: Path) -> None:
    readers = both(spark, root)

    assert_same_answers(*readers, about=ABOUT, pairs=PAIRS)
    assert readers[1].lookup("anonymous_id:cookie-of-ann-1").user_id == small.BOB


def test_both_readers_look_at_whole_tables_alike(spark: SparkSession, root: Path, tmp_path: Path) -> None:
    by_spark, quick = both(spark, root)

    assert_same_whole_tables(by_spark, quick, to=tmp_path)
    assert quick.suspect_rows()[0]["user_id"] == small.CARLA


def test_both_readers_answer_alike_as_of_an_earlier_run(spark: SparkSession, root: Path) -> None:
    then = [reader.as_of(run=1) for reader in both(spark, root)]

    assert_same_answers(*then, about=("anonymous_id:cookie-of-ann-1", small.BOB), pairs=PAIRS[:1])
    assert then[1].lookup("anonymous_id:cookie-of-ann-1").user_id == small.ANN
    assert [owner.user_id for owner in then[1].explain(small.ANN).owners] == [small.BOB, small.ANN]
    # rows as of then are those of the frames as of then
    for contract in (IDENTIFIER_MAP, IDENTIFIER_HISTORY, IDENTIFIER_OWNERSHIP):
        by_frame = rows_of(iter(then[0].published.read(contract).toArrow().to_batches()))
        assert sorted(map(repr, then[1].rows.rows(contract))) == sorted(map(repr, by_frame))


def test_both_readers_answer_alike_after_a_rollback(spark: SparkSession, root: Path) -> None:
    readers = both(spark, root)
    before = readers[1].lookup("anonymous_id:cookie-of-ann-1")
    roll_back(readers[0].warehouse, to_run=1, reason="test", rules=LeaseRules())

    # what was opened before stays as it was, until somebody looks again
    assert readers[1].lookup("anonymous_id:cookie-of-ann-1") == before
    assert_same_answers(*(reader.refresh() for reader in readers), about=ABOUT[:2], pairs=())
    assert readers[1].lookup("anonymous_id:cookie-of-ann-1").user_id == small.ANN
