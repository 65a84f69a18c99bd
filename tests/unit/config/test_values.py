"""Which values each key takes, and what is said about the others."""

from __future__ import annotations

from typing import Any

import pytest

from oneuser.config import Const, Product, SourceMapping, make_config
from tests.unit.config.config_samples import changed, problems_of, small

MAPPING = "sources/shop/mapping"
EMAIL = "identity/id_types/email"


def test_a_small_configuration_gets_the_declared_defaults() -> None:
    config = make_config(small())

    assert config.sessions.gap_minutes == 30
    assert config.attribution.lookback_days == 30
    assert config.attribution.models == ("first", "last", "linear", "position", "time_decay")
    assert config.attribution.half_life_days == 7
    assert config.ingest.max_line_bytes == 32 * 1024
    assert config.quarantine.max_share == 0.05
    assert config.graph.engine == "auto"
    assert config.retentions["default"].return_event == "any"
    assert config.raw_root is None
    assert config.channels is None
    assert config.sources["web"].touch == "session"
    assert config.identity.id_types["user_id"].normaliser == "trim"


def test_the_configuration_cannot_be_changed() -> None:
    config = make_config(small())

    with pytest.raises(ValueError, match="frozen"):
        config.sessions.gap_minutes = 5  # type: ignore[misc]


def test_a_mapping_is_read_into_expressions() -> None:
    values = changed(f"{MAPPING}/properties", {"revenue": {"product": ["Quantity", {"const": 2}]}, "n": "Quantity"})
    values["sources"]["shop"]["mapping"]["identifiers"] = {"user_id": ["Customer", "Login"]}

    mapping = make_config(values).sources["shop"].mapping

    assert isinstance(mapping, SourceMapping)
    assert mapping.properties == {"revenue": Product(product=("Quantity", Const(const=2))), "n": "Quantity"}
    assert mapping.identifiers == {"user_id": ("Customer", "Login")}
    assert mapping.type == Const(const="track")


GOOD = [
    ("sessions/gap_minutes", 1),
    ("sessions/cut_at_campaign", True),
    ("gates/max_largest_component", None),
    ("gates/max_merged_ids_share", 0),
    ("gates/max_merged_ids_share", 1),
    ("identity/survivor", "oldest"),
    ("identity/alias", {"may_join_unique": True, "previous_id_type": "user_id"}),
    ("consent/required_for_linking", []),
    ("graph/engine", "graphframes"),
    ("graph/engine", "contraction"),
    ("keys/identifiers", "file:./warehouse/.secrets/identifiers"),
    ("retention/return", "Order Completed"),
    ("retention/mode", "on_or_after"),
    ("retention/zone", "America/New_York"),
    (EMAIL, {"priority": 2, "known": True, "normaliser": "email", "gmail": True, "blocked": [12, "re:^a+$"]}),
    (EMAIL, {"priority": 2, "known": True, "normaliser": "phone", "default_region": "DE"}),
    ("conversions/order", {"event": "Order", "value": "properties.revenue", "currency": {"const": "GBP"}}),
    ("conversions/order", {"event": "Order", "where": {"properties.plan": {"in": ["pro", 2, True]}}}),
    ("conversions/order", {"event": "Order", "value": "properties.a.b", "currency": "properties.currency"}),
    ("channels", []),
    ("channels", [{"name": "a", "channel": "Email", "when": {"click_id": {"present": True}}}]),
    ("attribution/position", {"first": 0.2, "middle": 0.2, "last": 0.6}),
    ("attribution", {"levels": ["person", "account"], "models": ["markov_global", "linear"], "week_start": "sunday"}),
    ("attribution", {"levels": ["person", "account"], "membership_at": "conversion"}),
    ("attribution", {"levels": ["person", "account"], "models": ["markov_global", "set_shapley"]}),
    ("attribution/models", ["U-shaped", {"model": "position", "first": 0.5, "last": 0.5}, "participation"]),
    ("attribution/models", [{"model": "last_non_x", "channels": ["direct", "email"]}, "last_non_direct"]),
    ("attribution/transforms", ["exposure", {"transform": "last_n", "n": 20}]),
    ("attribution/exclude_channels", [" dIRECT", "unassigned"]),
    ("attribution", {"conversion_scope": "first_per_entity", "reset_at_conversion": True, "lookback": "whole_days"}),
    ("conversions/order", {"event": "Order", "milestone": "lead"}),
    ("spark/conf", {"spark.sql.adaptive.enabled": True, "spark.x": 3}),
    (f"{MAPPING}/traits", "customer"),
    (f"{MAPPING}/campaign", {"source": "utm", "name": {"concat": ["a", "b"]}}),
    ("sources/web/root", "message"),
    ("sources/web/identifiers", {"user_id": {"url_param": ["context.page.url", "eid"]}}),
    (f"{MAPPING}/properties", {"code": {"url_param": [{"concat": ["Host", "Path"]}, "code"]}}),
    (
        f"{MAPPING}/identifiers",
        {"user_id": "Customer", "anonymous_id": {"derive": {"from": "user_id", "transform": "md5"}}},
    ),
]


