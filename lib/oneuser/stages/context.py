"""What a stage is given: pinned tables to read, a way to write, the run's own time and number."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pyspark import StorageLevel, inheritable_thread_target
from pyspark.sql import Observation
from pyspark.sql import functions as F

from oneuser.contracts.changes import CHANGES
from oneuser.contracts.registry import TABLES
from oneuser.core.errors import CheckError, ContractError
from oneuser.spark.session import is_local
from oneuser.spark.temporarily import checkpoints_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import pyarrow as pa
    from pyspark.sql import Column, DataFrame, SparkSession

    from oneuser.config import Config
    from oneuser.contracts.table import TableContract
    from oneuser.core.keyed import Keys
    from oneuser.storage.commit_tags import CommitTag
    from oneuser.storage.input_listing import InputFile
    from oneuser.storage.warehouse import Warehouse

Mode = Literal["append", "replace"]
_T = TypeVar("_T")
# commits at the same time hide each other's waiting; more would only queue for the cores
_WRITERS = 3
# rows of some numbers and a text: 50 MB in each executor
_FEW = 500_000
# rows of all columns, before and after: 50 MB in each executor
_FEW_WHOLE_ROWS = 100_000
# a table of so many bytes is written whole sooner than Delta finds the files that hold some of its rows
_QUICKLY_REWRITTEN = 32 * 1024 * 1024
# and one task writes so much of it
_PART_OF_WHOLE_TABLE = 8 * 1024 * 1024


@dataclass
class RunContext:
    """One stage's view of its run.

    `tables` holds the version of each table that this run sees: what an earlier stage left, else the last completed
    run's. A write moves it. `base` holds the versions of the last completed run: change sets of this one tell the
    difference from them. Where `is_incremental`, what the change sets that the stage takes do not touch is as it left
    it then. Where `is_small`, tables are read in one partition each, so that no step after it shuffles. `rules` is the
    hash of its configuration and code. `may_read` and `may_write` name the tables that the stage has declared, `takes`
    and `gives` the change sets; null means all.
    `found` is what stages of this process have found out about tables, by what it is and the versions it was read from.
    """

    spark: SparkSession
    config: Config
    warehouse: Warehouse
    keys: Keys
    tag: CommitTag
    as_of: datetime
    inputs: list[InputFile]
    tables: dict[str, int]
    log: Any
    base: dict[str, int] = field(default_factory=dict)
    stage: str = ""
    rules: str = ""
    is_incremental: bool = False
    is_small: bool = False
    takes: frozenset[str] | None = None
    gives: frozenset[str] | None = None
    may_read: frozenset[str] | None = None
    may_write: frozenset[str] | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    found: dict[tuple[object, ...], pa.Table] = field(default_factory=dict)
    _once: dict[str, Any] = field(default_factory=dict)
    _persisted: list[DataFrame] = field(default_factory=list)
    # few found rows by the frame's identity, which no other has as long as it is kept
    _few_found: dict[int, DataFrame] = field(default_factory=dict)
    _has_scratch: bool = False

    @property
    def run_seq(self) -> int:
        """Sequence number of the run."""
        return self.tag.run_seq

    @property
    def attempt(self) -> int:
        """Number of the attempt, from 1."""
        return self.tag.attempt

    # tables -------------------------------------------------------------------------------------------------------

    def read(self, contract: TableContract) -> DataFrame:
        """Rows of the version that this run sees; empty where there is none yet.

        Raises:
            ValueError: where the stage has not declared that it reads the table; others would not wait for it.
        """
        self._check_read(contract)
        return self._rows(contract, self.tables.get(contract.name))

    def _check_read(self, contract: TableContract) -> None:
        if self.may_read is not None and contract.name not in self.may_read:
            raise ValueError(
                f"stage {self.stage} reads table {contract.name}, which is not among the `reads` of its declaration: "
                "add it there, or the run neither waits for the stage that writes it nor notices that it has changed"
            )

    def read_located(self, contract: TableContract) -> DataFrame:
        """The same with where each row lies, so that it can be changed there without being looked for."""
        self._check_read(contract)
        rows = self.warehouse.read_located(contract, self.tables.get(contract.name))
        return rows.coalesce(1) if self.is_small else rows

    def read_among(self, contract: TableContract, among: DataFrame | None) -> DataFrame:
        """Rows of a table of which one column is among found ones (`found_rows.find`); all rows where that is null."""
        if among is None:
            return self.read(contract)
        located = self._read_located_among(contract, among)
        if located is not None:
            return located.select(*contract.columns)
        return self.read(contract).join(among, on=among.columns, how="left_semi")

    def _read_located_among(self, contract: TableContract, among: DataFrame) -> DataFrame | None:
        """The same with where each row lies, in the plan itself; null where that is not known to be few."""
        self._check_read(contract)
        version = self.tables.get(contract.name)
        # of small tables, a join in one task is as quick as bringing the values here
        if version is None or self.is_small or id(among) not in self._few_found:
            return None

        def values() -> pa.Table:
            return self.once(f"values of found rows {id(among)}", among.toArrow)

        return self.warehouse.read_few_among(contract, version, values, most=_FEW_WHOLE_ROWS)

    def note_found(self, rows: DataFrame, n_rows: int) -> None:
        """Take note, until the stage ends, of rows that stand by themselves, where they are few and of one column."""
        if n_rows <= _FEW_WHOLE_ROWS and len(rows.columns) == 1:
            self._few_found[id(rows)] = rows

    def read_before(self, contract: TableContract) -> DataFrame:
        """Rows that the last completed run left of a table that this stage may read; empty where there were none."""
        self._check_read(contract)
        return self._rows(contract, self.base.get(contract.name))

    def _rows(self, contract: TableContract, version: int | None) -> DataFrame:
        few = None if version is None else self.warehouse.read_few(contract, version)
        if few is not None:
            return few
        rows = self.warehouse.read(contract, version)
        # no rows are better seen to be none
        return rows.coalesce(1) if self.is_small and version is not None else rows

    def read_last(self, contract: TableContract) -> DataFrame:
        """Rows that the last completed run left of any table: nothing of this run has a part in them.

        For the stage that takes in what is asked about all there is.
        """
        return self.warehouse.read(contract, self.base.get(contract.name))

    def at_most_rows(self, contract: TableContract) -> int | None:
        """More rows than the version that this run sees can have, without counting them; null where that is not known.

        These are its bytes: rows differ in their key, so none takes less than one of them.
        """
        return self.warehouse.n_bytes(contract, self.tables.get(contract.name))

    def append(self, contract: TableContract, rows: DataFrame) -> int:
        """Add rows; returns how many."""
        return self._write(contract, rows, "append")

    def replace(self, contract: TableContract, rows: DataFrame) -> int:
        """Put rows in the place of all there were; returns how many."""
        return self._write(contract, rows, "replace")

    def write_together(self, writes: Sequence[tuple[TableContract, DataFrame, Mode]]) -> dict[str, int]:
        """Write several tables at once; returns the number of rows by table."""
        with ThreadPoolExecutor(max_workers=_WRITERS) as pool:
            target = inheritable_thread_target(self.spark)(self._write)
            futures = {contract.name: pool.submit(target, contract, rows, mode) for contract, rows, mode in writes}
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
            few = F.broadcast(kept) if n_rows <= _FEW_WHOLE_ROWS else kept
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
        few = F.broadcast(changed) if n_changed <= _FEW_WHOLE_ROWS else changed
        n_bytes = self.warehouse.n_bytes(contract, self.tables.get(contract.name))
        if counts["n_inserted"] == n_changed:
            self._bring_back(contract)
            self._write(contract, changed.select("after.*"), "append", are_few=n_changed <= _FEW_WHOLE_ROWS)
        elif n_changed <= _FEW_WHOLE_ROWS and (version := self._change_few(contract, changed)) is not None:
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

    def changes(self, change_set: str) -> DataFrame:
        """Rows of `changes` of this run in one change set.

        Raises:
            ValueError: where the stage has not declared that it takes the change set.
        """
        if self.takes is not None and self.gives is not None and change_set not in self.takes | self.gives:
            raise ValueError(
                f"stage {self.stage} reads change set {change_set}, which is not among the `takes` of its declaration"
            )
        rows = self._rows(CHANGES, self.tables.get(CHANGES.name))
        return rows.where((F.col("run_seq") == self.run_seq) & (F.col("change_set") == change_set))

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
            are_few = counted["n_rows"] <= _FEW_WHOLE_ROWS
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

    # memory -------------------------------------------------------------------------------------------------------

    def persist(self, rows: DataFrame) -> DataFrame:
        """Keep a frame that several jobs of the stage read; released when the stage ends."""
        kept = rows.persist(StorageLevel.MEMORY_AND_DISK)
        self._persisted.append(kept)
        return kept

    def checkpoint(self, rows: DataFrame) -> DataFrame:
        """Compute a frame now, and go on from its rows instead of its plan.

        For what several later steps are made from: plans that contain each other's plans several times over grow
        beyond all bounds. Locally the rows stay with Spark until nothing refers to them; on a cluster they go to files
        that outlive a lost executor, and that the end of the stage removes.
        """
        if is_local(self.spark):
            return rows.localCheckpoint(eager=True, storageLevel=StorageLevel.MEMORY_AND_DISK)
        with checkpoints_in(self.spark, self.scratch("stage")):
            return rows.checkpoint(eager=True)

    def checkpoint_counted(self, rows: DataFrame, **counts: Column) -> tuple[DataFrame, dict[str, int]]:
        """The same, with what is counted on the way, which saves a look at the rows.

        A task that has to be done twice may count twice: good to tell none from some, few from many, and for the
        record of a run; nothing is decided by the number itself.

        Args:
            rows: Any rows.
            counts: Aggregates that count, by name.
        """
        observed = Observation()
        kept = self.checkpoint(rows.observe(observed, *[count.alias(name) for name, count in counts.items()]))
        return kept, {name: int(n) for name, n in observed.get.items()}

    def once(self, what: str, find: Callable[[], _T]) -> _T:
        """What `find` answers, asked once in a stage, however many of its steps need it. `what` names the question."""
        if what not in self._once:
            self._once[what] = find()
        answer: _T = self._once[what]
        return answer

    def few_rows(
        self, what: str, sources: Sequence[TableContract], find: Callable[[], DataFrame]
    ) -> tuple[DataFrame, int]:
        """Rows that are found in tables as they are, and their number; found once in a stage, however often asked for.

        Few rows come to this process, 8 MB of numbers at most: other stages of the run that are done in it, and read
        the same versions, have them too, and each join with them knows how few they are. More stay on the cluster.

        Args:
            what: Names the question; the configuration is part of it, and the same throughout a run.
            sources: The tables that the answer depends on.
            find: Finds the rows; numbers alone.
        """
        return self._found(what, sources, find, most=_FEW)

    def few_whole_rows(
        self, what: str, sources: Sequence[TableContract], find: Callable[[], DataFrame]
    ) -> tuple[DataFrame, int]:
        """The same of rows with all columns of a table: fewer of them come to this process, 10 MB at most."""
        return self._found(what, sources, find, most=_FEW_WHOLE_ROWS)

    def _found(
        self, what: str, sources: Sequence[TableContract], find: Callable[[], DataFrame], *, most: int
    ) -> tuple[DataFrame, int]:
        key = (what, *(self.tables.get(one.name) for one in sources))
        return self.once(what, lambda: self._find_rows(key, find, most))

    def _find_rows(self, key: tuple[object, ...], find: Callable[[], DataFrame], most: int) -> tuple[DataFrame, int]:
        if key not in self.found:
            rows, counted = self.checkpoint_counted(find(), n_rows=F.count(F.lit(1)))
            if counted["n_rows"] > most:
                return rows, counted["n_rows"]
            # Spark takes back rows up to the first batch that has none
            self.found[key] = rows.toArrow().combine_chunks()
        few = self.found[key]
        return F.broadcast(self.spark.createDataFrame(few).coalesce(1)), few.num_rows

    def broadcast_if_few(self, rows: DataFrame, n_rows: int | None = None) -> DataFrame:
        """The rows, to be sent to every task that joins with them where they are few; else Spark joins as it likes.

        Spark cannot tell how few they are, and would move the other side of a join first. A row is some numbers and a
        text at most.

        Args:
            rows: What is checkpointed, or quickly computed again.
            n_rows: How many there are, where the caller knows; else they are counted.
        """
        return F.broadcast(rows) if self.is_few(rows.count() if n_rows is None else n_rows) else rows

    def is_few(self, n_rows: int) -> bool:
        """Whether so many rows of some numbers can be sent to every task."""
        return n_rows <= _FEW

    def scratch(self, name: str) -> str:
        """A folder of the raw zone for what need not outlive the stage; the end of the stage removes it.

        Whoever asks by a name of its own has the folder to itself.
        """
        self._has_scratch = True
        return f"{self._scratch_root}/{name}"

    @property
    def _scratch_root(self) -> str:
        return f"{self._checkpoints}/run-{self.run_seq}"

    @property
    def _checkpoints(self) -> str:
        # rows as they were received may be among them
        return f"{self.warehouse.layout.zones['raw']}/.checkpoints"

    def release(self) -> None:
        """Release what the stage persisted."""
        for kept in self._persisted:
            kept.unpersist()
        self._persisted.clear()
        self._once.clear()
        self._few_found.clear()
        if self._has_scratch:
            self.warehouse.files.remove(self._scratch_root)
            self.warehouse.files.remove_if_empty(self._checkpoints)
            self._has_scratch = False
