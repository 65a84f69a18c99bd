"""What attribution costs: all models beside a DuckDB script of the rule models alone, and restating a part of it.

    python -m tests.bench.attribution [--events 1000000]

Touches and conversions are made up by hashes: a person for each ten touches, a conversion for each twenty. The same
Parquet files go in on both sides, and Parquet comes out. DuckDB has two threads, as Spark has cores.

Restatement is the stage itself: two runs over everything, the first to warm up, then one in which 1 % of people have
touches that belonged to another before. What that costs beside everything is told in seconds and in processor
seconds, of Java and all Python processes, which other work on the machine does not lengthen. Up to some hundred
thousand touches both cost what planning costs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import psutil
import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.config import make_config
from oneuser.contracts.changes import JOURNEYS
from oneuser.contracts.marts import CONVERSIONS, TOUCHES
from oneuser.marts.attribution import attribute
from oneuser.spark.session import build_session, settings_of
from oneuser.stages.attribution.stage import ATTRIBUTION_STAGE
from oneuser.stages.context import RunContext
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.warehouse import Warehouse

RULES = ("first", "last", "linear", "position", "time_decay")
FITTED = ("markov_path", "set_shapley", "counterfactual", "markov_global", "rate_shapley")
START = datetime(2026, 3, 1, tzinfo=UTC)
# touches over ninety days, conversions in the last sixty of them
MADE = """
    COPY (SELECT 'p' || (hash(i) % {people})::VARCHAR AS entity_id, i AS touch_id,
                 (TIMESTAMP '2026-03-01' + to_seconds((hash(i + 1000000007) % 7776000)::BIGINT))
                     AT TIME ZONE 'UTC' AS touched_at,
                 (['Direct', 'Email', 'Paid Search', 'Organic Search', 'Referral', 'Display', 'Paid Social', 'SMS'])
                     [1 + (hash(i + 2000000011) % 8)::INTEGER] AS channel
          FROM range({touches}) one(i)) TO '{folder}/touches.parquet';
    COPY (SELECT i AS conversion_id, 'p' || (hash(i + 3000000019) % {people})::VARCHAR AS entity_id,
                 (TIMESTAMP '2026-03-31' + to_seconds((hash(i + 4000000007) % 5184000)::BIGINT))
                     AT TIME ZONE 'UTC' AS converted_at,
                 (100 + hash(i + 5000000029) % 100000)::BIGINT AS value_minor, 'EUR' AS currency
          FROM range({conversions}) one(i)) TO '{folder}/conversions.parquet';
"""
# the rule models, with shares as doubles and money by largest remainder, as an analyst would write them
FLOOR = """
    COPY (
        WITH path AS (
            SELECT c.*, t.touch_id, t.channel, t.touched_at,
                   row_number() OVER one AS i, count(*) OVER whole AS n,
                   2 ** (-epoch(c.converted_at - t.touched_at) / 604800) AS decay
            FROM '{folder}/conversions.parquet' c JOIN '{folder}/touches.parquet' t
              ON t.entity_id = c.entity_id AND t.touched_at <= c.converted_at
             AND t.touched_at >= c.converted_at - INTERVAL 30 DAYS
            WINDOW one AS (PARTITION BY c.conversion_id ORDER BY t.touched_at, t.touch_id),
                   whole AS (PARTITION BY c.conversion_id)),
        weighed AS (
            SELECT *, unnest([
                {{'model': 'first', 'weight': (i = 1)::DOUBLE}}, {{'model': 'last', 'weight': (i = n)::DOUBLE}},
                {{'model': 'linear', 'weight': 1.0 / n}},
                {{'model': 'position', 'weight': CASE WHEN n = 1 THEN 1.0 WHEN n = 2 THEN 0.5
                    WHEN i IN (1, n) THEN 0.4 ELSE 0.2 / (n - 2) END}},
                {{'model': 'time_decay', 'weight': decay / sum(decay) OVER (PARTITION BY conversion_id)}}
            ], recursive := true) FROM path),
        dealt AS (
            SELECT *, floor(value_minor * weight) AS whole_part,
                   value_minor * weight - floor(value_minor * weight) AS rest
            FROM weighed WHERE weight > 0)
        SELECT conversion_id, model, touch_id, i AS position, channel, weight,
               whole_part + (row_number() OVER (PARTITION BY conversion_id, model ORDER BY rest DESC, i)
                   <= value_minor - sum(whole_part) OVER (PARTITION BY conversion_id, model))::INTEGER AS credit_minor,
               currency
        FROM dealt
    ) TO '{folder}/duckdb.parquet'
