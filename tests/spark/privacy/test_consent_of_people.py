"""Consent of people out of tables: whose a message is, which device speaks, in which order; and who may be used."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from oneuser.contracts.graph import EVENT_IDENTIFIERS
from oneuser.contracts.identity import EVENTS_RESOLVED
from oneuser.contracts.privacy import CONSENT
from oneuser.privacy.consent_of_people import (
    ConsentRules,
    consent_of,
    find_consenting_people,
    find_late,
    find_steps,
    kept_steps,
    replay_steps,
    replays_of,
)
from oneuser.privacy.kept_refusals import (
    find_kept_refusals,
    find_later_grants,
    find_stated_grants,
    with_kept_refusals,
)
from tests.frames import assert_rows
from tests.oracle.consent import KNOWN, OPTED_OUT, PRIORITIES, Said, stands

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
STATES_PREFERENCES = "Preferences Set"
PURPOSES = ["ads", "mail", "sale"]
IDENTIFIERS = [("user_id", "u"), ("email", "e"), ("anonymous_id", "a"), ("anonymous_id", "b"), ("device_id", "d")]
NUMBERS = {identifier: number for number, identifier in enumerate(IDENTIFIERS, start=1)}
# what is there beside a message's identifiers and must not count: the other id of an alias, a type nobody declared
RULES = ConsentRules(PRIORITIES, KNOWN, OPTED_OUT, [STATES_PREFERENCES])
BESIDE = {"": (), "old": (("anonymous_id", "previous"), ("user_id", "previous")), "other": (("colour", "event"),)}


class Histories:
    """Messages of many people, as the tables have them that consent is decided from."""

    def __init__(self) -> None:
        self.resolved: list[dict[str, Any]] = []
        self.carried: list[dict[str, Any]] = []
        self.said: list[tuple[bytes, str]] = []

    def add(self, message: Said, person: int | None, *, beside: str = "", at: datetime | None = None) -> bytes:
        """One message; its receipt is what orders those of one instant."""
        key = f"{person}.{message.number}.{len(self.resolved)}".encode()
        facts = {
            "message_key": key, "event_time": at or MONDAY + timedelta(minutes=message.number // 3),
            "received_at": MONDAY + timedelta(hours=message.number),
        }  # fmt: skip
        self.resolved.append(
            facts
            | {"type": "track", "event": STATES_PREFERENCES if message.is_stated else None, "source": "site"}
            | {"user_id": None if person is None else f"usr_{person}"}
        )
        links = [(NUMBERS[one] + 100 * (person or 0), one[0], one[1], "event") for one in message.ids]
        # numbers of their own, so that they join nothing
        first = 100_000 + 10 * len(self.resolved)
        links += [(first + place, id_type, "", link) for place, (id_type, link) in enumerate(BESIDE[beside])]
        self.carried += [
            facts
            | {"identifier_id": number, "id_type": id_type, "link": link, "n_links": len(links), "run_seq": 1}
            | {"type_rank": sorted(v for _, t, v, _ in links if t == id_type).index(value)}
            for number, id_type, value, link in links
        ]
        consent = {"categoryPreferences": dict(message.preferences)} | ({"optOut": True} if message.opts_out else {})
        if message.preferences or message.opts_out:
            self.said.append((key, json.dumps(consent)))
        return key

    def consent(self, spark: SparkSession) -> DataFrame:
        chance = Random(7)
        for rows in (self.resolved, self.carried, self.said):
            chance.shuffle(rows)  # type: ignore[arg-type]
        return consent_of(replay_steps(self.steps(spark), RULES))

    def steps(self, spark: SparkSession) -> DataFrame:
        return find_steps(
            EVENTS_RESOLVED.frame(spark, self.resolved),
            EVENT_IDENTIFIERS.frame(spark, self.carried),
            spark.createDataFrame(self.said, "message_key binary, consent string"),
            RULES,
        )


def random_person(chance: Random) -> list[Said]:
    messages = []
    for number in range(chance.randint(1, 9)):
        ids = tuple(chance.sample(IDENTIFIERS, chance.choice((1, 1, 2, 3))))
        preferences = {one: chance.random() < 0.6 for one in PURPOSES if chance.random() < 0.5}
        is_stated, opts_out = chance.random() < 0.1, chance.random() < 0.15
        messages.append(Said(number, ids, preferences, opts_out=opts_out, is_stated=is_stated))
    return messages


def test_many_people_come_out_as_each_of_them_does_alone(spark: SparkSession) -> None:
    chance, histories = Random(1), Histories()
    wanted = set()
    for person in range(300):
        messages = random_person(chance)
        keys = {m.number: histories.add(m, person, beside=chance.choice(sorted(BESIDE))) for m in messages}
        for purpose in PURPOSES:
            stand = stands(messages, purpose)
            if stand:
                since = MONDAY + timedelta(minutes=stand[1].number // 3)
                wanted.add((f"usr_{person}", purpose, stand[0], since, "site", keys[stand[1].number]))
    # what nobody owns says nothing of anybody
    histories.add(Said(0, (IDENTIFIERS[0],), {"ads": True}), None)

    assert len(wanted) > 500
    assert_rows(histories.consent(spark), CONSENT, *wanted)


def test_who_goes_on_from_what_was_kept_comes_to_what_a_replay_of_all_comes_to(spark: SparkSession) -> None:
    chance, histories = Random(2), Histories()
    for person in range(100):
        for message in random_person(chance):
            histories.add(message, person)
    steps = histories.steps(spark).localCheckpoint()
    began = int(MONDAY.timestamp()) * 1_000_000
    earlier, later = steps.where(F.col("at") <= began), steps.where(F.col("at") > began)

    kept = replays_of(replay_steps(earlier, RULES)).localCheckpoint()

    everything = replay_steps(steps, RULES)
    gone_on = replay_steps(later.unionByName(kept_steps(kept)), RULES)
    for part in (consent_of, replays_of):
        wanted = sorted(map(tuple, part(everything).collect()))
        assert sorted(map(tuple, part(gone_on).collect())) == wanted
        assert len(wanted) > 90
    assert later.count() > 100
    assert find_late(later, kept).isEmpty()
    went_on = later.join(kept, on="user_id", how="left_semi").select("user_id").distinct().count()
    both = earlier.join(later, on="user_id", how="left_semi").select("user_id").distinct().count()
    # had the later ones been first, the earlier ones would be late
    assert find_late(earlier, replays_of(replay_steps(later, RULES))).count() == went_on == both > 50


def test_whoever_grants_every_purpose_may_be_used(spark: SparkSession) -> None:
    rows = [
        {"user_id": user, "purpose": purpose, "state": state, "since": MONDAY, "source": "site", "message_key": b"m"}
        for user, purpose, state in (
            ("both", "ads", "granted"),
            ("both", "mail", "granted"),
            ("both", "sale", "refused"),
            ("one refused", "ads", "granted"),
            ("one refused", "mail", "refused"),
            ("one not said", "ads", "granted"),
            ("one not said", "sale", "granted"),
        )
    ]
    consent = CONSENT.frame(spark, rows)

    assert_rows(find_consenting_people(consent, ["ads", "mail", "ads"]), "user_id string", ("both",))
    assert_rows(
        find_consenting_people(consent, ["ads"]), "user_id string", ("both",), ("one refused",), ("one not said",)
    )
    assert_rows(find_consenting_people(CONSENT.empty(spark), ["ads"]), "user_id string")


def test_a_refusal_outlives_its_message_until_something_newer_is_granted(spark: SparkSession) -> None:
    def rows(*told: tuple[str, str, str, int, bytes | None]) -> DataFrame:
        names = ("user_id", "purpose", "state", "since", "message_key")
        found = [dict(zip(names, one, strict=True)) for one in told]
        return CONSENT.frame(
            spark, [one | {"since": MONDAY + timedelta(hours=int(one["since"])), "source": "site"} for one in found]
        )

    # given refusals of erased messages, one of an earlier run, one of somebody merged since, one of somebody erased
    before = rows(
        ("ann", "ads", "refused", 5, b"gone"),
        ("ann", "mail", "granted", 5, b"gone"),
        ("bob", "ads", "refused", 5, None),
        ("old", "ads", "refused", 7, None),
        ("carla", "ads", "refused", 5, b"here"),
        ("erased", "ads", "refused", 5, None),
    )
    erased = spark.createDataFrame([(b"gone",)], "message_key binary")
    redirects = spark.createDataFrame([("old", "bob")], "user_id string, redirect_to string")
    live = spark.createDataFrame([(one,) for one in ("ann", "bob", "carla")], "user_id string")

    kept = find_kept_refusals(before, erased, redirects, live)

    later = MONDAY + timedelta(hours=7)
    of_ann = ("ann", "ads", "refused", MONDAY + timedelta(hours=5), "site", None)
    assert_rows(kept, CONSENT, of_ann, ("bob", "ads", "refused", later, "site", None))

    # then what was granted before counts no more, what is granted later does
    decided = rows(
        ("ann", "ads", "granted", 1, b"m1"), ("bob", "ads", "granted", 8, b"m2"), ("bob", "x", "refused", 1, b"m3")
    )
    owned = spark.createDataFrame(
        [(b"m4", "ann", later), (b"m5", "bob", later)], "message_key binary, user_id string, event_time timestamp"
    )
    texts = [
        (b"m4", '{"categoryPreferences": {"mail": true, "ads": true}, "optOut": true}'),
        (b"m5", '{"categoryPreferences": {"x": false}}'),
    ]
    said = spark.createDataFrame(texts, "message_key binary, consent string").withColumn("source", F.lit("site"))
    nothing = rows()
    opted_out = find_stated_grants(owned, said, opt_out_refuses=["ads"])
    found = with_kept_refusals(decided, kept, opted_out, nothing)
    assert {(row["user_id"], row["purpose"], row["state"], row["message_key"]) for row in found.collect()} == {
        ("ann", "ads", "refused", None), ("bob", "ads", "granted", b"m2"), ("bob", "x", "refused", b"m3"),
    }  # fmt: skip
    # nor does a grant that is stated again change what messages say, and it ends the refusal
    stated = find_stated_grants(owned, said, opt_out_refuses=[])
    ended = with_kept_refusals(decided, kept, stated, nothing)
    of_ann = ("ann", "ads", "granted", later, "site", b"m4")
    assert_rows(ended.where("user_id = 'ann'"), CONSENT, of_ann)

    # which stands since then, run after run, unless its message goes, too
    merged = rows(("old", "ads", "granted", 9, b"m6"))
    stood = find_later_grants(ended.unionByName(merged), decided)
    none_kept = kept.limit(0)
    assert_rows(stood.select(*CONSENT.columns), CONSENT, of_ann)
    assert [row["granted_by"] for row in stood.collect()] == [b"m1"]
    for one, since in ((stated, later), (stated.limit(0), MONDAY + timedelta(hours=1))):
        found = with_kept_refusals(decided, none_kept, one, stood)
        assert found.where((F.col("user_id") == "ann") & (F.col("since") == since)).count() == 1
