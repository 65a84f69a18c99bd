"""Plan, run, diff, as-of and verify on one warehouse of two days."""

from __future__ import annotations

import io
import json
import shutil
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from structlog.testing import capture_logs

import oneuser
from oneuser.api import OpenWarehouse
from oneuser.cli.main import main
from oneuser.config import LeaseRules, make_config
from oneuser.contracts.identity import EVENTS_RESOLVED, IDENTIFIER_MAP
from oneuser.contracts.table import TableContract
from oneuser.core.errors import ConfigError, OneUserError
from oneuser.inspection.plan import Plan
from oneuser.inspection.verify import Verification, verify_published
from oneuser.report.build import build_report
from oneuser.runs.lease import Lease
from oneuser.runs.nothing_new import find_nothing_new
from oneuser.runs.publication import write_published
from oneuser.runs.result import RunResult
from oneuser.storage.commit_tags import CommitTag
from tests.integration import trust_warehouse as world
from tests.integration.both_readers import assert_same_answers, assert_same_whole_tables, both
from tests.integration.published import people, published_versions

MONDAY, TUESDAY = datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)


@dataclass
class Story:
    """What was done to the warehouse, in order, and what came of it."""

    place: world.Place
    spark: SparkSession
    plans: list[Plan] = field(default_factory=list)
    strict: dict[str, Any] = field(default_factory=dict)
    runs: list[RunResult] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)
    owners: list[dict[tuple[str, str], str]] = field(default_factory=list)
    versions: list[dict[str, int]] = field(default_factory=list)

    def plan(self, as_of: datetime) -> None:
        self.plans.append(oneuser.plan(self.place.settings(), as_of=as_of, spark=self.spark))

    def run(self, as_of: datetime) -> None:
        self.runs.append(oneuser.run(self.place.settings(), as_of=as_of, spark=self.spark))
        report = self.place.root / f"report-{len(self.runs)}.html"
        self.reports.append(build_report(self.open(), report).read_bytes())
        self.owners.append(people(self.place.warehouse))
        self.versions.append(published_versions(self.place.warehouse))

    def open(self) -> OpenWarehouse:
        return oneuser.open_warehouse(config=self.place.settings(), spark=self.spark)

    def answer(self, *arguments: str, code: int = 0) -> Any:
        """The JSON document that a verb answers with."""
        with redirect_stdout(io.StringIO()) as written:
            assert main([*arguments, "--config", str(self.place.config), "--json"]) == code, written.getvalue()
        return json.loads(written.getvalue())


