"""A till that writes its own address where a customer gives none, in a source without logins."""

from __future__ import annotations

import json
from pathlib import Path

from pyspark.sql import SparkSession

from oneuser.api import open_warehouse
from oneuser.config import load_config
from oneuser.runs.run import run_pipeline
from tests.integration.identity_only import identity_only
from tests.integration.published import read_table

__all__ = ["identity_only"]  # fixture

N_CUSTOMERS = 12
CONFIG = """\
deployment: till
warehouse: "{root}/warehouse"
sources:
  shop: {{path: "{root}/orders.jsonl", format: jsonl, preset: segment}}
"""


def order(number: int) -> str:
    traits = {"email": "noemail@shop.example", "phone": f"+49 30 90182{number:02}"}
    time = f"2026-02-01T10:{number:02}:00Z"
    event = {"messageId": f"t{number}", "type": "track", "event": "Order Completed", "timestamp": time}
    return json.dumps(event | {"context": {"traits": traits}})


def test_an_address_that_everybody_has_is_nobodys_and_is_listed_masked(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "orders.jsonl").write_text("\n".join(map(order, range(N_CUSTOMERS))), encoding="utf-8")
    path = tmp_path / "till.yaml"
    path.write_text(CONFIG.format(root=tmp_path), encoding="utf-8")

    run_pipeline(spark, load_config(path))

    root = tmp_path / "warehouse"
    owners = [row["user_id"] for row in read_table(root, "events_resolved").to_pylist()]
    assert None not in owners
    assert len(set(owners)) == N_CUSTOMERS
    assert {row["kind"] for row in read_table(root, "dim_user").to_pylist()} == {"known"}
    warehouse = open_warehouse(config=path, spark=spark)
    (shared,) = warehouse.shared_values()
    assert (shared.n_people, shared.bound, shared.is_over_shared) == (N_CUSTOMERS, 10, True)
    assert warehouse.values([shared.identifier_id]) == {shared.identifier_id: ("email", "n***@s***.example")}
