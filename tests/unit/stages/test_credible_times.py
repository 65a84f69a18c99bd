"""Up to when times are believed, and what is said where most are later."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from oneuser.core.reasons import Reason
from oneuser.events.accounting import SourceTally
from oneuser.events.instants import DAY, micros
from oneuser.stages.ingest.credible_times import explain_future, horizon

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
WEEK_AFTER = MONDAY + timedelta(days=7)


def context(as_of: datetime, begun_at: datetime | None) -> Any:
    return cast("Any", SimpleNamespace(as_of=as_of, begun_at=begun_at))


@pytest.mark.parametrize(
    ("as_of", "begun_at", "latest"),
    [(MONDAY, WEEK_AFTER, WEEK_AFTER), (WEEK_AFTER, MONDAY, WEEK_AFTER), (MONDAY, None, MONDAY)],
    ids=["cleared a week after", "ahead of the clock", "of no run"],
)
def test_what_has_happened_before_a_run_began_is_believed_whatever_it_is_as_of(
    as_of: datetime, begun_at: datetime | None, latest: datetime
) -> None:
    ctx = context(as_of, begun_at)

    assert horizon(ctx) == micros(latest) + DAY
    assert f"later than {latest + timedelta(days=1):%Y-%m-%d} 00:00 UTC" in explain_future(ctx)
    assert "mapping" not in explain_future(ctx)


@pytest.mark.parametrize(("n_future", "expected"), [(0, False), (2, False), (3, True)])
def test_what_most_lines_are_refused_for_is_told_from_what_some_are(n_future: int, expected: bool) -> None:  # noqa: FBT001 - a parameter
    tally = SourceTally(9, quarantined=Counter({Reason.JSON_SYNTAX: 2, Reason.TIME_FUTURE: n_future}))

    assert tally.is_mostly(Reason.TIME_FUTURE) is expected
