"""What may be said about accounts."""

from __future__ import annotations

from typing import Any

import pytest

from oneuser.config import make_config, show_config
from oneuser.config.document import read_document
from tests.unit.config.config_samples import changed, problems_of, small

FILE = {"path": "crm/accounts.csv", "format": "csv"}


def with_email(accounts: dict[str, Any]) -> dict[str, Any]:
    values = changed("accounts", accounts)
    values["identity"]["id_types"]["email"] = {"priority": 2, "known": True, "normaliser": "email"}
    return values


def test_without_a_word_about_accounts_group_messages_alone_count() -> None:
    rules = make_config(small()).accounts

    assert (rules.membership, rules.primary, rules.domains) == ("single", "latest", None)
    assert rules.source_order == ("file", "group", "domain")
    assert rules.files.accounts is rules.files.parents is rules.files.members is None


def test_everything_may_be_said_and_is_shown_as_it_was_understood() -> None:
    values = with_email(
        {
            "membership": "multiple",
            "primary": "most_events",
            "source_order": ["group", "file", "domain"],
            "leave_events": ["Workspace Left"],
            "files": {
                "accounts": FILE | {"columns": {"account_id": "Id", "domains": "Website"}},
                "parents": FILE | {"times": {"format": "dd/MM/yyyy", "zone": "Europe/Berlin"}},
                "members": FILE | {"id_type": "email", "columns": {"id_value": "Email"}},
            },
            "domains": {"from": "email", "extra_excluded": ["acme.example"]},
        }
    )

    config = make_config(values)

    files = config.accounts.files
    assert files.accounts is not None
    assert files.members is not None
    assert files.accounts.all_columns == {"account_id": "Id", "name": "name", "domains": "Website"}
    assert files.members.all_columns["id_value"] == "Email"
    assert config.accounts.domains is not None
    assert config.accounts.domains.from_types == ("email",)
    assert make_config(read_document(show_config(config), file="shown").values) == config


@pytest.mark.parametrize(
    ("accounts", "key", "text"),
    [
        ({"membership": "many"}, "accounts.membership", "expected one of single, multiple"),
        ({"primary": "biggest"}, "accounts.primary", "expected one of latest, first, most_events"),
        ({"source_order": ["file", "group"]}, "accounts.source_order", "needs each of file, group, domain once"),
        ({"files": {"parents": FILE | {"columns": {"parent": "P"}}}}, "accounts.files.parents.columns.parent",
         "no such column; there are account_id, parent_account_id, valid_from, valid_to"),
        ({"files": {"members": FILE | {"id_type": "crm_id"}}}, "accounts.files.members.id_type",
         "identity.id_types declares no crm_id"),
        ({"files": {"parents": FILE | {"times": {"format": "DD/MM"}}}}, "accounts.files.parents.times.format",
         "'DD' is the day of the year"),
        ({"files": {"accounts": FILE | {"times": {}}}}, "accounts.files.accounts.times", "unknown key"),
        ({"files": {"accounts": FILE | {"format": "xlsx"}}}, "accounts.files.accounts.format", "expected one of csv"),
        ({"domains": {"from": ["phone"], "unmapped": "keyed"}}, "accounts.domains.from[0]", "declares no phone"),
        ({"domains": {"from": ["user_id"], "unmapped": "keyed"}}, "accounts.domains.from[0]", "holds no addresses"),
        ({"domains": {}}, "accounts.domains", "no file lists domains of accounts"),
        ({"domains": {"unmapped": "keyed", "extra_excluded": ["a@acme.example"]}}, "accounts.domains.extra_excluded[0]",
         "expected a domain"),
        ({"path": "accounts.csv"}, "accounts.path", "unknown key"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_where_it_stands(accounts: dict[str, Any], key: str, text: str) -> None:
    found = problems_of(with_email(accounts))

    assert [problem.key for problem in found] == [key]
    assert text in found[0].message
