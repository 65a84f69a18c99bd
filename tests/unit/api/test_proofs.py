from __future__ import annotations

import pytest

from oneuser.api.proofs import Proof, require_erased, require_searched
from oneuser.core.errors import ConfigError, OneUserError
from oneuser.storage.byte_scan import Scan


def test_nothing_is_proven_while_a_file_was_not_searched() -> None:
    require_searched(Scan(5, 100, [], [], []))

    with pytest.raises(OneUserError, match="1 files or folders cannot be read"):
        require_searched(Scan(5, 100, [], [], ["/warehouse/closed"]))
    with pytest.raises(OneUserError, match="1 files are too large"):
        require_searched(Scan(5, 100, [], ["s3a://warehouse/large"], []))


def test_only_what_was_erased_can_be_proven() -> None:
    done = {"action": "erase", "outcome": "done"}
    require_erased({"4711": done})

    with pytest.raises(ConfigError) as refused:
        require_erased(
            {"1": done, "2": None, "3": {"action": "suppress", "outcome": "done"}, "4": done | {"outcome": "unknown"}}
        )
    assert [one.message for one in refused.value.problems] == [
        "request '2' is not completed",
        "request '3' is no erasure: its action is suppress",
        "request '4' has erased nothing: its outcome is unknown",
    ]


@pytest.mark.parametrize(
    ("left", "rows_left", "n_too_short", "holds"),
    [([], {}, 1, True), (["notes"], {}, 0, False), ([], {"events": 2}, 0, False), ([], {}, 2, False)],
)
def test_a_proof_holds_where_nothing_is_left_and_something_was_searched_for(
    left: list[str],
    rows_left: dict[str, int],
    n_too_short: int,
    holds: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    assert Proof("4711", left, 0, 9, 100, rows_left, 2, n_too_short).holds is holds