@pytest.fixture(scope="module")
def story(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Story:
    place = world.Place(tmp_path_factory.mktemp("trust"))
    place.configure()
    story = Story(place, spark)
    place.deliver("2026-03-02")
    story.plan(MONDAY)
    with pytest.raises(OneUserError, match="nothing has been published yet"):
        story.open().users()
    story.run(MONDAY)
    place.deliver("2026-03-03")
    # what a stricter gate would stop is another configuration, and so another run
    story.strict = story.answer("plan", "--set", "gates.max_merged_ids_share=0", "--as-of", "2026-03-04", code=3)
    story.plan(TUESDAY)
    assert published_versions(place.warehouse) == story.versions[0]
    story.run(TUESDAY)
    return story


def of(story: Story, run: int, id_type: str, value: str) -> str:
    return story.owners[run - 1][id_type, value]


def test_a_run_publishes_what_was_planned_without_doing_it_twice(story: Story) -> None:
    first, second = story.plans

    assert [run.run_seq for run in story.runs] == [first.run_seq, second.run_seq] == [1, 3]
    for run in story.runs:
        attempts = {name: stage.attempt for name, stage in run.stages.items()}
        assert {attempts[name] for name in ("ingest", "graph", "identity")} == {1}
        assert {attempts[name] for name in ("sessions", "attribution", "retention")} == {2}
        assert run.is_published


def test_a_plan_of_the_first_run_mints_everybody(story: Story) -> None:
    plan = story.plans[0]

    assert (plan.n_minted, plan.n_merges, plan.n_moved) == (6, 0, 0)
    assert plan.holds


def test_a_plan_shows_what_would_merge_and_by_which_edge(story: Story) -> None:
    plan = story.plans[1]

    merges = {(c.user_id, c.other_user_id): (c.edge_a, c.edge_b) for c in plan.merges}
    browser, ann = of(story, 1, "anonymous_id", "browser-first"), of(story, 1, "user_id", world.ANN)
    assert set(merges[browser, ann]) == {"user_id: ***", "anonymous_id: br***"}
    assert plan.n_merges == len(plan.merges) == 2
    assert (browser, ann) in {(move.from_user_id, move.to_user_id) for move in plan.moves}
    assert [(r.rule, r.n_refused, r.n_opened) for r in plan.refusals] == [("unique", 1, 1)]


def test_a_gate_that_does_not_hold_is_told_and_nothing_is_published(story: Story) -> None:
    strict = story.strict

    assert (strict["run_seq"], strict["holds"]) == (2, False)
    assert {gate["gate"]: gate["holds"] for gate in strict["gates"]} == {
        "max_merged_ids_share": False, "max_largest_component": True,
    }  # fmt: skip
    assert [(c["user_id"], c["edge_a"]) for c in strict["merges"]] == [
        (c.user_id, c.edge_a) for c in story.plans[1].merges
    ]
    records = story.open().run_records()
    assert [record.state for record in records[:3]] == ["published", "planned", "published"]
    assert records[1].exit_code == 3


def test_a_plan_without_news_changes_nobody(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    before = published_versions(story.place.warehouse)

    assert main(["plan", "--config", str(story.place.config)]) == 0

    shown = " ".join(capsys.readouterr().out.split())
    assert "User IDs merged 0" in shown
    assert "identifiers moved 0" in shown
    assert published_versions(story.place.warehouse) == before
    # but it is an open run, which the next one finishes
    with capture_logs() as logs:
        assert find_nothing_new(make_config(story.place.settings())) is None
    assert logs[0]["why"].endswith(" is planned")


def test_the_past_is_read_as_it_was(story: Story) -> None:
    then = story.open().as_of(run=1)

    was = {row["identifier_id"]: row["user_id"] for row in then.identifiers().collect()}
    assert sorted(was.values()) == sorted(story.owners[0].values())
    assert then.users().count() == 6
    assert then.table("identifier_history").where("superseded_run IS NOT NULL").count() == 0
    assert then.ownership().count() == len(was)
    assert then.lookup(type="anonymous_id", value="browser-first").user_id == of(
        story, 1, "anonymous_id", "browser-first"
    )
    assert story.open().as_of(time=MONDAY + timedelta(hours=5)).published.publication.run_seq == 1
    assert story.open().as_of(time=TUESDAY).published.publication.run_seq == 3
    with pytest.raises(ConfigError, match="run 2 was never published; published runs: 1, 3"):
        story.open().as_of(run=2)
    with pytest.raises(ConfigError, match="the first published run, 1, is as of 2026-03-03 00:00 UTC"):
        story.open().as_of(time=MONDAY - timedelta(days=1))


def test_what_real_runs_leave_is_told_without_spark_as_with_it(story: Story, tmp_path: Path) -> None:
    readers = both(story.spark, story.place.warehouse, make_config(story.place.settings()))
    then = [reader.as_of(time=MONDAY) for reader in readers]

    assert_same_answers(*readers, about=["anonymous_id:browser-first"], pairs=[])
    assert_same_answers(*then, about=["anonymous_id:browser-first"], pairs=[])
    assert_same_whole_tables(*readers, to=tmp_path, runs=[(1, 3), (3, 3)])
    was, now = (reader.lookup("anonymous_id:browser-first").user_id for reader in (then[1], readers[1]))
    assert was != now


def test_a_past_report_is_made_again_to_the_byte(story: Story, tmp_path: Path) -> None:
    for number, run in enumerate(story.runs):
        again = tmp_path / f"again-{run.run_seq}.html"
        story.answer("report", "--run", str(run.run_seq), "--to", str(again))
        assert again.read_bytes() == story.reports[number]
    assert story.reports[0] != story.reports[1]


def test_two_runs_are_compared(story: Story) -> None:
    found = story.answer("runs", "diff", "3", "1")

    browser, ann = of(story, 1, "anonymous_id", "browser-first"), of(story, 1, "user_id", world.ANN)
    assert (found["a"]["run"], found["b"]["run"]) == (1, 3)
    assert {"identifier_id": "anonymous_id: br***", "from_user_id": browser, "to_user_id": ann} in found["moved"]
    gone = {row["user_id"]: row["redirect_to"] for row in found["ids"] if row["change"] == "gone"}
    assert gone[browser] == ann
    assert found["counts"]["changes|merged"] == 2
    assert found["counts"]["refusals|opened"] == 1
    (divided,) = found["divided"]
    assert (divided["identifier_id"], divided["n_before"], divided["n_after"]) == ("anonymous_id: br***", 1, 2)
    metrics = {metric["metric"]: (metric["a"], metric["b"]) for metric in found["metrics"]}
    assert metrics["people"] == (6.0, 4.0)


def test_a_run_and_itself_do_not_differ(story: Story) -> None:
    assert story.open().diff_runs(3, 3).counts == {}


def test_a_contested_browser_is_explained(story: Story) -> None:
    apart = story.open().explain(f"user_id:{world.ANN}", f"user_id:{world.BOB}")

    assert apart.verdict.startswith("different people: a chain of 2 edges")
    assert [(e.refused_by, e.refused_since) for e in apart.edges].count(("unique", 3)) == 1


def test_values_that_hold_two_contacts_together_are_suspects(story: Story) -> None:
    found = {row["value"]: row for row in story.answer("suspects", "--unmasked")}

    # the phone that came with both addresses holds them together as well
    assert set(found) == {world.HUB, "+447400123402"}
    hub = found[world.HUB]
    assert (hub["n_people"], hub["part_sizes"], hub["n_parted"], hub["n_events"]) == (2, [2, 1], 1, 2)


def test_what_is_published_is_what_the_messages_amount_to(story: Story) -> None:
    before = published_versions(story.place.warehouse)

    found = story.open().verify()

    assert found.holds, found
    assert {table.table for table in found.tables} >= {"edges", "components", "identifier_map", "events_resolved"}
    assert published_versions(story.place.warehouse) == before


def test_other_rules_are_not_verified_against(story: Story) -> None:
    other = story.place.settings(blocked=(world.HUB,))

    with pytest.raises(ConfigError, match="graph and identity is not that of run 3"):
        oneuser.open_warehouse(config=other, spark=story.spark).verify()


def test_a_corruption_is_found_and_shown(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = tmp_path / "warehouse"
    shutil.copytree(story.place.warehouse, copied)
    where = ["--set", f"warehouse={copied}"]
    opened = oneuser.open_warehouse(copied, spark=story.spark)
    ann, bob = of(story, 2, "user_id", world.ANN), of(story, 2, "user_id", world.BOB)
    spoiled = {
        IDENTIFIER_MAP: opened.identifiers().withColumn(
            "user_id", F.when(F.col("user_id") == ann, F.lit(bob)).otherwise(F.col("user_id"))
        ),
        EVENTS_RESOLVED: opened.events().where(F.col("user_id").isNull() | (F.col("user_id") != bob)),
    }
    _publish(opened, 3, spoiled)
    verified: list[Verification] = []

    def verify_once(*asked: Any, **more: Any) -> Verification:
        """The same is asked for as JSON and in words."""
        if not verified:
            verified.append(verify_published(*asked, **more))
        return verified[0]

    monkeypatch.setattr("oneuser.api.warehouse.verify_published", verify_once)

    found = story.answer("verify", *where, code=1)

    tables = {table["table"]: table for table in found["tables"]}
    n_of_ann, n_events_of_bob = sum(user == ann for user in story.owners[1].values()), 2
    assert tables["identifier_map"]["n_different"] == n_of_ann == 4
    assert tables["events_resolved"]["n_missing"] == n_events_of_bob
    assert tables["edges"]["n_missing"] == tables["components"]["n_different"] == 0
    broken = {check["name"]: check["n_violations"] for check in found["invariants"] if check["n_violations"]}
    assert broken == {"every_live_id_is_a_person": 1}
    assert main(["verify", *where, "--config", str(story.place.config)]) == 1
    shown = capsys.readouterr().out
    assert f"user_id is {bob}, should be {ann}" in shown
    assert "email: a***@e***.com" in shown
    assert "ann@example.com" not in shown


def _publish(opened: OpenWarehouse, run_seq: int, rows: dict[TableContract, DataFrame]) -> None:
    """Publish a run once more, with other rows in some of its tables."""
    lease = Lease.acquire(opened.warehouse, LeaseRules())
    tables = dict(opened.published.publication.tables)
    for contract, changed in rows.items():
        tables[contract.name], _ = opened.warehouse.replace(contract, changed, CommitTag(run_seq, 1, lease.fence))
    lease.publish(run_seq, tables)
    write_published(opened.warehouse, run_seq, tables)
