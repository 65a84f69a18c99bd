"""A run that does what was touched leaves what a run of everything leaves: every table, row by row, stamps and all.

The run that does what was touched is planned for small data, the other one with compiled code and shuffles, as large
data is: the tables do not depend on that either.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from oneuser.config import Conversion, IncrementalRules, SparkRules
from oneuser.config.retention import RetentionRules
from oneuser.contracts.changes import CHANGES
from oneuser.runs.fingerprints import IS_INCREMENTAL
from oneuser.runs.records import IS_SMALL
from oneuser.runs.run import RunOptions, run_pipeline
from tests.integration.delta_histories import MONDAY, RealDeployment
from tests.integration.published import contents, published_versions
from tests.oracle.history import History, IdType, Message, Rules, Run, pair
from tests.oracle.side_by_side import history_for_the_job

pytestmark = pytest.mark.usefixtures("planned_for_many_rows")
# histories side by side in one warehouse, so that a run of the job is a run of all of them
N_TOGETHER = 100
# what is not of the result: a run that does everything has nothing to tell of
LEFT_OUT = {CHANGES.name}

# nothing is too small to be done in part, and every event is a conversion with touches before it
SECTIONS = {
    "incremental": IncrementalRules(above_mb=0),
    "conversions": {"seen": Conversion(event="Seen")},
    "retention": RetentionRules(unit="day"),
    "spark": SparkRules(small_mb=16),
}


def check_equality(spark: SparkSession, root: Path, history: History) -> Counter[str]:
    """Both runs after each other, on the same files with the same state; how often each stage did what was touched."""
    deployment = RealDeployment(spark, root)
    incremental: Counter[str] = Counter()
    for n_run, run in enumerate(lasting_rules(history), start=1):
        deployment.write(run, n_run)
        # the file of manual rules stays where it is
        config = deployment.config(run.rules, 1).model_copy(update=SECTIONS)
        consent = config.consent.model_copy(update={"required_for_attribution": ("ads",)})
        config = config.model_copy(update={"consent": consent})
        options = RunOptions(as_of=MONDAY + timedelta(days=n_run))
        result = run_pipeline(spark, config, options)
        incremental.update(
            name
            for name, one in result.stages.items()
            if one.state == "done" and name != "ingest" and one.details[IS_INCREMENTAL]
        )
        compiled = SparkRules(small_mb=0)
        everything = config.model_copy(update={"warehouse": str(root / "everything"), "spark": compiled})
        full = run_pipeline(spark, everything, RunOptions(as_of=options.as_of, is_full=True))
        planned = [
            {one.details[IS_SMALL] for one in run.stages.values() if one.state == "done"} for run in (result, full)
        ]
        assert planned == [{True}, {False}]
        for table in sorted(published_versions(root / "everything").keys() - LEFT_OUT):
            found, wanted = (contents(root / name, table) for name in ("warehouse", "everything"))
            assert found == wanted, (n_run, table)
    return incremental


def lasting_rules(history: History) -> History:
    """A history under its first rules but for its links: with other rules, everything would be done in both."""
    return tuple(replace(run, rules=replace(history[0].rules, links=run.rules.links)) for run in history)


def test_what_was_touched_is_all_there_is_to_do(spark: SparkSession, tmp_path: Path) -> None:
    incremental = check_equality(spark, tmp_path, history_for_the_job(2000, 20))

    assert contents(tmp_path / "warehouse", "consent_replays")
    assert all(incremental[stage] for stage in ("graph", "identity", "consent", "sessions", "attribution", "retention"))


@pytest.mark.soak
def test_what_rules_keep_apart_is_judged_together(spark: SparkSession, tmp_path: Path) -> None:
    """The second run touches one of two that a rule keeps apart, by neither end of the pair; and the other of two more.

    A browser that is kept apart from the address of its messages comes near the number of people who may share it.
    """
    types = {
        "email": IdType(1, known=True),
        "user_id": IdType(2, known=True),
        "anonymous_id": IdType(9, known=False, max_persons_per_value=5),
    }
    first: list[Message] = []
    second: list[Message] = []
    excluded = {pair(("email", "k"), ("anonymous_id", "shared"))}
    for name in "ab":
        one, other = ("email", f"{name}1"), ("email", f"{name}2")
        excluded.add(pair(one, other))
        first.append(Message(f"{name}0", 1, (one, other)))
        first += [Message(f"{name}-{end[1]}", 2, (end, ("anonymous_id", end[1]))) for end in (one, other)]
        touched = one if name == "a" else other
        second.append(Message(f"{name}9", 9, (("anonymous_id", touched[1]), ("user_id", name))))
    for n, messages in enumerate([first] * 3 + [second] * 2):
        carried = (("email", "k"), ("anonymous_id", "shared"), ("user_id", f"person {n}"))
        messages.append(Message(f"k{n}", 3 + n, carried))
    rules = Rules(types, excluded=frozenset(excluded))

    incremental = check_equality(spark, tmp_path, (Run(rules, arrived=tuple(first)), Run(rules, arrived=tuple(second))))

    assert incremental["graph"] == 1


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2001, 2004))
def test_of_many_histories_too(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    check_equality(spark, tmp_path, history_for_the_job(seed, N_TOGETHER))
