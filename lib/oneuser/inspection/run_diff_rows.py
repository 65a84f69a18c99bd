"""What became of people between two published runs, without Spark: of a history that is small enough to be held.

The same rows as those of `run_diff`, in the same order; a row is by what its columns are called.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import compute as pc

from oneuser.contracts.graph import REFUSED_EDGES
from oneuser.contracts.identity import IDENTIFIER_HISTORY, IDENTIFIER_OWNERSHIP, LINEAGE, USER_IDS
from oneuser.inspection.run_metrics import KINDS, MetricChange, compare_metrics
from oneuser.storage.delta_rs_tables import sort_rows
from oneuser.storage.table_reader import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oneuser.inspection.published_rows import PublishedRowsThen
    from oneuser.runs.records import RunRecord
    from oneuser.storage.table_reader import Row

_SPAN = ("interval", "valid_from", "valid_from_event_order", "user_id")
_RECORDED = ("recorded_run", "superseded_run")


@dataclass(frozen=True)
class RunDiffRows:
    """The difference between two published runs, `a` the earlier one: the rows that `RunDiff` describes, by kind."""

    a: RunRecord
    b: RunRecord
    metrics: list[MetricChange]
    rows: Mapping[str, pa.Table]

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many rows of each kind there are, such as `ids|gone`, `moved`, `changes|merged`, `refusals|opened`."""
        counted: Counter[str] = Counter()
        for kind, table in self.rows.items():
            changes = table.column("change").to_pylist() if "change" in table.column_names else [""] * table.num_rows
            counted.update(f"{kind}|{change}" if change else kind for change in changes)
        return dict(sorted(counted.items()))

    def examples(self, limit: int) -> dict[str, list[Row]]:
        """The first rows of each kind."""
        return {kind: list(rows_of(self.rows[kind].slice(0, limit).to_batches())) for kind in KINDS}


def compare_held(then: PublishedRowsThen, a: RunRecord, b: RunRecord) -> RunDiffRows:
    """Compare two published runs.

    Args:
        then: The publication of the later one.
        a: The earlier run.
        b: The later run.

    Raises:
        UncertainError: where the tables cannot be read without Spark, or are too large to be held.
    """
    was, now = a.run_seq, b.run_seq
    history = then.recorded(IDENTIFIER_HISTORY, columns=["identifier_id", "user_id", *_RECORDED])
    before, after = _as_of(history, was), _as_of(history, now)
    rows = {
        "ids": _ids(then, before, after),
        "moved": _moved(before, after),
        "divided": _divided(then, was, now),
        "changes": _changes(then, was, now),
        "refusals": _refusals(then, was),
    }
    return RunDiffRows(a, b, compare_metrics(a, b), rows)


def _as_of(recorded: pa.Table, run_seq: int) -> pa.Table:
    """The rows of a history that held after a run."""
    begun = pc.less_equal(recorded.column("recorded_run"), pa.scalar(run_seq))
    ended = _is_true(pc.less_equal(recorded.column("superseded_run"), pa.scalar(run_seq)))
    return recorded.filter(pc.and_not(begun, ended)).drop_columns(list(_RECORDED))


def _ids(then: PublishedRowsThen, before: pa.Table, after: pa.Table) -> pa.Table:
    was, now = (_values(side, "user_id") for side in (before, after))
    change = dict.fromkeys(now - was, "appeared") | dict.fromkeys(was - now, "gone")
    ledger = then.rows(USER_IDS, columns=["user_id", "status", "redirect_to"], where={"user_id": change.keys()})
    stands = {row["user_id"]: row for row in ledger}
    rows = [{"change": change[user]} | stands.get(user, {"user_id": user}) for user in change]
    fields = [USER_IDS.arrow_schema.field(name).with_nullable(True) for name in ("user_id", "status", "redirect_to")]
    return sort_rows(_table(rows, [fields[0], pa.field("change", pa.string()), *fields[1:]]), ["change", "user_id"])


