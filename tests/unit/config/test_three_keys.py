"""What holds where a configuration says no more than deployment, warehouse and sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from oneuser.config import Derived, IdType, config_hash, load_config, make_config, show_config
from oneuser.core.errors import ConfigError
from oneuser.events.normalise import make_normaliser
from oneuser.events.spec import id_type_specs
from tests.unit.config.config_samples import problems_of

CONF = Path(__file__).resolve().parents[3] / "conf"
THREE = """\
deployment: acme
warehouse: ./warehouse
sources:
  web: {path: "events/*.jsonl", format: jsonl, preset: segment}
"""
SHA, MD5 = ({"derive": {"from": "email", "transform": transform}} for transform in ("sha256", "md5"))


def three(**others: Any) -> dict[str, Any]:
    values: dict[str, Any] = YAML(typ="safe", pure=True).load(THREE)
    return {**values, **others}


def with_table(**identifiers: Any) -> dict[str, Any]:
    """The three keys with another source, a table of these identifiers."""
    values = three()
    mapping = {"type": {"const": "identify"}, "event_time": "at", "identifiers": identifiers}
    values["sources"]["list"] = {"path": "list.csv", "format": "csv", "mapping": mapping}
    return values


def derived_in(values: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Type and transform of what each source derives."""
    sources = make_config(values).sources
    return {
        name: [
            (id_type, one.derive.transform)
            for id_type, places in (source.mapping or source).identifiers.items()
            for one in (places if isinstance(places, tuple) else (places,))
            if isinstance(one, Derived)
        ]
        for name, source in sources.items()
    }


# --- the key -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("warehouse", "reference"),
    [
        ("./warehouse", "file:./warehouse/.secrets/identifiers"),
        ("/data/wh/", "file:/data/wh/.secrets/identifiers"),
        ("file:///data/wh", "file:/data/wh/.secrets/identifiers"),
    ],
)
def test_a_local_warehouse_has_a_key_file_of_its_own(warehouse: str, reference: str) -> None:
    absolute = reference.replace(":./", f":{Path.cwd()}/")
    assert make_config(three(warehouse=warehouse)).keys.identifiers == absolute
    assert make_config(three(warehouse=warehouse, keys={"identifiers": reference})).keys.identifiers == absolute
    assert make_config(three(warehouse=warehouse, keys={})).keys.identifiers == absolute


@pytest.mark.parametrize("warehouse", ["s3a://bucket/wh", "abfss://c@a.dfs.core.windows.net/wh", "hdfs://nn/wh"])
def test_another_warehouse_needs_a_key_and_is_told_what_to_write(warehouse: str) -> None:
    (problem,) = problems_of(three(warehouse=warehouse))

    assert problem.key == "keys.identifiers"
    assert "keys: {identifiers: env:NAME}" in problem.message


def test_the_key_file_of_a_warehouse_is_no_other_configuration_elsewhere() -> None:
    moved = make_config(three(warehouse="/elsewhere"))
    spelled_out = make_config(three(keys={"identifiers": "file:./warehouse/.secrets/identifiers"}))
    other = make_config(three(keys={"identifiers": "env:KEY"}))

    assert config_hash(make_config(three())) == config_hash(moved) == config_hash(spelled_out)
    assert config_hash(make_config(three())) != config_hash(other)


# --- id types ----------------------------------------------------------------------------------------------------


def test_the_default_types_have_their_bounds_and_no_ties() -> None:
    types = make_config(three()).identity.id_types

    assert [(rules.priority, name) for name, rules in types.items()] == list(
        enumerate(
            [
                "user_id", "email", "salesforce_contact_id", "salesforce_lead_id", "hubspot_contact_id", "phone",
                "email_sha256", "email_md5", "anonymous_id", "device_id", "network_id", "advertising_id",
            ],
            start=1,
        )
    )  # fmt: skip
    assert [name for name, rules in types.items() if rules.unique] == ["user_id"]
    assert [name for name, rules in types.items() if not rules.known] == list(types)[8:]
    assert (types["phone"].limit, types["phone"].max_persons_per_value, types["phone"].normaliser) == (3, 10, "phone")
    assert (types["network_id"].max_persons_per_value, types["advertising_id"].normaliser) == (20, "lower")


