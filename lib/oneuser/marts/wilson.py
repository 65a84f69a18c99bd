"""The interval around a rate within which its true value lies, at 95 %."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

# of the normal distribution, for 95 %
_Z = 1.959963984540054


def wilson_interval(successes: Column, trials: Column) -> tuple[Column, Column]:
    """Ends of the Wilson score interval at 95 %. Null where there are no trials.

    Wilson, E. B. (1927): Probable inference, the law of succession, and statistical inference. JASA 22.
    """
    n = F.nullif(trials, F.lit(0)).cast("double")
    share = successes.cast("double") / n
    square = F.lit(_Z * _Z)
    spread = F.lit(_Z) * F.sqrt(share * (F.lit(1.0) - share) / n + square / (F.lit(4.0) * n * n))
    scale = F.lit(1.0) + square / n
    middle = share + square / (F.lit(2.0) * n)
    # exact at 0 and 1, where rounding would leave the interval just outside its own rate
    low = F.when((successes == F.lit(0)) & n.isNotNull(), F.lit(0.0)).otherwise((middle - spread) / scale)
    high = F.when((successes == trials) & n.isNotNull(), F.lit(1.0)).otherwise((middle + spread) / scale)
    return low, high
