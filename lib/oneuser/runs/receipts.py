"""What is told of a request: its state, and at its end a receipt, which is written once and is the last word.

Two processes may come to the end of a request at once: both maintain the warehouse, or a run tells of what it has begun
while the other has ended it. No lease keeps them apart, since the search of all files would hold it for long. So each
looks at what was told before it tells anything, and whoever comes after a receipt only finishes what that says.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from oneuser.contracts import privacy as kinds
from oneuser.storage.request_files import COMPLETED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneuser.privacy.requests import Request
    from oneuser.storage.request_files import RequestFiles, Sealed

_ERASED = {"messages": kinds.MESSAGE, "identifiers": kinds.IDENTIFIER, "user_ids": kinds.USER, "lines": kinds.LINE}
# what a state says of its receipt, and of the state before
_OF_RECEIPT, _KEPT = ("run", "published_at", "scan", "outcome"), ("submitted_at",)


def tell(files: RequestFiles, request: Request, state: str, **facts: Any) -> None:
    """Write the state of a request, unless it is completed: then that stays."""
    before = files.status(request.request_id) or {}
    if before.get("state") == COMPLETED and state != COMPLETED:
        return
    kept = {name: before[name] for name in _KEPT if name in before}
    n_identities = len(request.identities)
    told = _about(request) | kept | {"state": state, "n_identities": n_identities} | facts
    files.write_status(request.request_id, told)
    if state != COMPLETED and files.has_receipt(request.request_id):
        # somebody else has ended it since it was looked at
        close(files, request)


def complete(files: RequestFiles, request: Request, receipt: Mapping[str, Any]) -> None:
    """End a request with its receipt, or with the one that it has."""
    if not files.has_receipt(request.request_id):
        files.write_receipt(request.request_id, dict(receipt))
    close(files, request)


def close(files: RequestFiles, request: Request) -> None:
    """Finish what comes after a receipt: the state, and then the values go."""
    receipt = files.receipt(request.request_id) or {}
    tell(files, request, COMPLETED, **{name: receipt[name] for name in _OF_RECEIPT if name in receipt})
    files.unseal(request.request_id)


def receipt_of(
    request: Request,
    sealed: Sealed,
    *,
    n_by_kind: Mapping[str, int],
    tables: Mapping[str, int],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """What a request has come to, without a value, a hash or a number of an identifier.

    Args:
        request: The request.
        sealed: What its run has found.
        n_by_kind: How much it has erased, by kinds of `erasures`.
        tables: Versions of the tables that are published without it.
        facts: What else is to be said.
    """
    return {
        **_about(request),
        "outcome": outcome_of(request, sealed, n_by_kind),
        "n_identities": len(request.identities),
        "n_identities_unknown": sealed.n_unknown,
        "erased": {name: n_by_kind.get(kind, 0) for name, kind in _ERASED.items()},
        "n_identifiers_suppressed": sealed.n_suppressed,
        "n_identifiers_freed": sealed.n_freed,
        "identifiers_kept": {"n": sealed.n_kept, "why": "messages or links of other people carry them too"},
        "tables": dict(sorted(tables.items())),
        "completed_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
    }


def _about(request: Request) -> dict[str, Any]:
    about = {"request_id": request.request_id, "action": request.action, "scope": request.scope}
    return about | request.claims


def outcome_of(request: Request, sealed: Sealed, n_by_kind: Mapping[str, int]) -> str:
    """What the answer to a request is, by what its run has found and how much it has erased.

    `unknown`: nothing that an erasure names is stored. `unowned`: it is, and is nobody's, since it is blocked or too
    many share it; `exact` erases such a value. `ambiguous`: it is several people's, and nothing is named that is one
    person's alone. `not_suppressed`: nothing of what was to be freed was suppressed, or
    what was to be suppressed can be no identifier of its type.
    """
    if request.action == "erase":
        n_erased = sum(n_by_kind.get(kind, 0) for kind in _ERASED.values())
        if sealed.is_ambiguous:
            return "ambiguous"
        return "done" if n_erased else "unowned" if sealed.n_known else "unknown"
    n_changed = sealed.n_freed if request.action == "unsuppress" else sealed.n_suppressed
    return "done" if n_changed else "not_suppressed"
