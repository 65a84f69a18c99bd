"""A change of the configuration has just those stages done again whose tables it shapes."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from oneuser.config import make_config
from oneuser.runs.fingerprints import stage_fingerprint, stage_rules
from oneuser.stages.registry import STAGES

WEB = {"path": "in/*.jsonl", "format": "jsonl", "preset": "segment"}
MEMBERS = {"path": "members.csv", "format": "csv", "id_type": "email"}
VALUES: dict[str, Any] = {
    "deployment": "acme",
    "warehouse": "warehouse",
    "keys": {"identifiers": "env:SECRET"},
    "sources": {"web": WEB},
    "identity": {"id_types": {"email": {"priority": 1, "known": True, "normaliser": "email"}}},
    "accounts": {"files": {"members": MEMBERS}},
    "retention": {"weekly": {"unit": "week"}},
}
SEGMENTED = {"unit": "week", "start": {"event": "Bought", "where": {"properties.plan": {"equals": "pro"}}}}


@pytest.mark.parametrize(
    ("section", "value", "expected"),
    [
        ("sources", {"web": WEB | {"path": "other/*.jsonl"}}, ""),
        ("sources", {"web": WEB, "mail": WEB | {"touch": "event"}}, "sessions"),
        ("attribution", {"levels": ["person", "account"]}, "attribution"),
        ("gates", {"max_merged_ids_share": 0.5}, ""),
        ("accounts", {"files": {"members": MEMBERS | {"path": "other.csv"}}}, ""),
        ("accounts", {"primary": "first", "files": {"members": MEMBERS}}, "identity"),
        ("accounts", {}, "identity"),
        ("identity", {**VALUES["identity"], "survivor": "oldest"}, "identity"),
        ("identity", {"id_types": {"email": VALUES["identity"]["id_types"]["email"] | {"blocked": ["x@y.z"]}}},
         "graph identity"),
        ("identity", {"id_types": {"email": VALUES["identity"]["id_types"]["email"] | {"known": False}}},
         "graph identity consent"),
        ("consent", {"opt_out_refuses": ["ads"]}, "consent"),
        ("consent", {"opt_out_refuses": ["ads"], "required_for_linking": ["ads"],
                     "required_for_attribution": ["ads"]}, "graph identity consent attribution"),
        ("retention", {"weekly": {"unit": "week"}, "daily": {"unit": "day"}}, "(retention)"),
        ("retention", {"weekly": SEGMENTED}, "retention"),
        ("product", {"stickiness": {"L28": {"unit": "day", "intervals": 28}}}, "product"),
        ("product", {"stickiness": {"pro": {"unit": "day", "intervals": 28, "active": SEGMENTED["start"]}}},
         "retention product"),
    ],
)  # fmt: skip
def test_what_depends_on_a_section(section: str, value: dict[str, Any], expected: str) -> None:
    """In brackets is what is done again, but not for everything."""
    before, after = make_config(deepcopy(VALUES)), make_config(deepcopy(VALUES) | {section: value})

    found = []
    for stage in STAGES:
        is_again, is_whole = (
            shape(stage, *before_or_after) != shape(stage, *others)
            for shape, before_or_after, others in (
                (stage_fingerprint, ({}, before, "1"), ({}, after, "1")),
                (stage_rules, (before, "1"), (after, "1")),
            )
        )
        if is_again:
            found.append(stage.name if is_whole else f"({stage.name})")
    assert " ".join(found) == expected
