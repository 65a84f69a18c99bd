"""User IDs are TypeIDs of a keyed hash."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

import pytest

from oneuser.identity.minting import Mint, encode_user_id, encode_user_ids, mint_user_id, number_hasher
from tests.oracle.ledger import new_id

MINT = Mint("test", 7, b"a made-up secret of 32 bytes....")


@pytest.mark.parametrize(
    ("number", "suffix"),
    [
        # from the test vectors of the TypeID specification
        ("00000000000000000000000000000000", "00000000000000000000000000"),
        ("00000000000000000000000000000001", "00000000000000000000000001"),
        ("00000000000000000000000000000020", "00000000000000000000000010"),
        ("ffffffffffffffffffffffffffffffff", "7zzzzzzzzzzzzzzzzzzzzzzzzz"),
        ("0110c8531d0952d8d73e1194e95b5f19", "0123456789abcdefghjkmnpqrs"),
        ("01890a5dac96774bbcceb302099a8057", "01h455vb4pex5vsknk084sn02q"),
    ],
)
def test_numbers_are_written_as_typeid_writes_them(number: str, suffix: str) -> None:
    assert encode_user_id(bytes.fromhex(number)) == "usr_" + suffix


def test_user_ids_equal_the_plain_spelling() -> None:
    chance = Random(1)
    hash_anchor = number_hasher(MINT)
    keys = [chance.randbytes(16) for _ in range(200)]

    texts = encode_user_ids([hash_anchor(key) for key in keys]).decode()

    assert texts == "".join(new_id(key, 7, "test", MINT.secret) for key in keys)
    assert re.fullmatch(r"(usr_[0-7][0-9a-hjkmnp-tv-z]{25})*", texts)


def test_another_run_deployment_or_secret_gives_another_id() -> None:
    mints = [
        MINT,
        replace(MINT, run_seq=8),
        replace(MINT, deployment="other"),
        replace(MINT, secret=b"another made-up secret, 32 bytes"),
    ]

    assert len({mint_user_id(b"k" * 16, (), number_hasher(mint)) for mint in mints}) == len(mints)


def test_an_id_that_existed_before_is_never_minted_again() -> None:
    hash_anchor = number_hasher(MINT)
    taken = mint_user_id(b"k" * 16, (), hash_anchor)
    second = mint_user_id(b"k" * 16, {taken}, hash_anchor)
    third = mint_user_id(b"k" * 16, {taken, second}, hash_anchor)

    assert len({taken, second, third}) == 3
    assert mint_user_id(b"k" * 16, {taken}, hash_anchor) == second


def test_the_secret_is_in_no_text_about_a_mint() -> None:
    assert "made-up" not in repr(MINT)
