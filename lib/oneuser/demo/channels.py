"""Where visits come from: campaigns, click ids and referrers of the landing page."""

from __future__ import annotations

from typing import NamedTuple

from oneuser.demo.vocabulary import SHOP

# Replaced by something unique in every line.
CLICK_ID = "CLICKID"


class Origin(NamedTuple):
    """One way to arrive. The weights say how often first and later visits come this way."""

    channel: str
    first: float
    later: float
    referrer: str = ""
    utm: tuple[str, ...] = ()  # source, medium, name, content, term; the last two may be missing
    click: str = ""


ORIGINS = (
    Origin("direct", 18, 38),
    Origin("organic_search", 20, 14, "https://www.google.com/"),
    Origin("organic_search", 4, 3, "https://www.bing.com/"),
    Origin("paid_search", 10, 4, "https://www.google.com/", ("google", "cpc", "brand", "ad-a", "kettle"), "gclid"),
    Origin(
        "paid_search", 9, 3, "https://www.google.com/", ("google", "cpc", "kitchen", "ad-b", "copper teapot"), "gclid"
    ),
    Origin("paid_search", 3, 1, "https://www.google.com/", (), "gclid"),
    Origin(
        "paid_social", 10, 4, "https://www.facebook.com/", ("facebook", "paid_social", "spring", "video-1"), "fbclid"
    ),
    Origin("paid_social", 4, 2, "https://www.instagram.com/", ("instagram", "paid_social", "spring", "story-2")),
    Origin("organic_social", 6, 4, "https://www.reddit.com/"),
    Origin("organic_social", 3, 2, "https://t.co/"),
    Origin("referral", 6, 3, "https://blog.teatime.example/best-kettles"),
    Origin("affiliate", 4, 2, "https://deals.example/", ("deals", "affiliate", "always-on")),
    Origin("display", 3, 1, "", ("adnet", "display", "retargeting", "banner-3")),
    Origin("email", 0, 14, "", ("newsletter", "email", "weekly", "hero")),
    Origin("email", 0, 5, "", ("crm", "email", "abandoned-cart", "button")),
)
DIRECT = 0
EMAIL_ORIGINS = tuple(n for n, origin in enumerate(ORIGINS) if origin.channel == "email")
_UTM = ("source", "medium", "name", "content", "term")
_PARAMETERS = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")


def landing_body(origin: Origin, path: str, title: str) -> str:
    """The page message of an arrival on the web, up to where the client describes itself."""
    pairs = [f"{name}={value.replace(' ', '+')}" for name, value in zip(_PARAMETERS, origin.utm, strict=False)]
    if origin.click:
        pairs.append(f"{origin.click}={CLICK_ID}")
    search = "?" + "&".join(pairs) if pairs else ""
    address = f'"path":"{path}","title":"{title}","url":"{SHOP}{path}{search}"'
    place = f'{address},"referrer":"{origin.referrer}","search":"{search}"'
    utm = ",".join(f'"{name}":"{value}"' for name, value in zip(_UTM, origin.utm, strict=False))
    campaign = f'"campaign":{{{utm}}},' if utm else ""
    return f'"type":"page","name":"{title}","properties":{{{place}}},"context":{{"page":{{{place}}},{campaign}'


def app_landing_body(origin: Origin) -> str:
    """The first screen of a visit to the app, which knows its campaign but no page."""
    utm = ",".join(f'"{name}":"{value}"' for name, value in zip(_UTM, origin.utm, strict=False))
    campaign = f'"campaign":{{{utm}}},' if utm else ""
    return f'"type":"screen","name":"Start","properties":{{}},"context":{{{campaign}'
