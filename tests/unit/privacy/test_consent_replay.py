"""Consent of one person over rows at hand: devices, merges, withdrawals, signals against sale and sharing."""

from __future__ import annotations

import json
from collections import Counter
from random import Random

import pytest

from oneuser.core.event_order import event_order
from oneuser.privacy.consent_replay import Replay, Standing, Step, decide_consent, read_preferences
from tests.oracle.consent import OPTED_OUT, Said, stands

LAPTOP, PHONE = ("anonymous_id", "laptop"), ("anonymous_id", "phone")
ANN, MAIL = ("user_id", "ann"), ("email", "ann@example.com")
IDENTIFIERS = [ANN, MAIL, LAPTOP, PHONE, ("device_id", "set-top box")]
NUMBERS = {identifier: number for number, identifier in enumerate(IDENTIFIERS)}
PURPOSES = ["ads", "mail", "sale"]


def as_step(message: Said) -> Step:
    """As the transform hands it over: the device first, and the consent as it is stored."""
    text = json.dumps({"categoryPreferences": dict(message.preferences), "optOut": message.opts_out})
    others = [NUMBERS[one] for one in message.ids if one != message.device]
    return Step(
        message.number,
        event_order(None, b"key"),
        [NUMBERS[message.device], *others],
        read_preferences(text, OPTED_OUT),
        message.is_stated,
        "site",
    )


def said(*messages: tuple[tuple[tuple[str, str], ...], bool | None]) -> list[Said]:
    """One message after the other, each with what it says about ads."""
    return [
        Said(number, ids, {} if granted is None else {"ads": granted})
        for number, (ids, granted) in enumerate(messages, start=1)
    ]


def ads_of(messages: list[Said]) -> Standing | None:
    return decide_consent(as_step(message) for message in messages).get("ads")


@pytest.mark.parametrize(
    ("messages", "state", "since"),
    [
        # on one device the latest wins, and stands since it was said first
        ([((LAPTOP,), True), ((LAPTOP,), False), ((LAPTOP,), False)], "refused", 2),
        ([((LAPTOP,), False), ((LAPTOP,), True), ((LAPTOP,), True)], "granted", 2),
        # of two that turn out to be one person's, the refusal, whichever is newer
        ([((LAPTOP,), False), ((PHONE,), True), ((ANN, LAPTOP), None), ((ANN, PHONE), None)], "refused", 1),
        ([((PHONE,), True), ((LAPTOP,), False), ((ANN, LAPTOP), None), ((ANN, PHONE), None)], "refused", 2),
        # what the phone says with each message is nothing new
        ([((PHONE,), True), ((LAPTOP,), False), ((ANN, LAPTOP), None), ((ANN, PHONE), True)], "refused", 2),
        # what it says anew is, though the laptop goes on saying what it has said
        (
            [
                *[((PHONE,), True), ((LAPTOP,), False), ((ANN, LAPTOP), False), ((ANN, PHONE), True)],
                *[((PHONE,), False), ((PHONE,), True), ((LAPTOP,), False)],
            ],
            "granted",
            6,
        ),
        # a device that nobody has logged in on yet speaks for itself alone
        ([((ANN, LAPTOP), False), ((PHONE,), True), ((ANN, PHONE), True)], "refused", 1),
        # one that speaks for the first time after somebody has logged in on it speaks for them
        ([((ANN, LAPTOP), False), ((ANN, PHONE), True)], "granted", 2),
        # what no message joins is joined in the end
        ([((MAIL,), False), ((LAPTOP,), False), ((LAPTOP,), True)], "refused", 1),
    ],
)
def test_what_stands(messages: list[tuple[tuple[tuple[str, str], ...], bool | None]], state: str, since: int) -> None:
    found = ads_of(said(*messages))

    assert found is not None
    assert ("granted" if found.is_granted else "refused", found.since) == (state, since)


def test_an_event_that_states_preferences_says_something_new_even_where_it_is_the_same() -> None:
    merged = said(((PHONE,), True), ((LAPTOP,), False), ((ANN, LAPTOP), None), ((ANN, PHONE), None))
    again = Said(5, (PHONE,), {"ads": True})

    assert ads_of([*merged, again]) == Standing(False, 2, event_order(None, b"key"), "site")
    assert ads_of([*merged, Said(5, (PHONE,), {"ads": True}, is_stated=True)]) == Standing(
        True, 5, event_order(None, b"key"), "site"
    )


def test_what_opts_out_refuses_what_the_same_message_grants_and_nothing_else() -> None:
    text = json.dumps({"categoryPreferences": {"sale": True, "ads": True}, "optOut": True})

    assert read_preferences(text, ["sale", "sharing"]) == (("ads", True), ("sale", False), ("sharing", False))
    assert read_preferences('{"optOut":true}', []) == ()


def test_what_is_neither_true_nor_false_says_nothing() -> None:
    assert read_preferences('{"categoryPreferences":{"ads":null,"mail":"yes","sale":1},"version":2}', ["sale"]) == ()
    assert read_preferences('{"categoryPreferences":"yes","optOut":"no"}', ["sale"]) == ()


def random_messages(chance: Random) -> list[Said]:
    """A person with few identifiers, so that they are joined late and devices speak again and again."""
    messages = []
    for number in range(chance.randint(1, 12)):
        ids = tuple(chance.sample(IDENTIFIERS, chance.choice((1, 1, 1, 2, 2, 3))))
        preferences = {one: chance.random() < 0.6 for one in PURPOSES if chance.random() < 0.5}
        is_stated, opts_out = chance.random() < 0.1, chance.random() < 0.15
        messages.append(Said(number, ids, preferences, opts_out=opts_out, is_stated=is_stated))
    return messages


def test_random_histories_come_out_as_the_page_says() -> None:
    met: Counter[str] = Counter()
    for seed in range(1500):
        messages = random_messages(Random(seed))
        found = decide_consent(as_step(message) for message in messages)
        for purpose in PURPOSES:
            wanted, stand = stands(messages, purpose), found.get(purpose)
            assert (wanted is None) is (stand is None), (seed, purpose)
            if wanted is None or stand is None:
                continue
            assert (wanted[0], wanted[1].number) == ("granted" if stand.is_granted else "refused", stand.since), seed
            newest = next(m.about(purpose) for m in reversed(messages) if m.about(purpose) is not None)
            met[f"{wanted[0]}, last said {newest}"] += 1
    # each answer is met where the latest says so, and where it says something else
    assert min(met[f"{state}, last said {said}"] for state in ("granted", "refused") for said in (True, False)) > 50


def test_a_replay_that_was_kept_goes_on_as_if_it_had_never_stopped() -> None:
    chance, n_kept = Random(3), 0
    for _ in range(300):
        steps = [
            as_step(
                Said(
                    number,
                    tuple(chance.sample(IDENTIFIERS, chance.choice((1, 1, 2, 3)))),
                    {one: chance.random() < 0.6 for one in PURPOSES if chance.random() < 0.5},
                )
            )
            for number in range(chance.randint(2, 9))
        ]
        whole, kept = Replay(), Replay()
        for step in steps:
            whole.take(step)
            if chance.random() < 0.4 and kept.last is not None:
                kept, n_kept = Replay.of_text(kept.as_text(), kept.last), n_kept + 1
            kept.take(step)

        assert kept.all_joined() == whole.all_joined()
        assert (kept.as_text(), kept.last) == (whole.as_text(), whole.last)
    assert n_kept > 200
