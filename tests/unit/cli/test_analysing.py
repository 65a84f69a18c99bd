from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from oneuser.cli.app import build_app
from oneuser.cli.main import main
from oneuser.cli.verbs import Call


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--by-lookback", "7", "--spend"], "--by-lookback and --spend"),
        (["--by-lookback", "7", "--intervals"], "--by-lookback and --intervals"),
        (["--by-lookback", "7", "--lookback-days", "14"], "--by-lookback and --lookback-days"),
        (["--intervals", "--spend"], "--intervals and --spend"),
        (["--lags", "--by", "source"], "--lags and --by"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_of_options_that_do_not_go_together_none_is_passed_over(
    options: list[str],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Call, "open", lambda _call: pytest.fail("nothing is opened for a call that is refused"))

    assert main(["attribute", *options, "--warehouse", str(tmp_path)]) == 2
    assert f"{named} do not go together" in capsys.readouterr().err


class AskedError(Exception):
    """Stops a verb where it asks the warehouse."""

    def __init__(self, name: str, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        super().__init__(name)
        self.name, self.given = name, {**dict(enumerate(args)), **given}


class Asking:
    """A warehouse that only tells what it was asked."""

    def __getattr__(self, name: str) -> Any:
        def ask(*args: Any, **given: Any) -> None:
            raise AskedError(name, args, given)

        return ask


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["attribute", "--lookback-days", "none"], {"lookback_days": "none", 0: None}),
        (
            ["attribute", "--model", "first", "--model", '{"model": "J"}', "--lookback-days", "7"],
            {0: ["first", {"model": "J"}], "lookback_days": 7.0},
        ),
        (
            ["attribute", "--lookback", "calendar_days", "--zone", "Europe/Berlin", "--reset-at-conversion"],
            {"lookback": "calendar_days", "zone": "Europe/Berlin", "reset_at_conversion": True},
        ),
        (
            ["attribute", "--conversion-scope", "first_per_entity", "--no-reset-at-conversion"],
            {"conversion_scope": "first_per_entity", "reset_at_conversion": False},
        ),
        (
            ["attribute", "--transform", "exposure", "--transform", '{"transform": "last_n", "n": 2}'],
            {"transforms": ["exposure", {"transform": "last_n", "n": 2}]},
        ),
        (
            ["attribute", "--watermark", "2026-03-01T00:00:00Z", "--by-lookback", "none", "--by-lookback", "7"],
            {0: ["none", 7.0], "watermark": datetime(2026, 3, 1, tzinfo=UTC)},
        ),
        (
            [
                "retain",
                "--unit",
                "day",
                "--breakdown",
                "plan",
                "--breakdown-at",
                "start_and_return",
                "--max-offset",
                "3",
            ],
            {"breakdown": "plan", "breakdown_at": "start_and_return", "max_offset": 3},
        ),
    ],
)
def test_verbs_pass_on_what_they_are_given(
    line: list[str], expected: dict[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Call, "open", lambda _call: Asking())

    with pytest.raises(AskedError) as asked:
        build_app()([*line, "--warehouse", str(tmp_path)], standalone_mode=False)

    assert {name: asked.value.given[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--lookback-days", "never"], "--lookback-days: expected a number of days, or none, found 'never'"),
        (["--by-lookback", "7", "--by-lookback", "x"], "--by-lookback: expected a number of days, or none, found 'x'"),
        (["--by", "campain"], "by: touches do not say 'campain'; did you mean campaign?"),
        (["--intervals", "--model", "first", "--model", "last"], "--model: --intervals are of one model"),
    ],
)
def test_what_is_no_parameter_is_told_before_anything_is_opened(
    options: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Call, "open", lambda _call: pytest.fail("nothing is opened for a call that is refused"))

    assert main(["attribute", *options, "--warehouse", str(tmp_path)]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
