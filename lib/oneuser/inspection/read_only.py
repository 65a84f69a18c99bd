"""A stage's view of what is published, for questions that are answered as a stage would work. It cannot write."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import structlog

from oneuser.contracts.changes import CHANGES
from oneuser.core.errors import OneUserError
from oneuser.privacy.keys import load_keys
from oneuser.runs.records import load_runs
from oneuser.runs.run_keys import recorded_checks, require_all_versions
from oneuser.stages.context import RunContext
from oneuser.storage.commit_tags import CommitTag

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import DataFrame

    from oneuser.config import Config
    from oneuser.contracts.table import TableContract
    from oneuser.inspection.reading import Published


class ReadOnlyContext(RunContext):
    """Reads one publication as a stage would, and has no way to write."""

    @property
    def _scratch_root(self) -> str:
        return f"{self._checkpoints}/{self.stage}-{os.getpid()}"

    def _check_declared(self, contract: TableContract) -> None:
        raise self._refusal(contract.name)

    def _bring_back(self, contract: TableContract) -> None:
        raise self._refusal(contract.name)

    def delete_rows(self, contract: TableContract, rows: DataFrame) -> int:  # noqa: ARG002 - never looked at
        """Refused, as every write is.

        Raises:
            OneUserError: always.
        """
        raise self._refusal(contract.name)

    def tell(self, change_set: str, rows: DataFrame) -> int:  # noqa: ARG002 - never looked at
        """Refused, as every write is.

        Raises:
            OneUserError: always.
        """
        raise self._refusal(CHANGES.name)

    def _refusal(self, table: str) -> OneUserError:
        return OneUserError(
            found=f"{self.stage} was about to write table {table}",
            expected="a question, which writes nothing",
            next_step="nothing was written; report this",
        )


def reading_context(
    published: Published, config: Config, *, name: str, as_of: datetime | None = None
) -> ReadOnlyContext:
    """A context of the published tables; `name` is what asks.

    Whatever would be minted gets a name that no run can have given.

    Raises:
        EnvironmentProblem: where a version of the key is gone that something is stored by: it would not be recognised.
    """
    publication = published.publication
    keys = load_keys(config.keys.identifiers, deployment=config.deployment, may_create=False)
    shown = next((run for run in load_runs(published.warehouse) if run.run_seq == publication.run_seq), None)
    require_all_versions(published.warehouse, publication.tables, config, keys, recorded_checks(shown))
    return ReadOnlyContext(
        spark=published.warehouse.spark,
        config=config,
        warehouse=published.warehouse,
        keys=keys,
        tag=CommitTag(publication.run_seq + 1, 0, 0),
        as_of=as_of or publication.published_at,
        inputs=[],
        tables=dict(publication.tables),
        base=dict(publication.tables),
        stage=name,
        log=structlog.get_logger(f"oneuser.{name}"),
    )