"""


Cost = dict[str, dict[str, float]]


def timed(what: str, cost: Cost, work: Any) -> None:
    """Do something, and keep how long it took, and what it had of processors."""
    started, used = time.monotonic(), processor_seconds()
    work()
    cost[what] = {
        "seconds": round(time.monotonic() - started, 2),
        "processor_seconds": round(processor_seconds() - used, 2),
    }


def processor_seconds() -> float:
    """What this process and all below it have had of processors so far, those that have ended included."""
    found = 0.0
    me = psutil.Process()
    for one in (me, *me.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        found += times.user + times.system + times.children_user + times.children_system
    return found


def functions(spark: SparkSession, folder: Path, seconds: Cost) -> None:
    """The same on both sides, from Parquet to Parquet; the first pass of Spark warms up and is kept apart."""
    touches, conversions = (spark.read.parquet(f"{folder}/{name}.parquet") for name in ("touches", "conversions"))

    def credit(*models: str) -> None:
        attribute(touches, conversions, models=models).write.mode("overwrite").parquet(f"{folder}/oneuser")

    timed("duckdb, 5 rule models", seconds, lambda: duckdb_floor(folder))
    timed("oneuser, first only (warms up)", seconds, lambda: credit("first"))
    timed("oneuser, 5 rule models", seconds, lambda: credit(*RULES))
    timed("oneuser, 10 models", seconds, lambda: credit(*RULES, *FITTED))


def duckdb_floor(folder: Path) -> None:
    """The floor in a process of its own database."""
    with duckdb.connect(config={"threads": 2, "memory_limit": "3GB"}) as database:
        database.execute(FLOOR.format(folder=folder))


def restatement(spark: SparkSession, folder: Path, seconds: Cost) -> None:
    """The stage over everything, and over whom one change of a hundred people touches."""
    root = folder / "warehouse"
    warehouse = Warehouse(spark, str(root))
    config = make_config(
        {
            "deployment": "bench",
            "warehouse": str(root),
            "sources": {"web": {"path": str(folder / "*.jsonl"), "format": "jsonl", "preset": "segment"}},
            "conversions": {"order": {"event": "Order"}},
            "attribution": {"models": list(RULES)},
        }
    )
    read = {name: spark.read.parquet(f"{folder}/{name}.parquet") for name in ("touches", "conversions")}
    tables: dict[str, int] = {}

    def context(run: int, base: dict[str, int], **more: Any) -> RunContext:
        return RunContext(
            spark=spark, config=config, warehouse=warehouse, keys=None, tag=CommitTag(run, 1, 1), as_of=START,
            inputs=[], tables=dict(tables), base=base, log=structlog.get_logger("bench"), **more,
        )  # fmt: skip

    def put(run: int, touches: DataFrame, conversions: DataFrame, *, moved: DataFrame | None = None) -> None:
        upstream = context(run, dict(tables))
        upstream.replace(TOUCHES, touches)
        if moved is None:
            upstream.replace(CONVERSIONS, conversions)
        else:
            upstream.tell(JOURNEYS, moved)
        tables.update(upstream.tables)

    def run(number: int, base: dict[str, int], *, is_incremental: bool) -> None:
        stage = ATTRIBUTION_STAGE
        ctx = context(
            number,
            base,
            stage=stage.name,
            may_read=stage.may_read,
            may_write=stage.may_write,
            takes=frozenset(stage.takes),
            gives=frozenset(stage.gives),
            is_incremental=is_incremental,
        )
        stage.run(ctx)
        ctx.release()
        tables.update(ctx.tables)

    touches, conversions = as_touches(read["touches"]), as_conversions(read["conversions"])
    put(1, touches, conversions)
    timed("stage, everything (warms up)", seconds, lambda: run(1, {}, is_incremental=False))
    timed("stage, everything", seconds, lambda: run(2, {}, is_incremental=False))
    # one person of two hundred gives half of their touches to another one of two hundred
    number = F.substring("user_id", 2, 20).cast("bigint")
    goes = (number % 200 == 0) & (F.xxhash64("touch_id") % 2 == 0)
    moved = touches.withColumn("user_id", F.when(goes, F.concat(F.lit("p"), number + 1)).otherwise(F.col("user_id")))
    people = touches.select("user_id").distinct().where((number % 200).isin(0, 1))
    told = people.select("user_id", F.lit("touched").alias("reason"))
    base = dict(tables)
    put(3, moved, conversions, moved=told)
    timed("stage, 1 % of people changed", seconds, lambda: run(3, base, is_incremental=True))


def as_touches(rows: DataFrame) -> DataFrame:
    """Rows of `touches`."""
    made = {"kind": "session", "channel_rule": "r", "source": "web", "params_id": "p"}
    absent = ("account_id", "campaign_source", "campaign_medium", "campaign_name", "campaign_content")
    named = rows.withColumns(
        {
            "user_id": F.col("entity_id"),
            "touch_id": F.unhex(F.md5(F.col("touch_id").cast("string"))),
            "touched_at": F.col("touched_at").cast("timestamp"),
            "identity_run": F.lit(1).cast("bigint"),
            **{name: F.lit(value) for name, value in made.items()},
            **{name: F.lit(None).cast("string") for name in absent},
        }
    )
    return TOUCHES.conform(named)


def as_conversions(rows: DataFrame) -> DataFrame:
    """Rows of `conversions`."""
    key = F.unhex(F.md5(F.col("conversion_id").cast("string")))
    named = rows.withColumns(
        {
            "user_id": F.col("entity_id"),
            "conversion_id": key,
            "message_key": key,
            "conversion": F.lit("order"),
            "account_id": F.lit(None).cast("string"),
            "converted_at": F.col("converted_at").cast("timestamp"),
            "is_value_invalid": F.lit(False),
            "params_id": F.lit("p"),
            "identity_run": F.lit(1).cast("bigint"),
        }
    )
    return CONVERSIONS.conform(named)


def main() -> None:
    """Make the input up, measure, and print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="touches")
    parser.add_argument("--folder", type=Path, default=Path(".bench/attribution"))
    asked = parser.parse_args()
    folder = asked.folder.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = MADE.format(
        folder=folder, touches=asked.events, conversions=asked.events // 20, people=max(asked.events // 10, 1)
    )
    with duckdb.connect(config={"threads": 2}) as database:
        database.execute(made)
    cost: Cost = {}
    session = build_session(settings_of(None))
    functions(session, folder, cost)
    restatement(session, folder, cost)
    whole, part = cost["stage, everything"], cost["stage, 1 % of people changed"]
    shares = {name: round(part[name] / whole[name], 3) for name in whole}
    print(json.dumps({"touches": asked.events, "cost": cost, "restated_of_everything": shares}))
    session.stop()


if __name__ == "__main__":
    main()
