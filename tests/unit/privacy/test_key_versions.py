"""Versions of a secret as lines of text."""

from __future__ import annotations

from datetime import date

import pytest

from oneuser.core.errors import EnvironmentProblem
from oneuser.core.keyed import identifier_hasher, message_hasher
from oneuser.privacy.key_versions import KeyVersion, format_versions, make_version, parse_versions
from oneuser.privacy.keys import make_keys

OLD, NEW = KeyVersion("k1", b"\x01" * 32), KeyVersion("k2", b"\x02" * 32, date(2026, 3, 2))


def test_versions_are_read_as_they_are_written() -> None:
    assert format_versions([OLD, NEW]) == f"k1 {'01' * 32}\nk2 {'02' * 32} 2026-03-02\n"
    assert parse_versions(format_versions([OLD, NEW])) == [OLD, NEW]
    # as other programs make one, and as editors leave it
    assert parse_versions(f"\r\n {'01' * 32}\r\n\r\nk2  {'02' * 32}   2026-03-02") == [OLD, NEW]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{'ab' * 32} k1", "line 1 of the secret is not hexadecimal"),
        (f"k1 {'ab' * 32}\n{'ab' * 32} {'cd' * 32}", "line 2 of the secret does not begin with the id of a key"),
        (f"k1 {'ab' * 32} yesterday", "line 1 of the secret is not hexadecimal, or no day follows"),
        (f"k1 {'ab' * 32} 2026-03-02 more", "does not begin with"),
        (f"k/1 {'ab' * 32}", "does not begin with"),
        (f"k1 {'ab' * 32}\nk1 {'cd' * 32}", "two versions of the secret are called k1"),
        (f"{'ab' * 32}\n{'cd' * 32}", "two versions of the secret are called k1"),
    ],
)
def test_a_line_that_is_no_version_is_refused_without_repeating_it(text: str, found: str) -> None:
    with pytest.raises(EnvironmentProblem, match=found) as caught:
        parse_versions(text)

    assert "abab" not in str(caught.value)
    assert "cdcd" not in str(caught.value)


def test_a_new_version_is_called_by_the_next_number_and_is_random() -> None:
    odd = KeyVersion("before-the-merger", b"\x03" * 32)
    made = [make_version([odd, OLD, KeyVersion("k12", b"\x04" * 32)], date(2026, 3, 2)) for _ in range(2)]

    assert [(one.key_id, len(one.secret), one.created) for one in made] == [("k13", 32, date(2026, 3, 2))] * 2
    assert made[0].secret != made[1].secret
    assert make_version([], date(2026, 3, 2)).key_id == "k1"


def test_a_rotation_changes_the_keys_of_identifiers_alone() -> None:
    before, after = (make_keys(versions, deployment="acme") for versions in ([OLD], [OLD, NEW]))

    assert message_hasher(before, "web")(b"m1") == message_hasher(after, "web")(b"m1")
    assert before.minting == after.minting
    assert (before.key_id, after.key_id) == ("k1", "k2")
    hashes = [identifier_hasher(version, "email")("a@b.example") for version in after.of_each_version()]
    assert hashes[0] == identifier_hasher(after, "email")("a@b.example") != hashes[1]
    assert hashes[1] == identifier_hasher(before, "email")("a@b.example")
    assert [version.key_id for version in after.of_each_version()] == ["k2", "k1"]


def test_no_secret_is_shown() -> None:
    keys = make_keys([OLD, NEW], deployment="acme")
    secrets = [OLD.secret, NEW.secret, keys.identifiers, keys.messages, keys.minting, keys.earlier[0][1]]

    shown = f"{OLD!r} {NEW!r} {keys!r} {keys.of_each_version()!r}"
    assert not [one for one in secrets if one.hex() in shown or repr(one)[2:-1] in shown]
    # the checks are shown, and are none of them
    assert dict(keys.checks)["k1"] in shown
    assert not [one for one in secrets if dict(keys.checks)["k1"] in one.hex()]