@pytest.mark.parametrize(("key", "value"), GOOD, ids=lambda part: str(part)[:40])
def test_good_values_are_taken(key: str, value: Any) -> None:
    assert problems_of(changed(key, value)) == []


BAD = [
    ("sessions/gap_minutes", -1, "sessions.gap_minutes", "must be greater than 0"),
    ("sessions/gap_minutes", 0, "sessions.gap_minutes", "must be greater than 0"),
    ("sessions/gap_minutes", "30", "sessions.gap_minutes", "expected a whole number, found a text"),
    ("sessions/gap_minutes", True, "sessions.gap_minutes", "expected a whole number, found true"),
    ("sessions/gap_minutes", 1.5, "sessions.gap_minutes", "expected a whole number, found a number"),
    ("sessions", [1], "sessions", "expected keys and values, found a list"),
    ("sessions", None, "sessions", "expected keys and values, found nothing"),
    ("sources", {}, "sources", "needs 1 at least"),
    ("attribution/lookback_days", -30, "attribution.lookback_days", "must be greater than 0"),
    ("attribution/half_life_days", 0, "attribution.half_life_days", "must be greater than 0"),
    ("attribution/half_life_days", float("nan"), "attribution.half_life_days", "expected a number"),
    ("attribution/models", [], "attribution.models", "needs 1 at least"),
    ("attribution/models", "first", "attribution.models", "expected a list, found a text"),
    ("attribution/models", ["first", "first"], "attribution.models[1]", "first is there twice"),
    ("attribution/models", ["frist"], "attribution.models[0]", "did you mean first?"),
    ("attribution/models", [3], "attribution.models[0]", "expected a model: a name, or a mapping"),
    (
        "attribution",
        {"membership_at": "conversion"},
        "attribution.membership_at",
        "only accounts have members",
    ),
    ("attribution/week_start", "saturday", "attribution.week_start", "monday"),
    ("attribution/models", ["lead_u"], "attribution.models[0]", "needs a conversion with `milestone: lead`"),
    ("attribution/transforms", ["frist"], "attribution.transforms[0]", "did you mean first?"),
    ("attribution/exclude_channels", ["E-mail"], "attribution.exclude_channels[0]", "did you mean Email?"),
    (
        "attribution/models",
        [{"model": "last_non_x", "channels": ["Fax"]}],
        "attribution.models[0]",
        "no rule of the built-in channels gives the channel 'Fax'; there are Direct",
    ),
    (
        "attribution/transforms",
        [{"transform": "remove_if_not_all", "channel": "Refferal"}],
        "attribution.transforms[0]",
        "did you mean Referral?",
    ),
    ("attribution/position", {"first": 0.9}, "attribution.position", "must be 1, found 1.5"),
    ("attribution/position", {"first": 0, "middle": 1, "last": 0}, "attribution.position", "first + last above 0"),
    ("attribution/position", {"first": 9e-13, "middle": 1, "last": 0}, "attribution.position.first", "at least 1e-12"),
    ("quarantine/max_share", 5, "quarantine.max_share", "must be 1 or less"),
    ("quarantine/max_share", -0.1, "quarantine.max_share", "must be 0 or greater"),
    ("gates/max_largest_component", 0, "gates.max_largest_component", "must be greater than 0"),
    ("graph/engine", "graphframe", "graph.engine", "found 'graphframe'; did you mean graphframes?"),
    ("retention/zone", "Europe/Londn", "retention.zone", "not a time zone"),
    ("retention/zone", "../etc/passwd", "retention.zone", "not a time zone"),
    ("retention/interval", "wek", "retention.interval", "did you mean week?"),
    ("retention/mode", True, "retention.mode", "expected one of on, on_or_after"),
    ("deployment", "a b", "deployment", "expected letters, digits, _ and -"),
    ("warehouse", " ", "warehouse", "expected a path, found nothing"),
    ("ingest/max_line_bytes", 10**9, "ingest.max_line_bytes", "must be 67,108,864 or less"),
    ("lease/ttl_minutes", 0, "lease.ttl_minutes", "must be greater than 0"),
    ("spark/driver_memory", "lots", "spark.driver_memory", "expected a size such as 3g"),
    ("spark/conf", {"sql.x": "1"}, "spark.conf.sql.x", "start with `spark.`"),
    ("spark/conf", {"spark.hadoop.fs.s3a.secret.key": "x"}, "spark.conf.spark.hadoop.fs.s3a.secret.key", "secrets"),
    ("identity/id_types/e mail", {"priority": 2, "known": True}, "identity.id_types.e mail", "expected letters"),
    (EMAIL, {"priority": 1, "known": True}, "identity.id_types.email.priority", "1 is already the priority of user_id"),
    (EMAIL, {"priority": 0, "known": True}, "identity.id_types.email.priority", "must be greater than 0"),
    (EMAIL, {"known": True}, "identity.id_types.email.priority", "is missing"),
    (EMAIL, {"priority": 2, "known": "yes"}, "identity.id_types.email.known", "expected true or false, found yes"),
    (EMAIL, {"priority": 2, "known": True, "normaliser": "emial"}, "identity.id_types.email.normaliser", "mean email?"),
    (
        EMAIL,
        {"priority": 2, "known": True, "gmail": True},
        "identity.id_types.email.gmail",
        "only the normaliser email",
    ),
    (EMAIL, {"priority": 2, "known": True, "blocked": ["re:("]}, "identity.id_types.email.blocked[0]", "not a regular"),
    (EMAIL, {"priority": 2, "known": True, "blocked": ["re:(?=a)"]}, "identity.id_types.email.blocked[0]", "RE2"),
    (
        EMAIL,
        {"priority": 2, "known": True, "blocked": ["re:" + "a" * 501]},
        "identity.id_types.email.blocked[0]",
        "500",
    ),
    (EMAIL, {"priority": 2, "known": True, "blocked": [True]}, "identity.id_types.email.blocked[0]", "expected a text"),
    (
        EMAIL,
        {"priority": 2, "known": True, "blocked_file": "no.csv"},
        "identity.id_types.email.blocked_file",
        "no file",
    ),
    ("conversions/order", {"event": "Order", "value": "revenue"}, "conversions.order.value", "expected a path into"),
    ("conversions/order", {"event": "O", "value": "properties.x"}, "conversions.order.value", "needs a `currency`"),
    ("conversions/order", {"event": "O", "currency": {"const": "GBP"}}, "conversions.order.currency", "no `value`"),
    (
        "conversions/order",
        {"event": "O", "value": "properties.x", "currency": {"const": "gbp"}},
        "conversions.order.currency.const",
        "ISO 4217",
    ),
    ("conversions/order", {"event": "O", "where": {"properties.x": {}}}, "conversions.order.where.properties.x", "one"),
    ("channels", [{"name": "a", "channel": "b", "when": {"utm_surce": {"present": True}}}], None, "mean utm_source?"),
    ("channels", [{"name": "a", "channel": "b", "when": {"click_id": {"matches": "["}}}], None, "not a regular"),
    ("channels", [{"name": "a", "channel": "b", "when": {"click_id": {"in": ["x"], "equals": "x"}}}], None, "exactly"),
    ("channels", [{"name": "a", "channel": "b"}, {"name": "a", "channel": "c"}], "channels[1].name", "another rule"),
    ("sources/web", {"path": "x", "format": "jsonl"}, "sources.web", "needs a `preset` or a `mapping`"),
    ("sources/web/format", "csv", "sources.web.preset", "needs a `mapping`"),
    ("sources/shop/preset", "segment", "sources.shop.mapping", "not both"),
    ("sources/shop/root", "message", "sources.shop.root", "only JSON Lines have a root"),
    ("sources/web/touch", "click", "sources.web.touch", "expected one of session, event, found 'click'"),
    (f"{MAPPING}/identifiers", {}, "sources.shop.mapping", "whose event it is"),
    (f"{MAPPING}/identifiers", {"emial": "E"}, "sources.shop.mapping.identifiers.emial", "declares no emial"),
    (f"{MAPPING}/event_time", None, "sources.shop.mapping", "when an event happened"),
    (f"{MAPPING}/event_time", {"column": "a", "zone": "X"}, "sources.shop.mapping.event_time.zone", "not a time zone"),
    (f"{MAPPING}/event_time", {"column": "a", "format": "yyyy-JJ"}, "sources.shop.mapping.event_time.format", "'JJ'"),
    (f"{MAPPING}/event_time", {"column": "a", "format": "HH:mm"}, "sources.shop.mapping.event_time.format", "a year"),
    (
        f"{MAPPING}/sent_at",
        {"column": "a", "format": "yyyy-MM-dd hh:mm"},
        "sources.shop.mapping.sent_at.format",
        "write yyyy-MM-dd HH:mm",
    ),
    ("ingest/earliest_time", "2000", "ingest.earliest_time", "expected a day such as 2000-01-01"),
    ("ingest/earliest_time", 2000, "ingest.earliest_time", "expected a day such as 2000-01-01"),
    ("ingest/earliest_time", "1969-12-31", "ingest.earliest_time", "must be from 1970-01-01"),
    ("ingest/earliest_time", None, "ingest.earliest_time", "expected a day"),
    (
        "retention/start",
        {"event": "A", "where": {"properties.mail": {"equals": "ann@x.example"}}},
        None,
        "an address names",
    ),
    (f"{MAPPING}/event", {"cnst": "x"}, "sources.shop.mapping.event", "expected a column or path, or one of {const"),
    (f"{MAPPING}/event", {"const": []}, "sources.shop.mapping.event.const", "a text, a number, true or false"),
    (f"{MAPPING}/event", {"concat": []}, "sources.shop.mapping.event.concat", "needs 1 at least"),
    (f"{MAPPING}/event", " ", "sources.shop.mapping.event", "expected the name of a column or a path"),
    (f"{MAPPING}/event", {"const": "x", "column": "y"}, "sources.shop.mapping.event.column", "unknown key"),
]


