"""Every table is registered with a zone; every column says what it means."""

from __future__ import annotations

import re

from oneuser.contracts.privacy import ERASURES, SUPPRESSIONS
from oneuser.contracts.registry import TABLES
from oneuser.contracts.subject import NOBODY

# Columns that hold identifiers or payload as received: wherever one appears, it is personal.
RECEIVED = {"id_value", "raw_line", "payload", "traits", "email"}


def test_there_are_tables() -> None:
    assert TABLES


def test_a_table_has_a_zone_a_grain_and_a_key_among_its_columns() -> None:
    for name, contract in TABLES.items():
        assert contract.zone in {"raw", "pseudonymous", "control"}, name
        assert contract.grain, name
        assert contract.key, name
        assert set(contract.key) <= set(contract.columns), name
        assert set(contract.partition_by) <= set(contract.columns), name
        assert len(set(contract.columns)) == len(contract.columns), name


def test_a_key_is_never_null_as_a_whole() -> None:
    for name, contract in TABLES.items():
        assert not set(contract.key) <= {field.name for field in contract.fields if field.nullable}, name


def test_every_column_is_snake_case_and_says_what_it_means() -> None:
    fields = [(name, field) for name, contract in TABLES.items() for field in contract.fields]

    assert not [(name, field.name) for name, field in fields if not re.fullmatch(r"[a-z][a-z0-9_]*", field.name)]
    assert not [(name, field.name) for name, field in fields if not field.comment]


def test_personal_columns_are_declared_and_stay_in_the_raw_zone() -> None:
    for name, contract in TABLES.items():
        assert not RECEIVED & set(contract.columns) - set(contract.personal_columns), name
        assert contract.zone == "raw" or not contract.personal_columns, name


def test_types_can_be_read_without_a_session() -> None:
    for name, contract in TABLES.items():
        assert contract.schema.fieldNames() == contract.columns, name


# columns that tell whose a row is, wherever one appears
TELLING = {
    "message_key", "first_message_key", "identifier_id", "src", "dst", "edge_src", "edge_dst", "id_key", "redirect_to",
    "user_id", "touch_user_id", "other_user_id", "user_id_before", "touch_user_id_before", "entity_id",
}  # fmt: skip
# what an erasure keeps on purpose, and what companies say of themselves
EXEMPT = {ERASURES.name, SUPPRESSIONS.name, "account_profiles"}


def test_the_subject_of_a_table_names_columns_that_it_has() -> None:
    for name, contract in TABLES.items():
        subject = contract.subject
        kept = () if subject.kept is None else (subject.kept[0],)
        assert {*subject.columns, *kept} <= set(contract.columns), name


def test_whose_a_row_is_is_declared_wherever_a_column_tells_it() -> None:
    for name, contract in TABLES.items():
        if name not in EXEMPT:
            # the target of a redirect is told by its own row, where rows of the erased stay
            told = {*contract.subject.columns, *(["redirect_to"] if contract.subject.kept else [])}
            # a key beside the number of its identifier is told by that
            told |= {"id_key"} if "identifier_id" in told else set()
            assert TELLING & set(contract.columns) <= told, name
            assert not contract.personal_columns or contract.subject != NOBODY, name


def test_what_is_kept_of_earlier_runs_is_found_by_messages_that_are_gone() -> None:
    """Whatever is written again comes out without them, once its owner is resolved again."""
    for name, contract in TABLES.items():
        if not contract.replaced:
            found = {*contract.subject.touches, *(column for column, _ in contract.subject.conversions)}
            assert {"touch_id", "conversion_id"} & set(contract.columns) <= found, name
