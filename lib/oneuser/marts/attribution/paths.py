"""One pass over each person's touches and conversions, in order of time. Python on executors, over Arrow batches.

The touches inside the look-back window wait in a queue: a touch enters it once and leaves it once, and only those
still in it meet a conversion. So the work grows with the rows that come out, never with touches times conversions.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from oneuser.marts.attribution.models import WEIGHT_UNITS, ModelRules, credit_path
from oneuser.spark.row_shapes import RowShape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

UNATTRIBUTED = "(unattributed)"

STEPS = RowShape(
    {
        "entity": "string",
        "at": "bigint",
        "is_conversion": "boolean",
        "id": "binary",
        "channel": "string",
        "conversion": "string",
        "user_id": "string",
        "account_id": "string",
        "value_minor": "bigint",
        "currency": "string",
    }
)
CREDITS = RowShape(
    {
        "conversion_id": "binary",
        "conversion": "string",
        "model": "string",
        "position": "int",
        "path_length": "int",
        "touch_id": "binary",
        "channel": "string",
        "user_id": "string",
        "account_id": "string",
        "touched_us": "bigint",
        "converted_us": "bigint",
        "weight_units": "bigint",
        "credit_minor": "bigint",
        "currency": "string",
    }
)
_ROWS_PER_BATCH = 50_000


def credit_conversions(
    batches: Iterable[pa.RecordBatch], *, rules: ModelRules, lookback: int
) -> Iterator[pa.RecordBatch]:
    """Credit the conversions of one partition, which holds all rows of each of its entities.

    Args:
        batches: Rows of the shape `STEPS`, ordered by entity, time (microseconds), touches before conversions, and id.
        rules: The models.
        lookback: Length of the window in microseconds; closed on both sides.

    Yields:
        Rows of the shape `CREDITS`; one `(unattributed)` row per model where no touch is in the window.
    """
    path: deque[tuple[int, bytes, str]] = deque()
    entity = None
    rows: list[tuple[Any, ...]] = []
    for batch in batches:
        columns = [batch.column(name).to_pylist() for name in STEPS.columns]
        for whose, at, is_conversion, row_id, channel, *facts in zip(*columns, strict=True):
            if whose != entity:
                entity = whose
                path.clear()
            if not is_conversion:
                path.append((at, row_id, channel))
                continue
            while path and path[0][0] < at - lookback:
                path.popleft()
            rows.extend(_credit(row_id, at, facts, list(path), rules))
            if len(rows) >= _ROWS_PER_BATCH:
                yield CREDITS.batch_of(rows)
                rows = []
    yield CREDITS.batch_of(rows)


def _credit(
    conversion_id: bytes,
    at: int,
    facts: Sequence[Any],
    path: Sequence[tuple[int, bytes, str]],
    rules: ModelRules,
) -> Iterator[tuple[Any, ...]]:
    conversion, user_id, account_id, value, currency = facts
    if not path:
        for model in rules.models:
            yield (
                conversion_id, conversion, model, 0, 0, None, UNATTRIBUTED, user_id, account_id, None, at,
                WEIGHT_UNITS, value, currency,
            )  # fmt: skip
        return
    n = len(path)
    for model, place, weight, credit in credit_path([at - touched for touched, _, _ in path], value, rules):
        touched, touch_id, channel = path[place - 1]
        yield (
            conversion_id, conversion, model, place, n, touch_id, channel, user_id, account_id, touched, at,
            weight, credit, currency,
        )  # fmt: skip