def _values(rows: pa.Table, column: str) -> set[Any]:
    return set(rows.column(column).unique().to_pylist())


def _moved(before: pa.Table, after: pa.Table) -> pa.Table:
    place = pc.index_in(after.column("identifier_id"), value_set=before.column("identifier_id").combine_chunks())
    was = before.column("user_id").take(place)
    names = ["identifier_id", "from_user_id", "to_user_id"]
    both = pa.Table.from_arrays([after.column("identifier_id"), was, after.column("user_id")], names=names)
    is_other = _is_true(pc.not_equal(both.column("from_user_id"), both.column("to_user_id")))
    return sort_rows(both.filter(is_other), ["identifier_id"])


def _divided(then: PublishedRowsThen, was: int, now: int) -> pa.Table:
    recorded = then.recorded(IDENTIFIER_OWNERSHIP, columns=["identifier_id", *_SPAN, *_RECORDED])
    # whatever is divided has a second interval, at least for a time
    several: Any = (
        recorded.filter(pc.greater(recorded.column("interval"), pa.scalar(0))).column("identifier_id").unique()
    )
    contested = recorded.filter(pc.is_in(recorded.column("identifier_id"), value_set=several))
    before, after = (_spans(rows_of(_as_of(contested, run).to_batches())) for run in (was, now))
    rows: list[Row] = [
        {"identifier_id": number, "n_before": len(before.get(number, ())), "n_after": len(after.get(number, ()))}
        for number in several.to_pylist()
        if before.get(number) != after.get(number)
    ]
    counts = [pa.field(name, pa.int32()) for name in ("n_before", "n_after")]
    divided = [row for row in rows if max(row["n_before"], row["n_after"]) > 1]
    return sort_rows(_table(divided, [pa.field("identifier_id", pa.int64()), *counts]), ["identifier_id"])


def _spans(rows: Iterable[Row]) -> dict[int, list[tuple[Any, ...]]]:
    """By identifier, its intervals in their order."""
    spans: dict[int, list[tuple[Any, ...]]] = {}
    for row in sorted(rows, key=lambda row: (row["identifier_id"], row["interval"])):
        spans.setdefault(row["identifier_id"], []).append(tuple(row[name] for name in _SPAN))
    return spans


def _changes(then: PublishedRowsThen, was: int, now: int) -> pa.Table:
    lineage = then.held(LINEAGE, columns=LINEAGE.columns)
    run_seq = lineage.column("run_seq")
    between = lineage.filter(pc.and_(pc.greater(run_seq, pa.scalar(was)), pc.less_equal(run_seq, pa.scalar(now))))
    return sort_rows(between, ["run_seq", "change", "user_id", "other_user_id", "identifier_id"])


def _refusals(then: PublishedRowsThen, was: int) -> pa.Table:
    recorded = then.held(REFUSED_EDGES, columns=["rule", "src", "dst", "opened_run", "closed_run"])
    closed_run, was_open = recorded.column("closed_run"), pc.less_equal(recorded.column("opened_run"), pa.scalar(was))
    is_open = pc.is_null(closed_run)
    opened = pc.and_not(is_open, was_open)
    closed = pc.and_(was_open, _is_true(pc.greater(closed_run, pa.scalar(was))))
    columns = {
        **{name: recorded.column(name) for name in ("rule", "src", "dst")},
        "change": pc.if_else(opened, "opened", "closed"),
        "run_seq": pc.coalesce(closed_run, recorded.column("opened_run")),
    }
    rows = pa.Table.from_arrays(list(columns.values()), names=list(columns)).filter(pc.or_(opened, closed))
    return sort_rows(rows, ["rule", "src", "dst", "change"])


def _is_true(values: Any) -> Any:
    """Whether each is true; of null it is not."""
    return pc.fill_null(values, pa.scalar(value=False))


def _table(rows: list[Row], fields: list[pa.Field[Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, pa.schema(fields))
