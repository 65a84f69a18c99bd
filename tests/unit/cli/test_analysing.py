from __future__ import annotations

from pathlib import Path

import pytest

from oneuser.cli.main import main
from oneuser.cli.verbs import Call


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--by-lookback", "7", "--spend"], "--by-lookback and --spend"),
        (["--by-lookback", "7", "--intervals"], "--by-lookback and --intervals"),
        (["--by-lookback", "7", "--lookback-days", "14"], "--by-lookback and --lookback-days"),
        (["--intervals", "--spend"], "--intervals and --spend"),
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
