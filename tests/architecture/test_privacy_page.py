"""The page for data-protection officers says of every table what the register says."""

from __future__ import annotations

import re

from oneuser.cli.app import build_app
from oneuser.contracts.registry import TABLES
from tests.architecture.privacy_page import BEGIN, END, PAGE, renewed
from tests.architecture.source import ROOT


def test_the_tables_of_the_page_are_those_of_the_register() -> None:
    text = PAGE.read_text(encoding="utf-8")

    # where this fails: python -m tests.architecture.privacy_page
    assert text.count(BEGIN) == text.count(END) == 1
    assert text == renewed(text)
    assert not [name for name in TABLES if f"| `{name}` |" not in text]


def test_the_page_is_linked_and_names_what_there_is() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert "(conf/privacy.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (PAGE.parent / link).exists(), link
    verbs = {
        str(one.name) for group in build_app().registered_groups for one in group.typer_instance.registered_commands
    }
    for verb in re.findall(r"`oneuser privacy (\w+)", text):
        assert verb in verbs, verb
