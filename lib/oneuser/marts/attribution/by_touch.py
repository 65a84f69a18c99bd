"""Credit by whatever touches say of themselves: source, campaign, content, or a property of their event.

Reads   credits, touches   anybody's, see `attribute`
Yields  a row per model and value
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.marts.attribution.comparing import NOT_SET, checked_keys
from oneuser.marts.attribution.frames import KIND
from oneuser.marts.attribution.given_columns import ID, MONEY, NUMBER, TEXT, as_kind, check_columns
from oneuser.marts.attribution.walk import UNATTRIBUTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

_SUM = "decimal(38,0)"
_CHANNEL = "channel"
_MONEY = ("credit_minor", "reporting_credit_minor")


def credit_by(credits: DataFrame, touches: DataFrame, *, by: str | Sequence[str]) -> DataFrame:  # noqa: A002
    """Add credits up by what their touches say.

    Args:
        credits: Rows of `attribute`, of any models; or of any table with `model`, `touch_id`, `channel`, `weight`,
            `credit_minor`, and where it has them `conversion`, `currency` and `reporting_credit_minor`.
        touches: `touch_id`, each once, and the columns of `by`, texts.
        by: One or more columns, such as `campaign_name`; `channel` is that of credits.

    Returns:
        One row per model, kind, currency and value: `model`, `conversion` and `currency` where credits have them, the
        columns of `by`, `conversions decimal(30,12)`, `credit_minor decimal(38,0)`, `reporting_credit_minor` where
        credits have it, and `n_touches`. Where a touch says nothing, or is not among `touches`, and of models without
        touches, a value is `(not set)`; of conversions without a touch it is `(unattributed)`. Each model adds up to
        what it adds up to by channel.

    Raises:
        ConfigError: naming the columns that are missing or of another type.
    """
    keys = checked_keys(by)
    of_touch = [key for key in keys if key != _CHANNEL]
    check_columns(
        {
            "credits": (
                credits,
                {"model": TEXT, "touch_id": ID, _CHANNEL: TEXT, "weight": NUMBER, "credit_minor": MONEY},
            ),
            "touches": (touches, {"touch_id": ID, **dict.fromkeys(of_touch, TEXT)}),
        }
    )
    money = [name for name in _MONEY if name in credits.columns]
    made = [name for name in ("model", KIND, "currency") if name in credits.columns and name not in keys]
    said = touches.select("touch_id", *[as_kind(touches, key, TEXT).alias(f"_{key}") for key in of_touch])
    met = credits.select(*made, "touch_id", _CHANNEL, "weight", *money).join(said, on="touch_id", how="left")
    is_touched = F.col(_CHANNEL) != F.lit(UNATTRIBUTED)
    named = {
        key: F.when(~is_touched, F.lit(UNATTRIBUTED)).when(F.trim(f"_{key}") != F.lit(""), F.col(f"_{key}"))
        for key in of_touch
    }
    told = met.select("*", *[F.coalesce(value, F.lit(NOT_SET)).alias(key) for key, value in named.items()])
    return told.groupBy(*made, *keys).agg(
        F.sum("weight").cast("decimal(30,12)").alias("conversions"),
        *[F.sum(F.col(name).cast(_SUM)).alias(name) for name in money],
        F.count("touch_id").alias("n_touches"),
    )
