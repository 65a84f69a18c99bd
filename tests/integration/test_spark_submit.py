"""spark-submit to a real cluster: a master, two workers, the package as a zip, Delta by `--jars`.

Five JVMs take minutes on two cores, so the cluster is for `make soak`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from oneuser.contracts.control import RUNS
from oneuser.demo.generate import DemoTruth, end_of, generate_demo
from oneuser.demo.measure import measure
from oneuser.demo.settings import demo_config
from tests.integration.published import people, read_table
from tests.integration.standalone_cluster import (
    VERSION_IN_ZIP,
    cluster,
    environment,
    run_to_end,
    submit,
    zip_package,
)

READ_PACKAGE_DATA = """
import sys
import oneuser
from oneuser.cli.main import main
from oneuser.events.mapping import load_preset, preset_names
from oneuser.marts.sessions.channel_rules import default_rules
from oneuser.report import page
assert oneuser.__file__.startswith(sys.argv[1]), oneuser.__file__
assert default_rules() and preset_names()
for name in preset_names():
    load_preset(name)
from jinja2 import Environment, PackageLoader
assert Environment(loader=PackageLoader("oneuser.report"), autoescape=True).list_templates()
sys.exit(main(["init", "--to", sys.argv[2]]))
"""


@dataclass(frozen=True)
class Submitted:
    """What a submitted run leaves."""

    warehouse: Path
    truth: DemoTruth
    folder: Path
    workers: list[Path]


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Submitted:
    """One submitted run on a demo; it must end with exit code 0."""
    scratch = tmp_path_factory.mktemp("submit")
    folder, warehouse = scratch / "demo", scratch / "warehouse"
    truth = generate_demo(folder, events=1000, days=28, files=4)
    config = demo_config(folder, warehouse) | {"spark": {"master": None, "shuffle_partitions": 2}, "product": {}}
    YAML().dump(config, scratch / "cluster.yaml")
    arguments = ["--config", str(scratch / "cluster.yaml"), "--as-of", end_of(truth).isoformat(), "--quiet"]
    env, log = environment(scratch), scratch / "submit.log"
    with cluster(scratch, env) as (url, workers):
        run_to_end(submit(scratch, url, arguments), log, env)
    return Submitted(warehouse, truth, folder, [worker.folder for worker in workers])


@pytest.mark.soak
def test_a_submitted_run_publishes_what_it_was_given(submitted: Submitted) -> None:
    assert json.loads((submitted.warehouse / "published.json").read_text())["run"] == 1
    assert read_table(submitted.warehouse, "events_resolved").num_rows == submitted.truth.accepted


@pytest.mark.soak
def test_a_submitted_run_finds_everybody(submitted: Submitted) -> None:
    owners = people(submitted.warehouse)

    agreement = measure(submitted.folder / "truth" / "people.csv", [(*key, user) for key, user in owners.items()])

    assert agreement.n_missing == 0
    assert agreement.recall >= agreement.reachable_recall > 0
    assert None not in owners.values()


@pytest.mark.soak
def test_both_executors_take_part_and_run_the_code_from_the_zip(submitted: Submitted) -> None:
    from deltalake import DeltaTable

    records = DeltaTable(submitted.warehouse / RUNS.zone / RUNS.name).to_pyarrow_table(columns=["code_version"])

    assert set(records.column("code_version").to_pylist()) == {VERSION_IN_ZIP}
    assert [len(list(folder.glob("app-*/*/oneuser.zip"))) for folder in submitted.workers] == [1, 1]


def test_data_of_the_package_is_read_from_a_zip(tmp_path: Path) -> None:
    archive = zip_package(tmp_path / "oneuser.zip")
    starter = tmp_path / "oneuser.yaml"

    subprocess.run(
        [sys.executable, "-c", READ_PACKAGE_DATA, str(archive), str(starter)],
        env=environment(tmp_path) | {"PYTHONPATH": str(archive)}, cwd=tmp_path, check=True, timeout=120,
    )  # fmt: skip

    assert "sources:" in starter.read_text(encoding="utf-8")
