"""Domains as systems write them, and the list of those that stand for no company."""

from __future__ import annotations

import pytest

from oneuser.marts.accounts.domains import domain_and_above, free_mail_domains, normalise_domain


@pytest.mark.parametrize(
    ("written", "domain"),
    [
        ("acme.example", "acme.example"),
        (" Acme.EXAMPLE. ", "acme.example"),
        ("https://www.acme.example/about?x=1#y", "acme.example"),
        ("http://user:secret@acme.example:8080/", "acme.example"),
        ("@acme.example", "acme.example"),
        ("*.acme.example", "acme.example"),
        ("sales.acme.example", "sales.acme.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("acme", None),
        ("192.0.2.7", None),
        ("acme_x.example", None),
        ("-a.example", None),
        ("acme..example", None),
        ("", None),
        ("a." * 130 + "example", None),
    ],
)
def test_a_domain_is_found_in_what_stands_for_one(written: str, domain: str | None) -> None:
    assert normalise_domain(written) == domain


def test_domains_above_end_before_the_single_label() -> None:
    assert domain_and_above("a.b.example") == ["a.b.example", "b.example"]
    assert domain_and_above("example") == []


def test_the_list_of_free_mail_holds_domains_in_their_normal_form() -> None:
    listed = free_mail_domains()

    assert {"gmail.com", "gmx.de", "qq.com", "yahoo.co.uk"} <= listed
    assert {domain for domain in listed if normalise_domain(domain) != domain} == set()
    # a suffix under which companies register would exclude them all
    assert not listed & {"com", "co.uk", "com.br", "com.au", "co.jp", "de"}