@pytest.mark.parametrize(("key", "value", "at", "text"), BAD, ids=[f"{row[0]}={row[1]}"[:60] for row in BAD])
def test_bad_values_are_refused_at_their_key(key: str, value: Any, at: str | None, text: str) -> None:
    found = problems_of(changed(key, value))

    assert len(found) == 1
    assert at is None or found[0].key == at
    assert text in found[0].message


@pytest.mark.parametrize("missing", ["deployment", "warehouse", "sources"])
def test_what_has_no_default_must_be_there(missing: str) -> None:
    values = small()
    del values[missing]

    found = problems_of(values)

    assert [(problem.key, problem.message, problem.code) for problem in found] == [
        (missing, "is missing", "config.missing")
    ]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("sesions", "did you mean `sessions`?"),
        ("sessions/gap_minute", "did you mean `gap_minutes`?"),
        ("sources/web/pathh", "did you mean `path`?"),
        ("sources/shop/mapping/evnt_time", "did you mean `event_time`?"),
        ("sources/shop/mapping/event_time/formt", "did you mean `format`?"),
        ("identity/id_types/user_id/priorty", "did you mean `priority`?"),
        ("retention/retun", "did you mean `return`?"),
        ("retention/return_event", "did you mean `return`?"),
        ("lease/zzz", "known are ttl_minutes"),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest_known_one(key: str, hint: str) -> None:
    found = problems_of(changed(key, 1))

    assert [problem.code for problem in found] == ["config.unknown_key"]
    assert hint in found[0].message


