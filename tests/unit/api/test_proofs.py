from __future__ import annotations

import pytest

from oneuser.api.proofs import require_searched
from oneuser.core.errors import OneUserError
from oneuser.storage.byte_scan import Scan


def test_nothing_is_proven_while_a_file_was_not_searched() -> None:
    require_searched(Scan(5, 100, [], [], []))

    with pytest.raises(OneUserError, match="1 files or folders cannot be read"):
        require_searched(Scan(5, 100, [], [], ["/warehouse/closed"]))
    with pytest.raises(OneUserError, match="1 files are too large"):
        require_searched(Scan(5, 100, [], ["s3a://warehouse/large"], []))
