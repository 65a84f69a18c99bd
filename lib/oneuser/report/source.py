"""What the report needs of an open warehouse and of a run's record, and nothing more."""

# ruff: noqa: D102 - these are the attributes of others, described where they are

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from pyspark.sql import DataFrame

    from oneuser.config import Config
    from oneuser.contracts.table import TableContract
    from oneuser.storage.asked_counts import Groups, Top
    from oneuser.storage.table_reader import Row


class StageFacts(Protocol):
    """What a stage left in the record. `state` is done or unchanged; `seconds` is 0 for an unchanged one."""

    @property
    def state(self) -> str: ...
    @property
    def seconds(self) -> float: ...
    @property
    def details(self) -> Mapping[str, Any]: ...


class RunFacts(Protocol):
    """One run in the record. Metrics are named `metric` or `metric|key`."""

    @property
    def run_seq(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def as_of(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime | None: ...
    @property
    def config_hash(self) -> str: ...
    @property
    def code_version(self) -> str: ...
    @property
    def inputs(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def stages(self) -> Mapping[str, StageFacts]: ...
    @property
    def metrics(self) -> Mapping[str, float]: ...


class PublicationFacts(Protocol):
    """What readers see now: a run, or by a rollback an earlier one."""

    @property
    def run_seq(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def published_at(self) -> datetime: ...


class Figures(Protocol):
    """A publication, whose tables are counted, whoever reads them: by Spark, or without."""

    @property
    def publication(self) -> PublicationFacts: ...
    def groups(self, contract: TableContract, asked: Groups) -> list[Row]: ...
    def top(self, contract: TableContract, asked: Top) -> list[Row]: ...
    def rows(
        self, contract: TableContract, *, columns: Sequence[str], where: Mapping[str, Collection[Any]]
    ) -> list[Row]: ...


class ReportSource(Protocol):
    """An open warehouse: `oneuser.api.OpenWarehouse` is one, and so is what answers without Spark.

    The latter says of `frame` that it cannot tell.
    """

    @property
    def deployment(self) -> str: ...
    @property
    def config(self) -> Config | None: ...
    @property
    def figures(self) -> Figures: ...
    def frame(self, contract: TableContract) -> DataFrame: ...
    def suspect_rows(self, limit: int | None = None, *, largest: int | None = None) -> list[Row]: ...
    def values(self, numbers: Collection[int]) -> Mapping[int, tuple[str, str | None]]: ...
    def run_records(self) -> Sequence[RunFacts]: ...
