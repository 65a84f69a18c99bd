"""Where a visitor came from: campaign, click id, referrer and page of a message.

These columns are copied into pseudonymous tables, so a value that looks like an e-mail address or a telephone number is
left out of them. What is an identifier of the same message, `own_values` leaves out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from oneuser.events.block import make_column_reader
from oneuser.events.memo import Memo
from oneuser.events.values import make_getter, open_text, plain_text, url_params

if TYPE_CHECKING:
    from oneuser.events.block import Block
    from oneuser.events.spec import Mapping

CLICK_IDS = (
    "gclid", "gbraid", "wbraid", "dclid", "msclkid", "fbclid", "ttclid", "twclid", "li_fat_id", "yclid", "epik",
    "rdt_cid", "sccid", "irclickid",
)  # fmt: skip
CAMPAIGN_PARTS = ("source", "medium", "name", "term", "content")
CAMPAIGN_COLUMNS = tuple(f"campaign_{part}" for part in CAMPAIGN_PARTS)
# senders write recipients into these; into the others, ad platforms write long numbers of campaigns
_OF_RECIPIENTS = ("term", "content")
_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
_HOST = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#@]*@)?([^/?#:@\s]+)")
_EMAIL_LIKE = re.compile(r"[^\s@]+(?:@|%40)[^\s@]+")
# as it is dialled: from abroad, or within a country
_DIALLED = re.compile(r"\s*\(?(?:\+|%2[bB]|0)[0-9\s()./-]*")
_LONG_NUMBER = re.compile(r"[0-9\s()./-]*")
# of telephone numbers; what is longer is a machine's, such as the number of an ad
_FEWEST_DIGITS, _MOST_DIGITS = 9, 15
# from one day or month to another, which begins with a zero, too
_DATE = "(?:{0}{1}{0}{1}{2}|{2}{1}{0}{1}{0}|{0}{1}{2})".format("[0-3]?[0-9]", "[./-]", "20[0-9]{2}")
_SHORT_DATE = r"[0-3]?[0-9][./][0-3]?[0-9]"
_DATES = re.compile(
    rf"\s*(?:(?:{_DATE}|{_SHORT_DATE}[./]?)[\s/-]{{1,3}}{_DATE}"
    rf"|{_SHORT_DATE}[./][0-9]{{2}}[\s/-]{{1,3}}{_SHORT_DATE}[./][0-9]{{2}})\s*"
)
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
        self._urls = Memo(_read_url, _MEMO_SIZE)

    def read(self, message: dict[str, Any]) -> Touch:
        """The origin; `utm_*` parameters of the page count where the message names no campaign."""
        page = self._with(self._page_search(message), self._url(self._page_url(message)))
        campaign = _read_campaign(self._declared(message), page)
        return Touch(campaign, page.click_id_type, self._url(self._referrer(message)).host, page.host)

    def read_block(self, block: Block) -> dict[str, list[str | None]]:
        """Columns with the origins of a block of messages."""
        declared, page_urls, searches, referrers = (reader(block) for reader in self._columns)
        urls = self._urls
        declared = block.objects(declared)
        pages = [urls[url] if type(url) is str else _NO_URL for url in page_urls]
        pages = [self._with(search, page) if search else page for search, page in zip(searches, pages, strict=True)]
        campaigns = [
            _read_campaign(own, page) if own else page.campaign for own, page in zip(declared, pages, strict=True)
        ]
        parts = map(list, zip(*campaigns, strict=True))
        return {
            **dict(zip(CAMPAIGN_COLUMNS, parts, strict=True)),
            "click_id_type": [page.click_id_type for page in pages],
            "referrer_host": [urls[url].host if type(url) is str else None for url in referrers],
            "page_host": [page.host for page in pages],
        }

    def _declared(self, message: dict[str, Any]) -> Any:
        if self._campaign_parts:
            return {name: getter(message) for name, getter in self._campaign_parts.items()}
        declared = self._campaign(message)
        return declared if type(declared) is dict else open_text(declared)

    def _with(self, search: Any, page: _Url) -> _Url:
        """What a page says, its query string where that stands apart included."""
        if type(search) is str and search and page.campaign is _NO_CAMPAIGN and page.click_id_type is None:
            searched = self._urls[search if search[0] == "?" else f"?{search}"]
            page = _Url(page.host, searched.campaign, searched.click_id_type)
        return page

    def _url(self, url: Any) -> _Url:
        return self._urls[url] if type(url) is str else _NO_URL


def harmless(value: str | None) -> str | None:
    """A text that pseudonymous tables may hold.

    Null where it is empty, endless, or looks like an e-mail address or a telephone number as it is dialled.
    """
    if not value or len(value) > _MAX_CHARACTERS or _is_number(value, _DIALLED):
        return None
    return None if ("@" in value or "%40" in value) and _EMAIL_LIKE.search(value) else value


def _harmless_part(part: str, value: str | None) -> str | None:
    """A part of a campaign that pseudonymous tables may hold."""
    is_recipient = part in _OF_RECIPIENTS and value is not None and _is_number(value, _LONG_NUMBER)
    return None if is_recipient else harmless(value)


def _is_number(value: str, form: re.Pattern[str]) -> bool:
    if form.fullmatch(value) is None or not _FEWEST_DIGITS <= sum(map(str.isdigit, value)) <= _MOST_DIGITS:
        return False
    return _DATES.fullmatch(value) is None


def _read_campaign(declared: Any, page: _Url) -> Campaign:
    """The campaign that a message names, or that of its page."""
    if type(declared) is not dict or not declared:
        return page.campaign
    source, medium, name, term, content = (
        _harmless_part(part, plain_text(declared.get(part))) for part in CAMPAIGN_PARTS
    )
    found = (source, medium, name, term, content)
    return page.campaign if found == _NO_CAMPAIGN else found


def _read_url(url: str) -> _Url:
    match = _HOST.match(url)
    host = harmless(match.group(1).lower()) if match else None
    params = {name.lower(): value for name, value in url_params(url).items()}
    source, medium, name, term, content = (
        _harmless_part(part, params.get(utm)) for part, utm in zip(CAMPAIGN_PARTS, _UTM, strict=True)
    )
    found = (source, medium, name, term, content)
    click_id_type = next((click_id for click_id in CLICK_IDS if params.get(click_id)), None)
    return _Url(host, _NO_CAMPAIGN if found == _NO_CAMPAIGN else found, click_id_type)
