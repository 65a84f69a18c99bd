"""Claims of a warehouse on `s3a://`, where two commits of the same version both land: each is a file first.

The file of a fencing number is put on condition that there is none, which one process alone can do, and before the
number's row of `publications`. Who has put the highest number holds the lease; whoever is about to write to
`publications` looks whether that is still its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from oneuser.core.errors import EnvironmentProblem, LockedError

if TYPE_CHECKING:
    from oneuser.storage.warehouse import Warehouse

_FOLDER = "control/lease"
_LOOKS = 10


@dataclass(frozen=True)
class FencedClaim:
    """The claim of a fencing number: who made it, and when it ends unless its row of `publications` says otherwise."""

    fence: int
    holder: str
    expires_at: datetime


class FenceFiles:
    """The files of fencing numbers below one warehouse. The highest one is never removed."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._files = warehouse.files
        self._root = warehouse.root
        self._folder = f"{warehouse.root}/{_FOLDER}"

    def newest(self) -> FencedClaim | None:
        """The claim of the highest number; null before the first one.

        Raises:
            LockedError: where others claim one number after the other meanwhile.
        """
        for _ in range(_LOOKS):
            fence = max(self._fences(), default=None)
            if fence is None:
                return None
            text = self._files.text_if_there(self._path(fence))
            if text is not None:
                return _said(fence, text)
            # who has claimed a higher number since has removed it
        raise LockedError(holder="another process, which was faster")

    def put(self, claim: FencedClaim) -> None:
        """Claim a number, which is the highest then.

        Raises:
            LockedError: where another process was faster.
            EnvironmentProblem: at the first claim, where the store puts whatever the condition.
        """
        if not self._fences():
            self._require_puts_on_condition()
        said = {"holder": claim.holder, "expires_at": claim.expires_at.astimezone(UTC).isoformat()}
        if not self._files.create_text(self._path(claim.fence), json.dumps(said) + "\n"):
            raise LockedError(holder="another process, which was faster")
        # a number that was given up long ago can be put again by who has slept since
        self.require_newest(claim.fence)
        for fence in self._fences():
            if fence < claim.fence:
                self._files.remove(self._path(fence))

    def require_newest(self, fence: int) -> None:
        """Make sure that nobody has claimed a higher number.

        Raises:
            LockedError: where somebody has: the lease was taken over.
        """
        if max(self._fences(), default=fence) > fence:
            raise LockedError(holder="another process, which took the lease over")

    def _fences(self) -> list[int]:
        stems = (name.removesuffix(".json") for name in self._files.names(self._folder))
        return [int(stem) for stem in stems if stem.isdecimal()]

    def _path(self, fence: int) -> str:
        return f"{self._folder}/{fence}.json"

    def _require_puts_on_condition(self) -> None:
        if self._files.puts_on_condition(self._folder):
            return
        raise EnvironmentProblem(
            found="the store puts a file whether or not one is there: it cannot keep two runs apart",
            expected="a store that honours `If-None-Match: *`, as S3 does",
            where=self._root,
            next_step="use such a store or Delta's log store on DynamoDB, or set `lease.single_driver: true` where no "
            "two runs of this deployment can ever be started at once",
        )


def _said(fence: int, text: str) -> FencedClaim:
    """What a file says. Who made one that says nothing was cut short, and does not hold it: it is over."""
    try:
        said = json.loads(text)
        return FencedClaim(fence, said["holder"], datetime.fromisoformat(said["expires_at"]))
    except (KeyError, TypeError, ValueError):
        return FencedClaim(fence, "nobody", datetime.fromtimestamp(0, UTC))
