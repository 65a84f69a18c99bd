from __future__ import annotations

import json

import pytest

from oneuser.cli.counts import MOST_ROWS, count_rows, nothing_new
from oneuser.cli.output import as_json
from oneuser.core.reasons import Reason
from oneuser.inspection.outcome import Outcome, outcome_of
from oneuser.runs.records import StageRecord


def stages(read: dict[str, float], state: str = "done", people: float = 6.0) -> dict[str, StageRecord]:
    """The stages of a run whose ingest left these metrics."""
    metrics = {
        "ingest": read,
        "graph": {"identifiers": 11.0, "certified_identifiers": 3.0, "values_over_shared": 0.0},
        "identity": {"people": people},
    }
    return {
        name: StageRecord(name, 1, state if name == "ingest" else "done", "", {}, found, {}, 1.0)
        for name, found in metrics.items()
    }


READ = {
    "lines_in|web": 20.0, "lines_in|shop": 10.0, "lines|accepted": 24.0, "lines|quarantined": 5.0,
    "lines|duplicate": 1.0, "lines|suppressed": 0.0, "lines_quarantined|json.syntax": 4.0,
    "lines_quarantined|spec.no_type": 1.0, "files_refused|file.empty": 1.0, "values_dropped|id.blocked": 7.0,
    "records_rejected|links.crm": 2.0, "records_rejected|links.crm:links.missing": 2.0,
}  # fmt: skip


def test_a_run_is_told_in_lines_events_people_and_what_was_refused_and_why() -> None:
    rows = count_rows([outcome_of([stages(READ)])])

    assert rows == [
        ["lines read", 30, ""],
        ["events accepted", 24, ""],
        ["lines known already", 1, "duplicates of accepted events"],
        ["lines refused", 5, ""],
        ["  values dropped: id.blocked", 7, "a value such as null or 0 names nobody"],
        ["  lines refused: json.syntax", 4, "not one valid JSON object (damage)"],
        ["  records refused: links.missing", 2, "an end without a value"],
        ["  files refused: file.empty", 1, "empty file (damage)"],
        ["  lines refused: spec.no_type", 1, "no type of event"],
        ["people", 6, ""],
        ["identifiers", 11, ""],
    ]


def test_values_that_too_many_people_share_are_told_where_there_are_any() -> None:
    found = stages(READ)
    found["graph"].metrics["values_over_shared"] = 2.0

    row = count_rows([outcome_of([found])])[-1]

    assert row[:2] == ["values over-shared", 2]
    assert "suspects" in row[2]


def test_columns_that_are_left_out_are_told_where_there_are_any() -> None:
    rows = {row[0]: row[1:] for row in count_rows([outcome_of([stages(READ | {"columns_left_out|web": 3.0})])])}

    assert rows["columns left out"] == [3, "of Parquet files: named like values, such as an address"]


def test_all_runs_add_up_and_people_are_those_of_the_last() -> None:
    first, last = stages(READ), stages({"lines_in|web": 3.0, "lines|accepted": 3.0}, people=7.0)

    rows = {row[0]: row[1:3] for row in count_rows([outcome_of([last]), outcome_of([first, last])])}

    assert rows["lines read"] == [3, 33]
    assert rows["  lines refused: json.syntax"] == [0, 4]
    assert rows["people"] == [7, 7]


def test_a_stage_that_was_not_done_again_has_read_nothing() -> None:
    assert outcome_of([stages(READ, state="unchanged")]) == Outcome(people=6, identifiers=11, over_shared=0)


def test_however_many_codes_there_are_the_table_fits_on_a_screen_and_adds_up() -> None:
    codes = {f"lines_quarantined|{reason}": 1.0 for reason in Reason}

    rows = count_rows([outcome_of([stages({"lines_in|web": 99.0} | codes)])])

    assert len(rows) == MOST_ROWS
    assert sum(row[1] for row in rows if row[0].startswith("  ")) == len(Reason)


def test_stages_that_have_not_found_people_yet_tell_of_none() -> None:
    ingested = {"ingest": stages(READ)["ingest"]}

    assert "people" not in [row[0] for row in count_rows([outcome_of([ingested])])]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome(lines=5, events=5), None),
        (Outcome(), "nothing new: there was no line that an earlier run had not read"),
        (Outcome(lines=1200, duplicates=1200), "nothing new: none of 1,200 lines was accepted (1,200 known already)"),
    ],
)
def test_a_run_that_accepted_nothing_new_says_so(outcome: Outcome, said: str | None) -> None:
    assert nothing_new(outcome) == said


def test_programs_get_the_same_figures() -> None:
    document = json.loads(as_json({"counts": outcome_of([stages(READ)])}))["counts"]

    assert (document["lines"], document["events"], document["people"], document["identifiers"]) == (30, 24, 6, 11)
    assert document["refused"][0] == {
        "what": "lines", "code": "json.syntax", "count": 4, "explanation": "not one valid JSON object",
        "is_damage": True,
    }  # fmt: skip
