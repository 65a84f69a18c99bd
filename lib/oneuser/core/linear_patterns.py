"""Regular expressions of others, searched for in time that grows with the text alone: by RE2, which never goes back.

What RE2 cannot do without going back, looking around and references to groups, it refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence


def check_linear(pattern: str) -> None:
    """Look whether an expression can be searched for in linear time.

    Raises:
        ValueError: where it cannot. The text itself is not repeated.
    """
    try:
        # without a text, nothing is compiled
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid:
        raise ValueError(
            "not an expression that RE2 reads: it has no look-around and no references to groups, and repeats nothing "
            "more than 1000 times"
        ) from None


def found_in(texts: Any, patterns: Sequence[str]) -> Any:
    """For each text of an Arrow array whether one of some expressions is found in it; null texts have none."""
    found: Any = pa.array([False] * len(texts), pa.bool_())
    for pattern in patterns:
        found = pc.or_kleene(found, pc.match_substring_regex(texts, pattern))
    return found.fill_null(False)
