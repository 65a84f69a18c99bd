"""What a stage is given: what it sees of its run, and a way to write, to tell, to count and to check."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pyspark import inheritable_thread_target
from pyspark.sql import functions as F

from oneuser.contracts.changes import CHANGES
from oneuser.contracts.registry import TABLES
from oneuser.core.errors import CheckError, ContractError
from oneuser.stages.view import StageView
from oneuser.storage.few_rows import most_few

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from oneuser.contracts.table import TableContract

Mode = Literal["append", "replace"]
# changed rows that come to this process to be written, in bytes
_CHANGED_HERE = 125 * 1000 * 1000
# commits at the same time hide each other's waiting; more would only queue for the cores
_WRITERS = 3
# a table of so many bytes is written whole sooner than Delta finds the files that hold some of its rows
_QUICKLY_REWRITTEN = 32 * 1024 * 1024
# and one task writes so much of it
_PART_OF_WHOLE_TABLE = 8 * 1024 * 1024


@dataclass
class RunContext(StageView):
    """One stage's part in its run: a write moves the version that `tables` has of a table.

    `may_write` names the tables that the stage has declared; null means all. `written` counts the rows it wrote.
    """

    may_write: frozenset[str] | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)

    # writing ------------------------------------------------------------------------------------------------------

    def append(self, contract: TableContract, rows: DataFrame, *, n_rows: int | None = None) -> int:
        """Add rows; returns how many. Where the caller knows `n_rows` and they are few, they take the way of few."""
        are_few = n_rows is not None and n_rows <= most_few(contract)
        return self._write(contract, rows, "append", are_few=are_few)

    def replace(self, contract: TableContract, rows: DataFrame) -> int:
        """Put rows in the place of all there were; returns how many."""
        return self._write(contract, rows, "replace")

    def write_together(
        self, writes: Sequence[tuple[TableContract, DataFrame, Mode]], *, are_few: bool = False
    ) -> dict[str, int]:
        """Write several tables at once; returns the number of rows by table.

        Where the caller knows that the rows of each `are_few`, they come to this process where
        that saves Delta's part.
        """
        with ThreadPoolExecutor(max_workers=_WRITERS) as pool:
            target = inheritable_thread_target(self.spark)(self._write)
            futures = {
                contract.name: pool.submit(target, contract, rows, mode, are_few=are_few)
                for contract, rows, mode in writes
            }
        return {name: future.result() for name, future in futures.items()}

    def delete(self, contract: TableContract, keys: DataFrame, on: list[str]) -> None:
        """Delete the rows that match one of `keys`, where the table exists."""
        self._check_declared(contract)
        if contract.name not in self.tables:
            return
        self.tables[contract.name] = self.warehouse.delete_matching(contract, keys, on, self.tag)

    def delete_rows(self, contract: TableContract, rows: DataFrame) -> int:
        """Delete rows of a table, which are given whole; returns how many. Without any, nothing is committed."""
        gone = rows.select(
            F.lit("deleted").alias("change"),
            F.struct(*contract.columns).alias("before"),
            F.lit(None).cast(contract.schema).alias("after"),
        )
        kept, counted = self.checkpoint_counted(gone, n_rows=F.count(F.lit(1)))
        n_rows = counted["n_rows"]
        if n_rows:
            self._bring_back(contract)
            few = F.broadcast(kept) if n_rows <= most_few(contract) else kept
            self.tables[contract.name] = self.warehouse.change_rows(contract, few, self.tag)
            self.log.info("rows deleted", table=contract.name, rows=n_rows, version=self.tables[contract.name])
        return n_rows

    def replace_within(self, contract: TableContract, rows: DataFrame, within: DataFrame | None) -> DataFrame:
        """Put rows in the place of those whose columns are among `within`; all others stand, and so do their files.

        Nothing is committed where nothing differs but stamps, and a row of which nothing else differs keeps its own. A
        small table is written whole.

        Args:
            contract: The table.
            rows: What is to be there: rows of the table, none of them outside `within`.
            within: Values of some columns of the table, each combination once, none of them null. Null means the whole
                table.

        Returns:
            What has changed: rows of `TableContract.differences`, kept until the stage ends. A first write gives all.
        """
        changed = self._replace_within(contract, self._comparable(contract, within), rows)
        return self._all_inserted(contract) if changed is None else changed

    def replace_rows(self, contract: TableContract, before: DataFrame, rows: DataFrame) -> DataFrame:
        """Put rows in the place of others, which are at hand: what `replace_within` does where it would look for them.

        Args:
            contract: The table; it is there.
            before: Rows of the table, whole, as `read_located` gives them: what is taken away, unless it is among
                `rows` again.
            rows: What is to be there instead.

        Returns:
            What has changed: rows of `TableContract.differences`, kept until the stage ends.
        """
        return self._replace(contract, self.read(contract), before, rows)

    def replace_together(
        self, writes: Sequence[tuple[TableContract, DataFrame, DataFrame | None]]
    ) -> dict[str, DataFrame]:
        """Several tables as `replace_within` does one, at once; returns what has changed in each, by its name."""
        # read here: another thread would lend the session what this one takes back
        stored = [self._comparable(contract, within) for contract, _, within in writes]
        with ThreadPoolExecutor(max_workers=_WRITERS) as pool:
            target = inheritable_thread_target(self.spark)(self._replace_within)
            futures = {
                contract: pool.submit(target, contract, before, rows)
                for (contract, rows, _), before in zip(writes, stored, strict=True)
            }
        changed = {contract: future.result() for contract, future in futures.items()}
        return {
            contract.name: self._all_inserted(contract) if found is None else found
            for contract, found in changed.items()
        }

    def _comparable(self, contract: TableContract, within: DataFrame | None) -> tuple[DataFrame, DataFrame] | None:
        """Rows of the table, and those to compare with; null where it is to be written whole and there are none."""
        if contract.name not in self.tables:
            return None
        try:
            stored = self.read_located(contract)
            if within is None:
                return stored, stored
            few = self._read_located_among(contract, within)
            return stored, stored.join(within, on=within.columns, how="left_semi") if few is None else few
        except ContractError:
            if within is not None:
                raise
            # another version of oneuser has written it in another shape
            return None

    def _all_inserted(self, contract: TableContract) -> DataFrame:
        """The differences of a first write, computed by whoever asks."""
        return contract.differences(contract.empty(self.spark), self.read(contract))

    def _replace_within(
        self, contract: TableContract, comparable: tuple[DataFrame, DataFrame] | None, rows: DataFrame
    ) -> DataFrame | None:
        """What has changed; null where nothing was there."""
        if comparable is None:
            self.replace(contract, rows)
            return None
        return self._replace(contract, *comparable, rows)

    def _replace(self, contract: TableContract, stored: DataFrame, touched: DataFrame, rows: DataFrame) -> DataFrame:
        """What has changed, once it is written: `rows` in the place of `touched`, some of those that are stored."""
        is_missing = F.col("after").isNotNull() & contract.is_incomplete("after")
        changed, counts = self.checkpoint_counted(
            contract.differences(touched, rows),
            n_changed=F.count(F.lit(1)),
            n_inserted=F.count_if(F.col("change") == "inserted"),
            n_missing=F.count_if(is_missing),
        )
        n_changed = counts["n_changed"]
        if counts["n_missing"]:
            raise ContractError(contract.name, [f"a required column is null in {counts['n_missing']} rows"])
        if not n_changed:
            return changed
        # without being told, Spark would move the whole table to meet some rows
        few = F.broadcast(changed) if n_changed <= most_few(contract) else changed
        n_bytes = self.warehouse.n_bytes(contract, self.tables.get(contract.name))
        if counts["n_inserted"] == n_changed:
            self._bring_back(contract)
            self._write(contract, changed.select("after.*"), "append", are_few=n_changed <= most_few(contract))
        elif (
            n_changed <= most_few(contract, _CHANGED_HERE)
            and (version := self._change_few(contract, changed)) is not None
        ):
            self._written(contract, version, n_changed)
        elif n_bytes is not None and n_bytes <= _QUICKLY_REWRITTEN:
            # as many files as its bytes need: left alone, each run would add one to those that there were
            n_files = 1 + n_bytes // _PART_OF_WHOLE_TABLE
            whole = contract.changed(contract.conform(stored), few).coalesce(n_files)
            self._write(contract, whole, "replace")
        else:
            self._check_declared(contract)
            self._bring_back(contract)
            version = self.warehouse.change_rows(contract, few, self.tag)
            self._written(contract, version, n_changed)
        return changed

    def _change_few(self, contract: TableContract, changed: DataFrame) -> int | None:
        """The version that a change of few rows makes; null where that is left to Spark."""
        self._check_declared(contract)
        self._bring_back(contract)
        return self.warehouse.change_few_rows(contract, changed, self.tag)

    def _bring_back(self, contract: TableContract) -> None:
        """Take away what an attempt before this one left in a table that is about to be changed by rows."""
        version = self.tables.get(contract.name)
        if version is not None and self.warehouse.head(contract) != version:
            self.warehouse.restore(contract, version, self.tag)
            self.tables[contract.name] = self.warehouse.head(contract) or 0

    # change sets --------------------------------------------------------------------------------------------------

    def tell(self, change_set: str, rows: DataFrame) -> int:
        """Write down what the stage has touched, for those that follow; returns how many rows.

        Args:
            change_set: Its name.
            rows: The columns of `changes` that say what, each thing once; others are null.

        Raises:
            ValueError: where the stage has not declared that it gives the change set.
        """
        if self.gives is not None and change_set not in self.gives:
            raise ValueError(
                f"stage {self.stage} writes change set {change_set}, which is not among the `gives` of its declaration"
            )
        given = {
            "run_seq": F.lit(self.run_seq).cast("bigint"),
            "attempt": F.lit(self.attempt),
            "change_set": F.lit(change_set),
        }
        absent = {
            one.name: F.lit(None).cast(one.dtype)
            for one in CHANGES.fields
            if one.nullable and one.name not in rows.columns
        }
        whole, are_few = rows.withColumns(given | absent), self.is_small
        if not are_few:
            whole, counted = self.checkpoint_counted(whole, n_rows=F.count(F.lit(1)))
            are_few = counted["n_rows"] <= most_few(CHANGES)
            if not counted["n_rows"]:
                return 0
        version, n_rows = self.warehouse.append(CHANGES, whole, self.tag, are_few=are_few)
        self.tables[CHANGES.name] = version
        return n_rows

    def _write(self, contract: TableContract, rows: DataFrame, mode: Mode, *, are_few: bool = False) -> int:
        self._check_declared(contract)
        write = self.warehouse.append if mode == "append" else self.warehouse.replace
        version, n_rows = write(TABLES[contract.name], rows, self.tag, are_few=are_few or self.is_small)
        self._written(contract, version, n_rows)
        return n_rows

    def _written(self, contract: TableContract, version: int, n_rows: int) -> None:
        self.tables[contract.name] = version
        self.written[contract.name] = n_rows
        self.log.info("table written", table=contract.name, rows=n_rows, version=version)

    def _check_declared(self, contract: TableContract) -> None:
        if self.may_write is not None and contract.name not in self.may_write:
            raise ValueError(
                f"stage {self.stage} writes table {contract.name}, which is not among the `writes` of its declaration: "
                "add it there, or what it writes is not published"
            )

    # metrics and checks -------------------------------------------------------------------------------------------

    def metric(self, metric: str, value: float, key: str = "") -> None:
        """Keep a metric of the run; `key` says what it is broken down by."""
        self.metrics[f"{metric}|{key}" if key else metric] = float(value)

    def check(self, name: str, *, ok: bool, found: str, expected: str) -> None:
        """Check an invariant of the run.

        Raises:
            CheckError: where it does not hold; nothing is published then.
        """
        self.metric("checks", 1.0 if ok else 0.0, name)
        if not ok:
            raise CheckError(
                found=f"check {name} failed: {found}",
                expected=expected,
                where=f"run {self.run_seq}",
                next_step="nothing was published; report this with the run record (`oneuser runs show`)",
            )
