"""What a message says about consent, whatever the form in which its source has it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from oneuser.events.consent_object import is_opt_out, read_consent
from oneuser.events.mapping import read_mapping
from oneuser.events.parse import EVENT_COLUMNS, MessageParser
from tests.unit.events.parsing import HORIZON, KEYS, SEGMENT, line, message

CONSENT = EVENT_COLUMNS.index("consent")


def preferences(found: dict[str, Any]) -> Any:
    return (read_consent(found) or {}).get("categoryPreferences")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"categoryPreferences": {"Analytics": True, "Ads": False}}, {"Analytics": True, "Ads": False}),
        ({"categoryPreferences": {"Analytics": "granted", "Ads": "No", "Mail": 1, "Sms": 0}},
         {"Analytics": True, "Ads": False, "Mail": True, "Sms": False}),
        # what cannot be read says nothing, and takes nothing away
        ({"categoryPreferences": {"Ads": True, "Web": None, "Mail": "maybe", "Sms": [True]}}, {"Ads": True}),
        ({"categoryPreferences": '{"Analytics": true}'}, {"Analytics": True}),
        ({"categoryPreferences": {}}, {}),
        # RudderStack; what is on both lists is refused
        ({"allowedConsentIds": ["A", "B"], "deniedConsentIds": ["B", "C", 7]}, {"A": True, "B": False, "C": False}),
        ({"allowedConsentIds": ["A"], "provider": "custom"}, {"A": True}),
        # GA4
        ({"analytics_storage": "Yes", "ads_storage": "No", "uses_transient_token": "No"},
         {"analytics_storage": True, "ads_storage": False}),
        # Snowplow, whose event says what became of the scopes
        ({"eventType": "allow_selected", "consentScopes": ["ads", "web"], "basisForProcessing": "consent",
          "gdprApplies": False}, {"ads": True, "web": True}),
        ({"event_type": "withdrawn", "consent_scopes": '["ads"]'}, {"ads": False}),
        ({"eventType": "deny_all", "consentScopes": ["ads", 7]}, {"ads": False}),
        ({"eventType": "pending", "consentScopes": ["ads"]}, {}),
        ({"eventType": "implicit_consent", "consentScopes": ["ads"]}, {}),
        ({"consentScopes": ["ads"]}, {}),
        ({"eventType": "allow_all", "consentScopes": "ads"}, {}),
        # PostHog; a version is no answer
        ({"opt_in": True, "version": 1, "provider": "cmp"}, {"opt_in": True}),
        ({"categoryPreferences": {"": True, "x" * 129: True, "x" * 128: False}}, {"x" * 128: False}),
    ],
)  # fmt: skip
def test_forms_of_several_sources_are_one(found: dict[str, Any], said: dict[str, bool]) -> None:
    assert preferences(found) == said


def test_what_already_has_the_form_stays_as_it_came() -> None:
    found = {"categoryPreferences": {"Ads": True}, "version": 3}

    assert read_consent(found) is found


def test_a_message_cannot_name_purposes_without_end() -> None:
    assert len(preferences({"categoryPreferences": {f"purpose {n}": True for n in range(5000)}})) == 100


@pytest.mark.parametrize("signal", [True, 1, "1", "?1", " True ", "yes", "1YYN", "1-Y-"])
def test_signals_against_sale_and_sharing(signal: Any) -> None:
    assert is_opt_out(signal)
    assert read_consent(None, signal) == read_consent({}, signal) == {"optOut": True}
    assert read_consent({"Ads": True}, signal) == {"Ads": True, "categoryPreferences": {"Ads": True}, "optOut": True}


@pytest.mark.parametrize("signal", [None, False, 0, "0", "?0", "", "false", "1YNN", "1---", "Y", ["1"], {"gpc": 1}])
def test_what_is_no_signal(signal: Any) -> None:
    assert not is_opt_out(signal)
    assert read_consent(None, signal) is None
    assert read_consent({"categoryPreferences": {"Ads": True}}, signal) == {"categoryPreferences": {"Ads": True}}


def test_a_consent_object_may_hold_the_signal_itself() -> None:
    assert read_consent({"categoryPreferences": {}, "optOut": "1"}) == {"categoryPreferences": {}, "optOut": True}
    assert read_consent({"categoryPreferences": {}, "optOut": "no"}) == {"categoryPreferences": {}}


@pytest.mark.parametrize(
    "where",
    [
        {"gpc": 1},
        {"consent": {"gpc": 1}},
        {"globalPrivacyControl": True},
        {"headers": {"Sec-GPC": "1"}},
        {"headers": {"sec-gpc": "1"}},
    ],
)
def test_messages_of_segment_carry_the_signal_of_a_browser_in_their_context(where: dict[str, Any]) -> None:
    parser = MessageParser(SEGMENT, KEYS, horizon=HORIZON)
    raw = line(context=where)

    assert json.loads(parser.parse_line(raw, len(raw))[CONSENT])["optOut"] is True


def test_messages_of_segments_form_carry_what_rudderstack_asks_people() -> None:
    asked = {"allowedConsentIds": ["ads"], "deniedConsentIds": ["mail"], "provider": "oneTrust"}
    parser = MessageParser(SEGMENT, KEYS, horizon=HORIZON)
    raw = line(context={"consentManagement": asked})

    stored = json.loads(parser.parse_line(raw, len(raw))[CONSENT])

    assert stored == asked | {"categoryPreferences": {"ads": True, "mail": False}}


def test_a_mapping_has_a_place_for_each_purpose() -> None:
    places = {"consent": {"ads": "may_advertise", "mail": "newsletter"}, "opt_out": "gpc"}
    mapped = read_mapping(places, is_table=True)
    mapping = replace(SEGMENT.mapping, consent=mapped.consent, opt_out=mapped.opt_out)
    parser = MessageParser(replace(SEGMENT, mapping=mapping, is_table=True), KEYS, horizon=HORIZON)
    rows = [
        message() | {"may_advertise": "yes", "newsletter": None, "gpc": None},
        message() | {"may_advertise": None, "newsletter": False, "gpc": "1"},
        message() | {"may_advertise": "", "newsletter": None, "gpc": "0"},
    ]

    found = [parser.parse_row(row)[CONSENT] for row in rows]

    assert [None if text is None else json.loads(text) for text in found] == [
        {"ads": "yes", "categoryPreferences": {"ads": True}},
        {"mail": False, "categoryPreferences": {"mail": False}, "optOut": True},
        {"ads": "", "categoryPreferences": {}},
    ]
