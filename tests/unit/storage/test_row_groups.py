"""Rows counted by columns and the first of all, without Spark, against plain Python."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from hypothesis import given
from hypothesis import strategies as st

from oneuser.contracts.graph import FILES
from oneuser.contracts.identity import DIM_ACCOUNT
from oneuser.contracts.marts import ATTRIBUTION_CREDITS
from oneuser.contracts.table import TableContract
from oneuser.storage import delta_rs_tables
from oneuser.storage.asked_counts import Counted, Groups, Top
from oneuser.storage.layout import Layout
from oneuser.storage.local_tables import LocalTables
from oneuser.storage.row_groups import count_rows, first_rows
from oneuser.storage.uncertain import UncertainError

COUNTED: Counted = {
    "n": ("rows", "user_id"), "owned": ("values", "user_id"), "people": ("distinct", "user_id"),
    "weight": ("sum", "weight"), "minor": ("sum", "credit_minor"), "longest": ("max", "lookback_days"),
}  # fmt: skip
BY = ("model", "currency")
CREDITS = st.lists(
    st.tuples(
        st.sampled_from(["first", "last"]), st.sampled_from(["EUR", None]), st.sampled_from(["a", "b", None]),
        st.decimals(0, 9, places=12), st.one_of(st.none(), st.integers(-9, 9), st.just(2**62)), st.integers(1, 90),
    ),
    max_size=12,
)  # fmt: skip


def table(contract: TableContract, columns: dict[str, list[Any]]) -> pa.Table:
    types = [contract.arrow_schema.field(name) for name in columns]
    arrays = [pa.array(values, field.type) for values, field in zip(columns.values(), types, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(types))


def expected(rows: list[tuple[Any, ...]], by: tuple[str, ...]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    groups = defaultdict(list)
    for row in rows:
        groups[row[:2] if by else ()].append(row[2:])
    if not by and not rows:
        return {(): (0, 0, 0, None, None, None)}
    found = {}
    for key, members in groups.items():
        users, weights, minors, days = (list(column) for column in zip(*members, strict=True))
        owned, paid = [user for user in users if user], [minor for minor in minors if minor is not None]
        money = sum(paid) if paid else None
        found[key] = (len(members), len(owned), len(set(owned)), sum(weights, Decimal(0)), money, max(days))
    return found


@given(rows=CREDITS, is_grouped=st.booleans(), is_of_nobody=st.booleans())
def test_groups_are_those_of_a_loop(rows: list[tuple[Any, ...]], *, is_grouped: bool, is_of_nobody: bool) -> None:
    names = ("model", "currency", "user_id", "weight", "credit_minor", "lookback_days")
    held = table(ATTRIBUTION_CREDITS, {name: [row[place] for row in rows] for place, name in enumerate(names)})
    by = BY if is_grouped else ()
    asked = Groups(by, COUNTED, null=("user_id",) if is_of_nobody else ())

    found = count_rows(held.select(asked.columns).to_batches(), ATTRIBUTION_CREDITS, asked)

    counted = {tuple(row[name] for name in by): tuple(row[name] for name in COUNTED) for row in found}
    assert counted == expected([row for row in rows if not (is_of_nobody and row[2])], by)
    assert len(counted) == len(found)


@given(sizes=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=9), n=st.integers(0, 4))
def test_the_first_rows_are_those_of_a_sorted_list(sizes: list[tuple[int, int]], n: int) -> None:
    accounts = [(now, ever, f"a{number}") for number, (now, ever) in enumerate(sizes)]
    columns = {"account_id": 2, "n_current_users": 0, "n_users": 1}
    held = table(DIM_ACCOUNT, {name: [row[place] for row in accounts] for name, place in columns.items()})
    asked = Top(("account_id",), ("n_current_users", "n_users"), n, least={"n_users": 2})

    found = [row["account_id"] for row in first_rows(held, DIM_ACCOUNT, asked)]

    large = sorted((row for row in accounts if row[1] >= 2), key=lambda row: (-row[0], -row[1], row[2]))
    assert found == [row[2] for row in large][:n]


def test_of_a_table_only_rows_that_fit_are_counted_and_large_ones_are_left_to_spark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout.of(str(tmp_path))
    columns = {"source": ["web", "web", "app"], "state": ["ingested", "refused", "ingested"], "n_lines": [3, 4, 5]}
    write_deltalake(layout.path(FILES), table(FILES, columns))
    tables = LocalTables(layout)
    asked = Groups((), {"lines": ("sum", "n_lines")}, where={"state": ["ingested"]})

    assert tables.groups(FILES, 0, asked) == [{"lines": 8}]
    assert tables.groups(FILES, None, asked) == [{"lines": None}]
    assert tables.groups(FILES, 0, Groups(("source",), {"n": ("rows", "source")}, where={"n_lines": []})) == []
    for bound, ask in (("_MOST_COUNTED_BYTES", "groups"), ("_MOST_HELD_BYTES", "held")):
        monkeypatch.setattr(delta_rs_tables, bound, 10)
        with pytest.raises(UncertainError, match="files is large"):
            tables.groups(FILES, 0, asked) if ask == "groups" else tables.held(FILES, 0, columns=["state"])
