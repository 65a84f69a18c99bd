"""A configuration of three keys runs whole, and means what it means with every default written out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from oneuser.config import load_config, show_config
from oneuser.events.derive import sha256_hex
from oneuser.runs.run import run_pipeline
from tests.integration.identity_only import IDENTITY_STAGES
from tests.integration.published import people, read_table

THREE = """\
deployment: acme
warehouse: "{root}/warehouse"
sources:
  web: {{path: "{root}/web.jsonl", format: jsonl, preset: segment}}
"""
LIST = """\
  list:
    path: "{root}/list.csv"
    format: csv
    mapping: {{type: {{const: identify}}, event_time: at, identifiers: {{email_sha256: hash, phone: phone}}}}
"""


def message(number: int, **parts: Any) -> str:
    time = f"2026-03-02T09:{number:02}:00Z"
    whole = {"messageId": f"m{number}", "type": "identify", "timestamp": time, "receivedAt": time, **parts}
    return json.dumps(whole)


def write_sources(root: Path) -> None:
    """Ann with a browser, a device, and a list's number for her hashed address; Bob with a number of no country."""
    device = {"device": {"id": "phone-of-ann"}}
    lines = [
        message(1, userId="ann", anonymousId="a1", context=device, traits={"email": "Ann@example.com"}),
        message(2, anonymousId="a1", traits={"phone": "+49 30 901820"}),
        message(3, userId="bob", anonymousId="b1", traits={"phone": "030 901820"}),
        message(4, anonymousId="c1", context={"externalIds": [{"type": "customer_id", "id": "77"}]}),
    ]
    (root / "web.jsonl").write_text("\n".join(lines), encoding="utf-8")
    listed = f"at,hash,phone\n2026-03-01T00:00:00Z,{sha256_hex('ann@example.com').upper()},+49 30 901821\n"
    (root / "list.csv").write_text(listed, encoding="utf-8")


def test_three_keys_run_whole_and_mean_what_the_defaults_written_out_mean(spark: SparkSession, tmp_path: Path) -> None:
    # given three keys, and the same with every default
    write_sources(tmp_path)
    short, full = tmp_path / "short.yaml", tmp_path / "full.yaml"
    short.write_text((THREE + LIST).format(root=tmp_path), encoding="utf-8")
    full.write_text(show_config(load_config(short)), encoding="utf-8")
    key_file = tmp_path / "warehouse/.secrets/identifiers"

    # when
    result = run_pipeline(spark, load_config(short))

    # then both are one configuration to every run
    assert load_config(full) == load_config(short)
    assert (key_file.stat().st_mode & 0o777, key_file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    found = people(tmp_path / "warehouse")
    ann, bob = found["user_id", "ann"], found["user_id", "bob"]
    assert {identifier for identifier, user in found.items() if user == ann} == {
        ("user_id", "ann"), ("anonymous_id", "a1"), ("device_id", "phone-of-ann"), ("email", "ann@example.com"),
        ("email_sha256", sha256_hex("ann@example.com")), ("phone", "+4930901820"), ("phone", "+4930901821"),
    }  # fmt: skip
    assert {identifier for identifier, user in found.items() if user == bob} == {
        ("user_id", "bob"),
        ("anonymous_id", "b1"),
    }
    assert not [name for name in result.metrics if name.endswith(("|hubspot_contact_id", "|network_id"))]


# that no source derives any is shown by tests/unit/config/test_three_keys.py
@pytest.mark.soak
def test_without_hashes_in_a_source_no_address_is_hashed(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oneuser.runs.run.STAGES", IDENTITY_STAGES)
    write_sources(tmp_path)
    short = tmp_path / "short.yaml"
    short.write_text(THREE.format(root=tmp_path), encoding="utf-8")

    run_pipeline(spark, load_config(short))

    types = {row["id_type"] for row in read_table(tmp_path / "warehouse", "identifiers").to_pylist()}
    assert types == {"user_id", "anonymous_id", "device_id", "email", "phone"}
