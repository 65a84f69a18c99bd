"""Every table of figures says of its rows how they were made."""

from __future__ import annotations

import pytest

from oneuser.contracts.marts import (
    ACCOUNT_ATTRIBUTION,
    ATTRIBUTION_PATHS,
    ATTRIBUTION_REMOVAL_EFFECTS,
    ATTRIBUTION_SPEND,
    ATTRIBUTION_SUMMARY,
    ATTRIBUTION_TRANSITIONS,
    RETENTION,
)
from oneuser.contracts.product import PRODUCT_TABLES
from oneuser.contracts.table import TableContract

EACH = {"params_id", "identity_run", "entity_level", "watermark"}
PATHS = {"lookback_days", "lookback", "zone", "transforms"}
CALENDAR = {"unit", "zone", "week_start"}
FITS = (ATTRIBUTION_PATHS, ATTRIBUTION_TRANSITIONS, ATTRIBUTION_REMOVAL_EFFECTS)
BESIDE: dict[str, set[str]] = {
    **{one.name: PATHS for one in FITS},
    **{one.name: PATHS | {"is_additive"} for one in (ATTRIBUTION_SUMMARY, ACCOUNT_ATTRIBUTION)},
    ATTRIBUTION_SPEND.name: PATHS | CALENDAR | {"is_additive"},
    RETENTION.name: CALENDAR
    | {"name", "mode", "membership", "basis", "min_events", "min_members", "breakdown_property", "breakdown_at"},
    **{name: {"name", "zone"} for name in PRODUCT_TABLES},
    # windows of days of 24 hours have no zone
    "funnels": {"name", "window_days", "mode", "breakdown"},
}
TABLES = [*FITS, ATTRIBUTION_SUMMARY, ACCOUNT_ATTRIBUTION, ATTRIBUTION_SPEND, RETENTION, *PRODUCT_TABLES.values()]


@pytest.mark.parametrize("contract", TABLES, ids=lambda one: one.name)
def test_rows_say_how_they_were_made(contract: TableContract) -> None:
    columns = set(contract.columns)
    assert EACH | BESIDE[contract.name] <= columns
    # intervals are those of a calendar
    assert "unit" not in columns or columns >= CALENDAR
