"""Credit by whatever touches say of themselves: source, campaign, content, or a property of their event.

Reads   credits, touches   anybody's, see `attribute`
Yields  a row per model and value
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from oneuser.marts.attribution.comparing import NOT_SET, checked_keys
from oneuser.marts.attribution.frames import KIND
from oneuser.marts.attribution.given_columns import (
    ID,
    MONEY,
    NUMBER,
    TEXT,
    as_kind,
    check_columns,
    problem,
    raise_problems,
)
from oneuser.marts.attribution.walk import UNATTRIBUTED
from oneuser.marts.exact_sums import WEIGHT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

_SUM = "decimal(38,0)"
_CHANNEL = "channel"
_MONEY = ("credit_minor", "reporting_credit_minor")
_MADE = ("model", KIND, "currency")
# of credits, and of what they add up to
_TAKEN = (*_MADE, _CHANNEL, "touch_id", "weight", *_MONEY, "conversions", "n_touches")


def credit_by(credits: DataFrame, touches: DataFrame, *, by: str | Sequence[str]) -> DataFrame:  # noqa: A002
    """Add credits up by what their touches say.

    Args:
        credits: Rows of `attribute`, of any models; or of any table with `model`, `touch_id`, `channel`, `weight`,
            `credit_minor`, and where it has them `conversion`, `currency` and `reporting_credit_minor`.
        touches: `touch_id`, each once, and the columns of `by`, texts.
        by: One or more columns, such as `campaign_name`; `channel` is that of credits. Others may not be called as
            columns of credits or of the result are, whatever their case.

    Returns:
        One row per model, kind, currency and value: `model`, `conversion` and `currency` where credits have them, the
        columns of `by`, `conversions decimal(30,12)`, `credit_minor decimal(38,0)`, `reporting_credit_minor` where
        credits have it, and `n_touches`. Where a touch says nothing, or is not among `touches`, and of models without
        touches, a value is `(not set)`; of conversions without a touch it is `(unattributed)`. Each model adds up to
        what it adds up to by channel.

    Raises:
        ConfigError: naming the columns that are missing, of another type, or called as another one.
    """
    keys = checked_keys(by)
    _require_own_names(keys)
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
    made = [name for name in _MADE if name in credits.columns]
    texts = [as_kind(touches, key, TEXT).alias(f"said {n}") for n, key in enumerate(of_touch)]
    met = credits.select(*made, "touch_id", _CHANNEL, "weight", *money).join(
        touches.select("touch_id", *texts), on="touch_id", how="left"
    )
    is_touched = F.col(_CHANNEL) != F.lit(UNATTRIBUTED)
    named = {
        key: F.when(~is_touched, F.lit(UNATTRIBUTED)).when(F.trim(f"said {n}") != F.lit(""), F.col(f"said {n}"))
        for n, key in enumerate(of_touch)
    }
    told = met.select(
        *made,
        *[name for name in keys if name == _CHANNEL],
        "touch_id",
        "weight",
        *money,
        *[F.coalesce(value, F.lit(NOT_SET)).alias(key) for key, value in named.items()],
    )
    return told.groupBy(*made, *keys).agg(
        F.sum(F.col("weight").cast(WEIGHT)).cast("decimal(30,12)").alias("conversions"),
        *[F.sum(F.col(name).cast(_SUM)).alias(name) for name in money],
        F.count("touch_id").alias("n_touches"),
    )


def _require_own_names(keys: Sequence[str]) -> None:
    """Refuse columns that could not be told from others: Spark does not tell them apart by case."""
    folded = [key.lower() for key in keys]
    taken = [key for key in keys if key != _CHANNEL and key.lower() in _TAKEN]
    problems = [problem("by", f"{key!r} is a column of credits; call that of touches otherwise") for key in taken]
    problems += [problem("by", f"{key!r} is there twice") for n, key in enumerate(keys) if folded[n] in folded[:n]]
    raise_problems(problems)
