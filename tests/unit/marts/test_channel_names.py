"""Channels of typical touches by the built-in table, and by rules of a configuration."""

from __future__ import annotations

import pyarrow as pa
import pytest

from oneuser.config import ChannelRule, Condition
from oneuser.marts.sessions.channel_names import ORIGIN, ChannelTable, name_channels
from oneuser.marts.sessions.channel_rules import declared_rules, default_rules

# source, medium, campaign, click id, referrer, landing host -> channel
CHANNELS: list[tuple[tuple[str | None, ...], str]] = [
    ((None, None, None, None, None, "shop.example"), "Direct"),
    (("", " ", None, None, "", None), "Direct"),
    (("(direct)", "(none)", None, None, None, None), "Direct"),
    ((None, None, None, None, "shop.example", "www.shop.example"), "Direct"),
    ((None, None, None, None, "blog.shop.example", "shop.example"), "Direct"),
    ((None, None, None, None, "www.google.co.uk", "shop.example"), "Organic Search"),
    ((None, None, None, None, "google.example.com", "shop.example"), "Referral"),
    ((None, None, None, None, "notgoogle.com", "shop.example"), "Referral"),
    ((None, None, None, None, "duckduckgo.com", None), "Organic Search"),
    ((None, None, None, None, "mail.google.com", "shop.example"), "Email"),
    ((None, None, None, None, "l.facebook.com", "shop.example"), "Organic Social"),
    ((None, None, None, None, "t.co", "shop.example"), "Organic Social"),
    ((None, None, None, None, "m.youtube.com", "shop.example"), "Organic Video"),
    ((None, None, None, None, "partner.example", "shop.example"), "Referral"),
    ((None, None, None, "gclid", "www.google.com", "shop.example"), "Paid Search"),
    ((None, None, None, "msclkid", None, None), "Paid Search"),
    ((None, None, None, "fbclid", "l.facebook.com", None), "Organic Social"),
    ((None, None, None, "ttclid", None, None), "Paid Social"),
    ((None, None, None, "dclid", None, None), "Display"),
    (("Google", "CPC", "brand", None, None, None), "Paid Search"),
    (("google", "cpc", "Cross-Network all", None, None, None), "Cross-network"),
    (("facebook", "cpm", None, None, None, None), "Paid Social"),
    (("facebook", "paid_social", None, "fbclid", None, None), "Paid Social"),
    (("youtube", "cpv", None, None, None, None), "Paid Video"),
    (("somewhere", "cpm", None, None, None, None), "Display"),
    (("somewhere", "banner", None, None, None, None), "Display"),
    (("somewhere", "ppc", None, None, None, None), "Paid Search"),
    (("somewhere", "paid-else", None, None, None, None), "Unassigned"),
    (("crm", "email", None, None, "mail.google.com", None), "Email"),
    (("newsletter", None, None, None, None, None), "Email"),
    (("partner", "affiliate", None, None, None, None), "Affiliates"),
    (("spotify", "audio", None, None, None, None), "Audio"),
    (("crm", "sms", None, None, None, None), "SMS"),
    (("crm", "web-push", None, None, None, None), "Push"),
    (("linkedin", "social", None, None, None, None), "Organic Social"),
    (("instagram", None, None, None, None, None), "Organic Social"),
    (("youtube.com", None, None, None, None, None), "Organic Video"),
    (("bing", "organic", None, None, None, None), "Organic Search"),
    (("partner", "referral", None, None, None, None), "Referral"),
    (("partner", None, "spring", None, "www.google.com", None), "Unassigned"),
]


@pytest.mark.parametrize(("origin", "expected"), CHANNELS)
def test_the_built_in_channels_are_the_usual_ones(origin: tuple[str | None, ...], expected: str) -> None:
    channel, rule = ChannelTable(default_rules()).channel_of(origin)

    assert channel == expected, rule


def test_every_channel_of_the_built_in_table_has_a_case() -> None:
    assert {expected for _, expected in CHANNELS} == {rule.channel for rule in default_rules()}


def test_the_names_of_built_in_rules_differ() -> None:
    names = [rule.name for rule in default_rules()]

    assert len(set(names)) == len(names)


RULES = [
    ChannelRule(name="blog", channel="Content", when={"referrer_host": {"matches": r"(^|\.)blog\.example$"}}),
    ChannelRule(name="mail", channel="Mail", when={"utm_medium": {"in": ["email", "Mail"]}}),
    ChannelRule(name="ads", channel="Ads", when={"click_id": {"present": True}, "utm_source": {"equals": "google"}}),
    ChannelRule(name="bare", channel="None", when={"landing_host": {"present": False}}),
]


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        # a referrer within the site is for the rules to judge
        ((None, "MAIL", None, None, "www.blog.example", "blog.example"), ("Content", "blog")),
        ((None, " mail ", None, None, None, "x"), ("Mail", "mail")),
        (("google", None, None, "gclid", None, "x"), ("Ads", "ads")),
        (("bing", None, None, "gclid", None, "x"), ("Unassigned", "(no rule)")),
        (("bing", None, None, "gclid", None, None), ("None", "bare")),
    ],
)
def test_of_several_rules_the_first_that_holds_wins(origin: tuple[str | None, ...], expected: tuple[str, str]) -> None:
    assert ChannelTable(declared_rules(RULES)).channel_of(origin) == expected


def test_without_rules_everything_is_unassigned() -> None:
    assert ChannelTable([]).channel_of((None,) * 6) == ("Unassigned", "(no rule)")


def test_other_columns_of_a_batch_are_kept() -> None:
    rows = [{"n": 1, **dict.fromkeys(ORIGIN)}, {"n": 2, **dict.fromkeys(ORIGIN), "campaign_medium": "email"}]
    batch = pa.RecordBatch.from_pylist(rows, pa.schema([("n", pa.int64()), *[(name, pa.string()) for name in ORIGIN]]))

    (named,) = name_channels([batch], rules=default_rules())

    assert named.select(["n", "channel"]).to_pylist() == [
        {"n": 1, "channel": "Direct"}, {"n": 2, "channel": "Email"},
    ]  # fmt: skip


def test_rules_may_look_at_content_term_and_referrers_from_elsewhere() -> None:
    written = [
        ("ads", "Ads", {"utm_content": Condition(matches="^ad-"), "utm_term": Condition(present=True)}),
        ("press", "Press", {"external_referrer_host": Condition(present=True)}),
    ]
    rules = [ChannelRule(name=name, channel=channel, when=when) for name, channel, when in written]  # type: ignore[arg-type]
    table = ChannelTable(declared_rules(rules))

    # what no rule looks at is not told apart
    assert ChannelTable(declared_rules(RULES)).columns == ORIGIN
    assert table.columns == (*ORIGIN, "campaign_content", "campaign_term")
    came_from = (None, None, None, None, "news.example", "shop.example")
    assert table.channel_of((*came_from, "AD-7", "shoes")) == ("Ads", "ads")
    assert table.channel_of((*came_from, "ad-7", None)) == ("Press", "press")
    from_itself = (None, None, None, None, "www.shop.example", "shop.example")
    assert table.channel_of((*from_itself, None, None)) == ("Unassigned", "(no rule)")
