"""What people ask about their data, each by a name of its own: what `oneuser privacy` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneuser.api.answers import RequestState, answer_requests, package, request_states
from oneuser.api.answers import cancel as cancel_requests
from oneuser.api.answers import preview as preview_erasure
from oneuser.api.proofs import prove
from oneuser.config import Config
from oneuser.privacy.requests import Scope

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from oneuser.runs.run import Listener

__all__ = [
    "cancel_requests",
    "erase",
    "package",
    "preview_erasure",
    "prove",
    "request_states",
    "suppress",
    "unsuppress",
]


def erase(
    config: Config | Mapping[str, Any] | str | Path,
    requests: Sequence[str | Path],
    *,
    scope: Scope | None = None,
    purge_now: bool = False,
    spark: SparkSession | None = None,
    listener: Listener | None = None,
) -> list[RequestState]:
    """Erase people, for good: see `answer_requests`. `preview_erasure` says before what would go."""
    return answer_requests(
        config, requests, action="erase", scope=scope, purge_now=purge_now, spark=spark, listener=listener
    )


def suppress(
    config: Config | Mapping[str, Any] | str | Path,
    requests: Sequence[str | Path],
    *,
    spark: SparkSession | None = None,
    listener: Listener | None = None,
) -> list[RequestState]:
    """Take nothing in any more that carries the identifiers that are named; stored messages stay."""
    return answer_requests(config, requests, action="suppress", spark=spark, listener=listener)


def unsuppress(
    config: Config | Mapping[str, Any] | str | Path,
    requests: Sequence[str | Path],
    *,
    scope: Scope | None = None,
    spark: SparkSession | None = None,
    listener: Listener | None = None,
) -> list[RequestState]:
    """Take in again what carries the identifiers that are named; by `connected` all that their erasure suppressed."""
    return answer_requests(config, requests, action="unsuppress", scope=scope, spark=spark, listener=listener)
