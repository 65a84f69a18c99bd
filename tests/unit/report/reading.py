"""Reads a page back: elements, texts and addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

SECTIONS = (
    "headline", "funnel", "stability", "sizes", "protection", "consent", "attribution", "retention", "product",
    "accounts", "timings", "making",
)  # fmt: skip
_FETCHING = {"src", "href", "xlink:href", "srcset", "data", "action", "poster", "background", "formaction"}
_VOID = {"meta", "link", "br", "img", "input", "hr"}


@dataclass
class Page(HTMLParser):
    """What is in a page."""

    ids: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    labelled_by: list[str] = field(default_factory=list)
    unclosed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in _FETCHING:
                self.addresses.append(value or "")
            if name == "aria-labelledby":
                self.labelled_by += (value or "").split()
        if tag not in _VOID:
            self.unclosed.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.unclosed.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed, f"{tag} is closed and was not open"
        assert self.unclosed.pop() == tag


def read_page(html: str) -> Page:
    """The page, whose elements must nest."""
    page = Page()
    page.feed(html)
    page.close()
    assert not page.unclosed
    return page


def loads(html: str) -> list[str]:
    """Every address that a browser might fetch: none but places inside the page may be there."""
    found = [address for address in read_page(html).addresses if not address.startswith("#")]
    styled = re.findall(r"url\(([^)]*)\)|@import\s+(\S+)", html)
    return found + [a or b for a, b in styled if not (a or b).strip("\"'").startswith("#")]
