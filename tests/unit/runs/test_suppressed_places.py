"""Where suppressed identifiers were read they are read still, whatever a source is called."""

from __future__ import annotations

from typing import Any

import pytest

from oneuser.config import make_config
from oneuser.runs.suppressed_places import SourcePlaces, lost_places, places_by_source, renamed_space, with_gone

MAIL, ALL = {"email": ["mail"]}, {"email": ["mail", "alt"], "user_id": ["id"]}


def source(places: dict[str, list[str]], id_space: str = "web") -> SourcePlaces:
    return {"id_space": id_space, "places": places}


@pytest.mark.parametrize(
    ("now", "lost"),
    [
        ({"web": source(ALL)}, {}),
        ({"web": source(ALL), "more": source({})}, {}),
        ({"web": source(MAIL)}, {("web", "email"): ["alt"], ("web", "user_id"): ["id"]}),
        # nothing is read any more, or all of it under another name, or less
        ({}, {}),
        ({"site": source(ALL)}, {}),
        ({"site": source({"email": ["alt", "mail"]})}, {("site", "user_id"): ["id"]}),
    ],
)
def test_a_place_is_lost_where_something_is_read_without_it(now: Any, lost: Any) -> None:
    assert lost_places({"web": source(ALL)}, now) == lost


@pytest.mark.parametrize(
    ("now", "renamed"),
    [
        ({"web": source({})}, None),
        ({"site": source({})}, None),
        ({}, None),
        ({"web": source({}), "site": source({}, "site")}, None),
        ({"site": source({}, "site")}, ("web", "site")),
    ],
)
def test_an_id_space_is_another_where_one_has_gone_and_one_has_come(now: Any, renamed: Any) -> None:
    assert renamed_space({"web": source({})}, now) == renamed


def test_a_source_that_is_gone_is_remembered_until_another_has_its_places_or_that_is_accepted() -> None:
    web, fewer = {"web": source(ALL)}, {"site": source(MAIL, "site")}

    # without it, then under another name: refused as where both happen at once
    between = with_gone(web, {}, accepts=False)
    assert between == web
    assert lost_places(between, fewer) == lost_places(web, fewer) != {}
    assert renamed_space(between, fewer) == ("web", "site")
    assert with_gone(between, {"web": source(MAIL)}, accepts=False) == {"web": source(MAIL)}

    assert with_gone(between, {"site": source(ALL)}, accepts=False) == {"site": source(ALL)}
    assert with_gone(between, fewer, accepts=True) == fewer
    # what was there beside it is no other name of it
    both = web | {"shop": source(ALL)}
    assert with_gone(both, {"shop": source(ALL)}, accepts=False) == both


def test_places_are_told_as_people_write_them_without_values() -> None:
    mapping = {
        "type": {"const": "track"},
        "event_time": "at",
        "previous_id": "before",
        "identifiers": {
            "email": ["user.mail", {"url_param": ["url", "e"]}, {"derive": {"from": "user_id", "transform": "sha256"}}],
            "user_id": {"concat": [{"const": "ann@example.com"}, "id"]},
        },
    }
    types = {"email": {"priority": 2, "known": True}, "user_id": {"priority": 1, "known": True}}
    config = make_config(
        {
            "deployment": "d", "warehouse": "/w", "identity": {"id_types": types},
            "sources": {"web": {"path": "/in/*.jsonl", "format": "jsonl", "root": "m", "mapping": mapping}},
        }
    )  # fmt: skip

    places = {
        "*": ["m:before"], "email": ["m:sha256 of user_id", "m:url?e", "m:user.mail"], "user_id": ["m:a constant + id"],
    }  # fmt: skip
    assert places_by_source(config) == {"web": {"id_space": "web", "places": places}}
