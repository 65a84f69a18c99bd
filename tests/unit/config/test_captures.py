"""Where identifiers come from besides columns: parameters of URLs, and other identifiers."""

from __future__ import annotations

from typing import Any

import pytest

from oneuser.config import Derived, UrlParam, make_config
from tests.unit.config.config_samples import changed, problems_of

SHOP, WEB = "sources/shop/mapping/identifiers", "sources/web/identifiers"
SHA = {"derive": {"from": "email", "transform": "sha256"}}


def with_types(key: str, value: Any, **normalisers: str) -> dict[str, Any]:
    """The small configuration with e-mails, types of the given normalisers, and one key set."""
    values = changed(key, value)
    for place, (name, normaliser) in enumerate({"email": "email", **normalisers}.items(), start=2):
        values["identity"]["id_types"][name] = {"priority": place, "known": True, "normaliser": normaliser}
    return values


def test_further_identifiers_stand_in_a_mapping_or_beside_a_preset() -> None:
    both = {"email": {"url_param": ["context.page.url", "eid"]}, "email_sha256": ["hem", SHA]}

    config = make_config(with_types(WEB, both, email_sha256="lower"))

    assert isinstance(config.sources["web"].identifiers["email"], UrlParam)
    place, derived = config.sources["web"].identifiers["email_sha256"]
    assert place == "hem"
    assert isinstance(derived, Derived)
    assert (derived.derive.from_type, derived.derive.transform) == ("email", "sha256")
    assert problems_of(with_types(SHOP, {"email": "E-mail", "email_sha256": SHA}, email_sha256="lower")) == []


@pytest.mark.parametrize(
    ("key", "value", "at", "said"),
    [
        (WEB, {"phone": "x"}, "sources.web.identifiers.phone", "declares no phone"),
        (WEB, {"email": {"url_param": ["url"]}}, "sources.web.identifiers.email.url_param[1]", "is missing"),
        (WEB, {"email": {"url_param": ["a", "b", "c"]}}, "sources.web.identifiers.email.url_param", "2 at most"),
        (WEB, {"email": {"url_param": "url"}}, "sources.web.identifiers.email.url_param", "expected a list"),
        (WEB, {"email": {"param": "x"}}, "sources.web.identifiers.email", "{derive: {from: TYPE, transform: ...}}"),
        (WEB, {"sha": [{"derive": {"from": "phone", "transform": "md5"}}]}, "sources.web.identifiers.sha[0].derive",
         "declares no phone"),
        (WEB, {"sha": {"derive": {"from": "sha", "transform": "md5"}}}, "sources.web.identifiers.sha.derive",
         "of another type"),
        (WEB, {"sha": {"derive": {"from": "email", "transform": "sha1"}}},
         "sources.web.identifiers.sha.derive.transform", "expected one of sha256, md5, uid2, found 'sha1'"),
        (WEB, {"sha": {"derive": {"transform": "md5"}}}, "sources.web.identifiers.sha.derive.from", "is missing"),
        (WEB, {"sha": {"derive": {"from": "user_id", "transform": "uid2"}}}, "sources.web.identifiers.sha.derive",
         "user_id needs the normaliser email"),
        (WEB, {"uuid": SHA}, "sources.web.identifiers.uuid.derive", "takes no hashes: use none, trim, lower"),
        (SHOP, {"user_id": "Customer", "sha": SHA}, "sources.shop.mapping.identifiers.sha.derive",
         "captures no email that it could be derived from"),
        ("sources/shop/identifiers", {"user_id": "Login"}, "sources.shop.identifiers", "in `mapping.identifiers`"),
        ("sources/shop/mapping/type", SHA, "sources.shop.mapping.type", "{url_param: [..., NAME]}, found keys and"),
    ],
)  # fmt: skip
def test_what_cannot_be_captured_is_told_with_its_place(key: str, value: Any, at: str, said: str) -> None:
    found = problems_of(with_types(key, value, sha="lower", uuid="uuid"))

    assert [problem.key for problem in found] == [at]
    assert said in found[0].message
