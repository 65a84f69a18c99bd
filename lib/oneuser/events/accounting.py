"""Where every line went: lines in = accepted + quarantined + suppressed + duplicate."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from pyspark.sql.window import Window as W

from oneuser.contracts.raw import QUARANTINE
from oneuser.core.reasons import Reason, is_damage
from oneuser.events.parsing_pass import MAX_KEPT_BYTES
from oneuser.events.syntax import FOREIGN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from pyspark.sql import Column, DataFrame

_LATE_SECONDS = 86_400
# sums of 33 bits each stay within 63 for a thousand million lines
_DIGEST_SHIFT = 31


@dataclass
class FileTally:
    """What was found in one file."""

    n_lines: int = 0
    n_foreign: int = 0
    digest: int = 0
    last_received_at: datetime | None = None
    last_event_at: datetime | None = None

    @property
    def is_foreign(self) -> bool:
        """Whether no line of the file is in an encoding that we read."""
        return 0 < self.n_lines == self.n_foreign


@dataclass
class SourceTally:
    """What was found in the files of one source, by code for the refused lines."""

    n_lines: int = 0
    n_keyless: int = 0
    n_late: int = 0
    n_notes: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)

    @property
    def n_quarantined(self) -> int:
        """Refused lines."""
        return self.quarantined.total()

    @property
    def n_damaged(self) -> int:
        """Refused lines whose code counts for the gate."""
        return sum(n for code, n in self.quarantined.items() if is_damage(code))

    def is_mostly(self, reason: Reason) -> bool:
        """Whether more than half of the refused lines are refused for this reason."""
        return 2 * self.quarantined[reason] > self.n_quarantined


def count_lines(parsed: DataFrame) -> DataFrame:
    """One row per source, file and code (null for events).

    Columns: `n_lines`, `n_foreign` (not UTF-8 at all), `digest` (sum of the upper half of the line hashes, whatever
    their order), `last_received_at` and `last_event_at` (latest receipt and event time), `n_keyless`, `n_late`
    (received more than a day after it happened), `n_notes` (events of which `count_notes` has something to say).
    """
    delay = F.unix_seconds("received_at") - F.unix_seconds("event_time")
    return parsed.groupBy("source", "file", "code").agg(
        F.count(F.lit(1)).alias("n_lines"),
        F.count_if(F.col("detail") == FOREIGN).alias("n_foreign"),
        F.sum(F.shiftright("line_hash", _DIGEST_SHIFT)).alias("digest"),
        F.max("received_at").alias("last_received_at"),
        F.max("event_time").alias("last_event_at"),
        F.count_if("is_keyless").alias("n_keyless"),
        F.count_if(delay > _LATE_SECONDS).alias("n_late"),
        F.count_if(_has_notes()).alias("n_notes"),
    )


def _has_notes() -> Column:
    return (F.size("dropped") > 0) | (F.size("unlinked") > 0) | F.col("time_flag").isNotNull()


def tally_files(counted: Iterable[Any]) -> dict[tuple[str, str], FileTally]:
    """Tallies by source and file from collected rows of `count_lines`."""
    tallies: dict[tuple[str, str], FileTally] = {}
    for row in counted:
        tally = tallies.setdefault((row["source"], row["file"]), FileTally())
        tally.n_lines += row["n_lines"]
        tally.n_foreign += row["n_foreign"]
        tally.digest += row["digest"]
        tally.last_received_at = _later(tally.last_received_at, row["last_received_at"])
        tally.last_event_at = _later(tally.last_event_at, row["last_event_at"])
    return tallies


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def tally_sources(counted: Iterable[Any]) -> dict[str, SourceTally]:
    """Tallies by source from collected rows of `count_lines`."""
    tallies: dict[str, SourceTally] = {}
    for row in counted:
        tally = tallies.setdefault(row["source"], SourceTally())
        tally.n_lines += row["n_lines"]
        tally.n_keyless += row["n_keyless"]
        tally.n_late += row["n_late"]
        tally.n_notes += row["n_notes"]
        if row["code"] is not None:
            tally.quarantined[row["code"]] += row["n_lines"]
    return tallies


def count_notes(events: DataFrame) -> DataFrame:
    """What was noted about events: one row per `kind` (dropped, unlinked, time) and `name`, with `n`."""
    # few events have any, and lists are put together in interpreted code
    notes = events.where(_has_notes()).select(
        F.explode(
            F.concat(
                F.transform("dropped", lambda code: F.struct(F.lit("dropped").alias("kind"), code.alias("name"))),
                F.transform("unlinked", lambda name: F.struct(F.lit("unlinked").alias("kind"), name.alias("name"))),
                F.array(F.struct(F.lit("time").alias("kind"), F.col("time_flag").alias("name"))),
            )
        ).alias("note")
    )
    named = notes.select("note.kind", "note.name").where(F.col("name").isNotNull())
    return named.groupBy("kind", "name").agg(F.count(F.lit(1)).alias("n"))


def quarantine_lines(parsed: DataFrame, *, run_seq: int) -> DataFrame:
    """Rows of `quarantine` for the refused lines among parsed ones."""
    refused = parsed.where(F.col("code").isNotNull())
    # equal lines have equal codes: which of them is first makes no difference
    equals = W.partitionBy("source", "file", "line_hash").orderBy("code")
    occurrence = F.row_number().over(equals.rowsBetween(W.unboundedPreceding, W.currentRow)) - 1
    return QUARANTINE.conform(
        refused.select(
            "source",
            "file",
            "line_hash",
            occurrence.alias("occurrence"),
            "code",
            "detail",
            F.substring("line", 1, MAX_KEPT_BYTES).alias("line"),
            F.lit(None).cast("string").alias("sha256"),
            F.lit(run_seq).cast("bigint").alias("run_seq"),
        )
    )
