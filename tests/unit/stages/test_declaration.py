"""The order of stages follows from what they read and write; each waits for those whose tables it reads."""

from __future__ import annotations

import pytest

from oneuser.contracts.changes import CHANGE_SETS, CHANGES
from oneuser.contracts.control import RUNS
from oneuser.contracts.graph import COMPONENTS, EDGES
from oneuser.contracts.identity import USER_IDS
from oneuser.contracts.marts import RETENTION
from oneuser.contracts.raw import EVENTS
from oneuser.contracts.registry import TABLES
from oneuser.contracts.table import TableContract
from oneuser.stages.context import RunContext
from oneuser.stages.declaration import Stage, in_order, stages_before
from oneuser.stages.registry import STAGES


def _nothing(_ctx: RunContext) -> None:
    """Do nothing."""


def stage(name: str, *, reads: tuple[TableContract, ...] = (), writes: tuple[TableContract, ...] = ()) -> Stage:
    return Stage(name, _nothing, reads, writes, sections=())


def names(stages: tuple[Stage, ...] | list[Stage]) -> list[str]:
    return [one.name for one in stages]


def before(name: str) -> set[str]:
    """All stages that one of the product's waits for, by way of others too."""
    (wanted,) = (one for one in STAGES if one.name == name)
    direct = stages_before(wanted, STAGES)
    return {one.name for one in direct} | {earlier for one in direct for earlier in before(one.name)}


def test_a_stage_comes_after_those_whose_tables_it_reads_however_they_are_given() -> None:
    take = stage("take", writes=(EVENTS,))
    link = stage("link", reads=(EVENTS,), writes=(EDGES,))
    join = stage("join", reads=(EDGES,), writes=(COMPONENTS,))

    assert names(in_order([join, link, take])) == names(in_order([take, link, join])) == ["take", "link", "join"]


def test_stages_that_do_not_need_each_other_keep_the_order_given() -> None:
    take = stage("take", writes=(EVENTS,))
    one = stage("one", reads=(EVENTS,), writes=(EDGES,))
    other = stage("other", reads=(EVENTS,), writes=(RETENTION,))

    assert names(in_order([take, one, other])) == ["take", "one", "other"]
    assert names(in_order([take, other, one])) == ["take", "other", "one"]
    assert in_order([]) == ()


def test_only_a_stage_that_is_given_too_early_moves() -> None:
    take = stage("take", writes=(EVENTS,))
    link = stage("link", reads=(EVENTS,), writes=(EDGES,))
    join = stage("join", reads=(EDGES,), writes=(COMPONENTS,))
    count = stage("count", reads=(EVENTS,), writes=(RETENTION,))

    assert names(in_order([take, link, join, count])) == ["take", "link", "join", "count"]
    assert names(in_order([join, take, link, count])) == ["take", "link", "join", "count"]


def test_a_stage_waits_for_the_writers_of_what_it_reads_and_for_no_other() -> None:
    take = stage("take", writes=(EVENTS, USER_IDS))
    link = stage("link", reads=(EVENTS, USER_IDS), writes=(EDGES,))
    count = stage("count", reads=(EVENTS,), writes=(RETENTION,))
    stages = [take, link, count]

    assert names(stages_before(take, stages)) == []
    assert names(stages_before(link, stages)) == ["take"]
    assert names(stages_before(count, stages)) == ["take"]


def test_a_stage_does_not_wait_for_itself_where_it_reads_what_it_left_in_the_run_before() -> None:
    carry_over = stage("carry_over", reads=(USER_IDS,), writes=(USER_IDS,))

    assert stages_before(carry_over, [carry_over]) == []
    assert in_order([carry_over]) == (carry_over,)


def test_a_table_that_nobody_writes_is_not_waited_for() -> None:
    assert stages_before(stage("link", reads=(EVENTS,)), [stage("take", writes=(EDGES,))]) == []


def test_two_stages_that_write_one_table_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="table edges is written by link and by mend"):
        in_order([stage("link", writes=(EDGES,)), stage("mend", writes=(EDGES,))])


def test_stages_that_wait_for_each_other_are_refused_by_name() -> None:
    circle = [
        stage("link", reads=(COMPONENTS,), writes=(EDGES,)),
        stage("join", reads=(EDGES,), writes=(COMPONENTS,)),
        stage("take", writes=(EVENTS,)),
        stage("show", reads=(COMPONENTS,), writes=(RETENTION,)),
    ]

    with pytest.raises(ValueError, match="stages wait for each other") as refused:
        in_order(circle)

    assert str(refused.value) == "stages wait for each other: join, link"


def test_every_table_is_written_by_one_stage_or_tells_of_the_runs_themselves() -> None:
    written = [contract.name for one in STAGES for contract in one.writes]
    of_runs = [contract.name for contract in TABLES.values() if contract.zone == "control"]

    assert RUNS.name in of_runs
    # what a run touched is told by several stages, one after the other
    assert sorted([*written, *of_runs, CHANGES.name]) == sorted(TABLES)


def test_a_change_set_is_given_by_one_stage_before_those_that_take_it() -> None:
    given: set[str] = set()
    for one in STAGES:
        assert set(one.takes) <= given, one.name
        assert not set(one.gives) & given, one.name
        assert {contract.name for contracts in one.takes.values() for contract in contracts} <= {
            contract.name for contract in one.reads
        }, one.name
        given |= set(one.gives)
    assert given <= set(CHANGE_SETS)


def test_every_table_that_a_stage_reads_is_one_that_a_stage_writes() -> None:
    written = {contract.name for one in STAGES for contract in one.writes}
    read = {contract.name for one in STAGES for contract in one.reads}

    assert read <= written


def test_the_stages_of_a_run_keep_the_order_in_which_they_are_listed() -> None:
    assert names(STAGES) == [
        "ingest",
        "graph",
        "identity",
        "consent",
        "sessions",
        "attribution",
        "retention",
        "product",
    ]


def test_the_stages_of_a_run_come_after_what_they_read() -> None:
    done: set[str] = set()
    for one in STAGES:
        assert {earlier.name for earlier in stages_before(one, STAGES)} <= done, one.name
        done.add(one.name)
    assert STAGES[0].reads == ()


def test_retention_waits_for_people_and_not_for_attribution() -> None:
    assert before("retention") == {"ingest", "graph", "identity"}
    assert before("attribution") == {"ingest", "graph", "identity", "consent", "sessions"}
