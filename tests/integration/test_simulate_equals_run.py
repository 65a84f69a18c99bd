"""What `simulate` says of the texts of conf/simulate is what the real job makes of them, run by run.

The job plans for small data where it does the texts together, and as for large data, with shuffles and compiled code,
text by text.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from oneuser.config import LeaseRules
from oneuser.runs.rollback import roll_back
from oneuser.simulation.line_statements import Rollback, Statement
from oneuser.simulation.play import play
from oneuser.simulation.rulebook import Rulebook, load_rules
from oneuser.simulation.simulation_text import read_text
from oneuser.storage.warehouse import Warehouse
from tests.integration.identity_only import identity_only
from tests.integration.simulated_job import Facts, Job, apart, published_facts, simulated_facts

__all__ = ["identity_only"]  # fixture

FOLDER = Path(__file__).resolve().parents[2] / "conf" / "simulate"
# these change rules that others count on, roll back, or have more runs than the others
ALONE = {"06-undo", "11-placeholder", "15-rollback", "27-consent"}
TEXTS = sorted(path.stem for path in FOLDER.glob("*.txt"))
TOGETHER = [name for name in TEXTS if name not in ALONE]


def statements_of(name: str) -> list[list[Statement]]:
    return read_text((FOLDER / f"{name}.txt").read_text(encoding="utf-8"))


def compare(spark: SparkSession, root: Path, runs: Sequence[Sequence[Statement]], *, small_mb: int) -> None:
    """Play a text and do its runs; after each, both say the same."""
    job = Job(spark, root, small_mb=small_mb)
    history: list[Facts] = []
    for statements, played in zip(runs, play(runs, Rulebook(load_rules(None), file=None), file=None), strict=True):
        if isinstance(played, Rollback):
            warehouse = Warehouse(spark, str(job.warehouse))
            roll_back(warehouse, to_run=played.run, reason=None, rules=LeaseRules())
            assert published_facts(job.warehouse, played.run) == history[played.run - 1]
        else:
            history.append(simulated_facts(played))
            number = played.resolution.run_seq
            job.run(number, statements)
            published = published_facts(job.warehouse, number)
            for fact, expected in history[-1].items():
                assert published[fact] == expected, f"{fact} after run {number}"


def test_texts_together_are_decided_alike(spark: SparkSession, tmp_path: Path) -> None:
    # each with identifiers of its own, so that one job does the runs of all
    texts = [apart(statements_of(name), number) for number, name in enumerate(TOGETHER, start=11)]
    runs = [[s for part in parts for s in part] for parts in zip_longest(*texts, fillvalue=[])]

    compare(spark, tmp_path, runs, small_mb=16)


@pytest.mark.soak
@pytest.mark.usefixtures("planned_for_many_rows")
@pytest.mark.parametrize("name", TEXTS)
def test_every_text_by_itself_is_decided_alike(spark: SparkSession, tmp_path: Path, name: str) -> None:
    compare(spark, tmp_path, statements_of(name), small_mb=0)