def test_types_of_ones_own_replace_the_defaults_whole() -> None:
    own = {"login": {"priority": 1, "known": True}}

    assert make_config(three(identity={"id_types": own})).identity.id_types == {"login": IdType(priority=1, known=True)}
    assert len(make_config(three(identity={"survivor": "oldest"})).identity.id_types) == 12


def test_an_override_changes_one_default_type_alone(tmp_path: Path) -> None:
    file = tmp_path / "three.yaml"
    file.write_text(THREE, encoding="utf-8")

    types = load_config(file, ["identity.id_types.email.limit=3"]).identity.id_types

    assert (types["email"].limit, types["email"].max_persons_per_value, len(types)) == (3, 10, 12)
    with pytest.raises(ConfigError, match=r"--set .*email.priority: 1 is already the priority of user_id"):
        load_config(file, ["identity.id_types.email.priority=1"])


def test_an_undeclared_type_is_told_with_the_nearest_or_with_what_to_write() -> None:
    def said(id_type: str) -> str:
        return problems_of(with_table(**{id_type: "column"}))[0].message

    assert said("emial") == "identity.id_types declares no emial; did you mean email?"
    assert "yours replaces the default types" in said("customer_id")


def test_a_phone_number_without_a_country_is_none() -> None:
    normalise = make_normaliser(id_type_specs(make_config(three()).identity.id_types)["phone"])

    assert normalise("+49 30 901820") == "+4930901820"
    assert normalise("030 901820") is None


def test_the_starter_spells_the_default_types_out() -> None:
    written = load_config(CONF / "local.yaml").identity.id_types

    assert {name: rules.model_copy(update={"blocked": ()}) for name, rules in written.items()} == make_config(
        three()
    ).identity.id_types
    assert [name for name, rules in written.items() if rules.blocked] == ["email"]


# --- hashed addresses --------------------------------------------------------------------------------------------


def test_addresses_are_hashed_where_a_source_carries_hashes_and_nowhere_else() -> None:
    assert derived_in(three()) == {"web": []}
    assert derived_in(with_table(email="mail")) == {"web": [], "list": []}
    assert derived_in(with_table(email_sha256="hash", phone="tel")) == {
        "web": [("email_sha256", "sha256")],
        "list": [],
    }
    assert derived_in(with_table(email_md5="hash", email="mail")) == {
        "web": [("email_md5", "md5")],
        "list": [("email_md5", "md5")],
    }


@pytest.mark.parametrize(
    "other",
    [
        {"links": {"crm": {"path": "x.csv", "format": "csv", "a": {"user_id": "u"}, "b": {"email_sha256": "h"}}}},
        {"accounts": {"files": {"members": {"path": "x.csv", "format": "csv", "id_type": "email_sha256"}}}},
    ],
)
def test_links_and_members_carry_hashes_too(other: dict[str, Any]) -> None:
    assert derived_in(three(**other)) == {"web": [("email_sha256", "sha256")]}


def test_what_a_source_derives_itself_stays_as_it_says() -> None:
    values = with_table(email_sha256="hash")
    values["sources"]["web"]["identifiers"] = {"email_sha256": SHA}

    assert derived_in(values) == {"web": [("email_sha256", "sha256")], "list": []}


@pytest.mark.parametrize(
    "id_types",
    [
        {"email_sha256": {"priority": 1, "known": True}},
        {"email_sha256": {"priority": 1, "known": True}, "email": {"priority": 2, "known": True}},
    ],
)
def test_nothing_is_hashed_without_addresses_in_one_form(id_types: dict[str, Any]) -> None:
    values = with_table(email_sha256="hash") | {"identity": {"id_types": id_types}}

    assert derived_in(values) == {"web": [], "list": []}


def test_what_is_filled_in_is_shown_and_loads_as_the_same(tmp_path: Path) -> None:
    config = make_config(with_table(email_sha256="hash", email="mail"))
    shown = tmp_path / "shown.yaml"
    shown.write_text(show_config(config), encoding="utf-8")

    assert load_config(shown) == config
    assert config_hash(load_config(shown)) == config_hash(config)
