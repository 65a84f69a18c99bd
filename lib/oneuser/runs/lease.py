"""The lease of a run and its publication: one row of `publications`.

A claim inserts a row with the next fencing number; that row is the lease. Publishing turns the same row into the run's
publication, and only while nobody has taken the lease over. Both are single conditional merges, so of two racers one
wins and the other sees who did. Where a store cannot make them so, a file of the fencing number is claimed before.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException

from oneuser.contracts.control import PUBLICATIONS
from oneuser.core.errors import LockedError, OneUserError
from oneuser.core.standing import note_what_stands, run_is_published
from oneuser.runs.claim_rows import load_claims, published
from oneuser.runs.fencing import FencedClaim, FenceFiles
from oneuser.runs.holder import holder_name, is_gone
from oneuser.spark.job_names import jobs_named
from oneuser.storage.commit_tags import CommitTag
from oneuser.storage.few_rows import VersionTakenError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from oneuser.config import LeaseRules
    from oneuser.storage.table_reader import Row
    from oneuser.storage.warehouse import Warehouse

_log = logging.getLogger(__name__)

_TAKE_OVER = "stored.state = 'leased' AND incoming.state = 'abandoned'"
_FINISH = "stored.state = 'leased' AND incoming.state IN ('published', 'released')"
# how Delta says that another commit came in between
_LOST_RACE = (
    "Concurrent", "DELTA_CONCURRENT", "METADATA_CHANGED", "PROTOCOL_CHANGED", "MetadataChanged", "ProtocolChanged",
)  # fmt: skip
_GROUP = "lease"
# leases that this process holds or claims; what is not here and says it is this process's was lost
_HELD_HERE: set[Lease] = set()
_OF_ITS_HOLDER = "stored.holder = incoming.holder"
_GIVE_BACK = f"stored.state = 'leased' AND incoming.state = 'released' AND {_OF_ITS_HOLDER}"
_RENEW = f"stored.state = 'leased' AND incoming.state = 'leased' AND {_OF_ITS_HOLDER}"
_WITHDRAW = f"({_RENEW}) OR (stored.state = 'published' AND incoming.state = 'withdrawn')"


def _is_alive(warehouse: Warehouse, fence: int, holder: str, expires_at: datetime) -> bool:
    """Whether who made a claim may still go by it."""
    is_lost = holder == holder_name() and not _is_held_here(warehouse, fence)
    return expires_at.astimezone(UTC) > datetime.now(UTC) and not is_lost and not is_gone(holder)


def _is_held_here(warehouse: Warehouse, fence: int) -> bool:
    return any((one.root, one.fence) == (warehouse.root, fence) for one in tuple(_HELD_HERE))


class Lease:
    """The right to write the warehouse, held by one process for one run.

    `claims` are the rows of `publications` before this claim, and `earlier` those of them that readers were shown and
    can still read; none can have been added since they were read, or it had failed. `stands` says in words what this
    lease has changed for readers.

    As a context it is given back at its end, and whatever ends that early carries what stands all the same.
    """

    def __init__(
        self, warehouse: Warehouse, claims: list[Row], fences: FenceFiles | None, *, fence: int, rules: LeaseRules
    ) -> None:
        self._warehouse = warehouse
        self.root = warehouse.root
        self._fences = fences
        self.claims = claims
        self.earlier = published(claims)
        self._holder = holder_name()
        self._ttl = rules.ttl
        self.fence = fence
        self._stopped = threading.Event()
        self._merging = threading.Lock()
        self._beat = threading.Thread(target=self._keep_alive, name="oneuser-lease", daemon=True)
        self.stands: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, problem: BaseException | None, _trace: object) -> None:
        note_what_stands(problem, *self.stands)
        self.release()

    @classmethod
    def acquire(cls, warehouse: Warehouse, rules: LeaseRules) -> Lease:
        """Claim the warehouse.

        Raises:
            LockedError: naming the holder, where a live one has it or another process was faster.
            EnvironmentProblem: where the store cannot keep two processes apart, and nobody has said that it need not.
        """
        is_fenced = not warehouse.has_exclusive_commits(PUBLICATIONS.zone) and not rules.single_driver
        fences = FenceFiles(warehouse) if is_fenced else None
        newest = fences.newest() if fences else None
        with jobs_named(warehouse.spark, "publications: read", group=_GROUP):
            claims = load_claims(warehouse)
        held = [row for row in claims if row["state"] == "leased"]
        for row in held:
            if _is_alive(warehouse, row["fence"], row["holder"], row["expires_at"]):
                raise LockedError(holder=row["holder"], run_seq=row["run_seq"], expires_at=row["expires_at"])
        fence = 1 + max((row["fence"] for row in claims), default=0)
        if newest is not None and newest.fence >= fence:
            # somebody is between its file and its row, or has ended there
            if _is_alive(warehouse, newest.fence, newest.holder, newest.expires_at):
                raise LockedError(holder=newest.holder, expires_at=newest.expires_at)
            fence = newest.fence + 1
        lease = cls(warehouse, claims, fences, fence=fence, rules=rules)
        taken_over = [lease._row(row["fence"], state="abandoned") for row in held]
        lease._claim([*taken_over, lease._row(fence, state="leased")])
        return lease

    def _claim(self, rows: list[dict[str, object]]) -> None:
        is_held = False
        try:
            _HELD_HERE.add(self)
            if self._fences:
                self._fences.put(FencedClaim(self.fence, self._holder, datetime.now(UTC) + self._ttl))
            if self._merge(rows, update_if=_TAKE_OVER, values={"state": "incoming.state"}) != len(rows):
                raise LockedError(holder="another process, which was faster")
            self._beat.start()
            is_held = True
        finally:
            if not is_held:
                # the claim may have landed, be it cut short, and nobody will ever use it
                self._stopped.set()
                _HELD_HERE.discard(self)
                self._give_back()

    def _give_back(self) -> None:
        """Say of a claim that is this one's, if it has landed, that nobody uses it; else its time ends it."""
        with contextlib.suppress(OSError, Py4JError, PySparkException, OneUserError):
            # another thread that claims the same has the same name
            if not _is_held_here(self._warehouse, self.fence) and self._has_landed():
                released = self._row(self.fence, state="released")
                self._merge([released], update_if=_GIVE_BACK, values={"state": "incoming.state"})

    def _has_landed(self) -> bool:
        if self._fences:
            newest = self._fences.newest()
            return newest is not None and (newest.fence, newest.holder) == (self.fence, self._holder)
        found = [row for row in load_claims(self._warehouse) if row["fence"] == self.fence]
        return [(row["state"], row["holder"]) for row in found] == [("leased", self._holder)]

    def publish(
        self,
        run_seq: int,
        tables: Mapping[str, int],
        *,
        kind: str = "run",
        reason: str | None = None,
        published_at: datetime | None = None,
    ) -> datetime:
        """Turn the lease into a publication: everything in `tables` becomes visible at once, by default as of now.

        Raises:
            LockedError: where the lease was taken over in the meantime; nothing is published then.
        """
        at = published_at or datetime.now(UTC)
        before = list(self.stands)
        self.stands = [*before, f"whether run {run_seq} was published is not known: `oneuser status` says it"]
        try:
            self._finish("published", run_seq=run_seq, tables=dict(tables), published_at=at, kind=kind, reason=reason)
        except LockedError:
            self.stands = before
            raise
        self.stands = [*before, run_is_published(run_seq)]
        return at

    def withdraw(self, fences: Collection[int], reason: str) -> None:
        """Say of publications that they can no longer be read, in one commit; the lease goes on.

        Raises:
            LockedError: where the lease was taken over in the meantime. What was withdrawn stays so, and nothing that
                it needs may be deleted.
        """
        rows = [self._row(fence, state="withdrawn", reason=reason) for fence in fences]
        values = {"state": "incoming.state", "reason": "coalesce(incoming.reason, stored.reason)"}
        n_changed = self._merge([*rows, self._row(self.fence, state="leased")], update_if=_WITHDRAW, values=values)
        if n_changed != len(rows) + 1:
            raise LockedError(holder="another process, which took the lease over")
        self.stands.append(f"{len(rows)} earlier publications can no longer be read: {reason}")

    def release(self) -> None:
        """Give the lease back without publishing; no harm where it is no longer held."""
        if self._stopped.is_set():
            return
        with contextlib.suppress(LockedError):
            self._finish("released")

    def _finish(self, state: str, **facts: object) -> None:
        changed = ("state", "run_seq", "tables", "published_at", "kind", "reason")
        values = {name: f"incoming.{name}" for name in changed}
        n_changed: int | None = None
        try:
            self._stopped.set()
            self._beat.join()
            n_changed = self._merge([self._row(self.fence, state=state, **facts)], update_if=_FINISH, values=values)
        finally:
            _HELD_HERE.discard(self)
            if n_changed is None:
                # cut short: where it has not landed, the next one need not wait until the lease is over
                self._give_back()
        if n_changed == 0:
            raise LockedError(holder="another process, which took the lease over")

    def _row(self, fence: int, *, state: str, **facts: object) -> dict[str, object]:
        row: dict[str, object] = {
            "fence": fence,
            "run_seq": 0,
            "kind": "run",
            "state": state,
            "holder": self._holder,
            "expires_at": datetime.now(UTC) + self._ttl,
            "tables": None,
            "published_at": None,
            "reason": None,
        }
        return row | facts

    def _merge(self, rows: list[dict[str, object]], *, update_if: str, values: Mapping[str, str]) -> int:
        tag = CommitTag(run_seq=0, attempt=0, fence=self.fence)
        incoming = PUBLICATIONS.frame(self._warehouse.spark, rows)
        try:
            with self._merging, jobs_named(self._warehouse.spark, f"publications: {rows[-1]['state']}", group=_GROUP):
                if self._fences:
                    self._fences.require_newest(self.fence)
                if self._warehouse.head(PUBLICATIONS) is None:
                    return self._warehouse.append(PUBLICATIONS, incoming, tag)[1]
                return self._warehouse.merge(PUBLICATIONS, incoming, update_if=update_if, values=values, tag=tag)
        except (Py4JJavaError, PySparkException) as problem:
            if not any(sign in str(problem) for sign in _LOST_RACE):
                raise
            raise LockedError(holder="another process, which was faster") from None
        except VersionTakenError:
            raise LockedError(holder="another process, which was faster") from None

    def _keep_alive(self) -> None:
        """Renew the lease three times in its life; a process that dies stops renewing.

        A renewal that fails is tried again at the next third. Whether the lease was lost by it, publishing will tell.
        """
        while not self._stopped.wait(self._ttl.total_seconds() / 3):
            renewed = self._row(self.fence, state="leased")
            try:
                self._merge([renewed], update_if=_RENEW, values={"expires_at": "incoming.expires_at"})
            except LockedError:
                continue
            except (OSError, Py4JError, PySparkException) as problem:
                _log.warning("the lease was not renewed and will be tried again (%s)", type(problem).__name__)