def test_keys_inside_lists_are_known_too() -> None:
    rule = {"name": "a", "channel": "b", "when": {"click_id": {"presnt": True}}}

    found = problems_of(changed("channels", [rule]))

    assert "unknown key; did you mean `present`?" in [problem.message for problem in found]


@pytest.mark.parametrize("reference", ["deadbeefdeadbeef", "env:", "env:a-b", "file:", "FILE:x", "vault:x", ""])
def test_a_secret_itself_is_refused_and_not_repeated(reference: str) -> None:
    found = problems_of(changed("keys/identifiers", reference))

    assert len(found) == 1
    assert "expected a reference" in found[0].message
    assert len(reference) < 6 or reference not in found[0].message


@pytest.mark.parametrize("entry", ["re:canary@example.com(", "re:[canary@example.com"])
def test_blocked_values_are_not_repeated_in_problems(entry: str) -> None:
    found = problems_of(changed(EMAIL, {"priority": 2, "known": True, "normaliser": "canary@x", "blocked": [entry]}))

    assert len(found) == 2
    assert "canary@example.com" not in "".join(map(str, found))


def test_contradictions_are_found_beside_wrong_values_elsewhere() -> None:
    values = changed(EMAIL, {"priority": 1, "known": True})
    values["sessions"] = {"gap_minutes": -1}
    values["attribution"] = {"position": {"first": 1}}

    assert {problem.key for problem in problems_of(values)} == {
        "identity.id_types.email.priority",
        "sessions.gap_minutes",
        "attribution.position",
    }
