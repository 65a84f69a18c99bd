"""Regular expressions of others, searched for in time that grows with the text alone: by RE2, which never goes back.

What RE2 cannot do without going back, looking around and references to groups, it refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence


# without a text, nothing is compiled; made of its bytes, since of a list pyarrow would load pandas
_ONE_TEXT = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(bytes(8)), pa.py_buffer(b"")])


def check_linear(pattern: str) -> None:
    """Look whether an expression can be searched for in linear time.

    Raises:
        ValueError: where it cannot. The text itself is not repeated.
    """
    try:
        pc.match_substring_regex(_ONE_TEXT, pattern)
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
