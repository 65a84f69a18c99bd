"""One pass over sorted steps against every conversion with every touch, over many histories; nothing of Spark runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from oneuser.config import parse_models, parse_transforms
from oneuser.marts.attribution import walk
from oneuser.marts.attribution.entity_steps import CONVERSION, END, MILESTONE, NOBODY, TOUCH
from oneuser.marts.attribution.models.registry import rule_models
from oneuser.marts.attribution.transforms import make_transforms
from oneuser.marts.attribution.walk import WalkRules, credit_conversions, visits
from tests.oracle.attribution import DAY, Rules, attribute, name_of, paths_of
from tests.spark.marts.histories import History

MODELS = ["first", "last", "linear", "position", "w_shaped", "full_path", "lead_u", "participation"]
FACTS = ("value_minor", "currency", "conversion")
SCHEMA = pa.schema(
    [
        ("entity", pa.string()), ("at", pa.int64()), ("measure", pa.int64()), ("kind", pa.int32()),
        ("touch_id", pa.string()), ("channel", pa.string()), ("milestone", pa.string()), ("is_selected", pa.bool_()),
        ("conversion_id", pa.string()), ("value_minor", pa.int64()), ("currency", pa.string()),
        ("conversion", pa.string()),
    ]
)  # fmt: skip
CASES = {
    "as it is": (Rules(), {}),
    "narrow": (Rules(lookback=3 * DAY), {"reach": 3 * DAY}),
    "first": (Rules(first_per_entity=True, transform="first"), {"first_per_entity": True, "transform": "first"}),
    "reset": (Rules(reset=True, lookback=9 * DAY), {"reach": 9 * DAY, "reset_at_conversion": True}),
    "both": (
        Rules(reset=True, first_per_entity=True, start=20 * DAY, end=45 * DAY, transform="last_2"),
        {"reset_at_conversion": True, "first_per_entity": True, "transform": {"transform": "last_n", "n": 2}},
    ),
}


def steps_of(history: History, rules: Rules) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = [
        {"entity": one.entity, "at": one.at, "kind": TOUCH, "touch_id": one.id, "channel": name_of(one.channel)}
        for one in history.touches
        if one.entity is not None
    ]
    steps += [
        {
            "entity": NOBODY + one.id if one.entity is None else one.entity, "at": one.at, "kind": CONVERSION,
            "conversion_id": one.id, "value_minor": one.value, "currency": one.currency, "conversion": one.kind,
            "is_selected": (rules.start is None or rules.start <= one.at) and (rules.end is None or one.at < rules.end),
        }
        for one in history.conversions
    ]  # fmt: skip
    steps += [
        {"entity": one.entity, "at": one.at, "kind": MILESTONE, "milestone": one.name} for one in history.milestones
    ]
    return sorted(
        steps,
        key=lambda step: (
            step["entity"], step["at"], step["kind"], step.get("touch_id") or "", step.get("conversion_id") or "",
        ),
    )  # fmt: skip


def batches_of(steps: list[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
    """Cut wherever it comes, and once before anything."""
    for start in range(-7, len(steps), 7):
        part = steps[start : start + 7] if start >= 0 else []
        yield pa.RecordBatch.from_arrays(
            [
                pa.array([step["at"] if name == "measure" else step.get(name) for step in part], dtype)
                for name, dtype in zip(SCHEMA.names, SCHEMA.types, strict=True)
            ],
            schema=SCHEMA,
        )


@pytest.mark.parametrize("case", CASES)
def test_a_pass_finds_what_the_definition_says(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # what was left behind is given back often
    monkeypatch.setattr(walk, "_LEFT_BEHIND", 3)
    rules, given = CASES[case]
    parameters = {"reach": 30 * DAY, **given}
    transforms = make_transforms(parse_transforms(parameters.pop("transform", [])))
    models = rule_models(parse_models(MODELS))
    n_rows = 0
    for seed in range(25):
        history = History(seed, str)
        steps = steps_of(history, rules)

        found = list(
            credit_conversions(
                batches_of(steps), rules=WalkRules(transforms=transforms, **parameters), models=models, facts=FACTS
            )
        )

        rows = [row for batch in found for row in batch.to_pylist()]
        got = {
            (
                row["conversion_id"], row["model"], row["touch_id"], row["position"], row["channel"],
                row["weight_units"], row["credit_minor"], row["currency"],
            )
            for row in rows
        }  # fmt: skip
        assert got == attribute(history.touches, history.conversions, history.milestones, MODELS, rules), seed
        assert len(got) == len(rows)
        n_rows += len(rows)
    assert n_rows > 1000


def test_whoever_converted_outside_the_range_alone_is_a_journey_that_did_not_convert() -> None:
    # without kinds, which is where a conversion could be taken for the end
    facts = ("value_minor", "currency")
    rules = Rules(first_per_entity=True, start=20 * DAY, end=45 * DAY)
    n_lost = 0
    for seed in range(25):
        history = History(seed, str)
        history.conversions = [replace(one, kind="order") for one in history.conversions]
        selected = {one.entity for one in history.conversions if 20 * DAY <= one.at < 45 * DAY}
        steps = [step for step in steps_of(history, rules) if step["kind"] != MILESTONE]
        ends = {one.entity for one in history.touches} - selected - {None}
        # the last second of the range, in which nothing happens
        steps += [{"entity": entity, "at": 45 * DAY - 1, "kind": END} for entity in ends]
        steps.sort(key=lambda step: (step["entity"], step["at"], step["kind"]))

        found: dict[tuple[str, ...], tuple[int, int]] = {}
        for visit in visits(batches_of(steps), rules=WalkRules(30 * DAY, first_per_entity=True), facts=facts):
            if visit.path is not None:
                path = tuple(visit.channels[visit.begin :])
                before = found.get(path, (0, 0))
                found[path] = (before[0] + visit.is_conversion, before[1] + 1)

        assert found == paths_of(history.touches, history.conversions, rules), seed
        n_lost += sum(n_journeys - n_conversions for n_conversions, n_journeys in found.values())
    assert n_lost


def test_a_touch_whose_weight_rounds_to_nothing_keeps_its_money() -> None:
    old = {"entity": "e", "at": 0, "kind": TOUCH, "touch_id": "old", "channel": "Email"}
    new = {"entity": "e", "at": 7 * 45 * DAY * 10**6, "kind": TOUCH, "touch_id": "new", "channel": "Email"}
    conversion = {
        "entity": "e", "at": new["at"], "kind": CONVERSION, "conversion_id": "c", "value_minor": 9 * 10**18,
        "is_selected": True,
    }  # fmt: skip

    (batch,) = credit_conversions(
        batches_of([old, new, conversion]),
        rules=WalkRules(None),
        models=rule_models(parse_models(["time_decay"])),
        facts=FACTS,
    )

    assert [(row["touch_id"], row["weight_units"]) for row in batch.to_pylist()] == [("old", 0), ("new", 10**12)]
    assert sum(row["credit_minor"] for row in batch.to_pylist()) == 9 * 10**18
    # 28 parts of 10^15 + 28, which are 45 half-lives, of 9 * 10^18
    assert batch.to_pylist()[0]["credit_minor"] == 252_000


def test_paths_of_an_entity_are_views_of_one_list() -> None:
    # copies of each path would cost touches times conversions, also for models that look at one end
    touches = [
        {"entity": "e", "at": at, "kind": TOUCH, "touch_id": f"{at}", "channel": "Email"} for at in range(0, 3000, 2)
    ]
    conversions = [
        {"entity": "e", "at": at, "kind": CONVERSION, "conversion_id": f"{at}", "is_selected": True}
        for at in range(1, 3000, 20)
    ]
    steps = sorted([*touches, *conversions], key=lambda step: step["at"])

    found = list(visits(batches_of(steps), rules=WalkRules(reach=1000), facts=FACTS))

    assert len({id(one.ids) for one in found}) == len({id(one.channels) for one in found}) == 1
    assert [one.path.n for one in found if one.path] == [min(1 + at // 2, 500) for at in range(1, 3000, 20)]
