"""Dealing a whole out by shares, in integers: weights in units of 10^-12, money in smallest units. Plain Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WEIGHT_UNITS = 10**12
# a double has fifteen certain digits
_DOUBLE_SCALE = 10**15


def deal_out(total: int, by: Sequence[int]) -> list[int]:
    """Deal a whole number out by shares: nobody is more than one away from their exact part, and all add up.

    What is left after rounding down goes, one each, to the largest remainders; the earlier comes first where they are
    equal. A negative total is dealt out like its opposite.

    Args:
        total: What there is to deal out.
        by: Shares. Their sum is above 0; single ones may be negative.
    """
    if len(by) == 1:
        return [total]
    if total < 0:
        return [-part for part in deal_out(-total, by)]
    whole = sum(by)
    divided = [divmod(total * share, whole) for share in by]
    parts = [part for part, _ in divided]
    left = total - sum(parts)
    if left:
        order = sorted(range(len(by)), key=lambda place: -divided[place][1])
        for place in order[:left]:
            parts[place] += 1
    return parts


def whole_shares(shares: Sequence[float]) -> list[int]:
    """Shares that were found as doubles, as integers: fifteen digits of each."""
    return [round(share * _DOUBLE_SCALE) for share in shares]
