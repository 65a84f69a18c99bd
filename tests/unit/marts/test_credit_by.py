"""Columns that credit is told apart by are called as nothing else is that stands beside them."""

from __future__ import annotations

from typing import Any

import pytest

from oneuser.core.errors import ConfigError
from oneuser.marts.attribution import credit_by


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("currency", "'currency' is a column of credits"),
        (["campaign_name", "Model"], "'Model' is a column of credits"),
        ("touch_id", "'touch_id' is a column of credits"),
        ("Channel", "'Channel' is a column of credits"),
        ("Conversions", "'Conversions' is a column of credits"),
        (["plan", "PLAN"], "'PLAN' is there twice"),
    ],
)
def test_a_column_that_is_called_as_another_is_refused(by: Any, said: str) -> None:
    # before anything is looked up in the frames
    frame: Any = None
    with pytest.raises(ConfigError, match=said):
        credit_by(frame, frame, by=by)
