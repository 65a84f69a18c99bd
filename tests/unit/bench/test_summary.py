from __future__ import annotations

from tests.bench.results import SECONDS, SHARE, Document, Row
from tests.bench.summary import summarise

MACHINE = {"cpus": 2, "memory_bytes": 8 * 1024**3}
DAYS = Document(
    "days",
    [
        Row("a day", 0.07, SHARE, "the full run", 0.05, "graph 40%"),
        Row("nothing new", 2.0, SECONDS, "", 3.0),
        Row("a day", 20.0, SECONDS),
    ],
    commit="abc",
    machine=MACHINE,
)
GROWTH = Document("growth", [], commit="abc", machine=MACHINE)
OTHER = Document("components", [], machine=MACHINE)


def test_rows_with_a_goal_say_where_it_is_missed_and_what_of() -> None:
    assert summarise([DAYS, GROWTH, OTHER]).splitlines() == [
        "| Measured | Result | Beside | Goal | Most of it |",
        "| --- | --- | --- | --- | --- |",
        "| a day | 7.0 % | the full run | ≤ 5.0 %, **missed** | graph 40% |",
        "| nothing new | 2.00 s |  | ≤ 3.00 s, met |  |",
        "",
        "On 2 cores and 8.00 GiB, commit abc: days, growth.",
        "On 2 cores and 8.00 GiB, no commit: components.",
    ]


def test_rows_without_a_goal_are_shown_when_asked_for() -> None:
    assert "| a day | 20.0 s |  |  |  |" in summarise([DAYS], with_all=True)
