"""Where a visitor came from: campaign, click id, referrer and page of a message.

These columns are copied into pseudonymous tables, so a value that looks like an e-mail address is left out of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from oneuser.events.block import make_column_reader
from oneuser.events.values import make_getter, plain_text, url_params

if TYPE_CHECKING:
    from oneuser.events.block import Block
    from oneuser.events.spec import Mapping

CLICK_IDS = (
    "gclid", "gbraid", "wbraid", "dclid", "msclkid", "fbclid", "ttclid", "twclid", "li_fat_id", "yclid", "epik",
    "rdt_cid", "sccid", "irclickid",
)  # fmt: skip
CAMPAIGN_PARTS = ("source", "medium", "name", "term", "content")
_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
_HOST = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#@]*@)?([^/?#:@\s]+)")
_EMAIL_LIKE = re.compile(r"[^\s@]+(?:@|%40)[^\s@]+")
_MEMO_SIZE = 20_000
_MAX_CHARACTERS = 1024

Campaign = tuple[str | None, str | None, str | None, str | None, str | None]
_NO_CAMPAIGN: Campaign = (None, None, None, None, None)


class Touch(NamedTuple):
    """What a message says about its origin; every part may be null."""

    campaign: Campaign
    click_id_type: str | None
    referrer_host: str | None
    page_host: str | None


class _Url(NamedTuple):
    host: str | None
    campaign: Campaign
    click_id_type: str | None


_NO_URL = _Url(None, _NO_CAMPAIGN, None)
_NO_TOUCH = Touch(_NO_CAMPAIGN, None, None, None)


class TouchReader:
    """Reads the origin of messages of one source."""

    def __init__(self, mapping: Mapping, *, is_table: bool) -> None:
        campaign = mapping.campaign
        pairs = campaign if isinstance(campaign, tuple) else ()
        self._campaign_parts = {name: make_getter(part, is_table=is_table) for name, part in pairs}
        self._campaign = make_getter(None if isinstance(campaign, tuple) else campaign, is_table=is_table)
        self._page_url = make_getter(mapping.page_url, is_table=is_table)
        self._page_search = make_getter(mapping.page_search, is_table=is_table)
        self._referrer = make_getter(mapping.referrer, is_table=is_table)
        self._columns = (
            (lambda block: [self._declared(message) for message in block.messages])
            if self._campaign_parts
            else make_column_reader(None if isinstance(campaign, tuple) else campaign),
            make_column_reader(mapping.page_url),
            make_column_reader(mapping.page_search),
            make_column_reader(mapping.referrer),
        )
        self._memo: dict[str, _Url] = {}

    def read(self, message: dict[str, Any]) -> Touch:
        """The origin; `utm_*` parameters of the page count where the message names no campaign."""
        return self._combine(
            self._declared(message), self._page_url(message), self._page_search(message), self._referrer(message)
        )

    def read_block(self, block: Block) -> dict[str, list[str | None]]:
        """Columns with the origins of a block of messages."""
        columns = [reader(block) for reader in self._columns]
        touches = [self._combine(*values) for values in zip(*columns, strict=True)]
        campaigns = map(list, zip(*(touch.campaign for touch in touches), strict=True))
        return {
            **{f"campaign_{part}": values for part, values in zip(CAMPAIGN_PARTS, campaigns, strict=True)},
            "click_id_type": [touch.click_id_type for touch in touches],
            "referrer_host": [touch.referrer_host for touch in touches],
            "page_host": [touch.page_host for touch in touches],
        }

    def _combine(self, declared: Any, page_url: Any, search: Any, referrer_url: Any) -> Touch:
        campaign = _read_campaign(declared) if declared else _NO_CAMPAIGN
        page = self._url(page_url)
        if type(search) is str and search and page.campaign is _NO_CAMPAIGN and page.click_id_type is None:
            searched = self._url(search if search[0] == "?" else f"?{search}")
            page = _Url(page.host, searched.campaign, searched.click_id_type)
        referrer = self._url(referrer_url)
        if campaign is _NO_CAMPAIGN and page is _NO_URL and referrer is _NO_URL:
            return _NO_TOUCH
        if campaign is _NO_CAMPAIGN:
            campaign = page.campaign
        return Touch(campaign, page.click_id_type, referrer.host, page.host)

    def _declared(self, message: dict[str, Any]) -> Any:
        if self._campaign_parts:
            return {name: getter(message) for name, getter in self._campaign_parts.items()}
        return self._campaign(message)

    def _url(self, url: Any) -> _Url:
        if type(url) is not str or not url:
            return _NO_URL
        found = self._memo.get(url)
        if found is None:
            found = _read_url(url)
            if len(self._memo) >= _MEMO_SIZE:
                self._memo.clear()
            self._memo[url] = found
        return found


def harmless(value: str | None) -> str | None:
    """A text that pseudonymous tables may hold: null where it is empty, endless or looks like an e-mail address."""
    if not value or len(value) > _MAX_CHARACTERS:
        return None
    return None if ("@" in value or "%40" in value) and _EMAIL_LIKE.search(value) else value


def _read_campaign(declared: Any) -> Campaign:
    if type(declared) is not dict:
        return _NO_CAMPAIGN
    source, medium, name, term, content = (harmless(plain_text(declared.get(part))) for part in CAMPAIGN_PARTS)
    found = (source, medium, name, term, content)
    return _NO_CAMPAIGN if found == _NO_CAMPAIGN else found


def _read_url(url: str) -> _Url:
    match = _HOST.match(url)
    host = harmless(match.group(1).lower()) if match else None
    params = {name.lower(): value for name, value in url_params(url).items()}
    source, medium, name, term, content = (harmless(params.get(utm)) for utm in _UTM)
    found = (source, medium, name, term, content)
    click_id_type = next((click_id for click_id in CLICK_IDS if params.get(click_id)), None)
    return _Url(host, _NO_CAMPAIGN if found == _NO_CAMPAIGN else found, click_id_type)
