"""Names of columns as others may see them: where a table has no header, its first row stands in their place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from oneuser.core.masking import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterable

# an address; a day, or seconds or milliseconds since 1970; digits as a telephone or an account number has them
_VALUE = re.compile(r"\w@\w|\A\d{4}-\d{2}-\d{2}(?:[T ]|\Z)|\A\+?(?:[\s().:/-]*\d){7,}[\s().:/-]*\Z")


def is_value(name: str) -> bool:
    """Whether what stands where a column's name belongs is rather a value: an address, a time, a number."""
    return _VALUE.search(name) is not None


def shown_names(names: Iterable[str]) -> list[str]:
    """Names of columns as a message may show them: `***` for what is rather a value."""
    return [HIDDEN if is_value(name) else name for name in names]
